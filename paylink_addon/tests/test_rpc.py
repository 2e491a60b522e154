import inspect
import json

from odoo import Command
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.models import MAGIC_COLUMNS
from odoo.service.model import call_kw
from odoo.tests import tagged
from odoo.tools import mute_logger
from psycopg2 import IntegrityError

from .deposit.deposit_common import DepositCommon

OURS = "paylink."
SPACES = str.maketrans("", "", "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE} ")
# What refuses a call; of values that are none, of lines without their dialog, and of fields that can't be searched by
# Odoo says it so. The rest would be a fault of ours.
REFUSALS = (UserError, IntegrityError, ValueError, NotImplementedError)
# Besides these: a manager of another company, a portal user, and the public one.
USERS = {
    "internal": "base.group_user",
    "own": "paylink_addon.group_paylink_user",
    "salesperson": "sales_team.group_sale_salesman",
    "all": "paylink_addon.group_paylink_all",
    "manager": "paylink_addon.group_payment_manager",
    "invoicing": "account.group_account_invoice",
}


@tagged("post_install", "-at_install")
class TestRpc(DepositCommon):
    """Whatever a client may call of our models, with ids of what its user may not read: it learns nothing of it.

    What is hidden bears marks (names, addresses, numbers, amounts, tokens) that stand nowhere else. Models and fields
    are found by themselves, so that new ones are tried too: all of ours, and ours on models of Odoo's.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        invoicing = cls.env.ref("account.group_account_invoice")
        invoicing.implied_ids -= cls.env.ref("paylink_addon.group_paylink_user")
        cls.other = cls._other_company()
        cls.users = {name: cls._user(f"rpc-{name}", groups) for name, groups in USERS.items()}
        cls.users["stranger"] = cls._user("rpc-stranger", USERS["manager"], cls.other)
        cls.users["portal"] = cls._create_new_portal_user(login="rpc-portal")
        cls.users["public"] = cls.env.ref("base.public_user")
        cls.boss = cls._user("rpc-boss", "sales_team.group_sale_salesman,account.group_account_invoice")
        cls._hide()
        cls.env.flush_all()

    # === WHAT IS HIDDEN === #

    @classmethod
    def _hide(cls):
        """Make what is hidden; ``cls.marks`` are its marks, by record: who may read the record may know them."""
        cls.marks = {}
        cls._hide_colleagues()
        cls._hide_other_company()
        cls._hide_contact()
        cls.hidden = {}
        for record in cls.marks:
            cls.hidden.setdefault(record._name, record.browse())
            cls.hidden[record._name] |= record

    @classmethod
    def _mark(cls, record, *marks):
        cls.marks[record] = {str(mark).translate(SPACES) for mark in marks}

    @classmethod
    def _contact(cls, mark, number, **values):
        contact = cls._customer(
            f"Mark{mark}name", email=f"{mark}@mark.example.com", phone=f"+3363998{number}", lang="en_US", **values
        )
        cls._mark(contact, contact.name, contact.email, contact.phone)
        return contact

    @classmethod
    def _hide_contact(cls):
        """A contact whom a record rule hides, with an invoice, a statement page, and a promise."""
        contact = cls._contact("hidden", 7701, ref="hidden")
        invoice = cls._invoice(contact, 1717.17)
        cls._mark(invoice, *cls._amounts("1717.17"))
        cls._mark(cls._items(invoice))
        statement = cls.env["paylink.statement"]._for_customers(contact)
        statement._activate()
        cls._mark(statement, statement.access_token)
        hold = cls.env["paylink.reminder.hold"].create(
            {"kind": "objection", "partner_id": contact.id, "note": "Markhiddennote"}
        )
        cls._mark(hold, "Markhiddennote")
        cls._hide_family()
        cls.env["ir.rule"].create(
            {
                "name": "Hidden contacts",
                "model_id": cls.env["ir.model"]._get_id("res.partner"),
                "domain_force": "[('ref', '!=', 'hidden')]",
            }
        )

    @classmethod
    def _hide_family(cls):
        """A hidden company that has a contact whom everybody knows, and the other way round."""
        holding = cls._contact("holding", 7705, ref="hidden", is_company=True)
        known = cls._customer("Known contact", parent_id=holding.id)
        # Odoo says the company's name with the contact's.
        cls._mark(holding, holding.email, holding.phone)
        firm = cls._customer("Known company", is_company=True)
        child = cls._contact("child", 7706, ref="hidden", parent_id=firm.id)
        for partner, amount in ((known, "5757.57"), (child, "6767.67")):
            invoice = cls._invoice(partner, float(amount))
            cls._mark(invoice, *cls._amounts(amount))
            cls._mark(cls._items(invoice))
        hold = cls.env["paylink.reminder.hold"].create(
            {"kind": "promise", "date_until": "2098-07-06", "partner_id": holding.id, "note": "Markholdingnote"}
        )
        cls._mark(hold, "Markholdingnote", "2098-07-06")
        for customer in (holding, firm):
            statement = cls.env["paylink.statement"]._for_customers(customer)
            statement._activate()
            cls._mark(statement, statement.access_token)
        for partner in (known, firm):
            cls._mark(partner)

    @classmethod
    def _hide_colleagues(cls):
        """A colleague's links and order, of a customer whom everybody knows."""
        values = {"user_id": cls.boss.id, "send_sms": True, "email": "link@mark.example.com", "phone": "+33639987702"}
        free = cls._free_link(2727.27, reference="Markreference", **values)
        cls._mark(free, free.access_token, free.email, free.phone, "Markreference", *cls._amounts("2727.27"))
        cls.invoice = cls._invoice(cls.marie, 90)
        of_invoice = cls._link(cls.invoice, **values)
        cls._mark(of_invoice, of_invoice.access_token)
        cls._mark(of_invoice.line_ids)
        cls._mark(cls._attempt(free))
        order = cls._order(3737.37, user_id=cls.boss.id)
        cls._mark(order, *cls._amounts("3737.37"))
        deposit = cls._deposit(order, 1000, user_id=cls.boss.id)
        cls._mark(deposit, deposit.access_token)

    @classmethod
    def _hide_other_company(cls):
        """A customer of another company, with an invoice, links and a statement page."""
        other = cls.other
        there = cls.env(context=dict(cls.env.context, allowed_company_ids=(other + cls.company).ids))
        partner = cls._contact("other", 7703, company_id=other.id)
        move = cls._invoice(partner, 4747.47, company_id=other.id)
        cls._mark(move, *cls._amounts("4747.47"))
        cls._mark(cls._items(move))
        Link = there["paylink.link"].with_company(other)
        link = Link._create_for_items([({}, cls._items(move))], partner_id=partner.id, reference="Markotherreference")
        link._issue()
        cls._mark(link, link.access_token, "Markotherreference", *cls._amounts("4747.47"))
        cls._mark(link.line_ids)
        statement = there["paylink.statement"].with_company(other)._for_customers(partner)
        statement._activate()
        cls._mark(statement, statement.access_token)
        rule = there["paylink.reminder.rule"].create(
            {"name": "Markotherrule", "company_id": other.id, "user_id": cls.boss.id, "step_ids": [(0, 0, {"days": 3})]}
        )
        cls._mark(rule, "Markotherrule")
        cls._mark(rule.step_ids)
        hold = there["paylink.reminder.hold"].create(
            {"kind": "objection", "partner_id": partner.id, "company_id": other.id, "note": "Markothernote"}
        )
        cls._mark(hold, "Markothernote")

    @staticmethod
    def _amounts(text):
        """How an amount may be written."""
        whole, cents = text.split(".")
        grouped = f"{whole[:-3]},{whole[-3:]}"
        return text, f"{grouped}.{cents}", f"{whole},{cents}"

    def _forbidden(self):
        """The marks that the user may not see."""
        known = [marks for record, marks in self.marks.items() if self._can_read(record)]
        return set().union(*self.marks.values()) - set().union(*known)

    def _can_read(self, record):
        return self._as_user(record._name, record.ids).has_access("read")

    def _as_user(self, model, ids=()):
        return self.env(user=self.user.id, su=False, context=self.context)[model].browse(ids)

    # === CALLS === #

    def _call(self, model, method, *args, context=None, **kwargs):
        """Call as a client does, and look for marks in the answer, or the refusal.

        :return: the answer; ``None`` if it is refused
        """
        env = self.env(user=self.user.id, su=False, context={**self.context, **(context or {})})
        answer = refusal = None
        try:
            with self.env.cr.savepoint():
                answer = call_kw(env[model], method, list(args), kwargs)
        except REFUSALS as error:
            refusal = error
        except AssertionError as error:  # it would be committed: what may be done is done
            if "commit" not in str(error):
                raise
        told = json.dumps([answer, str(refusal or "")], default=str, ensure_ascii=False)
        told = told.translate(SPACES)
        for mark in self.forbidden:
            if mark in told:
                self.found.append(f"{self.name}: {model}.{method}({args!r:.120}) {context or ''}: {mark}")
        return answer

    def _as_each(self, probe):
        """Run ``probe`` as each user, undone after each; tell at last all that was found."""
        self.found = []
        for name, user in self.users.items():
            self.name, self.user = name, user
            companies = self.user.sudo().company_ids
            self.context = {"lang": "en_US", "tz": "Europe/Paris", "allowed_company_ids": companies.ids}
            self.forbidden = self._forbidden()
            savepoint = self.env.cr.savepoint()
            # What lacks a value is refused by the database; what has no name is not found by it.
            with mute_logger("odoo.sql_db", "odoo.models"):
                probe()
            savepoint.close(rollback=True)
        self.assertFalse(self.found, "\n".join(dict.fromkeys(self.found)))

    # === MODELS AND FIELDS === #

    def _models(self):
        names = sorted(name for name in self.env.registry if name.startswith(OURS))
        return [name for name in names if not self.env[name]._abstract]

    def _inherited(self):
        """Models of Odoo's on which we have fields."""
        return sorted(
            name
            for name, model in self.env.registry.items()
            if not name.startswith(OURS)
            and not model._abstract
            and any(f.startswith("paylink_") for f in model._fields)
        )

    def _our_fields(self, model):
        """The fields that the user is told of: all of a model of ours, of others' ours."""
        names = self._call(model, "fields_get", attributes=["type"]) if self._as_user(model).has_access("read") else {}
        return [name for name in names if model.startswith(OURS) or name.startswith("paylink_")]

    def _spec(self, model, names):
        """What the web client asks for: the names of what fields lead to, too."""
        relational = ("many2one", "many2many", "one2many")
        types = {name: self.env[model]._fields[name].type for name in names}
        return {name: {"fields": {"display_name": {}}} if kind in relational else {} for name, kind in types.items()}

    def _actions(self, model):
        """The actions that can be called without any argument."""
        Model = type(self.env[model])
        for name in dir(Model):
            if name.startswith("action_" if model.startswith(OURS) else "action_paylink_"):
                parameters = list(inspect.signature(getattr(Model, name)).parameters.values())[1:]
                optional = (p.default is not p.empty or p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in parameters)
                if all(optional) and (Model._active_name or not name.endswith("archive")):
                    yield name

    # === READING === #

    def _read_all(self, model):
        names = self._our_fields(model)
        spec = self._spec(model, names)
        for record in self.hidden.get(model, ()):
            self._call(model, "read", record.ids, names or ["display_name"])
            self._call(model, "web_read", record.ids, spec)
            self._call(model, "export_data", record.ids, [name for name in names if name not in MAGIC_COLUMNS])
            self._call(model, "copy", record.ids)

    def _search_all(self, model):
        names = self._our_fields(model)
        self._call(model, "web_search_read", [], self._spec(model, names))
        self._call(model, "name_search", "Mark", limit=None)
        for name in names:
            if self.env[model]._fields[name].type in ("char", "many2one"):
                self._call(model, "formatted_read_group", [], [name], ["__count"])

    def _seek_all(self, model):
        """What is found by a text tells whoever may guess it: by the fields themselves, and by those they lead to."""
        for name in self._our_fields(model):
            field = self.env[model]._fields[name]
            if name == "display_name" and not self.env[model]._rec_name:
                continue  # Odoo then finds all there is
            targets = [name] if field.type in ("char", "text") else []
            if field.comodel_name in self.hidden:
                targets += [f"{name}.{key}" for key in self._texts(field.comodel_name)]
            for target in targets:
                marks = Domain.OR([(target, "like", mark)] for mark in self.forbidden)
                if self._call(model, "search_count", list(marks)):
                    self.found.append(f"{self.name}: {model} is found by {target}")

    def _texts(self, model):
        names = ("access_token", "email", "phone", "reference", "note", "name")
        return [name for name in names if getattr(self.env[model]._fields.get(name), "store", False)]

    def test_reading(self):
        """What is there: by id, by searching, by grouping, by exporting, by copying."""

        def probe():
            for model in [*self._models(), *self._inherited()]:
                self._read_all(model)
                self._search_all(model)

        self._as_each(probe)

    def test_searching(self):
        """By what cannot be read nothing is found."""

        def probe():
            for model in [*self._models(), *self._inherited()]:
                self._seek_all(model)

        self._as_each(probe)

    def test_chatter(self):
        """Nor do messages, tasks, attachments and what else hangs on records that the user may read."""
        wizard = self.env["account.move.send.wizard"].with_user(self.boss)
        wizard = wizard.with_context(active_model="account.move", active_ids=self.invoice.ids)
        wizard.create({"paylink_add_link": True}).action_send_and_print()
        texts = {
            "mail.message": ["body", "subject"],
            "mail.activity": ["note", "summary"],
            "ir.attachment": ["name", "description", "index_content"],
            "mail.notification": ["failure_reason", "mail_email_address"],
            "mail.tracking.value": ["old_value_char", "new_value_char"],
            "mail.mail": ["body_html"],
            "sms.sms": ["body"],
        }

        def probe():
            for model, names in texts.items():
                self._call(model, "search_read", [], names)

        self._as_each(probe)

    # === ACTIONS === #

    def _state(self):
        links = self.env["paylink.link"].sudo().browse(self.hidden["paylink.link"].ids)
        return links.read(["access_token", "state", "user_id", "expires_at", "sent_at", "cancelled_at", "unread"])

    def test_actions(self):
        """On what the user may not read no action does anything."""

        def probe():
            before = self._state()
            for model in self._models():
                hidden = self.hidden.get(model)
                hidden = hidden and hidden.filtered(lambda one: not self._can_read(one))
                for action in self._actions(model) if hidden else ():
                    for record in hidden:
                        self._call(model, action, record.ids)
            for model in self._inherited():
                for action in self._actions(model):
                    for record in self.hidden.get(model, ()):
                        self._follow(self._call(model, action, record.ids))
            self.env.invalidate_all()
            self.assertEqual(self._state(), before, self.name)

        self._as_each(probe)

    # === MAKING === #

    def _foreign(self, field):
        """Ids of what is hidden, for a field that leads to a model."""
        return self.hidden.get(field.comodel_name, self.env[field.comodel_name]).ids

    def _minimum(self, model):
        """Values with which a record can be made, of what everybody may read."""
        found = {"partner_id": self.marie.id, "amount": 1.0, "days": 3, "name": "x"}
        if model == "paylink.reminder.hold":
            found["kind"] = "objection"
        fields_ = self.env[model]._fields
        return {name: value for name, value in found.items() if name in fields_ and not fields_[name].readonly}

    def _relations(self, model):
        for name, field in self.env[model]._fields.items():
            if field.type in ("many2one", "many2many") and name not in MAGIC_COLUMNS and self._foreign(field):
                yield name, field

    def _values_to_try(self, model):
        """What a client may send: values, and what stands in its context."""
        base = self._minimum(model)
        yield base, {}
        for name, field in self._relations(model):
            for id_ in self._foreign(field):
                value = id_ if field.type == "many2one" else [Command.link(id_)]
                yield base | {name: value}, {}
                yield {key: found for key, found in base.items() if key != name}, {f"default_{name}": value}
        for source, records in self.hidden.items():
            for record in records:
                yield base, {"active_model": source, "active_ids": record.ids, "active_id": record.id}
                if "source_ids" in self.env[model]._fields:
                    chosen = {"source_model": source, "source_ids": record.ids}
                    yield base | chosen, {}
                    yield base, {f"default_{name}": value for name, value in chosen.items()}
        yield base, {"active_model": "account.move", "active_ids": self.invoice.ids, "active_id": self.invoice.id}

    def _make_all(self, model):
        names = self._our_fields(model)
        spec = self._spec(model, names)
        for number, (values, context) in enumerate(self._values_to_try(model)):
            self._call(model, "default_get", names, context=context)
            self._call(model, "onchange", [], {}, [], spec, context=context)
            self._call(model, "onchange", [], values, list(values), spec, context=context)
            savepoint = self.env.cr.savepoint()
            if made := self._call(model, "create", [values], context=context):
                self._call(model, "read", made, names, context=context)
                self._call(model, "web_read", made, spec, context=context)
                if not number:
                    self._write_all(model, made, spec)
                self._act_all(model, made, context)
            savepoint.close(rollback=True)

    def _write_all(self, model, made, spec):
        for name, field in self._relations(model):
            for id_ in self._foreign(field):
                value = id_ if field.type == "many2one" else [Command.link(id_)]
                savepoint = self.env.cr.savepoint()
                self._call(model, "web_save", made, {name: value}, spec)
                savepoint.close(rollback=True)

    def _act_all(self, model, made, context):
        for action in self._actions(model):
            savepoint = self.env.cr.savepoint()
            answer = self._call(model, action, made, context=context)
            self._follow(answer)
            savepoint.close(rollback=True)

    def _follow(self, answer):
        """Read what an action leads to."""
        if not isinstance(answer, dict) or answer.get("res_model") not in self.env:
            return
        name = answer["res_model"]
        if answer.get("res_id"):
            self._call(name, "read", [answer["res_id"]], self._our_fields(name))
        elif name.startswith(OURS):
            self._call(name, "search_read", answer.get("domain") or [], self._our_fields(name))

    def test_making(self):
        """Each of our models, dialogs first of all, with ids of what is hidden: by value, by default, as selected."""

        def probe():
            for model in self._models():
                if self._as_user(model).has_access("create"):
                    self._make_all(model)

        self._as_each(probe)

    # === WHO READS === #

    def _derived(self, model, user):
        """What is computed for who reads it, of our fields."""
        told = self.env[model].with_user(user).fields_get(attributes=["type"])
        fields_ = (
            self.env[model]._fields[name] for name in told if model.startswith(OURS) or name.startswith("paylink_")
        )
        return [field.name for field in fields_ if field.compute and not field.store]

    def test_nobody_is_told_what_another_reader_may_see(self):
        """Values are kept for the transaction: not for other readers, where it depends on who reads."""
        link = next(link for link in self.marks if link._name == "paylink.link")
        values = {"date": "2020-01-01", "customer_id": self.marie.id, "partner_id": self.marie.id, "channel": "email"}
        values |= {"company_id": self.company.id, "user_id": self.users["own"].id, "link_ids": [Command.set(link.ids)]}
        self.env["paylink.reminder.message"].sudo().create(values)
        for name, user in self.users.items():
            for model in [*self._models(), *self._inherited()]:
                if not self.env[model].with_user(user).has_access("read"):
                    continue
                records = self.env[model].with_user(user).search([], order="id desc", limit=30)
                records |= records.browse(self.marie.ids if model == "res.partner" else ())
                if not (names := self._derived(model, user)):
                    continue
                self.env.invalidate_all()
                alone = records.read(names)
                for other in (records.sudo(), records.with_user(self.users["manager"])):
                    self.env.invalidate_all()
                    other._filtered_access("read").read(names)
                    with self.subTest(user=name, model=model, after=other.env.user.login):
                        self.assertEqual(records.read(names), alone)

    def test_what_is_hidden_is_found_where_it_may_be(self):
        """These tests can fail: who may read it finds each mark."""
        self.users = {"admin": self.env.ref("base.user_admin")}
        admin = self.users["admin"]
        admin.company_ids |= self.company | self.other
        self.env["ir.rule"].search([("name", "=", "Hidden contacts")]).active = False

        def probe():
            self.forbidden = {mark for marks in self.marks.values() for mark in marks}
            for model, records in self.hidden.items():
                self._call(model, "read", records.ids)

        with self.assertRaises(AssertionError):
            self._as_each(probe)
        told = "\n".join(self.found)
        for record, marks in self.marks.items():
            with self.subTest(record=record):
                self.assertTrue(not marks or any(mark in told for mark in marks))
