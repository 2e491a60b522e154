from datetime import timedelta

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ...wizards.statement.paylink_account_item import age_bucket
from ..common import PaylinkCommon
from ..link.test_lifecycle import REFUSAL, refuse

GROUPS = "paylink_addon.group_paylink_user,base.group_partner_manager"


@tagged("post_install", "-at_install")
class TestAccount(PaylinkCommon):
    """A seller sees what a customer owes, ticks some of it, and asks for exactly that."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.firm = cls._customer("Lambert & Fils", is_company=True, email="firm@example.com")
        cls.clerk = cls._customer("Clerk", parent_id=cls.firm.id, email="clerk@example.com")
        cls.seller, cls.colleague = (cls._user(login, GROUPS) for login in ("seller", "colleague"))

    def _rows(self, partner, user=None):
        """The rows of the window that the button opens."""
        action = partner.with_user(user or self.seller).action_paylink_account()
        return self.env[action["res_model"]].with_user(user or self.seller).search(action["domain"])

    def _ask(self, rows):
        """Ask to settle ``rows`` as the window does; return the wizard, not sent yet."""
        action = rows.action_settle()
        return self.env["paylink.send"].with_user(rows.env.user).with_context(**action["context"]).create({})

    def _opening_entry(self, partner, amount):
        """An entry that is no invoice: an opening balance, or (negative) money that was not allocated."""
        receivable = self.company_data["default_account_receivable"]
        other = self.company_data["default_account_revenue"]
        move = self.env["account.move"].create(
            {
                "journal_id": self.company_data["default_journal_misc"].id,
                "line_ids": [
                    Command.create(
                        {"name": "Opening", "partner_id": partner.id, "account_id": account, "balance": value}
                    )
                    for account, value in ((receivable.id, amount), (other.id, -amount))
                ],
            }
        )
        move.action_post()
        return move

    def test_age_buckets(self):
        cases = {-5: "not_due", 0: "not_due", 1: "1_30", 30: "1_30", 31: "31_60", 60: "31_60", 61: "61_90", 90: "61_90"}
        for days, bucket in (cases | {91: "90_more", 900: "90_more"}).items():
            with self.subTest(days=days):
                self.assertEqual(age_bucket(days), bucket)

    def test_account_shows_all_that_is_open(self):
        """Invoices, credit notes, opening entries and unallocated money, of the company and of its contacts."""
        late = fields.Date.today() - timedelta(days=45)
        old = self._invoice(self.firm, amount=100, invoice_date=late, invoice_date_due=late)
        new = self._invoice(self.clerk, amount=50)
        credit = self._invoice(self.firm, amount=30, move_type="out_refund")
        self._opening_entry(self.firm, 20)
        self._opening_entry(self.clerk, -5)
        self._invoice(self.john)
        draft = self._invoice(self.firm, amount=7, post=False)
        rows = self._rows(self.clerk)
        self.assertEqual(sorted(rows.mapped("amount")), [-30, -5, 20, 50, 100])
        self.assertEqual(rows.partner_id, self.firm)
        buckets = {row.name: row.bucket for row in rows}
        self.assertEqual(buckets[old.name], "31_60")
        self.assertEqual(buckets[new.name], "not_due")
        self.assertEqual(buckets[credit.name], "credit")
        self.assertNotIn(draft.name, buckets)

    def test_seller_needs_no_right_to_the_books(self):
        self._invoice(self.firm)
        with self.assertRaises(AccessError):
            self.env["account.move.line"].with_user(self.seller).search([]).mapped("balance")
        rows = self._rows(self.firm)
        self.assertEqual(rows.amount, 100)
        link = self._sent(self._ask(rows))
        self.assertEqual((link.amount, link.user_id), (100, self.seller))

    def test_rows_are_their_users_own(self):
        """Neither a colleague, nor who has no right to links, nor a client that makes rows up, gets further."""
        self._invoice(self.firm)
        rows = self._rows(self.firm)
        with self.assertRaises(AccessError):
            rows.with_user(self.colleague).mapped("amount")
        with self.assertRaises(AccessError):
            rows.with_user(self.colleague).action_settle()
        with self.assertRaises(AccessError):
            rows.write({"item_id": self._items(self._invoice(self.john)).id})
        with self.assertRaises(AccessError):
            rows.create({"user_id": self.seller.id, "partner_id": self.firm.id})
        stranger = self._user("stranger", "base.group_user")
        with self.assertRaises(AccessError):
            self.firm.with_user(stranger).action_paylink_account()

    def test_other_company_does_not_show(self):
        other = self._other_company()
        self._invoice(self.firm, amount=10)
        self._invoice(self.firm, amount=99, company_id=other.id)
        self.assertEqual(self._rows(self.firm).mapped("amount"), [10])
        foreign = self._customer("Foreign", company_id=other.id)
        with self.assertRaises(AccessError):
            foreign.with_user(self.seller).action_paylink_account()

    def test_subsidiary_with_an_account_of_its_own(self):
        subsidiary = self._customer("Subsidiary", is_company=True, parent_id=self.firm.id)
        self._invoice(self.firm, amount=10)
        self._invoice(subsidiary, amount=20)
        self.assertEqual(self._rows(self.firm).mapped("amount"), [10])
        self.assertEqual(self._rows(subsidiary).mapped("amount"), [20])

    def test_exactly_what_was_ticked_is_lettered(self):
        """Two invoices and a credit note of four items: reconciled together; the others are left alone."""
        first, second = self._invoice(self.firm, amount=100), self._invoice(self.clerk, amount=50)
        credit = self._invoice(self.firm, amount=30, move_type="out_refund")
        untouched = self._invoice(self.firm, amount=70)
        wanted = first + second + credit
        rows = self._rows(self.firm).filtered(lambda row: row.name in wanted.mapped("name"))
        link = self._sent(self._ask(rows)).sudo()
        self.assertEqual(link.line_ids.move_id, wanted)
        self.assertEqual((link.amount, link.partner_id), (120, self.firm))
        payment = self._pay(link).payment_id
        items = wanted.line_ids.filtered(lambda line: line.account_id.account_type == "asset_receivable")
        counterpart = payment.move_id.line_ids.filtered(lambda line: line.account_id == items.account_id)
        self.assertEqual((payment.amount, counterpart.balance), (120, -120))
        self.assertEqual(set((items + counterpart).mapped("amount_residual")), {0.0})
        self.assertEqual(len((items + counterpart).full_reconcile_id), 1)
        self.assertEqual((untouched.amount_residual, untouched.payment_state), (70, "not_paid"))
        self.assertEqual((link.state, self._rows(self.firm).mapped("amount")), ("paid", [70]))

    def test_opening_entry_is_settled(self):
        entry = self._opening_entry(self.firm, 20)
        link = self._sent(self._ask(self._rows(self.firm))).sudo()
        self._pay(link)
        self.assertEqual((link.amount_paid, set(entry.line_ids.filtered("reconciled").mapped("balance"))), (20, {20}))

    def test_currencies_get_links_of_their_own(self):
        foreign = self.setup_other_currency("CAD")
        self._invoice(self.firm, amount=10)
        self._invoice(self.firm, amount=20, currency_id=foreign.id)
        links = self._sent(self._ask(self._rows(self.firm)))
        self.assertEqual(
            {(link.currency_id, link.amount) for link in links}, {(self.company.currency_id, 10), (foreign, 20)}
        )

    def test_what_is_paid_meanwhile_is_not_asked_for(self):
        invoice, other = self._invoice(self.firm), self._invoice(self.firm, amount=40)
        rows = self._rows(self.firm)
        self._pay(self._link(invoice))
        with self.assertRaisesRegex(UserError, invoice.name):
            rows.action_settle()
        self._attempt(self._link(other))._set_pending()
        with self.assertRaisesRegex(UserError, other.name):
            rows.filtered(lambda row: row.name == other.name).action_settle()
        self.assertEqual(self._rows(self.firm).mapped("in_progress"), [True])

    def test_nothing_ticked(self):
        with self.assertRaises(UserError):
            self.env["paylink.account.item"].with_user(self.seller).action_settle()

    def test_credits_alone_are_not_asked_for(self):
        self._invoice(self.firm, amount=30, move_type="out_refund")
        wizard = self._ask(self._rows(self.firm))
        self.assertTrue(wizard.problem)
        with self.assertRaises(UserError):
            wizard.action_send()

    def test_opening_again_replaces_the_rows(self):
        self._invoice(self.firm)
        first = self._rows(self.firm)
        second = self._rows(self.firm)
        self.assertFalse(first.exists())
        self.assertEqual(len(second), 1)

    def test_opens_with_a_constant_number_of_queries(self):
        """200 open items cost as many queries as 20."""
        few, many = self._customer("Few"), self._customer("Many")
        self._entries(self.john, 1)
        self._entries(few, 20)
        self._entries(many, 200)
        # The second time both have rows to replace, and the rest is known.
        counts = [self._count_queries(partner) for partner in (few, many, few, many)]
        self.assertEqual(counts[2], counts[3], counts)

    def _count_queries(self, partner):
        self.env.flush_all()
        self.env.invalidate_all()
        names = ["name", "date_due", "bucket", "amount", "currency_id", "in_progress"]
        self._rows(self.john).read(names)  # who the user is and what it may do is known after this
        before = self.env.cr.sql_log_count
        self._rows(partner).read(names)
        self.env.flush_all()
        return self.env.cr.sql_log_count - before

    def test_free_amount_is_an_open_credit_until_matched(self):
        """Every line of its entry, and what becomes of it when an invoice comes."""
        link = self._free_link(amount=50, reference="Contrat 7")
        payment = self._pay(link).payment_id
        credit = payment.move_id.line_ids.filtered(lambda line: line.account_id.account_type == "asset_receivable")
        self.assertEqual((len(payment.move_id.line_ids), credit.balance, credit.partner_id), (2, -50, self.marie))
        self.assertEqual((credit.reconciled, credit.amount_residual), (False, -50))
        self.assertIn("Contrat 7", payment.memo)
        row = self._rows(self.marie)
        self.assertEqual((row.bucket, row.amount), ("credit", -50))
        invoice = self._invoice(amount=80)
        invoice.js_assign_outstanding_line(credit.id)
        self.assertTrue(credit.reconciled)
        self.assertEqual((invoice.amount_residual, self._rows(self.marie).amount), (30, 30))

    # === REVOKED PAGES === #

    def test_page_is_closed_although_something_can_not_be_released(self):
        """All but that link ends, and its address too; revoked again, what is left ends."""
        statement = self.env["paylink.statement"]._for_customers(self.marie)
        statement._activate()
        page, sent = statement.sudo(), self._link(self._invoice(amount=30))
        link = page._pay_link(set(self._items(self._invoice(amount=10)).ids))
        self.assertEqual(page._pay_link(set(sent.line_ids.move_line_id.ids)), sent)
        tokens = (link | sent).mapped("access_token")
        transaction = self._authorized(link)
        send = type(transaction)._send_void_request
        self.patch(type(transaction), "_send_void_request", refuse)
        with self.assertRaisesRegex(UserError, REFUSAL), self._request(statement) as requested:
            requested.action_revoke()
        self.env.invalidate_all()
        self.assertEqual((statement.state, link.state), ("revoked", "pending"))
        self.assertFalse([token for token in tokens if self.env["paylink.link"]._find_by_token(token)])
        self.assertEqual(sent.activity_ids.mapped("paylink_key"), ["link_address_replaced"])
        self.patch(type(transaction), "_send_void_request", send)
        with self._request(statement) as requested:
            requested.action_revoke()
        self.assertEqual(link.state, "cancelled")
