from datetime import date, timedelta

from freezegun import freeze_time
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import format_date

from .autopay.autopay_common import AutopayCommon
from .bank.bank_common import BankMixin
from .card.card_common import CardCommon
from .test_days import DAY, TIMES, ZONES, DaysCommon, at


@tagged("post_install", "-at_install")
class TestDaysOfMethods(BankMixin, CardCommon, AutopayCommon, DaysCommon):
    """Stored methods, automatic payments, transfers: whose day counts (see ``tools/days.py``)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._prepare_bank()

    # === THE COMPANY'S === #

    def test_automatic_payments(self):
        """What is due on the company's day is charged on it, shown, and tried again so many days after it."""
        self._rule(retry_other="3", grouping="document")
        due, later = self._due_on(DAY), self._due_on(DAY + timedelta(days=1))
        page = self.env["paylink.autopay.page"]._for_customers(self.marie, self.company, self.manager)
        for zone, clock in TIMES:
            with self._company_at(zone, clock), self.env.cr.savepoint() as savepoint:
                shown = [row["day"] for row in page._page_values()["rows"]]
                self.assertEqual(shown, [format_date(page.env, day) for day in (DAY, DAY + timedelta(days=1))])
                self.assertIn(format_date(self.env, DAY), due.with_company(self.company).paylink_autopay_plan)
                self._run_cron("ir_cron_paylink_autopay")
                charge = self.env["payment.transaction"].search([("paylink_autopay", "=", True)])
                self.assertEqual(charge.invoice_ids, due)
                charge._set_error("No.")
                self.assertEqual(self._row(due).next_on, DAY + timedelta(days=3))
                self.assertFalse(self._row(later).rule_id)
                savepoint.rollback()

    def test_cards_that_expire(self):
        for zone, clock in TIMES:
            for last, status in ((DAY - timedelta(days=1), "expired"), (DAY, "expires")):
                self.token.sudo().paylink_expires_on = last
                with self._company_at(zone, clock):
                    self.assertEqual(self.token.paylink_profile_status, status)
                    self.assertEqual(self.token.paylink_is_expired, status == "expired")

    def test_numbers_of_card_requests(self):
        for zone in ZONES:
            self.company.paylink_tz = zone
            for clock, day, year in (
                ("23:40:00", date(2025, 12, 31), "2025"),
                ("00:20:00", date(2026, 1, 1), "2026"),
            ):
                with self.subTest(zone=zone, clock=clock), freeze_time(at(clock, zone, day)):
                    self.assertIn(f"/{year}/", self._card_request().name)

    def test_transfers(self):
        """A line of the bank has a day of its own: the payment is of that one, whatever the hour it is matched."""
        for zone, clock in TIMES:
            with self._company_at(zone, clock):
                link = self._free_link(40)
                self._bank_line(link.transfer_reference, 40, date=DAY - timedelta(days=1))
                transaction = link.transaction_ids
                self.assertEqual(transaction.paylink_moved_on, DAY - timedelta(days=1))
                self.assertEqual(transaction.payment_id.date, DAY - timedelta(days=1))

    def test_account_at_stripe_begins_with_the_day(self):
        for zone in ZONES:
            self.company.paylink_tz = zone
            balance = self.env["paylink.balance"].new({"company_id": self.company.id, "since": DAY})
            self.assertEqual(balance._start(), at("00:00:00", zone))

    # === THE CUSTOMER'S === #

    def test_announced_transfers(self):
        """Some days ago, or ahead, for whoever says so on the page."""
        for zone, clock in TIMES:
            with self._customers_at(zone, clock):
                for days, is_possible in ((-61, False), (-60, True), (0, True), (10, True), (11, False)):
                    link = self._free_link(partner_id=self.marie.id)
                    said = str(DAY + timedelta(days=days))
                    if is_possible:
                        link._claim_transfer(said, "100")
                        self.assertEqual(str(link.transfer_claim_date), said)
                    else:
                        with self.assertRaises(UserError):
                            link._claim_transfer(said, "100")

    # === THE READER'S === #

    def test_months_of_exports(self):
        link = self._free_link()
        for zone in ZONES:
            self.env.user.tz = zone
            for clock, day in (("23:40:00", date(2026, 2, 28)), ("00:20:00", date(2026, 3, 1))):
                self.env.flush_all()
                moment = at(clock, zone, day)
                self.env.cr.execute("UPDATE paylink_link SET create_date = %s WHERE id = %s", [moment, link.id])
                self.env.invalidate_all()
                with self.subTest(zone=zone, clock=clock):
                    [(month, *_figures)] = link._months([("id", "=", link.id)])
                    self.assertEqual((month.year, month.month), (2026, day.month))
