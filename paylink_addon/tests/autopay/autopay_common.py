from datetime import timedelta

from odoo import fields

from ..common import PaylinkCommon


class AutopayMixin:
    """Short ways to rules, stored methods, customers who have automatic payment, and runs."""

    @classmethod
    def _prepare_autopay(cls):
        cls.company.write({"paylink_autopay": True, "email": "compta@example.com"})
        cls.company.partner_id.lang = "en_US"
        cls.manager = cls._user("manager", "paylink_addon.group_payment_manager,account.group_account_invoice")
        cls.today = cls.company._paylink_today()

    @classmethod
    def _rule(cls, **values):
        """A rule that charges on the due date, without notice, whatever the date of the invoice."""
        values = {"name": "Subscriptions", "notice_days": 0, "ignore_before": False, **values}
        return cls.env["paylink.autopay.rule"].create(
            {"company_id": cls.company.id, "user_id": cls.manager.id, **values}
        )

    @classmethod
    def _due_invoice(cls, partner=None, amount=100.0, late=0, **values):
        """An invoice that was due ``late`` days ago."""
        due = cls.today - timedelta(days=late)
        return cls._invoice(partner, amount, invoice_date=due - timedelta(days=5), invoice_date_due=due, **values)

    def _pick_moves(self, date=None):
        """The documents that the rules pick, each as often as it is picked."""
        rules = self.env["paylink.autopay.rule"].search([("company_id", "=", self.company.id)])
        ids = [due.move_id for due in rules._pick(date or self.today)]
        return self.env["account.move"].browse(sorted(ids))

    def _deliver_notices(self):
        """What was announced has left. The mail queue sends it within minutes, long before the day of the charge; in
        tests nothing is sent, and what waits in the outbox by that day was not told to anybody.
        """
        domain = [("mail_message_id.model", "=", "paylink.autopay.page"), ("notification_status", "=", "ready")]
        self.env["mail.notification"].sudo().search(domain).notification_status = "sent"
        for row in self.env["paylink.autopay.item"]._newly_left(self.company):
            row._note_left(row.noticed_on)  # by the run after that

    def _run_rules(self, days=0, *, has_left=True):
        """Run the job of some days later; the transactions that it has made.

        :param bool has_left: notices have left until then
        """
        if has_left:
            self._deliver_notices()
        before = self.env["payment.transaction"].search([])
        rules = self.env["paylink.autopay.rule"]._of_company(self.company)
        date = self.today + timedelta(days=days)
        customers = dict.fromkeys(due.customer_id for due in rules._pick(date))
        if customers:
            rules._charge_customers(date, self.env["res.partner"].browse(customers))
        self.env.flush_all()
        self.env.invalidate_all()
        return self.env["payment.transaction"].search([], order="id") - before

    def _charge_dialog(self, move, user=None):
        """What an invoice opens to be charged."""
        action = move.with_user(user or self.manager).action_paylink_charge_now()
        return (
            self.env[action["res_model"]].with_user(user or self.manager).with_context(**action["context"]).create({})
        )

    def _charge_by_hand(self, move, user=None):
        return self._charge_dialog(move, user).action_charge()

    def _row(self, move):
        return self.env["paylink.autopay.item"].search([("move_id", "=", move.id)])


class AutopayCommon(AutopayMixin, PaylinkCommon):
    """A company that charges the methods stored with Odoo's demo provider."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._prepare_autopay()
        cls.token = cls._profile(cls.marie)

    @classmethod
    def _profile(cls, partner, is_on=True, **values):
        """A stored method of a customer who has automatic payment."""
        token = (
            cls.env["payment.token"]
            .sudo()
            .create(
                {
                    "provider_id": cls.provider.id,
                    "payment_method_id": cls.payment_method_id,
                    "partner_id": partner.id,
                    "payment_details": "4242",
                    "provider_ref": "demo",
                    "demo_simulated_state": "done",
                    **values,
                }
            )
        )
        partner.sudo().with_company(cls.company).write({"paylink_autopay": is_on, "paylink_token_id": token.id})
        return token

    def _send_and_book(self):
        """What the jobs do with the wishes."""
        self._run_cron("ir_cron_paylink_send")
        self._run_cron("ir_cron_paylink_book")

    @classmethod
    def _days(cls, number):
        return fields.Date.add(cls.today, days=number)
