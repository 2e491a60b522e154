from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .stripe_account_common import StripeAccountCommon


@tagged("post_install", "-at_install")
class TestStripeAccountPayouts(StripeAccountCommon):
    """From the payment by the payout to the line of the bank."""

    def setUp(self):
        super().setUp()
        self.balance = self.use_as_account()
        self.transfer = self.company.transfer_account_id

    def payout(self, trace=None, **values):
        """Pay out what there is; the payout as Odoo knows it."""
        payout_id = self.fake.payout(**values)["id"]
        self.fake.pay_payout(payout_id, trace)
        self.keep_up()
        return self.env["paylink.payout"].search([("name", "=", payout_id)])

    def open_transfers(self):
        domain = [("account_id", "=", self.transfer.id), ("parent_state", "=", "posted"), ("reconciled", "=", False)]
        return self.env["account.move.line"].search(domain).mapped("balance")

    # === FROM PAYMENT TO BANK LINE === #

    def test_consolidated_when_the_bank_shows_the_payout(self):
        """The way is on the link, with amounts that add up; taken back, the link is not consolidated anymore."""
        txs = [self.paid(100), self.paid(50)]
        self.fake.refund(txs[1].paylink_stripe_intent, 1000)
        links = txs[0].paylink_id | txs[1].paylink_id
        payout = self.payout(trace="TRN4711X")
        self.assertEqual((payout.status, payout.is_composed, payout.reference), ("paid", True, "TRN4711X"))
        fees = sum(row.fee for row in self.fake.ledger()) / 100
        self.assertEqual((payout.charges, payout.refunds, payout.others), (150, -10, 0))
        self.assertAlmostEqual(payout.fees, -fees)
        self.assertAlmostEqual(payout.net, payout.amount)
        self.assertEqual(links.mapped("consolidated"), [False, False])
        line = self.arrived(payout, "VIR SEPA STRIPE trn 4711-X RECU")
        self.read_balance()
        self.assertEqual((payout.bank_line_id, line.is_reconciled), (line, True))
        self.assertEqual(links.mapped("consolidated"), [True, True])
        self.assertEqual(set(links.mapped("consolidated_on")), {line.date})
        moves = links[0].balance_move_ids
        self.assertEqual((moves.amount, moves.amount - moves.fee), (100, moves.net))
        self.assertEqual((moves.payout_id, moves.bank_label), (payout, line.payment_ref))
        self.assertEqual(self.open_transfers(), [])
        self.assert_even(self.balance)
        found = self.env["paylink.link"].search([("state", "=", "paid"), ("consolidated", "=", False)])
        self.assertFalse(found & links)
        line.action_undo_reconciliation()
        self.assertEqual((payout.bank_line_id, links.mapped("consolidated")), (line.browse(), [False, False]))
        self.read_balance()
        self.assertEqual(links.mapped("consolidated"), [True, True])

    def test_the_bank_may_be_faster(self):
        """Its line waits until the payout is known."""
        self.paid(100)
        payout_id = self.fake.payout(statement_descriptor="LAMBERT 75")["id"]
        line = self._bank_line("VIR LAMBERT 75", self.fake.get(payout_id)["amount"] / 100)
        self.assertFalse(line.is_reconciled)
        self.fake.pay_payout(payout_id)
        self.keep_up()
        self.assertTrue(line.is_reconciled)

    def test_what_is_no_proof(self):
        """Another amount, a part of a longer reference, no word of Stripe, long ago; two lines alike: for a person."""
        self.paid(100)
        payout = self.payout(trace="TRN4711X")
        late = payout.arrival_date + timedelta(days=60)
        lines = [
            self.arrived(payout, "STRIPE TRN4711X", payout.amount + 0.01),
            self.arrived(payout, "VIR TRN4711XY"),
            self.arrived(payout, "VIR DUPONT"),
            self.arrived(payout, "STRIPE", date=late),
            self.arrived(payout, "STRIPE", -payout.amount),
        ]
        alike = self._bank_lines(*[("STRIPE PAYMENTS", payout.amount)] * 2, date=payout.arrival_date)
        self.read_balance()
        for line in (*lines, *alike):
            with self.subTest(line.payment_ref):
                self.assertFalse(line.is_reconciled)
        alike[0].unlink()
        self.read_balance()
        self.assertTrue(alike[1].is_reconciled)

    def test_lines_that_are_not_posted_are_no_rivals(self):
        """An entry that was cancelled, or is a draft, has brought nothing."""
        payout = self.payout_of_100()
        alike = self._bank_lines(*[("STRIPE PAYMENTS", payout.amount)] * 3, date=payout.arrival_date)
        alike[:2].move_id.button_draft()
        alike[1].move_id.button_cancel()
        self.read_balance()
        self.assertEqual(payout.bank_line_id, alike[2])
        self.assertEqual(alike[:2].mapped("is_reconciled"), [False, False])

    # === FAILURES === #

    def test_failed_payouts_come_back(self):
        """Before the bank has shown it, after it, and cancelled: nothing stays on its way."""
        self.paid(100)
        links = self.env["paylink.link"].search([("state", "=", "paid")])
        for undo, is_shown in (
            (self.fake.cancel_payout, False),
            (self.fake.fail_payout, False),
            (self.fake.fail_payout, True),
        ):
            with self.subTest(undo=undo.__name__, is_shown=is_shown):
                payout = self.payout()
                if is_shown:
                    self.arrived(payout, "STRIPE", date=payout.arrival_date)
                    self.read_balance()
                    self.assertTrue(payout.bank_line_id)
                    self.assertTrue(links.consolidated, "the money of those that came back is in it")
                undo(payout.name)
                self.keep_up()
                self.assertIn(payout.status, ("failed", "canceled"))
                if is_shown:
                    self.assertEqual(self.open_transfers(), [-payout.amount])
                    self.arrived(payout, "STRIPE REJET", -payout.amount, date=payout.arrival_date)
                    self.read_balance()
                self.assertEqual(self.open_transfers(), [])
                self.assertFalse(any(links.mapped("consolidated")))
                self.assert_even(self.balance)
        payout = self.payout()
        line = self.arrived(payout, "STRIPE", date=payout.arrival_date)
        self.read_balance()
        self.assertTrue(payout.bank_line_id)
        self.assertEqual(self.open_transfers(), [])
        self.assertEqual((links.consolidated, links.balance_move_ids.bank_label), (True, line.payment_ref))
        receipt = self.env["paylink.receipt"].search([("link_id", "=", links.id)])
        self.assertEqual((receipt.is_consolidated, receipt.bank_line_id), (True, line))

    def test_manual_payouts_take_the_oldest_payments_where_somebody_says_so(self):
        """Stripe does not say what is in them: nothing is guessed; what is covered in part comes with the next one."""
        links = [self.paid(amount).paylink_id for amount in (100, 50, 70)]
        payouts = [self.manual_payout(amount) for amount in (12000, 5000)]
        consolidated = lambda: [link.consolidated for link in links]  # noqa: E731
        self.assertEqual(consolidated(), [False] * 3)
        with self.assertRaises(AccessError):
            payouts[0].with_user(self._user("reader", "account.group_account_readonly")).action_assign()
        invoicing = self._user("invoicing", "account.group_account_invoice")
        for payout, expected in zip(payouts, ([True, False, False], [True, True, False]), strict=True):
            payout.with_user(invoicing).action_assign()
            self.assertEqual(consolidated(), expected)
        self.assertEqual(payouts[1].move_ids.link_id, links[1])
        payouts[1].with_user(invoicing).action_release()
        self.assertEqual(consolidated(), [True, False, False])
        payouts[1].with_user(invoicing).action_assign()
        self.fake.fail_payout(payouts[0].name)
        self.keep_up()
        self.assertEqual(consolidated(), [False, True, False], "what came back is not in it")
        self.assertFalse(payouts[0].is_assigned)
        with self.assertRaises(UserError):
            payouts[0].with_user(invoicing).action_assign()
        self.assert_even(self.balance)

    def test_what_is_released_has_sent_nothing_again(self):
        """A payout came back, and somebody took another one for that which sent its money again."""
        returned = self.payout_of_100()
        self.fake.fail_payout(returned.name)
        self.keep_up()
        manual = self.manual_payout(round(returned.amount * 100))
        manual.action_assign()
        self.assertEqual(returned.arrival_line_id, manual.bank_line_id)
        manual.action_release()
        self.assertFalse(returned.arrival_line_id)

    def test_payouts_that_cost_something(self):
        """What Stripe keeps for a payout that is there at once is one of its fees, and is paid out of the payments."""
        self.paid(70)
        automatic = self.payout(fee=100)
        links = self.paid(100).paylink_id | self.paid(50).paylink_id
        self.read_balance()
        net = sum(links.balance_move_ids.mapped("net"))
        manual = self.manual_payout(round(net * 100) - 300, fee=300)
        manual.action_assign()
        self.assertEqual(links.mapped("consolidated"), [True, True])
        for payout, fee in ((manual, 3), (automatic, 1)):
            self.assertAlmostEqual(payout.net, payout.amount)
            self.assertAlmostEqual(-payout.fees, sum(payout.move_ids.mapped("fee")) + fee * (payout == manual))
        self.assert_even(self.balance)

    def manual_payout(self, amount, **values):
        payout = self.payout(manual=amount, **values)
        self.arrived(payout, f"STRIPE {payout.name}", date=payout.arrival_date)
        self.read_balance()
        self.assertTrue(payout.bank_line_id)
        return payout

    def test_one_bank_line_that_can_not_be_changed_keeps_back_nothing(self):
        """Its entry is secured: told, with the reason, until somebody has reconciled it; all else goes on."""
        lines = []
        for _number in range(2):
            self.paid(100)
            payout_id = self.fake.payout()["id"]
            lines.append(self._bank_line(f"STRIPE {payout_id}", self.fake.get(payout_id)["amount"] / 100))
            self.fake.pay_payout(payout_id)
        self.env.flush_all()
        self.env.cr.execute("UPDATE account_move SET inalterable_hash = '$4$x' WHERE id = %s", [lines[0].move_id.id])
        self.env.invalidate_all()
        with self.assertLogs("odoo.addons.paylink_addon.models.messaging.paylink_job_mixin", "ERROR"):
            self.keep_up()
        self.assertEqual([line.is_reconciled for line in lines], [False, True])
        self.assertTrue(self.balance.journal_ids.paylink_said_at)
        self.assert_even(self.balance)
        domain = [("paylink_key", "=like", "job%"), ("paylink_about_model", "=", "paylink.payout")]
        task = self.env["mail.activity"].search(domain)
        self.assertIn("secured", task[:1].note)
        self.assertEqual(task[:1].res_model, "paylink.balance")
        other = self.balance.new({"company_id": self._other_company().id})
        self.env["paylink.payout"]._match_waiting(other)
        with self.assertLogs("odoo.addons.paylink_addon.models.messaging.paylink_job_mixin", "ERROR"):
            self.read_balance()
        self.assertEqual(self.env["mail.activity"].search(domain), task, "of whatever company the others are")

    def test_old_payouts_are_composed(self):
        """A backfill: they were paid out long ago, and Stripe has known for long what they are made of."""
        tx = self.paid(100)
        payout_id = self.fake.payout()["id"]
        self.fake.pay_payout(payout_id)
        for kind in ("balance_transaction", "payout"):
            for row in self.fake.realm().all(kind):
                row["created"] -= 20 * 86400
        self.env["paylink.balance"].sudo().search([]).since = fields.Date.today() - timedelta(days=60)
        self.read_balance()
        payout = self.env["paylink.payout"].search([])
        self.assertEqual((payout.is_composed, payout.charges), (True, 100))
        self.arrived(payout, f"STRIPE {payout_id}", date=payout.arrival_date)
        self.assertTrue(tx.paylink_id.consolidated)

    def test_payouts_are_asked_for_in_turn(self):
        """What is on its way is asked for now and then, what was told of at once, what is final never again."""
        for _number in range(2):
            self.paid(100)
            self.fake.payout()
        self.keep_up()
        manual, automatic = self.env["paylink.payout"].search([])
        manual.sudo().write({"is_automatic": False, "status": "paid"})
        Payout = self.env["paylink.payout"]
        due = Payout._open_domain(self.balance)
        self.assertFalse(Payout.search(due), "both were asked for just now")
        long_ago = fields.Datetime.now() - timedelta(hours=2)
        (manual | automatic).sudo().asked_at = long_ago
        self.assertEqual(Payout.search(due), automatic)
        (manual | automatic).sudo().write({"asked_at": fields.Datetime.now(), "is_stale": True})
        self.assertEqual(Payout.search(due), manual | automatic)

    def test_alike_lines_of_other_days(self):
        """Two lines of one amount, made one after the other, before the payout is known: neither is proof."""
        self.paid(100)
        payout_id = self.fake.payout()["id"]
        amount = self.fake.get(payout_id)["amount"] / 100
        first = self._bank_line("STRIPE PAYMENTS", amount)
        self.fake.pay_payout(payout_id)
        other = self._bank_line("STRIPE PAYMENTS 2", amount)
        self.keep_up()
        again = self._bank_line("STRIPE PAYMENTS 3", amount)
        for line in (first, other, again):
            self.assertFalse(line.is_reconciled)

    def test_payouts_of_accounts_that_are_not_kept(self):
        """Another Stripe account of the company pays out as well: only the payout's own name is proof."""
        payout = self.payout_of_100()
        other = self.provider.copy({"name": "Second", "company_id": self.company.id})
        other.write({"paylink_stripe_secret_key": "sk_live_second", "state": "enabled"})
        unnamed = self.arrived(payout, "STRIPE PAYMENTS")
        self.assertFalse(unnamed.is_reconciled)
        named = self.arrived(payout, f"STRIPE {payout.name}")
        self.assertTrue(named.is_reconciled)

    def payout_of_100(self):
        self.paid(100)
        return self.payout()

    def test_what_was_taken_apart_at_the_bank_comes_together(self):
        """Its item was un-reconciled, or its line in Stripe's journal deleted: the next run reconciles it again."""
        payout = self.payout_of_100()
        line = self.arrived(payout, f"STRIPE {payout.name}")
        for apart in (payout.item_id.remove_move_reconcile, self.moves("payout").line_id.unlink):
            apart()
            self.assertFalse(payout.bank_line_id)
            self.read_balance()
            self.assertEqual(payout.bank_line_id, line)
            self.assertEqual(self.open_transfers(), [])

    def test_top_ups_find_the_line_of_the_bank(self):
        """Money from the bank to Stripe: by the top-up's name, or alone with its amount in these days."""
        for label in (lambda topup: f"PRLV STRIPE {topup['id']}", lambda _topup: "PRLV STRIPE"):
            topup = self.fake.top_up(2000)
            self.keep_up()
            self.assertTrue(self.moves("topup").filtered("is_open"))
            other = self._bank_line(label(topup), 20)
            line = self._bank_line(label(topup), -20)
            self.assertTrue(line.is_reconciled)
            self.assertFalse(other.is_reconciled)
            self.assertFalse(self.moves("topup").filtered("is_open"))
            self.assertEqual(self.open_transfers(), [])

    def test_events_of_payouts_wake_the_job(self):
        self.paid(100)
        self.keep_up()
        trigger = self.env["ir.cron.trigger"].search([])
        payout_id = self.fake.payout()["id"]
        self.deliver_and_handle()
        woken = (self.env["ir.cron.trigger"].search([]) - trigger).cron_id
        self.assertIn(self.env.ref("paylink_addon.ir_cron_paylink_balance"), woken)
        self.assertEqual(self.stored("payout.created").mapped("state"), ["done"])
        self.read_balance()
        self.assertEqual(self.env["paylink.payout"].search([]).mapped("name"), [payout_id])
        self.assertEqual(self.moves("payout").date, self.company._paylink_today())
