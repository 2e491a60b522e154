from odoo.tests import tagged

from ..autopay.autopay_common import AutopayCommon


@tagged("post_install", "-at_install")
class TestRegisteredPlaces(AutopayCommon):
    """A payment without an entry is money on its way wherever somebody might ask for it, charge it, or tell of it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bank = cls._journal_without_entries()
        cls._rule()

    def _places(self, move, link):
        """What each place asks for."""
        self.env.flush_all()
        self.env.invalidate_all()
        lines = self._wizard(move).line_ids.filtered(lambda line: not line.problem)
        statement = self.env["paylink.statement"]._for_customers(self.marie)
        items = self._items(move)
        return {
            "dialog": sum(lines.mapped("amount_due")),
            "link": link._payable_amount(),
            "page": link._page_money().payable,
            "send and print": bool(self.env["account.move.send"].sudo()._paylink_askable(move)),
            "invoice": move.paylink_can_send,
            "statement": int("".join(filter(str.isdigit, statement.amount_display))) / 100,
            "account": sum((items - items._paylink_in_flight())._paylink_due().values()),
            "autopay": self._pick_moves() == move,
        }

    def _check(self, move, link, amount):
        """All places ask for the same."""
        numbers = dict.fromkeys(("dialog", "link", "page", "statement", "account"), amount)
        flags = dict.fromkeys(("send and print", "invoice", "autopay"), bool(amount))
        self.assertEqual(self._places(move, link), numbers | flags)

    def _bank_shows(self, move, amount):
        receivable = self.company_data["default_account_receivable"]
        line = self.env["account.bank.statement.line"].create(
            {"journal_id": self.bank.id, "payment_ref": "Transfer", "amount": amount, "date": move.date}
        )
        suspense = line._seek_for_lines()[1]
        suspense.write({"account_id": receivable.id, "partner_id": move.partner_id.id})
        (suspense | self._items(move)).reconcile()

    def test_each_place(self):
        move = self._due_invoice(amount=1000)
        link = self._link(move)
        self._check(move, link, 1000)
        part = self._register(move, 400)
        self._check(move, link, 600)
        rest = self._register(move, 600)
        self._check(move, link, 0)
        rest.action_cancel()
        self._check(move, link, 600)
        part.action_reject()
        self._check(move, link, 1000)
        self._register(move)
        self._check(move, link, 0)
        self._bank_shows(move, 1000)
        self.assertEqual((move.amount_residual, link.state, self._pick_moves()), (0, "paid", move.browse()))

    def test_receipts(self):
        """It is among what came in; the bank has not shown it until it does."""
        move = self._due_invoice(amount=1000)
        payment = self._register(move)
        self.env.flush_all()
        receipts = self.env["paylink.receipt"].search([("partner_id", "=", self.marie.id)])
        self.assertEqual((receipts.payment_id, receipts.amount, receipts.is_matched), (payment, 1000, False))
        self._bank_shows(move, 1000)
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertTrue(receipts.is_matched)
