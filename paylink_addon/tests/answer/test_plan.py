import re
from datetime import date, timedelta

from lxml import html
from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import freeze_time, tagged

from ...const import MAX_ATTEMPTS_PARAMETER
from ...tools.money import in_parts
from ..reminder.reminder_common import TODAY
from .plan_common import PlanCommon


@tagged("post_install", "-at_install")
class TestPlan(PlanCommon):
    """Paid in parts: what is offered, what follows from each payment, and how a plan ends."""

    # === WHAT IS OFFERED === #

    def test_what_is_offered(self):
        """(amount, most parts, smallest part, longest time, day) → the parts of each plan, with their days."""
        for case, values, amount, day, expected in (
            ("even", {}, 120, TODAY, {2: [60, 60], 3: [40, 40, 40], 4: [30] * 4}),
            ("the rest first", {}, 100, TODAY, {2: [50, 50], 3: [33.34, 33.33, 33.33], 4: [25] * 4}),
            ("smallest part", {"paylink_plan_least": 40}, 120, TODAY, {2: [60, 60], 3: [40, 40, 40]}),
            ("too small", {}, 39.99, TODAY, {}),
            ("at most two", {"paylink_plan_parts": 2}, 1000, TODAY, {2: [500, 500]}),
            ("longest time", {"paylink_plan_days": 61}, 120, TODAY, {2: [60, 60], 3: [40, 40, 40]}),
            ("off", {"paylink_plan_parts": 0}, 1000, TODAY, {}),
            ("end of a month", {"paylink_plan_parts": 3}, 120, date(2027, 1, 31), {2: [60, 60], 3: [40, 40, 40]}),
        ):
            with self.subTest(case), self.env.cr.savepoint() as savepoint, freeze_time(f"{day} 10:00:00"):
                self.company.write(values)
                link = self._link(self._invoice(amount=amount, invoice_date=day))
                offers = {len(offer.parts): offer.parts for offer in link.sudo()._plan_offers()}
                self.assertEqual({n: [money for _day, money in parts] for n, parts in offers.items()}, expected)
                for parts in offers.values():
                    self.assertEqual(parts[0][0], day)
                if case == "end of a month":
                    self.assertEqual(
                        [str(own) for own, _amount in offers[3]], ["2027-01-31", "2027-02-28", "2027-03-31"]
                    )
                savepoint.rollback()
                self.env.invalidate_all()

    def test_parts_are_exact_in_every_currency(self):
        for currency, amount, count, expected in (
            ("EUR", 100, 3, [33.34, 33.33, 33.33]),
            ("EUR", 0.02, 3, [0.02, 0, 0]),
            ("JPY", 100, 3, [34, 33, 33]),
            ("KWD", 10.005, 2, [5.005, 5.0]),
            ("ISK", 100, 3, [34, 33, 33]),
        ):
            with self.subTest(currency=currency, amount=amount):
                parts = in_parts(amount, count, currency)
                self.assertEqual(parts, expected)

    def test_not_offered(self):
        """What is no whole of documents, is being paid, or is paid in parts already."""
        invoice = self._due_invoice(amount=200)
        link, part = self._link(invoice), self._link(invoice, amount=50, is_limited=True)
        self.assertTrue(link.sudo()._plan_offers())
        self.assertFalse(part.sudo()._plan_offers())
        self.assertFalse(self._free_link(500).sudo()._plan_offers())
        other = self._link(invoice)
        with self.env.cr.savepoint() as savepoint:
            link.sudo()._choose_plan(link.sudo()._plan_offers()[0].key)
            self.assertFalse(other.sudo()._plan_offers())
            with self.assertRaisesRegex(UserError, "in parts already"):
                other.sudo()._agree_on_plan([(TODAY, 100.0), (TODAY + timedelta(days=30), 100.0)])
            savepoint.rollback()
            self.env.invalidate_all()
        self._attempt(link, 200)._set_pending()
        for own in (link, other):
            self.assertFalse(own.sudo()._plan_offers())
            with self.assertRaisesRegex(UserError, "in progress"):
                own.sudo()._choose_plan("2-200.0-2026-03-18")

    def test_what_was_not_offered_is_not_chosen(self):
        link = self._link(self._due_invoice(amount=120)).sudo()
        key = link._plan_offers()[0].key
        for said in ("", "2", "99-120.0-2026-03-18", key.replace("120", "12"), key.replace("2026", "2027"), "💥"):
            with self.subTest(said=said), self.assertRaises(UserError):
                link._answer_plan({"plan": said})
        self.assertFalse(self.env["paylink.plan"].search([]))

    # === WHAT FOLLOWS === #

    def test_from_the_first_part_to_the_last(self):
        """In French: confirmed, asked for on each day, and no reminder meanwhile."""
        rule = self._rule(days=(3,))
        invoice = self._due_invoice(10, amount=120)
        link = self._link(invoice)
        self.assertTrue(self._is_picked(rule, invoice, 0))
        plan = link.sudo()._choose_plan(link.sudo()._plan_offers()[1].key)
        mail = self._customer_mails(link)
        text = html.fromstring(mail.body_html).text_content()
        told = re.findall(r"(?:Échéance|Part) (\d) .*?(\d\d/\d\d/\d{4})\D+(\d+,\d\d)", text, re.DOTALL)
        self.assertEqual(told, [(str(n), f"18/0{n + 2}/2026", "40,00") for n in (1, 2, 3)])
        self.assertIn(link.url, mail.body_html)
        self.assertFalse(self._is_picked(rule, invoice, 0))
        self.assertFalse(self._remind())
        self.assertFalse(self._follow(0))
        self.assertEqual(plan.hold_ids.move_id, invoice)
        self.assertEqual(plan.part_ids.mapped("progress"), ["due", "to_come", "to_come"])
        everything, first = (link.sudo()._link_of_plan(what) for what in ("all", "next"))
        self.assertEqual((first.amount_due, first, first.sudo().plan_part_id.number), (40, plan.part_ids[0].link_id, 1))
        self.assertEqual((everything.amount, everything.amount_due), (120, 120))
        self._pay(first)
        self.assertEqual((first.state, plan.amount_due, link.state), ("paid", 80, "open"))
        self.assertFalse(self._follow(30))
        mail = self._follow(31)
        second = plan.part_ids[1].link_id
        self.assertEqual(mail.mapped("res_id"), second.ids)
        self.assertIn(second.url, mail.body_html)
        self.assertIn("18/04/2026", mail.body_html)  # not the day of the invoice
        self.assertFalse(self._follow(31))
        with freeze_time(f"{TODAY + timedelta(days=32)} 10:00:00"):
            self.assertFalse(self._remind(TODAY + timedelta(days=32)))
            self.assertFalse(self._is_picked(rule, invoice, 32))
            self._pay(second)
        mail = self._follow(61)
        self.assertEqual((mail.res_id, everything.amount, everything.amount_due), (everything.id, 40, 40))
        with freeze_time(f"{TODAY + timedelta(days=61)} 10:00:00"):
            self._pay(plan.part_ids[2].link_id)
        self._follow(62)
        self.assertEqual((plan.state, invoice.amount_residual, link.state), ("kept", 0, "paid"))
        self.assertFalse(plan.hold_ids.filtered("active"))

    def _is_picked(self, rule, invoice, days):
        """Whether the rule would remind of the invoice so many days later."""
        return invoice.id in [pick.move_id for pick in rule._pick(TODAY + timedelta(days=days))]

    def test_what_reduces_what_is_due(self):
        """(what is paid, how) → what each part still asks for."""
        for case, pay, expected in (
            ("a part by its link", lambda link: self._pay(link._link_of_plan("next")), [0, 40, 40]),
            ("less than a part", lambda link: self._pay(link._link_of_plan("next"), 15), [25, 40, 40]),
            ("all at once", lambda link: self._pay(link._link_of_plan("all")), [0, 0, 0]),
            ("otherwise, more than a part", lambda link: self._pay_by_hand(link, 50), [0, 30, 40]),
            ("a credit note", lambda link: self._credit(link, 100), [0, 0, 20]),
        ):
            with self.subTest(case), self.env.cr.savepoint() as savepoint:
                self.company.paylink_allow_partial = True
                link, plan = self._in_parts()
                pay(link.sudo())
                self.env.invalidate_all()
                self.assertEqual(plan.part_ids.mapped("amount_open"), expected)
                parts = plan.part_ids.filtered("amount_open")[:1]
                if parts:
                    self.assertEqual(link.sudo()._link_of_plan("next").amount_due, parts.amount_open)
                savepoint.rollback()
                self.env.invalidate_all()

    def _pay_by_hand(self, link, amount):
        wizard = self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=link.line_ids.move_id.ids
        )
        wizard.create({"amount": amount})._create_payments()

    def _credit(self, link, amount):
        note = self._invoice(amount=amount, move_type="out_refund", invoice_date=TODAY)
        items = (note | link.line_ids.move_id).line_ids
        items.filtered(lambda item: item.account_type == "asset_receivable").reconcile()

    def test_currencies_without_and_with_three_decimals(self):
        self.company.paylink_plan_least = 0
        for name, amount, count, expected in (("JPY", 100, 3, [34, 33, 33]), ("KWD", 10.005, 2, [5.005, 5])):
            with self.subTest(name):
                currency = self.env.ref(f"base.{name}")
                currency.active = True
                self.provider.sudo().available_currency_ids = [fields.Command.clear()]
                link, plan = self._in_parts(amount=amount, count=count, currency_id=currency.id)
                self.assertEqual(plan.part_ids.mapped("amount"), expected)
                for part in expected:
                    own = link.sudo()._link_of_plan("next")
                    self.assertAlmostEqual(own.amount_due, part, 3)
                    self._pay(own)
                self.assertEqual((plan.state, link.line_ids.move_id.amount_residual), ("kept", 0))

    def test_automatic_payment_waits(self):
        """What is paid in parts is a promise: no rule charges it, until the plan has ended."""
        link, plan = self._in_parts()
        _customers, moves = self.env["paylink.reminder.hold"]._standing_sql("promise", self.company, TODAY)
        self.env.flush_all()
        self.assertIn((link.line_ids.move_id.id,), self.env.execute_query(moves))
        plan._end("ended", "")
        self.env.flush_all()
        _customers, moves = self.env["paylink.reminder.hold"]._standing_sql("promise", self.company, TODAY)
        self.assertNotIn((link.line_ids.move_id.id,), self.env.execute_query(moves))

    def test_part_that_a_bank_takes_back_is_due_again(self):
        link, plan = self._in_parts()
        link = link.sudo()
        first = link._link_of_plan("next")
        payment = self._pay(first).payment_id
        payment.move_id.line_ids.remove_move_reconcile()
        self.env.invalidate_all()
        self.assertEqual(plan.amount_due, 120)
        again = link._link_of_plan("next")
        self.assertEqual((again.amount_due, again != first), (40, True))

    def test_no_discount_for_who_pays_in_parts(self):
        terms = self.env["account.payment.term"].create(
            {
                "name": "2 % in 10 days",
                "early_discount": True,
                "discount_percentage": 2,
                "discount_days": 10,
                "line_ids": [fields.Command.create({"value": "percent", "value_amount": 100, "nb_days": 30})],
            }
        )
        invoice = self._invoice(amount=120, invoice_date=TODAY, invoice_payment_term_id=terms.id)
        link = self._link(invoice)
        self.assertEqual(link.amount_due, 117.6)
        plan = link.sudo()._choose_plan(link.sudo()._plan_offers()[1].key)
        self.assertEqual((plan.amount, plan.amount_due), (120, 120))
        self.assertEqual(self._link(invoice).amount_due, 120)
        for _number in range(3):
            self._pay(link.sudo()._link_of_plan("next"))
        self.assertEqual((invoice.payment_state, invoice.amount_residual), ("paid", 0))

    # === HOW IT ENDS === #

    def test_part_that_is_not_paid_ends_the_plan(self):
        """After some days: the customer and the owner are told, and reminders go on."""
        rule = self._rule(days=(3,))
        link, plan = self._in_parts()
        first = link.sudo()._link_of_plan("next")
        for days, state in ((0, "running"), (3, "running"), (4, "broken")):
            with self.subTest(days=days):
                mails = self._follow(days)
                self.assertEqual(plan.state, state)
                self.assertEqual(self._is_picked(rule, link.line_ids.move_id, days), state == "broken")
        self.assertIn(link.url, mails.filtered(lambda mail: mail.model == "paylink.link" and mail.email_to).body_html)
        self.assertEqual((first.state, link.state), ("cancelled", "open"))
        self.assertEqual(link.amount_due, 120)
        self.assertIn("plan_broken", link.activity_ids.mapped("paylink_key"))
        self.assertFalse(self._follow(5))
        with freeze_time(f"{TODAY + timedelta(days=5)} 10:00:00"):
            self.assertTrue(self._remind(TODAY + timedelta(days=5)))
            self._pay(link)
        self.assertNotIn("plan_broken", link.activity_ids.mapped("paylink_key"))

    def test_money_on_its_way_does_not_end_the_plan(self):
        link, plan = self._in_parts()
        attempt = self._attempt(link.sudo()._link_of_plan("next"))
        attempt._set_pending()
        self._follow(10)
        self.assertEqual(plan.state, "running")
        attempt._set_canceled()
        self._follow(11)
        self.assertEqual(plan.state, "broken")

    def test_who_is_asked_late_has_time_to_pay(self):
        """The job stood still: no part is missed that nobody has asked for."""
        link, plan = self._in_parts()
        self._pay(link.sudo()._link_of_plan("next"))
        self.assertEqual(len(self._follow(65)), 1)
        self.assertEqual((plan.state, plan.part_ids[2].link_id.amount_due), ("running", 80))
        self._follow(68)
        self.assertEqual(plan.state, "running")
        self._follow(69)
        self.assertEqual(plan.state, "broken")

    def test_what_is_due_after_the_plan_can_be_paid(self):
        """Whenever it ends, and whoever ends it: the page of its link is open as long as that of a new one."""
        for case, end in (("not kept", lambda _plan: self._follow(65)), ("by hand", lambda plan: plan.action_end())):
            with self.subTest(case), self.env.cr.savepoint() as savepoint:
                link, plan = self._in_parts(count=2)
                link = link.sudo()
                self._pay(link._link_of_plan("next"))
                self._follow(61)  # the job stood still
                self.assertGreater(link.expires_at.date(), TODAY + timedelta(days=61))
                with freeze_time(f"{TODAY + timedelta(days=65)} 10:00:00"):
                    end(plan)
                    link.invalidate_recordset()
                    self.assertEqual((plan.state != "running", link.state), (True, "open"))
                    self.assertEqual((link._page_view(), link.expires_at), ("pay", link._new_end()))
                savepoint.rollback()
                self.env.invalidate_all()

    def test_debit_that_fails_after_the_plan(self):
        """The customer is told by which link it is due now."""
        link, plan = self._in_parts()
        attempt = self._attempt(link.sudo()._link_of_plan("next"))
        attempt._set_pending()
        plan._end("ended", "")
        before = self._customer_mails(link)
        attempt._set_error("No")
        self.assertIn(link.url, (self._customer_mails(link) - before).body_html)
        self.assertIn(link.name, attempt.paylink_id.activity_ids.note)

    def test_tries_are_counted_on_all_links_of_a_plan(self):
        self.env["ir.config_parameter"].sudo().set_param(MAX_ATTEMPTS_PARAMETER, 2)
        link = self._in_parts()[0].sudo()
        for what in ("next", "all"):
            self._attempt(link._link_of_plan(what))._set_error("No")
        for own in (link, link._link_of_plan("next"), link._link_of_plan("all")):
            with self.assertRaisesRegex(UserError, "Too many"):
                self._attempt(own)

    def test_part_that_is_lost_after_the_plan(self):
        """What a bank takes back of a plan that was kept: its link says so, and asks for it again."""
        link, plan = self._in_parts(count=2)
        first, last = (self._pay(link.sudo()._link_of_plan("next")).paylink_id for _part in range(2))
        self.assertEqual((plan.state, first.status, last.status), ("kept", "paid", "paid"))
        payment = first.transaction_ids.payment_id
        withdrawal = payment.copy({"payment_type": "outbound"})
        dispute = self._dispute(first, amount=60, withdrawal_id=withdrawal.id)
        payment.move_id.line_ids.remove_move_reconcile()
        dispute.status = "lost"
        self.env.invalidate_all()
        self.assertEqual((first.status, first.amount_due, link.amount_due), ("lost", 60, 60))
        self.assertEqual(last.status, "paid")

    def test_part_that_is_lost_while_the_plan_runs(self):
        """What a bank takes back of an early part is asked for with a later one: its link says so until all is paid."""
        link, plan = self._in_parts()
        first, second = (self._pay(link.sudo()._link_of_plan("next")).paylink_id for _part in range(2))
        dispute = self._dispute(first, amount=40)
        payment = first.transaction_ids.payment_id
        payment.move_id.line_ids.remove_move_reconcile()
        dispute.withdrawal_id = payment.copy({"payment_type": "outbound"})
        for status, expected in (("needs_response", "chargeback"), ("lost", "lost")):
            dispute.status = status
            self.env.invalidate_all()
            self.assertEqual((plan.state, first.status, first.amount_due), ("running", expected, 0))
        self.assertEqual((second.status, plan._left()[plan.id]), ("paid", 80))
        self._pay(link.sudo()._link_of_plan("all"))
        self.assertEqual((plan.state, first.status), ("kept", "settled"))

    def test_when_another_one_is_offered(self):
        """The plan says from which day on, as long as something is due and the page would offer one."""
        link, plan = self._in_parts()
        self.assertFalse(plan.offered_from)
        plan.action_end()
        day = plan.offered_from
        self.assertEqual(day, TODAY + timedelta(days=60))
        for today, is_offered in ((day - timedelta(days=1), False), (day, True)):
            with freeze_time(f"{today} 10:00:00"):
                self.env.invalidate_all()
                self.assertEqual((bool(link.sudo()._plan_offers()), not plan.offered_from), (is_offered, is_offered))
        self._pay(link)
        self.env.invalidate_all()
        self.assertFalse(plan.offered_from)

    # === MANY === #

    def test_many_plans_take_no_more_queries(self):
        counts = []
        for count in (2, 12):
            plans = self.env["paylink.plan"]
            for number in range(count):
                customer = self._customer(f"Customer {count} {number}", email=f"c{number}@example.com", lang="fr_FR")
                plans |= self._in_parts(partner=customer)[1]
            for plan in plans:
                self._pay(plan.sudo().link_id._link_of_plan("next"))
            day = TODAY + timedelta(days=31)
            with freeze_time(f"{day} 10:00:00"):
                self.env.flush_all()
                self.env.invalidate_all()
                before = self.env.cr.sql_log_count
                plans.sudo().with_company(self.company)._follow(day)
                self.env.flush_all()
                counts.append(self.env.cr.sql_log_count - before)
            self.assertEqual(len(plans.part_ids.link_id), count * 2)
            plans.sudo()._end("ended", "")
        self.assertLess(counts[1], counts[0] * 1.5, counts)
