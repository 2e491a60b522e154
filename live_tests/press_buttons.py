"""Presses every button that our views show to each kind of user; runs inside Odoo, on the demo data.

Nothing stays: each press is undone.
"""

import json
import re
from ast import literal_eval
from datetime import timedelta
from functools import partial

from lxml import etree
from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.service.model import call_kw
from odoo.tests import Form
from odoo.tools import SQL
from odoo.tools.safe_eval import safe_eval

OURS = "paylink_addon"
VIEW_TYPES = ("form", "list", "kanban", "activity")
ROLES = {
    "seller": ["paylink_addon.group_paylink_user", "sales_team.group_sale_salesman"],
    "colleague": ["paylink_addon.group_paylink_all", "sales_team.group_sale_salesman_all_leads"],
    "accountant": ["paylink_addon.group_paylink_user", "account.group_account_user", "account.group_account_invoice"],
    "manager": ["paylink_addon.group_payment_manager", "account.group_account_manager"],
    "administrator": ["base.group_system", "account.group_account_manager", "paylink_addon.group_payment_manager"],
}
# How many records of a model are tried: one of each look, as far as its states tell.
SAMPLES = 12


class Presser:
    """Presses buttons as one user, and notes what was wrong."""

    def __init__(self, env):
        self.env, self.role, self.pressed, self.faults = env, env.user.login, 0, []

    def everything(self):
        """Every menu, and every button of every view of ours, with 0, 1 and 2 records."""
        for menu in self.menus():
            self.open(menu)
            self.make_new(menu)
        for view in self.views():
            self.press_all(view)

    # === WHAT THERE IS === #

    def _is_ours(self, record):
        return (record.sudo().get_external_id()[record.id] or "").startswith(OURS)

    def menus(self):
        visible = self.env["ir.ui.menu"].browse(self.env["ir.ui.menu"]._visible_menu_ids())
        return visible.filtered(lambda menu: self._is_ours(menu) and menu.action)

    def views(self):
        views = self.env["ir.ui.view"].sudo().search([("type", "in", VIEW_TYPES), ("model", "!=", False)])
        return views.filtered(self._is_ours).with_env(self.env)

    def open(self, menu):
        """Open a menu: its action, its views, its records."""
        action = self.env["ir.actions.actions"]._for_xml_id(menu.sudo().action.get_external_id()[menu.sudo().action.id])
        self.show(action, f"menu {menu.sudo().complete_name}")

    def show(self, action, what):
        """What the web client asks for when it carries out an action."""
        if not isinstance(action, dict) or action.get("type") != "ir.actions.act_window":
            return
        model = self.env[action["res_model"]]
        context = {**self.env.context, **self.evaluated(action.get("context") or {}, {})}
        views = [(view_id, kind) for view_id, kind in action.get("views") or [] if kind != "search"]
        if not views:
            views = [(False, kind) for kind in action.get("view_mode", "list").split(",")]
        found = self.attempt(what, lambda: model.with_context(context).get_views(views))
        domain = self.evaluated(action.get("domain") or [], context)
        names = [name for name in ("display_name",) if found]
        if action.get("res_id"):
            self.attempt(what, lambda: model.browse(action["res_id"]).read(names))
        elif action.get("target") == "new":
            self.attempt(what, lambda: model.with_context(context).onchange({}, [], {name: {} for name in names}))
        else:
            self.attempt(what, lambda: model.with_context(context).search_read(domain, names, limit=5))

    def evaluated(self, text, context):
        values = {"uid": self.env.uid, "active_id": False, "active_ids": [], "context": context}
        values["allowed_company_ids"] = self.env.companies.ids
        return safe_eval(text, values) if isinstance(text, str) else text

    # === NEW === #

    def make_new(self, menu):
        """*New* in a menu: its form, filled in as a person would who gives no more than it asks for, and saved."""
        action = menu.sudo().action
        if action._name != "ir.actions.act_window" or "form" not in action.view_mode or not action.res_model:
            return
        model = self.env[action.res_model].with_context(**self.evaluated(action.context or {}, {}))
        kinds = [kind for kind in action.view_mode.split(",") if kind in ("list", "form", "kanban")]
        arches = [etree.fromstring(model.get_view(self.view_id(action, kind), kind)["arch"]) for kind in kinds]
        if model._transient or any(arch.get("create") in ("0", "false", "False") for arch in arches):
            return
        if model.has_access("create"):
            self.pressed += 1
            view_id = self.view_id(action, "form")
            self.attempt(f"New in {menu.sudo().complete_name}", lambda: self.filled(model, view_id).save())

    def view_id(self, action, kind):
        views = {view.view_mode: view.view_id.id for view in action.view_ids}
        return views.get(kind) or (action.view_id.id if action.view_id.type == kind else False)

    def filled(self, model, view_id):
        form = Form(model, view=view_id or None)
        for name, field in model._fields.items():
            is_shown = name in form._view["fields"] and not form._get_modifier(name, "invisible")
            is_open = is_shown and not form[name] and not form._get_modifier(name, "readonly")
            if is_open and (name == "amount" or form._get_modifier(name, "required")):
                self.fill(form, name, field)
        return form

    def fill(self, form, name, field):
        if field.type == "many2one":
            known = self.env[field.comodel_name]
            domain = [("customer_rank", ">", 0)] if "customer_rank" in known else []
            form[name] = known.search(domain, limit=1)
        elif field.type in ("char", "text", "html"):
            form[name] = "X"
        elif field.type in ("float", "monetary", "integer"):
            form[name] = 10
        elif field.type == "selection":
            form[name] = field.get_values(self.env)[0]
        elif field.type == "date":
            form[name] = fields.Date.today() + timedelta(days=7)

    # === PRESSING === #

    def press_all(self, view):
        model = self.env[view.sudo().model]
        primary = view.sudo()
        while primary.mode == "extension" and primary.inherit_id:
            primary = primary.inherit_id
        if not model.has_access("read"):
            return
        what = f"{view.sudo().xml_id} ({primary.type})"
        arch = self.attempt(what, lambda: etree.fromstring(model.get_view(primary.id, primary.type)["arch"]))
        own = self.names_in(view) if arch is not None else set()
        records = self.samples(model, arch) if own else model
        for node in arch.iter("button", "a") if own else ():
            if node.get("type") in ("object", "action") and node.get("name") in own:
                self.press(what, model, node, records)

    def names_in(self, view):
        """The names of the buttons that this view itself brings."""
        arch = etree.fromstring(view.sudo().arch)
        names = {node.get("name") for node in arch.iter("button", "a") if node.get("name")}
        ids = set()
        for name in names:
            if name.startswith("%("):
                record = self.env.ref(name[2:].split(")")[0], raise_if_not_found=False)
                ids |= {str(record.id)} if record else set()
        return names | ids

    def samples(self, model, arch):
        """Records that look different: one for each combination of what conditions of the view ask for."""
        if model._transient:
            return model
        names = {node.get("name") for node in arch.iter("field")} & {"state", "status", "kind", "is_post_processed"}
        found = {}
        for record in model.search([], limit=400):
            found.setdefault(tuple(record[name] for name in sorted(names) if name in record), record)
        return model.concat(*list(found.values())[:SAMPLES])

    def press(self, what, model, node, records):
        is_header = node.getparent().tag == "header" and node.getroottree().getroot().tag in ("list", "kanban")
        if node.getroottree().getroot().tag == "kanban" or is_header:
            for some in (records[:1], records[:2]) + ((model,) if node.get("display") == "always" else ()):
                self.press_once(what, some, node)
            return
        for record in records:
            if self.is_visible(node, record):
                self.press_once(what, record, node)

    def is_visible(self, node, record):
        while node is not None:
            if (text := node.get("invisible") or node.get("column_invisible")) and self.holds(text, record):
                return False
            node = node.getparent()
        return True

    def holds(self, text, record):
        """A condition of a view, on the values that the web client has."""
        values = {"uid": record.env.uid, "context": record.env.context, "id": record.id}
        for name in set(re.findall(r"\w+", text)) & set(record._fields) - set(values):
            field, value = record._fields[name], record[name]
            values[name] = value.id if field.type == "many2one" else value.ids if field.relational else value
        return bool(safe_eval(text, values))

    def press_once(self, what, records, node):
        self.pressed += 1
        name = node.get("name")
        label = f"{what}: {name} with {len(records)} {records._name}"
        if len(records) == 1:
            look = [str(records[key]) for key in ("state", "status", "kind") if key in records]
            label += f" [{', '.join(look)}]"
        context = {**self.env.context, **self.evaluated(node.get("context") or {}, {})}
        self.attempt(label, partial(self.call, node, records, context), then=lambda action: self.show(action, label))

    def call(self, node, records, context):
        """What the web client calls for a button."""
        name = node.get("name")
        if node.get("type") == "action":
            context |= {"active_model": records._name, "active_ids": records.ids, "active_id": records[:1].id}
            action = self.env["ir.actions.actions"].browse(int(name)).sudo()
            return action.with_context(context)._for_xml_id(action.get_external_id()[action.id])
        arguments = literal_eval(node.get("args") or "[]")
        return call_kw(records.browse(), name, [records.ids, *arguments], {"context": context})

    def attempt(self, what, do, then=None):
        """Do it, look at what it leads to, undo it."""
        cursor = self.env.cr
        cursor.execute("SAVEPOINT press")
        try:
            result = do()
            self.env.flush_all()
            if then and result:
                then(result)
            return result
        except UserError as error:
            self.fault(what, error, told=not isinstance(error, AccessError))
        except Exception as error:  # noqa: BLE001  whatever a press may end in is what is looked for
            self.fault(what, error)
        finally:
            cursor.execute("ROLLBACK TO SAVEPOINT press")
            self.env.invalidate_all(flush=False)
            self.env.clear()

    def fault(self, what, error, told=False):
        self.faults.append({"role": self.role, "what": what, "error": f"{type(error).__name__}: {error}", "told": told})


def give(env, user):
    """Half of everything is the user's: there are buttons on one's own records and on those of others."""
    owners = {
        "user_id": ["paylink_link", "paylink_statement", "sale_order", "paylink_reminder_hold", "crm_lead"],
        "invoice_user_id": ["account_move"],
    }
    for column, tables in owners.items():
        for table in tables:
            env.cr.execute(
                SQL("UPDATE %s SET %s = %s WHERE id %% 2 = 0", SQL.identifier(table), SQL.identifier(column), user.id)
            )
    env.invalidate_all()


def main(env):
    """Print what was pressed how often in each role, and what was wrong."""
    company = env["res.company"].search([("chart_template", "!=", False)], limit=1)
    # What commits on its way to a provider is undone, too.
    env.cr.commit = env.flush_all
    faults, pressed = [], {}
    for role, groups in ROLES.items():
        user = make_user(env, role, groups, company)
        give(env, user)
        presser = Presser(env(user=user.id, context={"lang": "fr_FR", "allowed_company_ids": company.ids}))
        presser.everything()
        faults += presser.faults
        pressed[role] = presser.pressed
    print("PRESSED", json.dumps({"pressed": pressed, "faults": faults}))


def make_user(env, role, groups, company):
    """A French user of the company who is in these groups alone."""
    return (
        env["res.users"]
        .with_context(no_reset_password=True)
        .create(
            {
                "name": role,
                "login": role,
                "email": f"{role}@example.com",
                "lang": "fr_FR",
                "company_id": company.id,
                "company_ids": [Command.set(company.ids)],
                "group_ids": [Command.set([env.ref(xml_id).id for xml_id in ["base.group_user", *groups]])],
            }
        )
    )
