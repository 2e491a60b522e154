from itertools import product

from lxml import etree
from odoo import Command
from odoo.exceptions import AccessError, MissingError, UserError
from odoo.models import MAGIC_COLUMNS
from odoo.tests import tagged

from ..deposit.deposit_common import DepositCommon

# Planted in what a user may not read, and looked for in all that a dialog tells.
CANARY = "Heron"
HIDDEN = (CANARY, "heron@example.com", "+33639989999", "4321")


@tagged("post_install", "-at_install")
class TestDialogs(DepositCommon):
    """What clients can make dialogs tell, and do, that is not for their users."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = cls._people("seller", "salesperson", "invoicing", "manager")
        cls.seller, cls.salesperson, cls.invoicing, cls.manager = cls.users
        cls.hidden = cls._customer(CANARY, email=HIDDEN[1], phone=HIDDEN[2])
        cls.hidden_invoice = cls._invoice(cls.hidden, 4321)
        cls.order = cls._order(4321, partner=cls.hidden, user_id=cls.env.user.id)
        cls.other = cls._other_company(name="Other Company")
        cls.deposit = cls._deposit(cls._order(4321, user_id=cls.env.user.id), 100, email=HIDDEN[1])
        bank = {"acc_number": "FR7630006000011234567890100", "partner_id": cls.hidden.id}
        cls.bank = cls.env["res.partner.bank"].create(bank)
        domain = f"[('id', 'not in', {cls.hidden.ids} if user.id in {[user.id for user in cls.users]} else [])]"
        cls.env["ir.rule"].sudo().create(
            {"name": "Hidden", "model_id": cls.env["ir.model"]._get_id("res.partner"), "domain_force": domain}
        )

    # === WHAT A CLIENT CAN GET TOLD === #

    def _form_spec(self, model):
        """All fields, and the name and addresses of whatever they name: a client says what it wants to read."""
        spec = {}
        for name, field in self.env[model]._fields.items():
            spec[name] = {}
            if field.type == "many2one":
                names = {"display_name", "name", "email", "phone"} & set(self.env[field.comodel_name]._fields)
                spec[name] = {"fields": {sub: {} for sub in names}}
            elif field.type == "one2many" and model == "paylink.send":
                spec[name] = {"fields": self._form_spec(field.comodel_name)}
        return spec

    def _told(self, model, values):
        """All that a client of ``model``'s user is told: of a dialog that is edited, and of one that is stored."""
        spec = self._form_spec(model._name)
        steps = [
            lambda: model.onchange(dict(values), [], spec),
            lambda: model.onchange(dict(values), list(values), spec),
            lambda: model.default_get(list(model._fields)),
        ]
        if not model.is_transient():  # one by one: reading one that is refused would hide what another one tells
            names = [name for name, field in model._fields.items() if not field.relational]
            said = {name: {} for name in values}
            for name, changed in product(names, ([], list(said))):
                steps.append(
                    lambda name=name, changed=changed: model.onchange(dict(values), changed, {**said, name: {}})
                )
        if values:
            steps.append(lambda: model.web_save(dict(values), spec))
            steps.append(lambda: model.create(dict(values)).read())
        for step in steps:
            try:
                with self.env.cr.savepoint():
                    yield str(step())
            except (UserError, MissingError):
                self.env.invalidate_all(flush=False)

    def _assert_hidden(self, model, values, secrets=HIDDEN):
        for told in self._told(model, values):
            found = [secret for secret in secrets if secret in told]
            self.assertFalse(found, told)

    def test_sending_dialog_tells_nothing_hidden(self):
        token, name = self.deposit.access_token, self.deposit.name
        order, foreign = self.deposit.sale_order_id, self.order
        key = f"{self.company.id}-{self.company.currency_id.id}-{self.hidden.id}-0"
        cases = [
            # source, kind, key, what else a client says of the line
            (order, "deposit", f"order-{order.id}", {"amount": 100}),
            (foreign, "deposit", f"order-{foreign.id}", {"amount": 100}),
            (self.hidden, "open_items", key, {}),
            (self.hidden, "free", f"free-{self.hidden.id}", {"amount": 1}),
            (self.john, "free", f"free-{self.hidden.id}", {"amount": 1}),
            (self.hidden_invoice, "open_items", key, {"amount": 1}),
        ]
        guesses = (
            # how many lines, what a client adds to each
            (1, {}),
            (2, {}),
            (1, {"partner_id": self.hidden.id, "amount_due": 1, "currency_id": self.company.currency_id.id}),
            (
                2,
                {"existing_link_id": self.deposit.id, "existing_cover": "more", "reuse": True}
                | {"partner_id": self.john.id},
            ),
        )
        for user in self.users:
            Wizard = self.env["paylink.send"].with_user(user)
            for source, kind, line_key, line in cases:
                if source != self.john and source.with_user(user).has_access("read"):
                    continue
                for count, guess in guesses:
                    with self.subTest(user=user.login, source=source, kind=kind, count=count, guess=guess):
                        values = {
                            "source_model": source._name,
                            "source_ids": source.ids,
                            "kind": kind,
                            "line_ids": [[0, "virtual_1", {"key": line_key, **line, **guess}]] * count,
                        }
                        # Payment managers see all links.
                        secrets = HIDDEN[::3] if user == self.manager else (*HIDDEN, token, name)
                        self._assert_hidden(Wizard, values, secrets)

    def test_hidden_invoice_address_of_an_own_order_is_not_told(self):
        order = self._order(100, partner=self.john, partner_invoice_id=self.hidden.id, user_id=self.salesperson.id)
        Wizard = self.env["paylink.send"].with_user(self.salesperson)
        self.assertTrue(order.with_user(self.salesperson).has_access("read"))
        values = {"source_model": "sale.order", "source_ids": order.ids, "kind": "deposit", "send_sms": True}
        self._assert_hidden(Wizard, values, HIDDEN[:3])
        self._assert_hidden(Wizard.with_context(active_model="sale.order", active_ids=order.ids), {}, HIDDEN[:3])

    def test_hidden_records_cannot_be_named(self):
        """Neither in values, nor as a default, nor while a form is edited: names are told of what is named."""
        transaction = self._pay(self._link(self._invoice(self.hidden)))
        cases = [
            ("paylink.link", {"partner_id": self.hidden.id, "amount": 1}),
            ("paylink.reminder.hold", {"partner_id": self.hidden.id, "kind": "objection"}),
            ("paylink.reminder.lookup", {"partner_id": self.hidden.id}),
            ("paylink.reminder.lookup", {"move_id": self.hidden_invoice.id, "partner_id": self.john.id}),
            ("paylink.send", {"bank_account_id": self.bank.id, "kind": "free"}),
            ("paylink.refund", {"link_id": self.deposit.id, "transaction_id": transaction.id}),
        ]
        for user in self.users:
            for model, values in cases:
                if user == self.invoicing and "move_id" in values:
                    continue
                if user == self.manager and model == "paylink.refund":
                    continue  # sees all payments
                with self.subTest(user=user.login, model=model, values=values):
                    Model = self.env[model].with_user(user)
                    self._assert_hidden(Model, values, (*HIDDEN, self.deposit.name))
                    context = {f"default_{name}": value for name, value in values.items()}
                    self._assert_hidden(Model.with_context(**context), {}, (*HIDDEN, self.deposit.name))

    def test_forms_take_what_is_ours_from_no_client(self):
        """What is told of a link that is being made up is not computed from the order or the entries that it names."""
        item = self._items(self.hidden_invoice)
        self._pay(self._link(self.hidden_invoice))
        payment = item.matched_credit_ids.credit_move_id.move_id
        secrets = (*HIDDEN, self.order.name, self.hidden_invoice.name, payment.name)
        cases = [
            {"kind": "deposit", "sale_order_id": self.order.id},
            {"kind": "open_items", "line_ids": [[0, 0, {"move_line_id": item.id}]]},
            {"kind": "open_items", "line_ids": [[4, self.hidden_invoice.paylink_link_id.line_ids.id]]},
        ]
        draft = self.env["paylink.link"].with_user(self.seller).create({"partner_id": self.john.id, "amount": 1})
        for link, values in product((draft, draft.browse()), cases):
            with self.subTest(link=link, values=values):
                self._assert_hidden(link, values, secrets)

    def test_form_of_an_own_link_to_a_hidden_contact_works(self):
        link = self.env["paylink.link"].create({"partner_id": self.john.id, "amount": 1, "user_id": self.seller.id})
        link.sudo().partner_id = self.hidden
        values = {"partner_id": self.hidden.id, "amount": 2}
        self.assertIn("value", link.with_user(self.seller).onchange(values, ["amount"], {"amount_due": {}}))

    def test_hidden_contact_cannot_be_put_on_a_draft(self):
        link = self.env["paylink.link"].with_user(self.seller).create({"partner_id": self.john.id, "amount": 1})
        with self.assertRaises(AccessError):
            link.partner_id = self.hidden
        self.env["ir.default"].with_user(self.seller).set("paylink.link", "partner_id", self.hidden.id, user_id=True)
        with self.assertRaises(AccessError):
            link.create({"amount": 1})

    def test_other_company_cannot_be_named(self):
        cases = [
            ("paylink.send", {"source_model": "res.partner", "source_ids": self.john.ids, "kind": "free"}),
            ("paylink.statement.send", {"source_model": "res.partner", "source_ids": self.john.ids}),
            ("paylink.reminder.lookup", {"partner_id": self.john.id}),
            ("paylink.reminder.preview", {}),
            ("paylink.link", {"partner_id": self.john.id, "amount": 1}),
        ]
        boss = self._user("boss", "base.group_system,account.group_account_manager")
        for user in (self.manager, boss):
            for model, values in cases:
                with self.subTest(user=user.login, model=model), self.assertRaises(AccessError):
                    self.env[model].with_user(user).create(values | {"company_id": self.other.id})

    # === WHAT ONLY WE WRITE === #

    def _dialogs(self):
        return [
            model
            for name, model in self.env.items()
            if name.startswith("paylink.") and model.is_transient() and not model._abstract
        ]

    def test_all_dialogs_are_computed_with_the_rights_of_who_opened_them(self):
        self.assertGreater(len(self._dialogs()), 8)
        Mixin = self.env.registry["paylink.dialog.mixin"]
        for model in self._dialogs():
            with self.subTest(model=model._name):
                self.assertIsInstance(model, Mixin)

    def test_clients_fill_in_nothing_of_ours(self):
        for model in self._dialogs():
            Model = model.with_user(self.manager)
            if not Model.has_access("create"):
                continue
            for name, field in Model._fields.items():
                if not field.readonly or name in MAGIC_COLUMNS:
                    continue
                with self.subTest(field=str(field)), self.assertRaises(AccessError):
                    Model.create({name: False})

    def test_form_asks_for_no_more_than_clients_may_say(self):
        """No view makes the client save what would be refused."""
        for model in self._dialogs():
            for view in self.env["ir.ui.view"].search([("model", "=", model._name), ("type", "=", "form")]):
                tree = etree.fromstring(model.get_view(view.id, "form")["arch"])
                for node in tree.xpath("//field[@force_save][not(ancestor::field)]"):
                    with self.subTest(view=view.xml_id, field=node.get("name")):
                        self.assertFalse(model._is_guarded(node.get("name")))

    def test_token_is_no_clients_choice(self):
        token = "a" * 24
        Wizard = self.env["paylink.send"].with_user(self.seller)
        Wizard = Wizard.with_context(active_model="res.partner", active_ids=self.john.ids)
        key = f"free-{self.john.id}"
        for values in ({"access_token": token}, {"line_ids": [Command.create({"key": key, "access_token": token})]}):
            with self.subTest(values=values), self.assertRaises(AccessError):
                Wizard.create(values)
        line = {"key": key, "amount": 5, "reference": "X", "email": "x@example.com", "seed": token}
        wizards = Wizard.create([{"kind": "free", "line_ids": [Command.create(line)]}] * 2)
        with self.assertRaises(AccessError):
            wizards[0].line_ids.access_token = token
        wizards[0].action_send()
        link = wizards[0].link_ids
        self.assertEqual((link.access_token, link.amount), (wizards[0].access_token, 5))
        self.assertNotIn(token, link.access_token)
        self.assertIn(link.access_token, wizards[0].sms_body)
        colleague = wizards[1].with_user(self.salesperson).sudo()
        self.assertEqual(colleague.line_ids.access_token, link.access_token, "whoever's call it is")
        statement = (
            self.env["paylink.statement"]
            .with_user(self.seller)
            .with_context(default_access_token=token, default_user_id=self.manager.id, default_issued_at="2020-01-01")
            ._for_customers(self.john)
        )
        self.assertNotEqual(statement.access_token, token)
        self.assertEqual((statement.user_id, statement.issued_at), (self.seller, False))

    def test_defaults_that_users_made_their_own_are_none_of_ours(self):
        for name, value in (("access_token", "a" * 24), ("issued_at", "2020-01-01"), ("name", "PL/1")):
            self.env["ir.default"].with_user(self.seller).set("paylink.link", name, value, user_id=True)
        link = self.env["paylink.link"].with_user(self.seller).create({"partner_id": self.john.id, "amount": 1})
        self.assertNotEqual(link.access_token, "a" * 24)
        self.assertFalse(link.issued_at)
        self.assertNotEqual(link.name, "PL/1")

    # === WHOSE DIALOG IT IS === #

    def test_dialogs_of_others_are_closed(self):
        Wizard = self.env["paylink.send"].with_context(active_model="res.partner", active_ids=self.john.ids)
        wizard = Wizard.with_user(self.salesperson).create({"amount": 5})
        theirs = wizard.with_user(self.manager)
        Line = self.env["paylink.send.line"].with_user(self.manager)
        for step in (
            lambda: theirs.read(["amount"]),
            lambda: theirs.write({"amount": 6}),
            lambda: theirs.line_ids.write({"amount": 6}),
            theirs.action_send,
            lambda: theirs.onchange({}, ["amount"], {"amount": {}}),
            lambda: Line.create({"wizard_id": wizard.id, "key": "x"}),
            lambda: Line.onchange({"wizard_id": wizard.id}, ["wizard_id"], {"access_token": {}}),
            lambda: Line.onchange({"wizard_id": {"id": wizard.id}}, ["wizard_id"], {"access_token": {}}),
        ):
            with self.assertRaises(AccessError):
                step()
        self.assertFalse(wizard.link_ids)

    def test_texts_are_the_users_whoever_has_them_computed(self):
        """A colleague's live link is not sent: e-mail and SMS have the address of the one that is made."""
        invoice = self._invoice()
        theirs = self._link(invoice)
        Wizard = self.env["paylink.send"].with_user(self.invoicing)
        Wizard = Wizard.with_context(active_model="account.move", active_ids=invoice.ids)
        for superuser in (False, True):
            with self.subTest(superuser=superuser):
                wizard = Wizard.create({"send_sms": True})
                lines = wizard.sudo(superuser).line_ids
                for name in ("subject", "body", "sms_body"):
                    self.env.add_to_compute(lines._fields[name], lines)
                lines.flush_recordset()
                self.assertNotIn(theirs.access_token, wizard.sms_body)
                wizard.action_send()
                link = wizard.link_ids
                self.assertNotEqual(link, theirs)
                sms = self.env["sms.sms"].sudo().search([("mail_message_id.res_id", "=", link.id)], order="id", limit=1)
                self.assertIn(link.access_token, sms.body)
                self.assertIn(link.access_token, self._customer_mails(link).body_html)
                link.sudo().action_cancel()
