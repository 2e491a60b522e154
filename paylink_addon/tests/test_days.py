import json
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from itertools import product

import pytz
from freezegun import freeze_time
from odoo import Command
from odoo.tests import HttpCase, TransactionCase, tagged

from ..const import Task
from ..tools import days
from .deposit.deposit_common import DepositCommon

DAY = date(2026, 3, 10)
ZONES = ("Europe/Paris", "Pacific/Noumea", "Pacific/Tahiti", "America/Montreal")
TIMES = list(product(ZONES, ("00:20:00", "23:40:00")))
# Whoever looks on, and the server, have other days most of the time.
ELSEWHERE = "Pacific/Kiritimati"


def at(clock, zone, day=DAY):
    """The moment (UTC) at which clocks in ``zone`` show this time on ``day``."""
    local = pytz.timezone(zone).localize(datetime.combine(day, time.fromisoformat(clock)))
    return local.astimezone(pytz.utc).replace(tzinfo=None)


@tagged("post_install", "-at_install")
class TestZones(TransactionCase):
    """The database is given the hours that Python knows, where it does not know a zone's name."""

    def test_rules_of_each_zone(self):
        # Years hence they alone count; Morocco's have exceptions.
        zones = [name for name in pytz.all_timezones if name not in ("Africa/Casablanca", "Africa/El_Aaiun")]
        for moment in map(datetime.fromisoformat, ("2030-01-15 12:00", "2030-07-15 12:00")):
            self.env.cr.execute(
                """SELECT %s AT TIME ZONE 'UTC' AT TIME ZONE zone
                     FROM unnest(%s) WITH ORDINALITY AS z (zone, position) ORDER BY position""",
                [moment, [days.rules(name) for name in zones]],
            )
            for name, (found,) in zip(zones, self.env.cr.fetchall(), strict=True):
                with self.subTest(zone=name, moment=moment):
                    self.assertEqual(found, days.local(moment, name).replace(tzinfo=None))

    def test_what_the_database_is_asked(self):
        cr = self.env.cr
        self.assertEqual(days.in_database(cr, "Europe/Paris"), "Europe/Paris")
        self.assertEqual(days.in_database(cr, "Mars/Olympus"), "UTC")
        self.assertFalse(days._database_knows(cr, "Mars/Olympus"))
        self.patch(days, "_database_knows", lambda _cr, _name: False)
        self.assertRegex(days.in_database(cr, "Europe/Paris"), r"^CET-1CEST,")


class DaysCommon(DepositCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.tz = ELSEWHERE
        cls.company.paylink_tz = ELSEWHERE
        cls.terms = cls.env["account.payment.term"].create(
            {
                "name": "2% 10 days",
                "early_discount": True,
                "discount_percentage": 2,
                "discount_days": 10,
                "early_pay_discount_computation": "included",
                "line_ids": [Command.create({"value": "percent", "value_amount": 100, "nb_days": 30})],
            }
        )
        cls.tax = cls.company_data["default_tax_sale"]

    @classmethod
    def _due_on(cls, day, **values):
        return cls._invoice(invoice_date="2026-01-05", invoice_date_due=day, **values)

    @classmethod
    def _discounted_until(cls, day):
        """An invoice of 1,000 with a discount of 20 for who pays until ``day``."""
        return cls._invoice(amount=1000, invoice_date=day - timedelta(days=10), invoice_payment_term_id=cls.terms.id)

    @contextmanager
    def _at(self, record, field, zone, clock):
        """The clock of ``record`` shows this time on :data:`DAY`."""
        record.write({field: zone})
        self.env.flush_all()
        self.env.invalidate_all()
        with self.subTest(zone=zone, clock=clock), freeze_time(at(clock, zone)):
            yield

    def _company_at(self, zone, clock):
        return self._at(self.company, "paylink_tz", zone, clock)

    def _customers_at(self, zone, clock):
        return self._at(self.marie | self.john, "tz", zone, clock)


@tagged("post_install", "-at_install")
class TestDaysOfCompany(DaysCommon):
    """What the company does, and its books, go by its own day, whoever or whatever does it."""

    def test_zone_that_is_none_anymore(self):
        """The customer's, then the company's: whoever has it counts days by the next clock."""
        self.company.paylink_tz = "Pacific/Noumea"
        self.env.flush_all()
        for field, table, record, expected in (
            ("tz", "res_partner", self.marie, "Pacific/Noumea"),
            ("paylink_tz", "res_company", self.company, "UTC"),
        ):
            self.env.cr.execute(f"UPDATE {table} SET {field} = 'Mars/Olympus' WHERE id = %s", [record.id])
            self.env.invalidate_all()
            with self.subTest(field), freeze_time(at("00:20:00", expected)):
                self.assertEqual(self.marie._paylink_timezone(self.company), expected)
                self.assertEqual(self.marie._paylink_today(self.company), DAY)

    def test_numbers_of_links(self):
        for zone in ZONES:
            self.company.paylink_tz = zone
            for clock, day, year in (
                ("23:40:00", date(2025, 12, 31), "2025"),
                ("00:20:00", date(2026, 1, 1), "2026"),
            ):
                with self.subTest(zone=zone, clock=clock), freeze_time(at(clock, zone, day)):
                    self.assertIn(f"/{year}/", self._free_link().name)

    def test_dates_and_rates_of_payments(self):
        """Of the day on which the provider has confirmed them, also if they are booked later, by a job."""
        rates = [("2020-01-01", 1.0), (DAY - timedelta(days=1), 4.0), (DAY, 2.0), (DAY + timedelta(days=1), 8.0)]
        cad = self.setup_other_currency("CAD", rates=rates)
        self.provider.available_currency_ids = [Command.link(cad.id)]
        for zone, clock in TIMES:
            with self._company_at(zone, clock):
                invoice = self._due_on(DAY, amount=200, currency_id=cad.id)
                transaction = self._attempt(self._link(invoice))
                transaction._set_done()
                with freeze_time(datetime.now(pytz.utc) + timedelta(days=2)):
                    transaction._post_process()
                payment = transaction.payment_id
                self.assertEqual((payment.date, payment.move_id.date), (DAY, DAY))
                liquidity = payment._seek_for_lines()[0]
                self.assertEqual((liquidity.amount_currency, liquidity.balance), (200, 100))

    def test_rates_of_shares(self):
        """What goes to a second receivable account is converted at the rate of the same day."""
        rates = [("2020-01-01", 1.0), (DAY - timedelta(days=1), 4.0), (DAY, 2.0), (DAY + timedelta(days=1), 8.0)]
        cad = self.setup_other_currency("CAD", rates=rates)
        self.provider.available_currency_ids = [Command.link(cad.id)]
        account = self.company_data["default_account_receivable"].copy({"code": "411998"})
        other = self._customer("Branch", parent_id=self.marie.id, property_account_receivable_id=account.id)
        for zone, clock in TIMES:
            with self._company_at(zone, clock):
                moves = self._due_on(DAY, amount=200, currency_id=cad.id)
                self.marie.property_account_receivable_id = account
                moves |= self._due_on(DAY, amount=80, currency_id=cad.id, partner=other)
                self.marie.property_account_receivable_id = self.company_data["default_account_receivable"]
                payment = self._pay(self._link(moves)).payment_id
                shares = {line.account_id: line.balance for line in payment.move_id.line_ids}
                self.assertEqual(shares[account], -40)

    def test_refunds_and_what_is_undone(self):
        for zone, clock in TIMES:
            with self._company_at(zone, clock):
                transaction = self._pay(self._link(self._due_on(DAY)))
                refund = transaction._create_child_transaction(40, is_refund=True)
                refund._set_done()
                refund._post_process()
                self.assertEqual(refund.payment_id.date, DAY)
                refund.payment_id._paylink_undo()
                self.assertEqual(refund.payment_id.move_id.reversal_move_ids.date, DAY)

    def test_chargebacks_and_their_fees(self):
        self.company.paylink_fee_account_id = self.company_data["default_account_expense"]
        for zone, clock in TIMES:
            with self._company_at(zone, clock):
                transaction = self._pay(self._link(self._due_on(DAY)))
                Dispute = self.env["paylink.dispute"].sudo()
                dispute = Dispute.create(
                    {
                        "name": f"dp_{transaction.id}",
                        "provider_id": self.provider.id,
                        "transaction_id": transaction.id,
                        "currency_id": transaction.currency_id.id,
                        "amount": 100,
                        "status": "lost",
                        "fee": 20,
                        "fee_currency_id": transaction.currency_id.id,
                    }
                )
                dispute._book_withdrawal()
                dispute._book_fees()
                self.assertEqual((dispute.withdrawal_id.date, dispute.fee_move_id.date), (DAY, DAY))

    def test_automatic_invoices(self):
        self._automatic_invoices()
        for zone, clock in TIMES:
            with self._company_at(zone, clock):
                order = self._order(validity_date=DAY + timedelta(days=9))
                transaction = self._pay(self._deposit(order, 300))
                self.assertEqual(transaction.invoice_ids.mapped("invoice_date"), [DAY])

    def test_quotations_end_with_their_day(self):
        """Also by the job, which closes no deposit before, and each after."""
        for zone in ZONES:
            self.company.paylink_tz = zone
            order = self._order(validity_date=DAY)
            with freeze_time("2026-03-01"):
                link = self._deposit(order, 300)
            link.expires_at = False
            for clock, day, ended in (("23:40:00", DAY, False), ("00:20:00", DAY + timedelta(days=1), True)):
                with self.subTest(zone=zone, clock=clock), freeze_time(at(clock, zone, day)):
                    self.assertEqual((order._paylink_is_expired(), link._is_expired()), (ended, ended))
                    self._run_cron("ir_cron_paylink_expire")
                    self.assertEqual(bool(link.expires_at), ended)

    def test_promises(self):
        """A promise lasts until the end of its day; one of a day that is over is none."""
        Hold = self.env["paylink.reminder.hold"]
        with freeze_time("2026-03-01"):
            hold, former = Hold.create(
                [
                    {"partner_id": partner.id, "company_id": self.company.id, "date_until": until}
                    for partner, until in ((self.marie, DAY), (self.john, DAY - timedelta(days=1)))
                ]
            )
        for zone, clock in TIMES:
            with self._company_at(zone, clock):
                self.assertEqual((hold.is_over, former.is_over), (False, True))
                standing = Hold._standing([("id", "in", (hold | former).ids)], "partner_id")
                self.assertEqual(standing, {self.marie.id: (DAY, False)})
                lifted = hold.copy({"date_until": DAY})
                lifted.action_lift()
                self.assertEqual(lifted.date_until, DAY - timedelta(days=1))

    def test_what_is_overdue(self):
        """In the customer's account, on a link, and in a reminder that is sent by hand."""
        today, late, later = (self._due_on(DAY + timedelta(days=days)) for days in (0, -1, 1))
        lines = self._link(today | late | later).line_ids
        for zone, clock in TIMES:
            with self._company_at(zone, clock):
                rows = self.env["paylink.account.item"]._open_account(self.marie)
                self.assertEqual(rows.sorted("date_due").mapped("bucket"), ["1_30", "not_due", "not_due"])
                self.assertEqual(lines.filtered("is_overdue").move_id, late)
                wizard = self.env["paylink.reminder.send"].with_context(
                    active_model="res.partner", active_ids=self.marie.ids
                )
                wizard = wizard.create({})
                items, links, *_others = wizard._choose()
                self.assertEqual(items.move_id, today | late)
                self.assertEqual(
                    [wizard._moment(self._items(move), links) for move in (late, today, later)],
                    ["after", "on", "before"],
                )

    def test_deadline_of_evidence(self):
        for zone, clock in TIMES:
            with self._company_at(zone, clock):
                dispute = self.env["paylink.dispute"].new(
                    {
                        "name": "dp_1",
                        "provider_id": self.provider.id,
                        "currency_id": self.company.currency_id.id,
                        "evidence_due": at(clock, zone),
                    }
                )
                self.assertEqual(dispute._deadline(), DAY)
                self.assertIn("03/10/2026", dispute._answer_texts(self.env(context={"lang": "en_US"}))[1])

    def test_tasks_are_due_today_where_their_user_is(self):
        user = self._user("zoe", "base.group_user")
        for number, (zone, clock) in enumerate(TIMES):
            with self._at(user, "tz", zone, clock):
                self.env["paylink.task.mixin"]._give(
                    self.marie, f"{Task.RENEWAL}{number}", lambda _env: ("Call", "Now"), user
                )
                activity = self.env["mail.activity"].search([("user_id", "=", user.id)], order="id desc", limit=1)
                self.assertEqual((activity.date_deadline, activity.state), (DAY, "today"))


@tagged("post_install", "-at_install")
class TestDaysOfCustomer(DaysCommon, HttpCase):
    """What customers pay and read goes by their own day; what a page promised before midnight holds just after it."""

    def test_discounts(self):
        """By all that says what is due: items, links, wizards, statements, and what is booked."""
        lasting, over = self._discounted_until(DAY), self._discounted_until(DAY - timedelta(days=1))
        links = [self._link(move) for move in (lasting, over)]
        statement = self.env["paylink.statement"]._for_customers(self.marie)
        for zone, clock in TIMES:
            with self._customers_at(zone, clock):
                items = self._items(lasting | over)
                self.assertEqual([items._paylink_due()[item.id] for item in items.sorted("discount_date")], [1000, 980])
                self.assertEqual([link.amount_due for link in links], [980, 1000])
                self.assertEqual([link._payable_amount() for link in links], [980, 1000])
                self.assertEqual(self._wizard_amount(lasting | over), 1980)
                self.assertIn("980,00", statement.amount_display)
                rows = statement._page_sections()[0]["rows"]
                self.assertEqual(
                    [bool(row["discount"]) for row in rows if row["minor"] in (98000, 100000)], [False, True]
                )
                documents = [link._page_documents(link.line_ids)[0] for link in links]
                self.assertEqual([bool(document["discount"]) for document in documents], [True, False])

    def _wizard_amount(self, moves):
        wizard = self.env["paylink.send"].with_context(active_model="account.move", active_ids=moves.ids).create({})
        return wizard.line_ids.amount_due

    def test_what_customers_read(self):
        today, late = self._due_on(DAY), self._due_on(DAY - timedelta(days=1))
        link = self._link(today | late)
        statement = self.env["paylink.statement"]._for_customers(self.marie)
        paid = self._link(self._due_on(DAY, partner=self.john))
        transaction = self._pay(paid)
        deposit = self._deposit(self._order(partner=self.john), 300)
        for zone, clock in TIMES:
            with self._customers_at(zone, clock):
                self.assertEqual(
                    [document["overdue"] for document in link._page_documents(link.line_ids)], [True, False]
                )
                rows = statement._page_sections()[0]["rows"]
                self.assertEqual([row["overdue"] for row in rows], [True, False])
                transaction.paylink_moved_at = deposit.sale_order_id.date_order = paid.expires_at = at(clock, zone)
                english = paid.with_context(lang="en_US", tz="UTC")
                booked_on = self.company._paylink_day(at(clock, zone))  # as in the books, wherever the customer is
                self.assertEqual(english._page_values()["payments"][0]["date"], f"{booked_on:%m/%d/%Y}")
                self.assertEqual(english._page_values()["expires"], f"03/10/2026 {clock[:5]}")
                self.assertEqual(deposit.with_context(lang="en_US", tz="UTC")._page_order()["date"], "03/10/2026")

    def test_promised_before_midnight_paid_just_after(self):
        """The click pays what the page showed, and is booked with the discount; not a quarter of an hour later."""
        tomorrow = DAY + timedelta(days=1)
        for zone in ZONES:
            self.marie.tz = zone
            for clock, amount in (("00:00:10", 980), ("00:14:50", 980), ("00:15:10", None)):
                invoice = self._discounted_until(DAY)
                link = self._link(invoice)
                with freeze_time(at("23:59:50", zone)):
                    shown = link._page_money().payable
                self.assertEqual(shown, 980)
                with self.subTest(zone=zone, clock=clock), freeze_time(at(clock, zone, tomorrow)):
                    self.assertEqual(link._page_money().payable, 1000)
                    if not amount:
                        with self.assertRaisesRegex(Exception, "changed"):
                            self._attempt(link, shown)
                        continue
                    transaction = self._attempt(link, shown)
                    transaction._set_done()
                    self.assertEqual((link._due_amounts()[link.id], link.state), (0, "paid"))
                    with freeze_time(at("12:00:00", zone, tomorrow)):
                        self.assertEqual(link._due_amounts()[link.id], 0)
                        transaction._post_process()
                    self.assertEqual((transaction.amount, invoice.amount_residual), (980, 0))

    def test_part_of_what_was_promised(self):
        """Where a part may be paid, all that the page showed is no part: the discount is granted."""
        self.company.paylink_allow_partial = True
        self.marie.tz = "Europe/Paris"
        with freeze_time(at("00:00:10", "Europe/Paris", DAY + timedelta(days=1))):
            for amount, left in ((980, 0), (970, 30)):
                invoice = self._discounted_until(DAY)
                with self.subTest(amount=amount):
                    self._pay(self._link(invoice), amount)
                    self.assertEqual(invoice.amount_residual, left)

    def test_statement_promises_over_midnight(self):
        """The statement's total is what the page of the link asks for, and takes."""
        self.marie.tz = zone = "America/Montreal"
        self._discounted_until(DAY)
        statement = self.env["paylink.statement"]._for_customers(self.marie)
        statement._activate()
        with freeze_time(at("23:59:50", zone)):
            page = self.url_open(f"/account/{statement.access_token}?lang=en_US").text
        day, item = page.split('name="day" value="')[1][:10], page.split('name="item" value="')[1].split('"')[0]
        for clock, shown in (("00:00:10", "980.00"), ("00:15:10", "1,000.00")):
            with self.subTest(clock=clock), freeze_time(at(clock, zone, DAY + timedelta(days=1))):
                values = {"day": day, "item": item}
                answer = self.url_open(f"/account/{statement.access_token}/pay", data=values, allow_redirects=False)
                page = self.url_open(answer.headers["Location"])
                self.assertRegex(page.text, rf'class="pl-total"[^>]*>\D*{shown}')
        with freeze_time(at("00:00:10", zone, DAY + timedelta(days=1))):
            for other in ("2026-03-09", "2026-03-12", "x", "é"):
                page = self.url_open(f"/pay/{statement.link_ids.access_token}", params={"lang": "en_US", "day": other})
                self.assertRegex(page.text, r'class="pl-total"[^>]*>\D*1,000.00')
            self.assertIn("reference", self._click(statement.link_ids, 980))

    def _click(self, link, amount):
        params = {
            "provider_id": self.provider.id,
            "payment_method_id": self.payment_method_id,
            "amount": amount,
            "flow": "direct",
            "landing_route": "/payment/status",
            "csrf_token": "",
        }
        answer = self.url_open(
            f"/pay/{link.access_token}/transaction",
            data=json.dumps({"jsonrpc": "2.0", "method": "call", "params": params}),
            headers={"Content-Type": "application/json"},
        )
        return answer.json()["result"]
