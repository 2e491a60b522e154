from unittest.mock import patch

from odoo.tests import tagged

from .autopay_common import AutopayCommon


@tagged("post_install", "-at_install")
class TestAutopayRun(AutopayCommon):
    """The run: wishes, links, the books, and what happens to what two do at once."""

    def test_charged_once(self):
        """Stored, sent by the job, booked, and told by a receipt; never again by itself."""
        rule, invoice = self._rule(), self._due_invoice()
        (tx,) = self._run_rules()
        self.assertEqual((tx.state, tx.paylink_todo, tx.operation), ("pending", "charge", "offline"))
        self.assertEqual((tx.amount, tx.token_id, tx.paylink_autopay), (100, self.token, True))
        link = tx.paylink_id
        self.assertEqual(
            (link.kind, link.state, link.user_id, link.by_autopay), ("open_items", "pending", rule.user_id, True)
        )
        self.assertFalse(self._run_rules(), "it is on its way")
        self.assertEqual(self._row(invoice).status, "in_progress")
        self._send_and_book()
        self.assertEqual(self._row(invoice).status, "charged")
        self.assertEqual((tx.state, link.state, invoice.payment_state), ("done", "paid", "paid"))
        self.assertTrue(self._customer_mails(link), "the receipt")
        self.assertTrue(self._row(invoice).is_charged)
        invoice.line_ids.remove_move_reconcile()
        self.assertFalse(self._run_rules(), "what was charged once is somebody's to look at")

    def test_customer_pays_a_part_in_its_place(self):
        """After a charge that was declined, on the page of its link: the rest is charged as planned."""
        self.company.paylink_allow_partial = True
        self.token.demo_simulated_state = "error"
        self._rule(retry_other="3")
        invoice = self._due_invoice()
        link = self._run_rules().paylink_id
        self._send_and_book()
        row = self._row(invoice)
        self.assertEqual((row.status, row.next_on), ("retry", self._days(3)))
        part = self._attempt(link, 40)
        part._set_done()
        part._post_process()
        self.assertEqual((invoice.amount_residual, row.is_charged), (60, False))
        self.token.demo_simulated_state = "done"
        rest = self._run_rules(days=3)
        self.assertEqual((rest.amount, rest.token_id), (60, self.token))
        self._send_and_book()
        self.assertEqual((invoice.payment_state, row.is_charged), ("paid", True))

    def test_several_customers_at_once(self):
        """Each is charged to their own method, in one run."""
        self._rule()
        moves = self._due_invoice() | self._due_invoice(self.john)
        tokens = self.token | self._profile(self.john)
        made = self._run_rules()
        self.assertEqual((made.token_id, made.paylink_id.line_ids.move_line_id.move_id), (tokens, moves))
        rows = self.env["paylink.autopay.item"].search([("move_id", "in", moves.ids)])
        self.assertEqual({row.move_id: row.link_id for row in rows}, dict(zip(moves, made.paylink_id, strict=True)))

    def test_wishes_are_stored_in_sets(self):
        """However many customers: each costs no more than its reference, which Odoo looks up one by one."""
        rule, costs = self._rule()._of_company(self.company), []
        for number in (2, 6):
            customers = self.env["res.partner"].create([{"name": f"Customer {n}"} for n in range(number)])
            for customer in customers:
                self._profile(customer)
                self._due_invoice(customer)
            charges, _others = rule._charges(rule._pick(self.today, customers.ids), self.today)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.assertEqual(len(rule._charge(charges)), number)
            self.env.flush_all()
            costs.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(costs[1] - costs[0], 4, costs)

    def test_nothing_leaves_before_the_switch(self):
        self.company.paylink_autopay = False
        self._rule()
        self._due_invoice()
        self._run_cron("ir_cron_paylink_autopay")
        self.assertFalse(self.env["payment.transaction"].search([("paylink_autopay", "=", True)]))
        self.assertFalse(self._run_rules(), "the chunk looks again")
        self.company.paylink_autopay = True
        self._run_cron("ir_cron_paylink_autopay")
        self._send_and_book()
        self.assertEqual(self.env["payment.transaction"].search([("paylink_autopay", "=", True)]).state, "done")

    def test_credit_that_is_used_up_meanwhile(self):
        """Between the choice and the wish: not more is charged than was chosen, and announced."""
        rule = self._rule()
        self._due_invoice()
        credit, other = self._invoice(amount=30, move_type="out_refund"), self._due_invoice(amount=30, late=-20)
        charges, _others = rule._charges(rule._pick(self.today), self.today)
        self.assertEqual([charge.total() for charge in charges], [70])
        (self._items(credit) | self._items(other)).reconcile()
        self.assertFalse(rule._charge(charges))
        self.assertEqual(self._run_rules().amount, 100)

    def test_together_and_less_credits(self):
        """One charge settles two invoices and uses the credit note up."""
        self._rule()
        moves = self._due_invoice(late=2) | self._due_invoice(amount=60)
        credit = self._invoice(amount=30, move_type="out_refund")
        (tx,) = self._run_rules()
        self.assertEqual(tx.amount, 130)
        self._send_and_book()
        self.assertEqual((moves | credit).mapped("amount_residual"), [0, 0, 0])

    def test_foreign_currency(self):
        """Each currency is a charge of its own; what the provider does not take is left out."""
        rule = self._rule()
        self._due_invoice()
        self._due_invoice(amount=40, currency_id=self.currency_euro.id)
        charges, _others = rule._charges(rule._pick(self.today), self.today)
        self.assertEqual(sorted(charge.total() for charge in charges), [40, 100])
        self.provider.sudo().available_currency_ids = self.company.currency_id
        charges, others = rule._charges(rule._pick(self.today), self.today)
        self.assertEqual(([charge.total() for charge in charges], list(others.values())), ([100], ["refused"]))

    def test_paid_meanwhile(self):
        """What is paid between the pick and the charge is not charged: the amount is that under the lock."""
        rule = self._rule()._of_company(self.company)
        first = self._due_invoice(late=1)
        self._due_invoice(amount=60)
        charges, _others = rule._charges(rule._pick(self.today), self.today)
        self._pay(self._link(first))
        tx = rule._charge(charges)
        self.assertEqual(tx.amount, 60)

    def test_one_link_where_nothing_can_be_charged(self):
        """The next run takes that of the one before."""
        self._rule()
        invoice = self._due_invoice()
        with patch.object(self.registry["paylink.link"], "_charge_values", return_value={}):
            self._run_rules()
            self._run_rules()
        self.assertEqual(len(self.env["paylink.link"].search([("by_autopay", "=", True)])), 1)
        self.assertEqual(self._run_rules().paylink_id, self._row(invoice).link_id)

    def test_changed_between_wish_and_send(self):
        """It is not charged; and its plan has not ended by that."""
        rule = self._rule()
        changes = {
            "skipped": lambda invoice: self.env["paylink.autopay.item"]._of_items(self._items(invoice))._skip(True),
            "customer off": lambda _invoice: self.marie.write({"paylink_autopay": False}),
            "customer ends it": lambda _invoice: self.marie._paylink_end_autopay(),
            "company off": lambda _invoice: self.company.write({"paylink_autopay": False}),
            "rule off": lambda _invoice: rule.write({"active": False}),
            "blocked": lambda invoice: self._items(invoice).move_id.write({"payment_state": "blocked"}),
            "other method": lambda _invoice: self._profile(self.marie),
            "paid": self._pay_by_hand,
        }
        for name, change in changes.items():
            with self.subTest(name):
                rule.active = self.company.paylink_autopay = True
                self.token = self._profile(self.marie)
                invoice = self._due_invoice()
                (tx,) = self._run_rules()
                change(invoice)
                self._send_and_book()
                self.assertEqual((tx.state, tx.paylink_sent_at, tx.paylink_todo), ("cancel", False, False))
                row = self._row(invoice)
                self.assertEqual((row.tries, row.is_ended), (0, False))
                row.sudo()._skip(True)

    def _pay_by_hand(self, invoice):
        self.env["account.payment.register"].with_context(active_model="account.move", active_ids=invoice.ids).create(
            {}
        ).action_create_payments()

    def test_cancelled_link_withdraws_the_charge(self):
        """Until it is sent; and it is not charged again by itself."""
        self._rule()
        invoice = self._due_invoice()
        (tx,) = self._run_rules()
        tx.paylink_id.action_cancel()
        self._send_and_book()
        self.assertEqual((tx.state, self._row(invoice).decline), ("cancel", "canceled"))
        self.assertFalse(self._run_rules(days=60))
