from datetime import timedelta

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from .deposit_common import DepositCommon


@tagged("post_install", "-at_install")
class TestDepositSend(DepositCommon):
    """The wizard on orders: what it proposes and refuses, and who may use it."""

    def _sent(self, wizard):
        wizard.action_send()
        return wizard.link_ids

    def _form(self, order):
        context = {"active_model": "sale.order", "active_ids": order.ids}
        return Form(self.env["paylink.send"].with_context(**context))

    # === WHAT IS PROPOSED === #

    def test_default_is_the_prepayment_rule_else_what_is_unpaid(self):
        cases = [
            # prepayment, paid and asked before, confirmed, proposed, as
            (0.3, 0, 0, False, 300, "percentage"),
            (0.3, 100, 0, False, 200, "fixed"),
            (0.3, 0, 100, False, 200, "fixed"),
            (0.3, 300, 0, True, 700, "fixed"),
            (0, 0, 0, False, 1000, "fixed"),
            (1.0, 0, 0, False, 1000, "fixed"),
            (0.3, 0, 0, True, 1000, "fixed"),
        ]
        for prepayment, paid, asked, confirmed, amount, amount_type in cases:
            with self.subTest(prepayment=prepayment, paid=paid, asked=asked, confirmed=confirmed):
                order = self._order(1000, prepayment=prepayment)
                if paid:
                    self._pay(self._deposit(order, paid))
                if asked:
                    self._deposit(order, asked)
                if confirmed and order.state != "sale":
                    order.action_confirm()
                wizard = self._wizard(order)
                self.assertEqual((wizard.amount, wizard.amount_type), (amount, amount_type))

    def test_deposit_is_sent(self):
        order = self._order(1000)
        link = self._sent(self._wizard(order))
        self.assertEqual((link.kind, link.sale_order_id, link.amount, link.state), ("deposit", order, 300, "open"))
        self.assertEqual((link.partner_id, link.user_id, link.reference), (self.marie, self.env.user, order.name))
        mail = self._customer_mails(link)
        self.assertEqual(mail.email_to, "marie@example.com")
        self.assertIn(order.name, mail.subject)
        self.assertIn(link.url, mail.body_html)
        self.assertEqual((order.paylink_link_id, order.paylink_status), (link, "not_opened"))

    def test_sms_names_the_order(self):
        """By its number at least, in one SMS, however long the company is called."""
        order = self._order(1000)
        for name in ("Lambert", "Menuiserie Lambert & Fils, Ébénistes depuis 1887"):
            for lang in ("fr_FR", "en_US"):
                with self.subTest(name=name, lang=lang):
                    self.company.name = name
                    self.marie.lang = lang
                    wizard = self._wizard(order, send_sms=True)
                    self.assertIn(order.name, wizard.sms_body)
                    self.assertIn("300", wizard.sms_body)
                    self.assertFalse(wizard.sms_warning, wizard.sms_body)

    def test_amount_or_percentage(self):
        order = self._order(999.99)
        with self._form(order) as form:
            self.assertEqual((form.order_total, form.amount_type, form.percent), (999.99, "percentage", 30))
            form.percent = 33.33
            self.assertEqual(form.amount, 333.3)
            form.amount_type = "fixed"
            form.amount = 120
        link = self._sent(form.save())
        self.assertEqual(link.amount, 120)

    def test_prepayment_of_a_third_is_proposed_exactly(self):
        """Odoo confirms the order at 333.33: at 333.30, which is 33.33 %, it would not."""
        order = self._order(1000, prepayment=1 / 3)
        with self._form(order) as form:
            self.assertEqual((form.amount_type, form.percent, form.amount), ("percentage", 33.33, 333.33))
            form.percent = 33.34
            self.assertEqual(form.amount, 333.4)
            form.percent = 33.33
        link = self._sent(form.save())
        self.assertEqual(link.amount, 333.33)
        self._pay(link)
        self.assertEqual(order.state, "sale")

    def test_percentage_of_many_decimals_is_rounded(self):
        order = self._order(100)
        with self._form(order) as form:
            form.amount_type = "percentage"
            form.percent = 33.335
        self.assertEqual(self._sent(form.save()).amount, 33.34)

    def test_refused(self):
        cases = [
            ({"amount": 0, "amount_type": "fixed"}, "more than zero"),
            ({"amount": -1, "amount_type": "fixed"}, "more than zero"),
            ({"amount": 1000.01, "amount_type": "fixed"}, "at most"),
            ({"amount_type": "percentage", "percent": 0}, "more than 0 and at most 100"),
            ({"amount_type": "percentage", "percent": -10}, "more than 0 and at most 100"),
            ({"amount_type": "percentage", "percent": 100.5}, "more than 0 and at most 100"),
            ({"email": "nobody"}, "not an e-mail address"),
        ]
        for values, message in cases:
            with self.subTest(values=values):
                order = self._order(1000)
                with self.assertRaisesRegex(UserError, message):
                    self._wizard(order, **values).action_send()
                self.assertFalse(order.paylink_link_ids)

    def test_orders_that_cannot_be_asked(self):
        cancelled, expired, paid = self._order(), self._order(validity_date=self._yesterday()), self._order()
        cancelled.action_cancel()
        self._pay(self._deposit(paid, 1000))
        for order, message in (
            (cancelled, "is canceled"),
            (expired, "has expired"),
            (paid, "everything is already paid"),
        ):
            with self.subTest(message=message):
                wizard = self._wizard(order)
                self.assertIn(message, wizard.problem.replace("All", "all"))
                with self.assertRaises(UserError):
                    wizard.action_send()
        self.assertEqual((cancelled + expired + paid).mapped("paylink_can_ask"), [False, False, False])

    def test_many_orders_one_link_each(self):
        orders = self._order(1000) + self._order(500, partner=self.john) + self._order(80)
        orders[2].action_cancel()
        wizard = self._wizard(orders)
        self.assertEqual((len(wizard.line_ids), wizard.ready_count, wizard.problem_count), (3, 2, 1))
        links = self._sent(wizard)
        self.assertEqual({link.sale_order_id: link.amount for link in links}, {orders[0]: 300, orders[1]: 150})

    def test_second_click_sends_nothing(self):
        wizard = self._wizard(self._order())
        link = self._sent(wizard)
        self.assertEqual(self._sent(wizard), link)
        self.assertEqual(len(self._customer_mails(link)), 1)

    def test_order_that_changed_while_the_wizard_was_open(self):
        order = self._order(1000)
        first, second = self._wizard(order, amount_type="fixed", amount=600), self._wizard(order, amount=600)
        second.amount_type = "fixed"
        self._sent(first)
        second.invalidate_recordset()
        with self.assertRaisesRegex(UserError, "at most"):
            second.action_send()

    def test_client_cannot_choose_the_order(self):
        order, foreign = self._order(1000), self._order(1000, partner=self.john)
        wizard = self._wizard(order)
        wizard.line_ids.write({"key": f"order-{foreign.id}"})
        with self.assertRaises(UserError):
            wizard.action_send()
        self.assertFalse(foreign.paylink_link_ids)

    # === OPEN LINKS === #

    def test_open_deposit_can_be_sent_again(self):
        order = self._order(1000)
        link = self._sent(self._wizard(order))
        wizard = self._wizard(order)
        self.assertEqual((wizard.existing_link_id, wizard.reuse, wizard.amount), (link, False, 700))
        wizard.reuse = True
        self.assertEqual(self._sent(wizard), link)
        self.assertEqual((len(self._customer_mails(link)), link.amount), (2, 300))

    def test_deposit_of_all_is_sent_again(self):
        order = self._order(1000, prepayment=1.0)
        link = self._sent(self._wizard(order))
        wizard = self._wizard(order)
        self.assertEqual((wizard.existing_link_id, wizard.reuse, wizard.problem), (link, True, False))
        self.assertEqual(self._sent(wizard), link)

    def test_deposit_sent_again_lasts_no_longer_than_its_quotation(self):
        today = fields.Date.today()
        order = self._order(1000, prepayment=1.0, validity_date=today + timedelta(days=2))
        link = self._sent(self._wizard(order, expires_at=False))
        end = link.expires_at
        for expires_at in (fields.Datetime.now() + timedelta(days=30), False):
            wizard = self._wizard(order, expires_at=expires_at)
            self.assertEqual((self._sent(wizard), link.expires_at), (link, end))
        order.validity_date = today + timedelta(days=3)
        self._sent(self._wizard(order, expires_at=False))
        self.assertEqual(link.expires_at, end + timedelta(days=1))

    # === RIGHTS === #

    def _salesman(self, login="seller"):
        return self._user(login, "sales_team.group_sale_salesman")

    def test_salesman_without_accounting(self):
        """The seller asks, sees what came, and needs no right on entries for it."""
        seller = self._salesman()
        order = self._order(1000, user_id=seller.id).with_user(seller)
        wizard = self.env["paylink.send"].with_user(seller)
        wizard = wizard.with_context(active_model="sale.order", active_ids=order.ids).create({})
        wizard.action_send()
        link = wizard.link_ids
        self.assertEqual((link.user_id, link.amount), (seller, 300))
        self._pay(link.with_user(self.env.user))
        self.env.invalidate_all()
        names = ["paylink_deposit", "paylink_amount_received", "paylink_amount_remaining", "paylink_can_ask"]
        self.assertEqual(
            order.read(names)[0], {"id": order.id, **dict(zip(names, ("received", 300, 700, True), strict=True))}
        )
        self.assertEqual(order.action_paylink_view_links()["res_id"], link.id)
        self.assertEqual((order.state, link.read(["amount_due", "sale_order_id"])[0]["amount_due"]), ("sale", 0))
        order.action_cancel()
        with self.assertRaises(AccessError):
            order.read(["transaction_ids"])

    def test_orders_of_others_and_of_other_companies(self):
        seller = self._salesman()
        other = self._other_company()
        self.env.user.company_ids += other
        foreign = (
            self.env["sale.order"].with_company(other).create({"partner_id": self.john.id, "company_id": other.id})
        )
        for order in (self._order(user_id=self.env.user.id), foreign.with_company(self.company)):
            wizard = self.env["paylink.send"].with_user(seller)
            with self.subTest(order=order), self.assertRaises(AccessError):
                wizard.with_context(active_model="sale.order", active_ids=order.ids).create({}).action_send()
            with self.assertRaises(AccessError):
                self.env["paylink.link"].with_user(seller)._create_deposits(
                    [{"sale_order_id": order.id, "amount": 1, "user_id": seller.id}]
                )

    def test_what_can_be_asked_of_hidden_orders_is_not_told(self):
        """A client can make up the line: why nothing can be asked is told of orders that its user may read."""
        order = self._order(1234, user_id=self.env.user.id)
        line = {"key": f"order-{order.id}", "currency_id": order.currency_id.id, "amount": 99999}
        values = {
            "kind": "deposit",
            "source_model": "sale.order",
            "source_ids": order.ids,
            "line_ids": [Command.create(line)],
        }
        Wizard = self.env["paylink.send"].with_user(self._salesman())
        with self.assertRaises(AccessError):
            Wizard.create(values)
        with self.assertRaises(AccessError):
            Wizard.onchange(values, ["amount"], {"problem": {}})

    def test_nobody_makes_a_deposit_past_the_wizard(self):
        order = self._order()
        seller = self._salesman()
        values = {"partner_id": self.marie.id, "amount": 5}
        Link = self.env["paylink.link"].with_user(seller)
        for extra in ({"kind": "deposit"}, {"sale_order_id": order.id}):
            with self.subTest(extra=extra), self.assertRaises(AccessError):
                Link.create(values | extra)
        link = Link.with_context(default_kind="deposit", default_sale_order_id=order.id).create(values)
        self.assertEqual((link.kind, link.sale_order_id), ("free", order.browse()))
        with self.assertRaises(AccessError):
            link.sale_order_id = order

    def test_deposit_of_a_colleague_is_mentioned(self):
        """Neither its number nor its amount."""
        order = self._order(1000)
        deposit = self._deposit(order, 123.45)
        seller = self._user("other", "paylink_addon.group_paylink_user,sales_team.group_sale_salesman_all_leads")
        wizard = self.env["paylink.send"].with_user(seller)
        wizard = wizard.with_context(active_model="sale.order", active_ids=order.ids).create({})
        self.assertFalse(wizard.existing_link_id)
        self.assertIn("already asks for this", wizard.warning)
        for secret in (deposit.name, "123.45"):
            self.assertNotIn(secret, wizard.warning)
