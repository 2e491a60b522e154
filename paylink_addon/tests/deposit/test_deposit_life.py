from datetime import timedelta

from freezegun import freeze_time
from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from .deposit_common import DepositCommon


@tagged("post_install", "-at_install")
class TestDepositLife(DepositCommon):
    """How deposits end with their orders, and are made anew."""

    def test_cancelled_order_closes_its_links(self):
        order = self._order(1000)
        waiting, paid = self._deposit(order, 300), self._deposit(order, 200)
        draft = self._attempt(waiting)
        self._pay(paid)
        order.action_cancel()
        self.assertEqual((waiting.state, paid.state, draft.state), ("cancelled", "paid", "cancel"))
        self.assertEqual(waiting._closed_reason(), "cancelled")
        self.assertIn("The order was canceled.", self._time_line(waiting, "cancelled").body)
        with self.assertRaisesRegex(UserError, "can no longer be paid"):
            self._attempt(waiting, 300)
        with self.assertRaisesRegex(UserError, "is canceled"):
            waiting.action_renew()

    def test_renewed_before_the_job_has_ended_it(self):
        """What an expired deposit asked for can be asked for again at once."""
        link = self._deposit(self._order(1000), 1000, expires_at=fields.Datetime.now() + timedelta(hours=1))
        with freeze_time(fields.Datetime.now() + timedelta(hours=2)):
            self.env.invalidate_all()
            self.assertEqual(self._renewed(link).amount, 1000)

    def test_cancelled_order_with_a_paid_deposit_is_a_task(self):
        """Once, also if it is cancelled again; not for what was given back."""
        order = self._order(1000)
        paid, refunded = self._deposit(order, 200), self._deposit(order, 100)
        self._pay(paid)
        refund = self._pay(refunded)._create_child_transaction(100, is_refund=True)
        refund._set_done()
        refund._post_process()
        for _time in range(2):
            order.action_cancel()
            self.assertEqual((len(paid.activity_ids), len(refunded.activity_ids)), (1, 0))
            order.action_draft()
        self.assertEqual(paid.activity_ids.summary, f"{order.name} was canceled after its deposit had been paid")
        self.assertIn("200.00", paid.activity_ids.note)

    def test_task_is_written_in_the_language_of_who_gets_it(self):
        """The amount too, whoever cancels the order."""
        owner = self._user("camille", "paylink_addon.group_paylink_user", lang="fr_FR")
        order = self._order(5000)
        link = self._deposit(order, 1500, user_id=owner.id)
        self._pay(link)
        order.action_cancel()
        self.assertRegex(link.activity_ids.note, r"1\S+500,00")  # a space that does not break is between

    def test_partly_paid_link_of_a_cancelled_order_is_cancelled(self):
        order = self._order(1000)
        link = self._deposit(order, 300, allow_partial=True)
        self._pay(link, 100)
        order.action_cancel()
        self.assertEqual((link.state, link.amount_paid), ("cancelled", 100))

    def test_payment_that_comes_after_the_cancellation_is_a_task(self):
        order = self._order(1000)
        link = self._deposit(order, 300)
        transaction = self._attempt(link)
        transaction._set_pending()
        order.action_cancel()
        transaction._set_done()
        transaction._post_process()
        self.assertEqual((order.state, transaction.payment_id._paylink_open_credit()), ("cancel", 300))
        self.assertEqual(len(link.activity_ids), 1)

    def test_authorized_deposit_of_a_cancelled_order_is_a_task(self):
        order = self._order(1000, prepayment=0.5)
        link = self._deposit(order, 300)
        self._authorized(link)
        order.action_cancel()
        self.assertEqual((link.state, len(link.activity_ids)), ("pending", 1))

    def test_expired_quotation(self):
        """It can't be paid from that moment on; the job says so."""
        today = fields.Date.today()
        order = self._order(1000, validity_date=today + timedelta(days=2))
        link = self._deposit(order, 300)
        self.assertEqual(link.expires_at.date() - order.validity_date, timedelta(days=0))  # 22 or 23 h UTC
        link.sudo().expires_at = False
        with freeze_time(fields.Datetime.now() + timedelta(days=3)):
            order.invalidate_recordset()
            self.assertEqual((link.state, link._page_view()), ("open", "closed"))
            self.assertEqual(link._closed_reason(), "expired")
            with self.assertRaisesRegex(UserError, "can no longer be paid"):
                self._attempt(link, 300)
            self._run_cron("ir_cron_paylink_expire")
            self.assertEqual(link.state, "expired")
            self.assertEqual(len(self._time_line(link, "expired")), 1)

    def test_quotation_expires_where_the_company_is(self):
        """At the end of the day in Montréal and in Auckland, which is on another day in Greenwich."""
        for zone, hours in (("America/Montreal", 4), ("Pacific/Auckland", -12)):
            self.company.paylink_tz = zone
            order = self._order(1000, validity_date="2026-07-10")
            end = fields.Datetime.from_string("2026-07-11") + timedelta(hours=hours)
            with freeze_time("2026-07-09"):
                link = self._deposit(order, 300)
            self.assertEqual(link.expires_at, end)
            link.sudo().expires_at = False
            for minutes, ended in ((-1, False), (1, True)):
                with self.subTest(zone=zone, ended=ended), freeze_time(end + timedelta(minutes=minutes)):
                    order.invalidate_recordset()
                    self.assertEqual((link._is_expired(), order.paylink_can_ask), (ended, not ended))
                    self.assertEqual(link._page_view(), "closed" if ended else "pay")
                    self.assertEqual("has expired" in (order._paylink_deposit_problem(1, 700) or ""), ended)
                    self._run_cron("ir_cron_paylink_expire")
                    self.assertEqual(link.state, "expired" if ended else "open")

    def test_confirmed_order_does_not_expire(self):
        order = self._order(1000, validity_date=self._yesterday())
        order.action_confirm()
        link = self._deposit(order, 300)
        self._run_cron("ir_cron_paylink_expire")
        self.assertEqual((link.state, link.expires_at), ("open", False))

    def test_paid_in_the_customer_portal(self):
        """A link of which nothing is left is closed, and says why."""
        order = self._order(1000)
        link = self._deposit(order, 300)
        native = self._create_transaction(
            "redirect", sale_order_ids=[(6, 0, order.ids)], amount=1000, reference="native", partner_id=self.marie.id
        )
        native._set_done()
        native._post_process()
        self.assertEqual((order.state, link.state, link._closed_reason()), ("sale", "cancelled", "settled"))
        self.assertEqual(native.payment_id._paylink_open_credit(), 1000)

    def test_renewed_within_what_is_left(self):
        order = self._order(1000)
        link = self._deposit(order, 600)
        link.action_cancel()
        self._deposit(order, 700)
        successor = self._renewed(link)
        self.assertEqual((successor.amount, successor.kind, successor.sale_order_id), (300, "deposit", order))
        successor.action_cancel()
        self._deposit(order, 300)
        with self.assertRaisesRegex(UserError, "already paid, invoiced or asked for"):
            link.action_renew()

    def test_deleted_quotation(self):
        order = self._order(1000)
        link = self._deposit(order, 300)
        order.unlink()
        self.assertEqual((link.state, link.sale_order_id), ("cancelled", order.browse()))
        self.assertEqual(link._page_values()["order"], False)
        paid = self._order(1000, prepayment=1.0)
        self._pay(self._deposit(paid, 300))
        with self.assertRaisesRegex(UserError, "keep the order"):
            paid.unlink()

    def test_copied_order_has_no_links(self):
        order = self._order(1000)
        self._deposit(order, 300)
        self.assertFalse(order.copy().paylink_link_ids)

    def test_attempts_on_other_deposits_stay_open_while_there_is_room(self):
        order = self._order(1000)
        first, second = self._deposit(order, 600), self._deposit(order, 400)
        left = self._attempt(first)
        self._attempt(second)
        self.assertEqual(left.state, "draft")
        order.order_line.price_unit = 700
        self._pay(second)
        self.assertEqual(left.state, "cancel")

    def test_newer_attempt_on_the_same_deposit_closes_the_older_one(self):
        link = self._deposit(self._order(1000), 600)
        older = self._attempt(link)
        self._attempt(link)
        self.assertEqual(older.state, "cancel")
