import re
from datetime import date, timedelta
from unittest.mock import patch

from lxml import html
from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, freeze_time, tagged
from odoo.tools import mute_logger
from werkzeug.datastructures import MultiDict

from ...const import MAX_ATTEMPTS_PARAMETER
from ...tools.money import in_parts
from ..reminder.reminder_common import TODAY, ReminderCommon

JOB_LOGGER = "odoo.addons.paylink_addon.models.messaging.paylink_job_mixin"


class PlanCommon(ReminderCommon):
    """A company that lets its customers pay in parts."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(freeze_time(f"{TODAY} 10:00:00"))
        cls.company.write({"paylink_plan_parts": 4, "paylink_plan_least": 20, "paylink_plan_grace_days": 3})
        cls.company.partner_id.tz = "Europe/Paris"

    def _in_parts(self, amount=120.0, count=3, **values):
        """A link of an invoice of long ago, paid in parts."""
        link = self._link(self._due_invoice(10, amount=amount, **values))
        return link, link.sudo()._choose_plan(link.sudo()._plan_offers()[count - 2].key)

    def _follow(self, days):
        """Let the job run as so many days later; return what the customer is written."""
        before = self.env["mail.mail"].sudo().search([])
        day = TODAY + timedelta(days=days)
        with freeze_time(f"{day} 10:00:00"):
            plans = self.env["paylink.plan"].sudo()._to_follow(self.company, day)
            plans._follow(day)
            self.env.flush_all()
            self.env.invalidate_all()
        mails = self.env["mail.mail"].sudo().search([], order="id") - before
        waiting = self.env["mail.notification"].sudo().search([("notification_status", "=", "ready")])
        waiting.notification_status = "sent"  # they leave at once
        return mails

    def _dispute(self, link, **values):
        """A bank takes a payment by ``link`` back, or may."""
        return (
            self.env["paylink.dispute"]
            .sudo()
            .create(
                {
                    "name": f"dp_{link.id}",
                    "provider_id": self.provider.id,
                    "transaction_id": link.transaction_ids[:1].id,
                    "currency_id": link.currency_id.id,
                    "status": "needs_response",
                    "item_ids": [fields.Command.set(link.line_ids.move_line_id.ids)],
                    **values,
                }
            )
        )


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

    # === BY HAND === #

    def _sent(self, link):
        """What the customer gets as somebody sends the link again: of which link it is."""
        before = self.env["mail.mail"].sudo().search([])
        told = link.action_send()["params"]["message"]
        mails = (self.env["mail.mail"].sudo().search([]) - before).filtered("email_to")
        self.assertIn(mails.email_to, told)
        return self.env["paylink.link"].browse(mails.mapped("res_id"))

    def test_link_that_is_sent_again(self):
        """What is asked for now: the part, else what was agreed on; not while it is being paid, nor to nowhere."""
        link = self._in_parts()[0]
        first = link.sudo()._link_of_plan("next")
        link.sudo().is_address_new = True
        self.assertEqual((self._sent(link), link.is_address_new), (first.sudo(False), False))
        attempt = self._attempt(first)
        attempt._set_pending()
        with self.assertRaisesRegex(UserError, "in progress"):
            link.action_send()
        attempt._set_done()
        attempt._post_process()
        self.assertEqual(self._sent(link), link)
        self.assertIn("40", self._customer_mails(link)[:1].body_html)
        link.write({"email": False, "phone": False})
        link.partner_id.write({"email": False, "phone": False})
        with self.assertRaisesRegex(UserError, "no address"):
            link.action_send()

    def test_asked_for_by_hand(self):
        """By a reminder, or by another link: the dialog says that the plan asks for it already."""
        link, plan = self._in_parts()
        invoice = link.line_ids.move_id
        values = {"source_model": "account.move", "source_ids": invoice.ids}
        dialog = self.env["paylink.reminder.send"].create(values)
        for asking in (dialog, self._wizard(invoice).line_ids):
            self.assertIn("in parts", asking.warning)
        plan.action_end()
        self.env.invalidate_all()
        for asking in (dialog, self._wizard(invoice).line_ids):
            self.assertNotIn("in parts", asking.warning or "")

    def _hold(self, link, kind, **values):
        self.env["paylink.reminder.hold"].create({"kind": kind, "move_id": link.line_ids.move_id.id, **values})

    def _announce(self, link):
        link.sudo()._claim_transfer(str(TODAY), "40")

    def test_what_the_job_waits_for(self):
        """(what speaks against it) → the plan after each day: nobody is asked, and nothing is missed, meanwhile."""
        soon, at_last, never = TODAY + timedelta(days=4), ["running", "running", "broken"], ["running"] * 3
        for case, what, expected in (
            ("changed", lambda link: link.line_ids.move_id.button_draft(), never),
            ("canceled", lambda link: link.line_ids.move_id.button_cancel(), ["ended"] * 3),
            ("objection", lambda link: self._hold(link, "objection"), never),
            ("objection until a day", lambda link: self._hold(link, "objection", date_until=soon), at_last),
            (
                "objection to everything",
                lambda link: self._hold(link, "objection", move_id=False, partner_id=link.partner_id.id),
                never,
            ),
            ("announced transfer", lambda link: self._announce(link._link_of_plan("next")), at_last),
            ("transfer of all", lambda link: self._announce(link._link_of_plan("all")), at_last),
            ("transfer by another link", lambda link: self._announce(self._link(link.line_ids.move_id)), at_last),
            ("promise noted by hand", lambda link: self._hold(link, "promise", date_until=soon), at_last),
            ("nothing", lambda _link: None, ["running", "broken", "broken"]),
        ):
            with self.subTest(case), self.env.cr.savepoint() as savepoint:
                link, plan = self._in_parts()
                what(link.sudo())
                found = []
                for days in (3, 6, 31):
                    self._follow(days)
                    found.append(plan.state)
                self.assertEqual(found, expected)
                if expected[-1] == "running":
                    self.assertFalse(plan.part_ids[1].told_at)
                    self.assertGreaterEqual(min(plan.hold_ids.mapped("date_until")), TODAY + timedelta(days=34))
                savepoint.rollback()
                self.env.invalidate_all()

    def test_transfers_announced_again_and_again(self):
        """They put off a plan as often as reminders."""
        _link, plan = self._in_parts()
        first = plan.link_id.sudo()._link_of_plan("next")
        for days in (0, 6, 12):
            with freeze_time(f"{TODAY + timedelta(days=days)} 10:00:00"):
                first._claim_transfer(str(TODAY + timedelta(days=days)), "40")
        last = 6 + self.company.paylink_claim_days + self.company.paylink_plan_grace_days
        for days, state in ((last, "running"), (last + 1, "broken")):
            self._follow(days)
            self.assertEqual(plan.state, state)

    def test_documents_that_are_settled_hold_up_nothing(self):
        """(what is said of one of two documents, what settles that) → the plan goes on for the other."""

        def objects(link, line):
            answer = link._note_answer("objection", "objected", reason="amount", line_ids=line.ids)
            answer._pause("objection", link._paused_together(line))

        def is_credited(line):
            note = self._invoice(amount=60, move_type="out_refund", invoice_date=TODAY)
            self._items(note | line.move_id).reconcile()

        def is_canceled(line):
            line.move_id.button_draft()
            line.move_id.button_cancel()

        def by_hand(_link, line):
            self.env["paylink.reminder.hold"].create({"kind": "objection", "move_id": line.move_id.id})

        for case, say, settle in (
            ("credited", objects, is_credited),
            ("canceled", objects, is_canceled),
            ("noted by hand", by_hand, is_credited),
        ):
            with self.subTest(case), self.env.cr.savepoint() as savepoint:
                invoice, wrong = self._due_invoice(10, amount=120), self._due_invoice(10, amount=60)
                link = self._link(invoice | wrong).sudo()
                plan = link._choose_plan(link._plan_offers()[1].key)
                line = link.line_ids.filtered(lambda one, wrong=wrong: one.move_id == wrong)
                say(link, line)
                self.assertFalse(self._follow(20))
                settle(line)
                [mail] = self._follow(31)
                part = self.env["paylink.link"].browse(mail.res_id)
                self.assertEqual((plan.state, part.amount_due, part.sudo().line_ids.move_id), ("running", 60, invoice))
                self._pay(link._link_of_plan("all"))
                self._follow(32)
                self.assertEqual((plan.state, link.state), ("kept", "paid"))
                savepoint.rollback()
                self.env.invalidate_all()

    def test_part_whose_message_did_not_arrive(self):
        """(what became of it) → nothing is missed; a colleague is told of what came back, and sends it again."""
        for status, tasks in (("bounce", 1), ("exception", 1), ("ready", 0)):
            with self.subTest(status), self.env.cr.savepoint() as savepoint:
                _link, plan = self._in_parts()
                self._pay(plan.link_id.sudo()._link_of_plan("next"))
                [mail] = self._follow(31)
                notification = mail.mail_message_id.notification_ids
                part = plan.part_ids[1].link_id
                for days in (32, 40):
                    notification.notification_status = status
                    self._follow(days)
                notification.notification_status = status
                found = part.activity_ids.filtered(lambda task: task.paylink_key == "plan_unreached")
                self.assertEqual((plan.state, len(found)), ("running", tasks))
                with freeze_time(f"{TODAY + timedelta(days=41)} 10:00:00"):
                    part.sudo(False).action_send()
                    self.env.cr.flush()
                self.assertFalse(found.exists())
                self._follow(44)
                self.assertEqual(plan.state, "running")
                self._follow(45)
                self.assertEqual(plan.state, "broken")
                savepoint.rollback()
                self.env.invalidate_all()

    def test_part_that_is_open_again_is_asked_for_anew(self):
        """A bank, or somebody, takes a part back: (case) → asked for on which days; the plan ends some days later."""

        for case, act in (("chargeback", self._dispute), ("undone", lambda _first: None)):
            with self.subTest(case), self.env.cr.savepoint() as savepoint:
                link, plan = self._in_parts()
                first = link.sudo()._link_of_plan("next")
                payment = self._pay(first).payment_id
                self._follow(1)
                dispute = act(first)
                payment.move_id.line_ids.remove_move_reconcile()
                days = 10
                if dispute:
                    self.assertFalse(self._follow(days))
                    self.assertEqual(plan.state, "running")
                    dispute.status = "won"
                    days = 20
                mails = self._follow(days)
                again = plan.part_ids[0].link_id
                self.assertEqual((plan.state, mails.mapped("res_id"), again.amount_due), ("running", again.ids, 40))
                self.assertFalse(self._follow(days + 3))
                self.assertEqual((plan.state, again != first), ("running", True))
                self._follow(days + 4)
                self.assertEqual(plan.state, "broken")
                savepoint.rollback()
                self.env.invalidate_all()

    def test_link_of_a_part_that_somebody_cancels(self):
        """The part is asked for by another one, and not missed before."""
        link, plan = self._in_parts()
        first = link.sudo()._link_of_plan("next")
        first.action_cancel()
        mails = self._follow(10)
        self.assertEqual((plan.state, mails.mapped("res_id")), ("running", plan.part_ids[0].link_id.ids))
        self.assertNotEqual(plan.part_ids[0].link_id, first)

    def test_who_ends_it(self):
        """Whoever may change the link; not who sees own links only."""
        owner, other = (self._user(login, "paylink_addon.group_paylink_user") for login in ("owner", "other"))
        link, plan = self._in_parts()
        first = link.sudo()._link_of_plan("next")
        link.sudo().user_id = owner
        self.assertFalse(self.env["paylink.plan"].with_user(other).search([]))
        with self.assertRaises(AccessError):
            plan.with_user(other).action_end()
        first.user_id = other  # who sees the part, and not the plan
        self.assertEqual([first.with_user(user).can_view_plan for user in (owner, other, self.manager)], [1, 0, 1])
        self.assertEqual([link.with_user(user).can_view_plan for user in (owner, self.manager)], [1, 1])
        with self.assertRaises(AccessError):
            first.with_user(other).action_view_plan()
        self.assertTrue(plan.with_user(owner).can_end)
        plan.with_user(owner).action_end()
        self.assertEqual((plan.state, first.state), ("ended", "cancelled"))
        self.assertFalse(plan.hold_ids.filtered("active"))
        with self.assertRaises(UserError):
            plan.with_user(owner).action_end()

    def test_what_else_ends_it(self):
        """The link, the promise, and the answer of the customer."""
        for case, end in (
            ("link", lambda link, _plan: link.action_cancel()),
            ("hold", lambda _link, plan: plan.hold_ids.action_lift()),
            ("hold of one document", lambda _link, plan: plan.hold_ids[0].action_lift()),
            ("hold deleted", lambda _link, plan: plan.hold_ids[0].unlink()),
            (
                "answer",
                lambda link, _plan: self.env["paylink.answer"].search([("link_id", "=", link.id)]).action_lift(),
            ),
        ):
            with self.subTest(case), self.env.cr.savepoint() as savepoint:
                link = self._link(self._due_invoice(10, amount=120) | self._due_invoice(10, amount=60))
                key = link.sudo()._plan_offers()[1].key
                link.sudo()._answer_in_turn("plan", MultiDict({"plan": key}))
                plan = link.sudo().plan_id
                self.assertEqual(plan.state, "running")
                end(link, plan.sudo(False))
                self.assertEqual(plan.state, "ended")
                self.assertFalse(plan.hold_ids.filtered("active"))
                savepoint.rollback()
                self.env.invalidate_all()

    def test_promise_is_not_changed_behind_the_back_of_the_customer(self):
        """It is lifted, or stands: neither for less time, nor for another document."""
        link, plan = self._in_parts()
        other = self._due_invoice(10)
        hold = plan.sudo(False).hold_ids
        for values in ({"date_until": TODAY}, {"move_id": other.id}, {"kind": "objection"}):
            with self.subTest(values=values), self.assertRaisesRegex(UserError, "lift it"):
                hold.write(values)
        hold.note = "They have called"
        self.assertEqual((hold.move_id, plan.state), (link.line_ids.move_id, "running"))

    def _answer_of(self, link):
        return self.env["paylink.answer"].search([("link_id", "=", link.id)])

    # === THE JOB === #

    def test_what_fails_keeps_nobody_from_the_rest(self):
        """It is undone as a whole, told, and tried again; nobody is written to twice."""
        plans = self.env["paylink.plan"]
        for number in range(3):
            customer = self._customer(f"Customer {number}", email=f"c{number}@example.com", lang="fr_FR")
            plans |= self._in_parts(partner=customer)[1]
        for plan in plans:
            self._pay(plan.sudo().link_id._link_of_plan("next"))
        Part, bad = type(self.env["paylink.plan.part"]), plans[1].id
        ask = Part._ask

        def fail(parts):
            ask(parts)
            if bad in parts.plan_id.ids:
                raise ValueError("No")

        with freeze_time(f"{TODAY + timedelta(days=31)} 10:00:00"), mute_logger(JOB_LOGGER):
            with patch.object(Part, "_ask", fail):
                self._run_cron("ir_cron_paylink_follow_plans")
                self._run_cron("ir_cron_paylink_follow_plans")
            seconds = [plan.part_ids[1] for plan in plans]
            self.assertEqual([bool(part.told_at) for part in seconds], [True, False, True])
            self.assertEqual([len(self._customer_mails(part.link_id)) for part in seconds], [1, 0, 1])
            self.assertTrue(plans[1].link_id.activity_ids)
            self._run_cron("ir_cron_paylink_follow_plans")
        self.assertEqual([len(self._customer_mails(part.link_id)) for part in seconds], [1, 1, 1])
        self.assertFalse(plans[1].link_id.activity_ids)

    def test_only_in_the_hours_of_the_company(self):
        """Of one that is archived there are none."""
        link, plan = self._in_parts()
        self._pay(link.sudo()._link_of_plan("next"))
        holiday = self._holiday(self.company.resource_calendar_id)
        with freeze_time(f"{TODAY + timedelta(days=31)} 10:00:00"):
            self._run_cron("ir_cron_paylink_follow_plans")
            self.assertFalse(plan.part_ids[1].told_at)
            holiday.unlink()
            self.env.flush_all()
            self.env.cr.execute("UPDATE res_company SET active = false WHERE id = %s", [self.company.id])
            self.env.invalidate_all()
            self._run_cron("ir_cron_paylink_follow_plans")
        self.assertFalse(plan.part_ids[1].told_at)

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


@tagged("post_install", "-at_install")
class TestPlanPage(PlanCommon, HttpCase):
    """What the customer sees and does."""

    def test_page_shows_the_plan_and_pays_its_parts(self):
        """Chosen among the answers, then shown on the page of the link."""
        link = self._link(self._due_invoice(10, amount=120))
        form = html.fromstring(self.url_open(f"/pay/{link.access_token}/answer").text)
        keys = form.xpath("//details[@id='pl-answer-plan']//input[@name='plan']/@value")
        self.assertEqual(len(keys), 3)
        led_to = []
        for said in (keys[1], keys[1], keys[0]):
            data = {"plan": said}
            answer = self.url_open(f"/pay/{link.access_token}/answer/plan", data=data, allow_redirects=False)
            self.assertEqual(answer.status_code, 303)
            led_to.append(answer.headers["Location"].rpartition("/")[2].partition("?")[0])
        first = link.sudo().plan_id.part_ids[0].link_id.access_token  # who has chosen pays it at once
        self.assertEqual(led_to, [first] * 3)
        self.env.invalidate_all()
        plan = self.env["paylink.plan"].search([("link_id", "=", link.id)])
        self.assertEqual(len(plan.part_ids), 3)
        self.assertEqual(len(self._time_line(link, "plan_made")), 1)
        self.assertIn("120.00", link.line_ids.move_id.paylink_last_answer)
        page = self.url_open(f"/pay/{link.access_token}")
        self.assertEqual(page.status_code, 200)
        self.assertEqual(page.text.count("40,00"), 4)
        for what, amount in (("1", 40), ("all", 120), ("2", 120), ("junk", 120)):
            with self.subTest(what=what):
                answer = self.url_open(f"/pay/{link.access_token}/plan", data={"what": what}, allow_redirects=False)
                self.assertEqual(answer.status_code, 303)
                token = answer.headers["Location"].rpartition("/")[2].partition("?")[0]
                self.assertEqual(self.env["paylink.link"]._find_by_token(token).amount_due, amount)
        self.assertEqual(len(plan.part_ids.link_id), 2)
        part = self.url_open(f"/pay/{plan.part_ids[0].link_id.access_token}")
        self.assertIn(link.access_token, part.text)
        self.assertNotIn("pl-tag-danger", part.text)  # the invoice is not late as long as the plan runs
