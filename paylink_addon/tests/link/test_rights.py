from odoo.exceptions import AccessError, UserError
from odoo.models import MAGIC_COLUMNS
from odoo.tests import tagged

from ..common import PaylinkCommon


@tagged("post_install", "-at_install")
class TestRights(PaylinkCommon):
    """Who may see and do what."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.salesperson, cls.invoicing, cls.everyone = cls._people("salesperson", "invoicing", "everyone")
        cls.manager, cls.employee, cls.seller = cls._people("manager", "employee", "seller")
        cls.link = cls._link(cls._invoice())
        cls.link.user_id = cls.salesperson

    def test_groups_given_by_default(self):
        cases = [
            (self.invoicing, "paylink_addon.group_paylink_user", True),
            (self.invoicing, "paylink_addon.group_paylink_all", False),
            (self.salesperson, "paylink_addon.group_paylink_user", True),
            (self.env.ref("base.user_admin"), "paylink_addon.group_payment_manager", True),
            (self.employee, "paylink_addon.group_paylink_user", False),
        ]
        for user, group, expected in cases:
            with self.subTest(user=user.login, group=group):
                self.assertEqual(user.has_group(group), expected)

    def test_who_sees_a_link(self):
        Link = self.env["paylink.link"]
        cases = [(self.salesperson, True), (self.invoicing, False), (self.everyone, True), (self.manager, True)]
        for user, sees in cases:
            with self.subTest(user=user.login):
                self.assertEqual(self.link in Link.with_user(user).search([]), sees)
                if not sees:
                    with self.assertRaises(AccessError):
                        self.link.with_user(user).read(["access_token"])
        for user in (self.employee, self.env.ref("base.public_user")):
            with self.assertRaises(AccessError):
                Link.with_user(user).search([])

    def test_all_payments_are_all(self):
        """Those of customers whom a record rule hides too: what links say, not the contact.

        See docs/architecture.md, *Who may read what*.
        """
        self.env["paylink.statement"]._for_customers(self.marie)
        self.env["ir.rule"].create(
            {
                "name": "Hidden",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "domain_force": f"[('id', 'not in', {self.marie.ids})]",
            }
        )
        for user in (self.everyone, self.manager, self.salesperson):
            with self.subTest(user=user.login):
                link = self.link.with_user(user)
                self.assertEqual((link.email, link.amount), ("marie@example.com", 100))
                self.assertEqual(link.search([("id", "=", link.id)]), link)
                link.action_send()
                for act in (
                    lambda user=user: self.marie.with_user(user).read(["email"]),
                    self.marie.with_user(user).action_paylink_account,
                    lambda link=link: link.create({"partner_id": self.marie.id, "amount": 5}),
                ):
                    with self.assertRaises(AccessError):
                        act()
                self.assertFalse(self.env["paylink.statement"].with_user(user).search([]))

    def test_companies_do_not_mix(self):
        other = self._other_company()
        stranger = self._user("stranger", "paylink_addon.group_payment_manager", other)
        self.assertNotIn(self.link, self.env["paylink.link"].with_user(stranger).search([]))
        with self.assertRaises(AccessError):
            self.link.with_user(stranger).action_cancel()
        with self.assertRaises(AccessError):
            self.link.with_user(stranger).line_ids.read(["name"])

    def test_who_cancels(self):
        """Own links, or as payment manager anyone's."""
        foreign = self._link(self._invoice())
        for user in (self.salesperson, self.everyone):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                foreign.with_user(user).action_cancel()
        self.link.with_user(self.salesperson).action_cancel()
        foreign.with_user(self.manager).action_cancel()
        self.assertEqual((self.link + foreign).mapped("state"), ["cancelled", "cancelled"])

    def test_seller_without_accounting_rights_sends(self):
        """From a customer, without being able to read entries; the link's own form can be read all the same."""
        seller = self.seller
        self._invoice(self.john, amount=80)
        for model in ("account.move", "account.move.line", "payment.transaction"):
            with self.assertRaises(AccessError):
                self.env[model].with_user(seller).search([])
        wizard = (
            self.env["paylink.send"]
            .with_user(seller)
            .with_context(active_model="res.partner", active_ids=self.john.ids)
            .create({})
        )
        action = wizard.action_send()
        link = self.env["paylink.link"].with_user(seller).browse(action["params"]["show"]["res_id"])
        self.assertEqual((link.amount, link.amount_due, link.user_id), (80, 80, seller))
        self.assertEqual(link.read(["name", "status", "url", "documents_display"])[0]["status"], "not_opened")
        self.assertTrue(link.line_ids.read(["name", "amount_residual"]))

    def test_nobody_links_to_entries_directly(self):
        """A link to any journal item can't be made past the wizard."""
        item = self._items(self._invoice(self.john))
        for user in (self.salesperson, self.invoicing, self.manager):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.env["paylink.link"].with_user(user).create(
                    {
                        "partner_id": self.marie.id,
                        "kind": "open_items",
                        "line_ids": [(0, 0, {"move_line_id": item.id})],
                    }
                )

    def test_nobody_gives_a_link_away_or_takes_one(self):
        with self.assertRaises(AccessError):
            self.env["paylink.link"].with_user(self.salesperson).create(
                {
                    "partner_id": self.marie.id,
                    "amount": 5,
                    "user_id": self.invoicing.id,
                }
            )
        with self.assertRaises(AccessError):
            self.link.with_user(self.invoicing).user_id = self.invoicing

    def test_who_sees_all_sends_what_is_others_and_no_more(self):
        """All Payments neither takes, gives away, ends nor deletes colleagues' links, nor sends them in their names."""
        boss = self._user("boss", "paylink_addon.group_paylink_user", email="boss@example.com")
        self.everyone.email = "everyone@example.com"
        link = self._link(self._invoice(), user_id=boss.id, expires_at="2099-06-01")
        draft = self.env["paylink.link"].create({"partner_id": self.john.id, "amount": 5, "user_id": boss.id})
        token, seen = link.access_token, link.with_user(self.everyone)
        cases = {
            "replace the address": seen.action_replace_token,
            "cancel": seen.action_cancel,
            "delete": draft.with_user(self.everyone).unlink,
            **{
                f"write {values}": lambda values=values: seen.write(values)
                for values in (
                    {"expires_at": "2020-01-01"},
                    {"expires_at": "2099-05-31"},
                    {"user_id": self.everyone.id},
                    {"user_id": self.manager.id},
                    {"user_id": False},
                )
            },
            "write a draft": lambda: draft.with_user(self.everyone).write({"amount": 500}),
            "create for somebody": lambda: seen.create({"partner_id": self.john.id, "amount": 5, "user_id": boss.id}),
            "make for somebody": lambda: seen._create_for_user(
                [{"partner_id": self.john.id, "amount": 5, "user_id": boss.id}]
            ),
            "give away an own one": lambda: seen.create({"partner_id": self.john.id, "amount": 5}).write(
                {"user_id": boss.id}
            ),
        }
        for name, act in cases.items():
            with self.subTest(name), self.assertRaises(AccessError), self.env.cr.savepoint():
                act()
        for value in ("abc", [1], 5):
            with self.subTest(expires_at=value), self.assertRaisesRegex(UserError, "can't be"):
                seen.write({"expires_at": value})
        self.assertEqual((link.access_token, link.user_id, link.state), (token, boss, "open"))
        seen.write({"email": "new@example.com", "send_email": True, "expires_at": "2099-07-01"})
        seen.write({"expires_at": False})
        seen.action_send()
        self.assertEqual(self._customer_mails(link).mapped("email_from"), [self.everyone.email_formatted])
        self._attempt(link)._set_done()
        self._run_cron("ir_cron_paylink_book")
        receipt = self._customer_mails(link).sorted("id")[-1:]
        self.assertEqual(receipt.email_from, boss.email_formatted)
        managed = self._free_link(user_id=boss.id).with_user(self.manager)
        managed.write({"expires_at": "2020-01-01", "user_id": self.manager.id})
        managed.action_replace_token()

    def test_what_is_no_amount_and_no_day(self):
        """Refused in words, whatever a client sends."""
        nothing = [float("nan"), float("inf"), 1e300, True, "x", "10", [10], {}]
        values = [{"amount": value} for value in (*nothing, 0, -5, 0.001)]
        values += [{"expires_at": value} for value in ("x", "9999-12-31 23:59:59", "0001-01-01", 5, [])]
        draft = self.env["paylink.link"].with_user(self.salesperson).create({"partner_id": self.john.id, "amount": 5})
        for vals in values:
            for write in (draft.write, lambda vals: draft.create({"partner_id": self.john.id, "amount": 5} | vals)):
                with self.subTest(vals), self.assertRaises(UserError), self.env.cr.savepoint():
                    write(vals)
        hold = {"partner_id": self.john.id, "kind": "promise"}
        for day in ("x", "9999-12-31", "2020-01-01", 5):
            with self.subTest(day=day), self.assertRaises(UserError), self.env.cr.savepoint():
                self.env["paylink.reminder.hold"].with_user(self.salesperson).create(hold | {"date_until": day})

    def test_derived_fields_cannot_be_written(self):
        """A client that says “paid” is not believed."""
        for values in (
            {"state": "paid"},
            {"amount_paid": 100},
            {"access_token": "x" * 24},
            {"paid_at": "2020-01-01"},
            {"issued_at": False},
            {"kind": "free"},
        ):
            with self.subTest(values=values), self.assertRaises(UserError):
                self.link.with_user(self.salesperson).write(values)

    def test_read_only_is_for_clients_too(self):
        """Whatever is stored and read only on a model of ours that clients may write: no list to be forgotten in."""
        found = set()
        for model in sorted(name for name in self.env.registry if name.startswith("paylink.")):
            Model = self.env[model].with_user(self.manager)
            if Model._transient or Model._abstract or not Model.has_access("write"):
                continue  # what a dialog says is checked when it is confirmed
            for name, field in Model._fields.items():
                if not field.store or not field.readonly or name in MAGIC_COLUMNS:
                    continue
                found.add((model, name))
                for write in (Model.write, lambda vals, model=Model: model.create([vals])):
                    with self.subTest(model=model, field=name), self.assertRaises(AccessError):
                        write({name: False})
        ours = {
            "name",
            "state",
            "paid_at",
            "transaction_ids",
            "chargeback_ids",
            "renewal_ids",
            "statement_id",
            "order_pdf",
        }
        ours = {("paylink.link", name) for name in ours} | {("paylink.reminder.hold", "user_id")}
        self.assertLessEqual(ours, found)

    def test_statements_are_written_by_us_alone(self):
        statement = self.env["paylink.statement"]._for_customers(self.marie)
        with self.assertRaises(AccessError):
            statement.with_user(self.manager).opened_at = False
        with self.assertRaises(AccessError):  # whatever the access rights will be
            statement.with_user(self.manager)._check_written({"access_token": "x" * 24})

    def test_defaults_of_a_client_are_not_believed(self):
        """What can't be written can't be given as a default either."""
        Link = self.env["paylink.link"].with_user(self.salesperson)
        Link = Link.with_context(default_paid_at="2020-01-01", default_issued_at="2020-01-01", default_name="PL/1")
        link = Link.create({"partner_id": self.marie.id, "amount": 10})
        self.assertEqual((link.state, link.paid_at, link.issued_at), ("draft", False, False))
        self.assertNotEqual(link.name, "PL/1")

    def test_refund_is_the_managers(self):
        transaction = self._pay(self.link)
        payment = transaction.payment_id
        for user, allowed in ((self.invoicing, False), (self.manager, True)):
            with self.subTest(user=user.login):
                wizard = (
                    self.env["payment.refund.wizard"]
                    .with_user(user)
                    .with_context(active_model="account.payment", active_id=payment.id)
                )
                if allowed:
                    user.group_ids |= self.env.ref("account.group_account_invoice")
                    wizard.create({"payment_id": payment.id, "amount_to_refund": 10}).action_refund()
                    self.assertEqual(self.link.transaction_ids.filtered(lambda t: t.operation == "refund").amount, -10)
                else:
                    with self.assertRaises(AccessError):
                        wizard.create({"payment_id": payment.id, "amount_to_refund": 10}).action_refund()

    def test_wizard_renders_no_foreign_template_or_link(self):
        """Neither a template of another model nor a link one can't read is rendered for the user."""
        foreign = self._link(self._invoice(self.john))
        template = self.env["mail.template"].search([("model", "=", "res.users")], limit=1)
        Wizard = (
            self.env["paylink.send"]
            .with_user(self.salesperson)
            .with_context(active_model="res.partner", active_ids=self.marie.ids)
        )
        wizard = Wizard.create({})
        line = wizard.line_ids
        line.sudo().existing_link_id = foreign
        line.invalidate_recordset()
        self.env.add_to_compute(line._fields["sms_body"], line)
        self.assertNotIn(foreign.access_token, wizard.sms_body or "")
        with self.assertRaisesRegex(UserError, "not a template for these messages"):
            wizard.template_id = template
            line.flush_recordset()
        with self.assertRaisesRegex(UserError, "not a template for these messages"):
            self.link.with_user(self.salesperson)._queue_messages(mail_template=template)

    def test_token_cannot_be_guessed_by_searching_invoices(self):
        prefix = self.link.access_token[:6]
        found = (
            self.env["account.move"]
            .with_user(self.invoicing)
            .search_count([("paylink_link_id.access_token", "=like", f"{prefix}%")])
        )
        self.assertFalse(found)

    def test_bank_account_is_the_companys(self):
        """Nobody puts another account on the page, nor changes it once the link is out."""
        foreign = self.env["res.partner.bank"].create(
            {"acc_number": "FR7630006000011234567890100", "partner_id": self.john.id}
        )
        with self.assertRaisesRegex(UserError, "is not an account of"):
            self.env["paylink.link"].with_user(self.salesperson).create(
                {"partner_id": self.marie.id, "amount": 5, "bank_account_id": foreign.id}
            )
        with self.assertRaises(UserError):
            self.link.with_user(self.salesperson).bank_account_id = False

    def test_each_company_offers_its_own_account(self):
        other = self._other_company()
        link = self.env["paylink.link"].create({"company_id": other.id, "partner_id": self.john.id, "amount": 5})
        self.assertNotEqual(link.bank_account_id, self.bank_account)
        self.assertEqual(self._free_link().bank_account_id, self.bank_account)

    def test_invoice_of_a_colleagues_link_can_be_asked_for(self):
        """Who can't open a colleague's link sees its status, and may send an own one."""
        invoice = self.link.line_ids.move_id
        for user, readable in ((self.invoicing, False), (self.everyone, True)):
            user.group_ids |= self.env.ref("account.group_account_invoice")
            seen = invoice.with_user(user)
            seen.invalidate_recordset()
            self.assertEqual((seen.paylink_status, seen.paylink_is_readable), ("not_opened", readable))
        wizard = (
            self.env["paylink.send"]
            .with_user(self.invoicing)
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({})
        )
        self.assertFalse(wizard.existing_link_id)
        wizard.action_send()
        invoice.invalidate_recordset()
        self.assertEqual(invoice.paylink_link_id.user_id, self.invoicing)

    def test_newest_link_is_shown(self):
        invoice = self.link.line_ids.move_id
        self.link.action_cancel()
        second = self._link(invoice)
        invoice.invalidate_recordset()
        self.assertEqual((invoice.paylink_link_id, invoice.paylink_status), (second, "not_opened"))
        Move = self.env["account.move"]
        self.assertIn(invoice, Move.search([("paylink_status", "=", "not_opened")]))
        self.assertNotIn(invoice, Move.search([("paylink_status", "=", False)]))
        self.assertIn(
            "not_opened", [status for status, _count in Move._read_group([], ["paylink_status"], ["__count"])]
        )
