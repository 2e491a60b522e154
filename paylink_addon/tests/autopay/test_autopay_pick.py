from datetime import timedelta

from odoo import Command
from odoo.tests import tagged

from .autopay_common import AutopayCommon


@tagged("post_install", "-at_install")
class TestAutopayPick(AutopayCommon):
    """Which open items a rule charges on a day."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.vip = cls.env["res.partner.category"].create({"name": "VIP"})
        cls.term, cls.other_term = cls.env["account.payment.term"].create([{"name": "A"}, {"name": "B"}])
        journal = cls.company_data["default_journal_sale"]
        cls.journal = journal.copy({"default_account_id": journal.default_account_id.id})

    def test_rules_narrow_down(self):
        """Each filter of a rule, with an invoice that fits and one that does not."""
        self.marie.category_id = self.vip
        invoice = self._due_invoice(ref="Abonnement ÉTÉ", invoice_payment_term_id=self.term.id)
        invoice.invoice_date_due = self.today
        for values, picked in (
            ({}, True),
            ({"customer_mode": "only", "partner_ids": self.marie.ids}, True),
            ({"customer_mode": "only", "partner_ids": self.john.ids}, False),
            ({"customer_mode": "except", "category_ids": self.vip.ids}, False),
            ({"memo_mode": "include", "memo_text": "ete"}, True),
            ({"memo_mode": "ignore", "memo_text": "ete"}, False),
            ({"ignore_before": self._days(0)}, False),
            ({"ignore_before": self._days(-5)}, True),
            ({"all_terms": False, "term_ids": self.term.ids}, True),
            ({"all_terms": False, "term_ids": self.other_term.ids}, False),
            ({"amount_min": 100.01}, False),
            ({"amount_min": 100, "amount_max": 100}, True),
            ({"amount_max": 99.99}, False),
            ({"journal_ids": self.journal.ids}, False),
            ({"journal_ids": invoice.journal_id.ids}, True),
            ({"salesperson_ids": self.manager.ids}, False),
            ({"active": False}, False),
            ({"notice_days": 3}, False),
        ):
            with self.subTest(values):
                rule = self._rule(
                    **{name: [Command.set(ids)] if isinstance(ids, list) else ids for name, ids in values.items()}
                )
                self.assertEqual(self._pick_moves(), invoice if picked else invoice.browse())
                rule.unlink()

    def test_moments(self):
        """On posting, on the due date, before and after it: by the first day, and ever after."""
        due_in_three = self._due_invoice(late=-3)
        for values, first in (
            ({"moment": "on"}, 3),
            ({"moment": "before", "days": 2}, 1),
            ({"moment": "after", "days": 4}, 7),
            ({"moment": "posting"}, -2),
        ):
            rule = self._rule(**values)
            for day in (first - 1, first, first + 20):
                with self.subTest(values, day=day):
                    found = self._pick_moves(self._days(day))
                    self.assertEqual(found, due_in_three if day >= first else found.browse())
            rule.unlink()

    def test_what_is_never_charged(self):
        """Each reason alone keeps an invoice from being charged; without any it is."""
        self._rule()

        def customer(**values):
            return lambda move: move.partner_id.sudo().with_company(self.company).write(values)

        def token(**values):
            return lambda move: self.token.write(values)

        cases = {
            "nothing": (None, True),
            "promise": (lambda move: self._hold("promise", move_id=move.id), False),
            "objection of the customer": (lambda move: self._hold("objection", partner_id=move.partner_id.id), False),
            "in progress": (lambda move: self._attempt(self._link(move))._set_pending(), False),
            "paid, not booked": (lambda move: self._attempt(self._link(move))._set_done(), False),
            "charged back": (self._charge_back, False),
            "blocked": (lambda move: move.write({"payment_state": "blocked"}), False),
            "no follow-up": (lambda move: self._items(move).write({"no_followup": True}), False),
            "draft again": (lambda move: move.button_draft(), False),
            "skipped": (lambda move: self.env["paylink.autopay.item"]._of_items(self._items(move))._skip(True), False),
            "archived": (customer(active=False), False),
            "switched off": (customer(paylink_autopay=False), False),
            "no profile": (customer(paylink_token_id=False), False),
            "archived profile": (token(active=False), False),
            "expired profile": (token(paylink_expires_on=self._days(-1)), False),
            "refused profile": (token(paylink_refused_at="2026-01-01"), False),
            "profile of another customer": (token(partner_id=self.john.id), False),
            "provider off": (lambda _move: self.provider.sudo().write({"state": "disabled"}), False),
        }
        for name, (change, picked) in cases.items():
            with self.subTest(name), self.env.cr.savepoint() as savepoint:
                invoice = self._due_invoice()
                if change:
                    change(invoice)
                self.assertEqual(self._pick_moves(), invoice if picked else invoice.browse())
                savepoint.rollback()
            self.env.invalidate_all()

    def _hold(self, kind, **values):
        self.env["paylink.reminder.hold"].create(
            {"kind": kind, "company_id": self.company.id, "date_until": self._days(9), **values}
        )

    def _charge_back(self, move):
        link = self._link(move)
        self.env["paylink.dispute"].sudo().create(
            {
                "name": f"dp_{link.id}",
                "provider_id": self.provider.id,
                "transaction_id": self._force_attempt(link, 1).id,
                "currency_id": link.currency_id.id,
                "status": "needs_response",
                "item_ids": [Command.set(link.line_ids.move_line_id.ids)],
            }
        )

    def test_method_works_on_the_day(self):
        """Whether it has expired is a question of the day of the charge, not of today."""
        rule = self._rule(notice_days=3)
        self._due_invoice(late=-3)
        for day, reason in ((2, "profile_works"), (3, None)):
            with self.subTest(expires=day):
                self.token.paylink_expires_on = self._days(day)
                (plan,) = rule._plans(self.today)
                self.assertEqual((plan.reason, bool(rule._pick_notices(self.today))), (reason, not reason))

    def test_other_companies(self):
        """Neither their rules, nor their switch, nor their profiles are ours."""
        other = self._other_company()
        self._rule(company_id=other.id)
        self._due_invoice()
        self.assertFalse(self._pick_moves())
        rule = self._rule()
        self.assertTrue(self._pick_moves())
        theirs = rule.search([("company_id", "=", other.id)])
        self.assertFalse(theirs._pick(self.today))
        self.assertFalse(self.marie.with_company(other).paylink_autopay)

    def test_first_rule_decides(self):
        """An item that two rules fit is charged once, by the first one."""
        second, first = self._rule(sequence=20, grouping="document"), self._rule(sequence=10)
        self._due_invoice()
        (due,) = (first | second)._pick(self.today)
        self.assertEqual(due.rule_id, first.id)

    def test_first_rule_decides_the_day(self):
        """What the first rule charges later, or announces first, no other one charges or announces before."""
        for first, second, day, is_told in (
            ({"moment": "after", "days": 10}, {}, 10, False),
            ({"moment": "after", "days": 10}, {"notice_days": 3}, 10, False),
            ({"notice_days": 3}, {}, None, True),
            ({}, {"notice_days": 3}, 0, False),
        ):
            with self.subTest(first=first, second=second), self.env.cr.savepoint() as savepoint:
                rules = self._rule(sequence=20, **second) | self._rule(sequence=10, **first)
                invoice = self._due_invoice()
                for number in (0, 9, 10):
                    picked = invoice if day is not None and number >= day else invoice.browse()
                    self.assertEqual(self._pick_moves(self._days(number)), picked, number)
                self.assertEqual(bool(rules._pick_notices(self.today)), is_told)
                savepoint.rollback()
            self.env.invalidate_all()

    def test_queries(self):
        """As many for a hundred customers as for one."""
        rule = self._rule()
        self._due_invoice()
        rule._charges(rule._pick(self.today), self.today)

        def count():
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            rules = rule._of_company(self.company)
            rules._charges(rules._pick(self.today), self.today)
            return self.env.cr.sql_log_count - before

        one = count()
        for number in range(20):
            partner = self._customer(f"Customer {number}", email=f"c{number}@example.com")
            self._profile(partner)
            self._due_invoice(partner)
            self._due_invoice(partner, late=1)
        self.env.flush_all()
        self.assertEqual(len(self._pick_moves()), 41)
        self.assertLessEqual(count(), one + 2)

    def test_installments(self):
        """Of an invoice in installments what is due."""
        term = self.env["account.payment.term"].create(
            {
                "name": "Twice",
                "line_ids": [
                    Command.create({"value": "percent", "value_amount": 50, "nb_days": days}) for days in (0, 30)
                ],
            }
        )
        invoice = self._invoice(invoice_payment_term_id=term.id)
        rule = self._rule()
        (due,) = rule._pick(self.today + timedelta(days=1))
        self.assertEqual((due.move_id, due.residual), (invoice.id, 50))
        rows = self.env["paylink.autopay.item"]._of_items(self._items(invoice))
        told_apart = [(row.name, row.amount) for row in rows.sorted("name")]
        self.assertEqual(told_apart, [(f"{invoice.name}-1", 50), (f"{invoice.name}-2", 50)])
