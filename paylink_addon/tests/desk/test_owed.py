from datetime import timedelta

from freezegun import freeze_time
from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import Form, tagged

from ..deposit.deposit_common import DepositCommon

LONG_NAME = "Société coopérative des menuisiers et charpentiers réunis de la vallée de la Bièvre"


@tagged("post_install", "-at_install")
class TestOwed(DepositCommon):
    """What a customer owes, on quotations, orders and invoices. That statements ask for it, see ``test_sums``."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller = cls._user("seller", "sales_team.group_sale_salesman", lang="fr_FR")
        cls.today = fields.Date.today()
        cls.old = cls._owing(100, 40)
        cls.newer = cls._owing(250, 10)
        cls.later = cls._owing(500, -10)
        cls.order = cls._order(user_id=cls.seller.id)

    @classmethod
    def _owing(cls, amount, days_late, partner=None, **values):
        """An invoice that is overdue for so many days."""
        due = cls.today - timedelta(days=days_late)
        values |= {"invoice_payment_term_id": False, "invoice_date_due": due}
        return cls._invoice(partner, amount, invoice_date=min(due, cls.today), **values)

    def _owed(self, partner=None):
        self.env.flush_all()
        self.env.invalidate_all()
        return (partner or self.marie).with_user(self.seller)._paylink_owes(self.company)

    def _late(self, days):
        return self.today - timedelta(days=days)

    def test_credits_and_money_on_its_way_pay_the_oldest_first(self):
        self.assertEqual(self._owed(), (850.0, self._late(40)))
        credit = self._invoice(amount=30, move_type="out_refund")
        self.assertEqual(self._owed(), (820.0, self._late(40)))
        self._attempt(self._link(self.old))._set_pending()
        self.assertEqual(self._owed(), (720.0, self._late(10)))
        part = self._link(self.newer, allow_partial=True)
        self._attempt(part, 200)._set_pending()
        self.assertEqual(self._owed(), (520.0, self._late(10)))
        self._invoice(amount=20, move_type="out_refund")
        self.assertEqual(self._owed(), (500.0, None))
        credit.button_draft()
        self.assertEqual(self._owed(), (530.0, self._late(10)))

    def test_who_keeps_a_plan_is_not_late(self):
        """Else since the oldest part that is not paid."""
        link = self._link(self.old)
        link._agree_on_plan([(self.today, 60), (self.today + timedelta(days=30), 40)])
        self.assertEqual(self._owed(), (850.0, self._late(10)))
        self.newer.button_draft()
        self.assertEqual(self._owed(), (600.0, None))
        with freeze_time(fields.Datetime.now() + timedelta(days=2)):
            self.assertEqual(self._owed(), (600.0, self.today))

    def test_nothing_is_owed(self):
        """Nor where the credits are more than what is due; nor to another company."""
        self.assertEqual(self._owed(self.john), (0.0, None))
        self._owing(10, 5, self.john)
        self._invoice(self.john, 30, move_type="out_refund")
        self.assertEqual(self._owed(self.john), (0.0, None))
        other = self.env["res.company"].create({"name": "Other"})
        self.seller.company_ids += other
        self.assertEqual(self.marie.with_user(self.seller)._paylink_owes(other), (0.0, None))

    def test_in_the_currency_of_the_company(self):
        dollar = self.setup_other_currency("CAD", rates=[("2016-01-01", 2.0)])
        self._owing(300, 3, self.john, currency_id=dollar.id)
        self.assertEqual(self._owed(self.john), (150.0, self._late(3)))

    def test_forms_show_it_in_few_queries(self):
        """Of the customer, whichever of its contacts is there, in the reader's language; on new quotations too."""
        contact = self.env["res.partner"].create({"name": "Service", "parent_id": self.marie.id})
        self.marie.name = LONG_NAME
        with Form(self.env["sale.order"].with_user(self.seller).with_context(lang="fr_FR")) as form:
            self.assertFalse(form.paylink_owed_text)
            form.partner_id = contact
            text = form.paylink_owed_text.replace("\xa0", " ").replace("\u202f", " ")
            self.assertTrue(form.paylink_is_overdue)
        for part in (LONG_NAME, "850,00", self._late(40).strftime("%d/%m/%Y")):
            self.assertIn(part, text)
        invoice = self.old.with_user(self._user("invoicing", "account.group_account_invoice"))
        self.assertTrue(invoice.paylink_owed_text)
        self.assertFalse(self._invoice(amount=5, move_type="out_refund").paylink_owed_text)
        order = self.order.with_user(self.seller)
        self.assertTrue(order.paylink_owed_text)
        self.env.flush_all()
        for model in ("account.move", "account.move.line"):
            self.env[model].invalidate_model()
        order.invalidate_recordset(["paylink_owed_text", "paylink_is_overdue"], flush=False)
        # The items, their documents, whether these are of orders, what is on its way, what is paid in parts.
        with self.assertQueryCount(5):
            self.assertTrue(order.paylink_owed_text)

    def test_only_who_may_ask_the_customer_sees_it(self):
        """Who may not read the customer sees nothing; what hidden contacts owe is not counted."""
        manager = self._user("sales", "sales_team.group_sale_manager")
        for group in (self.env.ref("sales_team.group_sale_salesman"), self.env.ref("account.group_account_invoice")):
            group.implied_ids -= self.env.ref("paylink_addon.group_paylink_user")
        self.assertFalse(manager.has_group("paylink_addon.group_paylink_user"))
        with self.assertRaises(AccessError):
            self.order.with_user(manager).read(["paylink_owed_text"])
        with self.assertRaises(AccessError):
            self.order.with_user(manager).action_paylink_send_statement()
        self.seller.group_ids += self.env.ref("paylink_addon.group_paylink_user")
        hidden = self.env["res.partner"].create({"name": "Hidden", "parent_id": self.marie.id, "ref": "hidden"})
        self._owing(1000, 1, hidden)
        rule = self.env["ir.rule"].create(
            {
                "name": "Hidden",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "domain_force": "[('ref', '!=', 'hidden')]",
            }
        )
        self.assertEqual(self._owed().amount, 850)
        rule.domain_force = f"[('id', '!=', {self.marie.id})]"
        self.env.invalidate_all()
        order = self.order.with_user(self.seller)
        self.assertFalse(order.paylink_owed_text)
        with self.assertRaises(AccessError):
            order.action_paylink_send_statement()

    def test_statement_is_of_the_company_of_the_document(self):
        action = self.order.with_user(self.seller).action_paylink_send_statement()
        self.assertEqual(
            (action["res_model"], action["context"]["active_ids"]), ("paylink.statement.send", self.marie.ids)
        )
        other = self.env["res.company"].create({"name": "Other"})
        self.seller.company_ids += other
        order = self.order.with_user(self.seller).with_context(allowed_company_ids=[other.id, self.company.id])
        context = order.action_paylink_send_statement()["context"]
        dialog = self.env["paylink.statement.send"].with_user(self.seller).with_context(**context).create({})
        self.assertEqual((dialog.company_id, dialog.ready_ids), (self.company, self.marie))

    def test_what_is_invoiced_of_a_deposit_is_open_once(self):
        """Of open items the deposit is what may still be asked for, also when the invoice is taken back."""
        order = self._order(1000)
        link = self._deposit(order, 500)
        order.action_confirm()
        self.assertEqual(self._open_besides(link), 500)
        invoice = order._create_invoices()
        invoice.invoice_line_ids.price_unit = 800
        invoice.action_post()
        self.assertEqual((self._open_besides(link), link.amount_due), (200, 200))
        invoice.button_draft()
        self.assertEqual((self._open_besides(link), link.amount_due), (500, 500))

    def _open_besides(self, link):
        self.env.flush_all()
        self.env.invalidate_all()
        return self.env["paylink.open.item"].search([("link_id", "=", link.id), ("move_id", "=", False)]).amount
