"""Presses every button that our views show to each kind of user; runs inside Odoo, on the demo data.

Nothing stays: each press is undone.
"""

import json
import os
import re
import traceback
from ast import literal_eval
from datetime import timedelta
from functools import partial
from pathlib import Path

from lxml import etree
from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.service.model import call_kw
from odoo.tests import Form
from odoo.tools import SQL
from odoo.tools.safe_eval import datetime, dateutil, safe_eval, time

OURS = "paylink_addon"
VIEW_TYPES = ("form", "list", "kanban", "activity")
ROLES = {
    "seller": ["paylink_addon.group_paylink_user", "sales_team.group_sale_salesman"],
    "colleague": ["paylink_addon.group_paylink_all", "sales_team.group_sale_salesman_all_leads"],
    "accountant": ["paylink_addon.group_paylink_user", "account.group_account_user", "account.group_account_invoice"],
    "manager": ["paylink_addon.group_payment_manager", "account.group_account_manager"],
    "administrator": [
        *("base.group_system", "account.group_account_manager", "paylink_addon.group_payment_manager"),
        "sales_team.group_sale_manager",
    ],
}
# How many records of a model are tried: one of each look, as far as its states tell; and what shows a button anyway.
SAMPLES = int(os.environ.get("PAYLINK_SAMPLES") or 12)


class Presser:
    """Presses buttons as one user, and notes what was wrong."""

    def __init__(self, env):
        self.env, self.role, self.pressed, self.faults = env, env.user.login, 0, []
        self.made, self.in_dialog, self.tried = set(), False, set()

    def everything(self):
        """Every menu, and every button of every view of ours, with 0, 1 and 2 records; what they lead to, too."""
        for menu in self.menus():
            self.open(menu.sudo().action, self.path(menu))
        for view in self.views("form", "list", "kanban", "activity"):
            self.press_all(view)
        for view in self.views("search"):
            self.filter_by_all(view)
        for action in self.bound():
            self.choose(action)

    # === WHAT THERE IS === #

    def _is_ours(self, record):
        return (record.sudo().get_external_id()[record.id] or "").startswith(OURS)

    def menus(self):
        visible = self.env["ir.ui.menu"].browse(self.env["ir.ui.menu"]._visible_menu_ids())
        return visible.filtered(lambda menu: self._is_ours(menu) and menu.action)

    def path(self, menu):
        return f"menu {menu.sudo().complete_name}"

    def views(self, *kinds):
        views = self.env["ir.ui.view"].sudo().search([("type", "in", kinds), ("model", "!=", False)])
        return views.filtered(self._is_ours).with_env(self.env)

    def buttons(self):
        """All buttons of our views that call a method, as ``(model, name)``."""
        return {
            (model, node.get("name"))
            for view in self.views("form", "list", "kanban", "activity")
            for node, model in self.with_models(etree.fromstring(view.sudo().arch), view.sudo().model)
            if node.tag in ("button", "a") and node.get("type") == "object"
        }

    def with_models(self, node, model):
        """A node and all below it, each with the model that it is about."""
        yield node, model
        field = self.env[model]._fields.get(node.get("name")) if node.tag == "field" and len(node) else None
        if field is not None and node.get("position", "inside") == "inside":  # else it is a place in another view
            model = field.comodel_name or model
        for child in node.iterchildren(etree.Element):
            yield from self.with_models(child, model)

    def bound(self):
        """What our add-ons put into the menu *Actions* of lists and forms."""
        for kind in ("ir.actions.act_window", "ir.actions.server"):  # reports are no buttons: they print
            actions = self.env[kind].sudo().search([("binding_model_id", "!=", False)])
            yield from actions.filtered(self._is_ours)

    # === WHAT AN ACTION LEADS TO === #

    def open(self, action, what):
        """What a menu leads to, be it by some code."""
        if action._name == "ir.actions.server":
            self.attempt(what, action.with_env(self.env).run, then=lambda found: self.show(found, what))
        else:
            self.show(self.env["ir.actions.actions"]._for_xml_id(action.get_external_id()[action.id]), what)

    def show(self, action, what):
        """What the web client asks for when it carries out an action, and what can be done there."""
        if not isinstance(action, dict) or action.get("type") != "ir.actions.act_window":
            return
        model = self.env[action["res_model"]]
        context = {**self.env.context, **self.evaluated(action.get("context") or {}, {})}
        model = model.with_context(context)
        views = [(view_id, kind) for view_id, kind in action.get("views") or [] if kind != "search"]
        if not views:
            views = [(False, kind) for kind in action.get("view_mode", "list").split(",")]
        self.attempt(what, lambda: model.get_views(views))
        domain = self.evaluated(action.get("domain") or [], context)
        forms = {kind: view_id for view_id, kind in views}
        is_dialog = action.get("target") == "new" or (model._transient and views[0][1] == "form")
        if is_dialog and views[0][1] == "form" and (model._transient or not action.get("res_id")):
            self.confirm(model.browse(action.get("res_id") or ()), forms.get("form"), what)
        elif action.get("res_id"):
            self.attempt(what, lambda: model.browse(action["res_id"]).read(["display_name"]))
            if model._name.startswith("paylink."):
                self.press_form(model.browse(action["res_id"]), forms.get("form"), what)
        else:
            self.attempt(what, lambda: model.search_read(domain, ["display_name"], limit=5))
            self.make_new(model, forms, what)
            if model._transient:
                self.press_list(model.search(domain, limit=SAMPLES), forms.get("list"), what)

    def confirm(self, model, view_id, what):
        """Open a dialog, fill it in, and press each of its buttons; one of Odoo's, such as the settings, is opened."""
        what = f"{what}, dialog {model._name}"
        if not model._name.startswith("paylink."):
            self.attempt(what, lambda: model.onchange({}, [], {"display_name": {}}))
            return
        if model:  # as it is, too
            self.press_form(model, view_id, what)
        self.attempt(
            what, lambda: self.filled(model, view_id).save(), then=lambda made: self.press_form(made, view_id, what)
        )

    def press_form(self, record, view_id, what):
        """Press the buttons of a dialog; of those that these lead to, no more: some lead to each other."""
        if self.in_dialog:
            return
        self.in_dialog = True
        arch = etree.fromstring(record.get_view(view_id or None, "form")["arch"])
        for node in arch.iter("button"):
            if node.get("type") in ("object", "action"):
                self.press_in_form(what, node, record)
        self.in_dialog = False

    def press_list(self, records, view_id, what):
        """Press the buttons above a list that was made for its user, and those of its lines."""
        arch = etree.fromstring(records.get_view(view_id or None, "list")["arch"])
        for node in arch.iter("button"):
            self.press(f"{what}, list", records, node, records)

    def evaluated(self, text, context):
        values = {"uid": self.env.uid, "active_id": False, "active_ids": [], "context": context}
        values |= {"datetime": datetime, "time": time, "relativedelta": dateutil.relativedelta.relativedelta}
        values["context_today"] = lambda: fields.Date.context_today(self.env.user)
        values["allowed_company_ids"] = self.env.companies.ids
        return safe_eval(text, values) if isinstance(text, str) else text

    # === NEW === #

    def make_new(self, model, views, what):
        """*New* where an action leads: its form, filled in as a person would who gives no more than it asks for, and
        saved.
        """
        kinds = [kind for kind in views if kind in ("list", "form", "kanban")]
        arches = {kind: etree.fromstring(model.get_view(views[kind] or None, kind)["arch"]) for kind in kinds}
        if any(arch.get("create") in ("0", "false", "False") for arch in arches.values()):
            return
        kind = "form" if "form" in kinds else "list" if arches.get("list", {}).get("editable") else None
        way = (model._name, kind, *sorted(name for name in model.env.context if name.startswith("default_")))
        is_ours = model._name.startswith("paylink.") or what.startswith("menu ")
        if not kind or way in self.made or not is_ours or not model.has_access("create"):
            return
        if model.env.context.get("create", True):
            self.made.add(way)
            self.pressed += 1
            self.attempt(f"{what}, New {model._name}", lambda: self.filled(model, views[kind]).save())

    def filled(self, model, view_id):
        form = Form(model, view=view_id or None)
        for name, field in model._fields.items():
            is_shown = name in form._view["fields"] and not form._get_modifier(name, "invisible")
            is_open = is_shown and not form[name] and not form._get_modifier(name, "readonly")
            if is_open and (name in ("amount", "partner_id") or form._get_modifier(name, "required")):
                self.fill(form, name, field)
            if is_shown and "is_chosen" in self.env.get(field.comodel_name, ()) and len(form[name]):
                with form[name].edit(0) as line:
                    line.is_chosen = True
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

    # === SEARCHING, CHOOSING === #

    def filter_by_all(self, view):
        """Apply each filter and each grouping."""
        model = self.env[view.sudo().model]
        if not model.has_access("read"):
            return
        arch = etree.fromstring(model.get_view(self.primary(view).id, "search")["arch"])
        own = {node.get("name") for node in etree.fromstring(view.sudo().arch).iter("filter")}
        for node in arch.iter("filter"):
            if node.get("name") not in own:
                continue
            what = f"{view.sudo().xml_id}: {node.get('name')}"
            if domain := node.get("domain"):
                self.pressed += 1
                self.attempt(
                    what, lambda domain=domain: model.search_read(self.evaluated(domain, {}), ["display_name"], limit=5)
                )
            by = self.evaluated(node.get("context") or {}, {}).get("group_by")
            if by:
                self.pressed += 1
                self.attempt(what, lambda by=by: model.formatted_read_group([], [by], ["__count"]))

    def choose(self, action):
        """Choose an action of the menu *Actions*, with one record, with two, and with many."""
        model = self.env[action.binding_model_id.model]
        groups = action.group_ids
        if not model.has_access("read") or (groups and not groups & self.env.user.all_group_ids):
            return
        owing = [("move_type", "=", "out_invoice"), ("state", "=", "posted"), ("payment_state", "=", "not_paid")]
        domains = {"account.move": owing, "res.partner": [("customer_rank", ">", 0)]}
        records = model.search(domains.get(model._name, []), limit=SAMPLES)
        is_single = action.binding_view_types == "form"
        for some in (records[:1],) if is_single else (records[:1], records[:2], records):
            self.pressed += 1
            self.attempt(
                f"{action.get_external_id()[action.id]} with {len(some)} {model._name}",
                partial(self.run_bound, action, some),
                then=lambda found: self.show(found, f"action: {action.get_external_id()[action.id]}"),
            )

    def run_bound(self, action, records):
        context = {"active_model": records._name, "active_ids": records.ids, "active_id": records[:1].id}
        if action.type == "ir.actions.server":
            return self.env["ir.actions.server"].browse(action.id).with_context(**context).run()
        found = self.env["ir.actions.actions"]._for_xml_id(action.get_external_id()[action.id])
        return found | {"context": {**self.evaluated(found.get("context") or {}, {}), **context}}

    # === PRESSING === #

    def press_all(self, view):
        model = self.env[view.sudo().model]
        primary = self.primary(view)
        if not model.has_access("read"):
            return
        what = f"{view.sudo().xml_id} ({primary.type})"
        arch = self.attempt(what, lambda: etree.fromstring(model.get_view(primary.id, primary.type)["arch"]))
        own = self.names_in(view) if arch is not None else set()
        nodes = [node for node in arch.iter("button", "a") if node.get("name") in own] if own else []
        nodes = [node for node in nodes if node.get("type") in ("object", "action")]
        records = self.samples(model, nodes) if nodes else model
        for node in nodes:
            self.press(what, model, node, records)

    def primary(self, view):
        """The view that a view is in the end a part of."""
        view = view.sudo()
        while view.mode == "extension" and view.inherit_id:
            view = view.inherit_id
        return view

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

    def samples(self, model, nodes):
        """Records that look different: one for each combination of what the conditions of buttons ask for."""
        if model._transient:
            return model
        around = [part for node in nodes for part in (node, *node.iterancestors())]
        conditions = " ".join(part.get("invisible") or "" for part in around)
        names = sorted((set(re.findall(r"\w+", conditions)) | {"state", "status", "kind"}) & set(model._fields))
        found = {}
        for record in model.search([], limit=400):
            look = (record[name] if model._fields[name].type == "selection" else bool(record[name]) for name in names)
            found.setdefault(tuple(look), record)
        records = list(found.values())
        chosen = records[:SAMPLES]
        for node in map(self.outer, nodes):  # what only few show is tried, too
            if not any(self.is_shown(node, record) for record in chosen):
                chosen += [record for record in records if self.is_shown(node, record)][:1]
        return model.concat(*chosen)

    def press(self, what, model, node, records):
        kind = node.getroottree().getroot().tag
        if node.getparent().tag == "header" and kind in ("list", "kanban"):
            for some in (records[:1], records[:2]) + ((model.browse(),) if node.get("display") == "always" else ()):
                self.press_once(what, some, node)
            return
        for record in records:
            self.press_in_form(what, node, record)

    def press_in_form(self, what, node, record):
        """Press a button of a record, or one of its lines."""
        outer = self.outer(node)
        place = None if outer is node else outer
        if place is not None and not self.is_shown(place, record):
            return
        for line in record if place is None else record[place.get("name")][:2]:
            if self.is_shown(node, line, until=place):
                self.press_once(what, line, node)

    @staticmethod
    def outer(node):
        """What of a button stands in the form of a record: the button, or the field in whose lines it is."""
        return next((parent for parent in node.iterancestors("field") if parent.get("name")), node)

    def is_shown(self, node, record, until=None):
        """Whether nothing hides the node, up to another one, as far as the fields of ``record`` say it."""
        while node is not until:
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
        self.tried.add((records._name, name))
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
            action = self.env[action.type].browse(action.id).sudo()
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
            place = traceback.extract_tb(error.__traceback__)[-1]
            self.fault(f"{what} in {place.name} ({Path(place.filename).name}:{place.lineno})", error)
        finally:
            cursor.execute("ROLLBACK TO SAVEPOINT press")
            cursor.execute("RELEASE SAVEPOINT press")
            self.env.invalidate_all(flush=False)
            self.env.clear()

    def fault(self, what, error, told=False):
        text = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        self.faults.append({"role": self.role, "what": what, "error": text, "told": told})


def give(env, user):
    """Half of everything is the user's: there are buttons on one's own records and on those of others."""
    columns = env["paylink.export.column"].search([], limit=1)
    env["paylink.export.file"].create({"user_id": user.id, "state": "ready", "column_ids": [Command.set(columns.ids)]})
    owners = {
        "user_id": [
            *("paylink_link", "paylink_statement", "paylink_card_request"),
            *("paylink_reminder_hold", "sale_order", "crm_lead"),
        ],
        "invoice_user_id": ["account_move"],
    }
    for column, tables in owners.items():
        for table in tables:
            env.cr.execute(
                SQL("UPDATE %s SET %s = %s WHERE id %% 2 = 0", SQL.identifier(table), SQL.identifier(column), user.id)
            )
    # A plan is of who has its link; those of its parts are not given to anybody else.
    env.cr.execute(SQL("UPDATE paylink_plan SET user_id = %s", user.id))
    env.invalidate_all()


def complete(env, company):
    """What buttons need, and the demo data have not: what providers and banks do, an opportunity, pages of accounts."""
    env = env(context={**env.context, "allowed_company_ids": company.ids})
    links = env["paylink.link"].search([("state", "=", "open"), ("kind", "=", "open_items")], limit=6)
    payable = links.filtered(lambda link: link._payable_amount())
    authorized, paid, silent = (attempt(env, link) for link in payable[:3])
    silent._set_pending()
    silent.paylink_answer = "lost"
    authorized._set_authorized()
    paid._set_done()
    paid._post_process()
    refund = paid._create_child_transaction(1, is_refund=True)
    env.cr.execute("UPDATE payment_transaction SET create_date = '2020-01-01' WHERE id = %s", [refund.id])
    dispute = {
        "name": "dp_1",
        "provider_id": paid.provider_id.id,
        "transaction_id": paid.id,
        "status": "lost",
        "fee": 1,
    }
    currency = {"currency_id": company.currency_id.id, "fee_currency_id": company.currency_id.id}
    env["paylink.dispute"].create(dispute | currency | {"withdrawal_id": paid.payment_id.id})
    invoice = links.line_ids.move_id[:1]
    values = {"date": fields.Date.today(), "company_id": company.id, "user_id": env.uid, "channel": "email"}
    values["customer_id"] = invoice.partner_id.commercial_partner_id.id
    message = env["paylink.reminder.message"].create(
        values | {"name": invoice.name, "partner_id": invoice.partner_id.id, "email": "x@example.com"}
    )
    env["paylink.reminder"].create(
        values | {"name": invoice.name, "message_id": message.id, "outcome": "message", "move_id": invoice.id}
    )
    env["paylink.statement"]._for_customers(links.partner_id)._activate()
    leads = env["crm.lead"].create(
        [{"name": "Stairs", "type": "opportunity", "partner_id": partner.id} for partner in links.partner_id]
    )
    links[:1].lead_id = leads[:1]
    order = env["sale.order"].search([("invoice_ids", "=", False), ("state", "in", ("draft", "sent"))], limit=1)
    order.action_confirm()
    invoice = order._create_invoices(final=True)
    invoice.action_post()
    items = [({}, invoice._paylink_open_items())]
    env["paylink.link"]._create_for_items(items, partner_id=invoice.partner_id.id)._issue()
    company._paylink_set_up_wallet()
    connect_stripe(env, company)
    planned = env["account.move"].search([("partner_id.name", "=", "Marie Dubois"), ("amount_residual", ">", 0)])
    planned[:1].action_paylink_autopay_skip()
    rows = env["paylink.autopay.item"]._of_items(planned[1:2]._paylink_open_items())
    rows.link_id = links[:1]
    due = planned[:1].copy({"invoice_date": fields.Date.today(), "invoice_payment_term_id": False})
    due.action_post()
    env["paylink.autopay.item"]._of_items(due._paylink_open_items())


def connect_stripe(env, company):
    """Stripe, which is played on this machine, is connected, and there is a payment by it."""
    company.paylink_base_url = "https://pay.example.com"
    provider = env["payment.provider"].search([("code", "=", "stripe_checkout"), ("company_id", "=", company.id)])
    provider.write({"paylink_stripe_secret_key": os.environ["STRIPE_SECRET_KEY"], "state": "test"})
    provider.action_paylink_stripe_connect()
    provider.action_paylink_stripe_create_webhook()
    provider.copy({"company_id": company.id}).paylink_stripe_account = "acct_not_in_the_books"
    payment = {"provider_id": provider.id, "payment_method_id": env.ref("payment.payment_method_card").id}
    payer = {"partner_id": company.partner_id.id, "amount": 1, "currency_id": company.currency_id.id}
    env["payment.transaction"].create({**payment, **payer, "reference": "stripe-1"})


def attempt(env, link):
    """An attempt to pay a link, as its page makes it, by the provider of demonstrations."""
    provider = env.ref("payment.payment_provider_demo")
    values = link._start_attempt(link._payable_amount(), provider.id, provider.payment_method_ids[:1].id, None)
    values |= values.pop("custom_create_values")
    return env["payment.transaction"].create(values | {"operation": "online_direct", "reference": f"{link.name}-x"})


def main(env):
    """Print what was pressed how often in each role, and what was wrong."""
    company = env["res.company"].search([("chart_template", "!=", False)], limit=1)
    # What commits on its way to a provider is undone, too.
    env.cr.commit = env.flush_all
    complete(env, company)
    faults, pressed, tried = [], {}, set()
    for role, groups in ROLES.items():
        user = make_user(env, role, groups, company)
        give(env, user)
        # Who is to switch them on has to find them off.
        company.paylink_reminders = company.paylink_autopay = role != "manager"
        env.flush_all()  # each press is undone: nothing else may be
        presser = Presser(env(user=user.id, context={"lang": "fr_FR", "allowed_company_ids": company.ids}))
        presser.everything()
        faults += presser.faults
        pressed[role] = presser.pressed
        tried |= presser.tried
    missed = sorted(f"{model} {name}" for model, name in Presser(env).buttons() - tried)
    print("PRESSED", json.dumps({"pressed": pressed, "faults": faults, "missed": missed}))


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
