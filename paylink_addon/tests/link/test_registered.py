from contextlib import ExitStack
from unittest.mock import patch

from odoo import Command, fields
from odoo.exceptions import UserError
from odoo.tests import HttpCase, freeze_time, tagged

from ..common import PaylinkCommon


@tagged("post_install", "-at_install")
class TestRegistered(PaylinkCommon, HttpCase):
    """Payments registered without an entry, as Odoo Enterprise makes them, are money on its way."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bank = cls._journal_without_entries()

    def _asked(self, *moves):
        """What can be asked for each of these documents."""
        found = []
        for move in moves:
            items = self._items(move)
            due = (items - items._paylink_in_flight())._paylink_due()
            found.append(sum(due.values()))
        return found

    def _reconcile_with_bank(self, moves, amount):
        """The bank shows the money, and somebody matches it with the documents themselves."""
        receivable = self.company_data["default_account_receivable"]
        entry = self.env["account.move"].create(
            {
                "journal_id": self.bank.id,
                "line_ids": [
                    Command.create({"account_id": self.bank.default_account_id.id, "balance": amount}),
                    Command.create(
                        {"account_id": receivable.id, "balance": -amount, "partner_id": moves[0].partner_id.id}
                    ),
                ],
            }
        )
        entry.action_post()
        (entry.line_ids.filtered(lambda line: line.account_id == receivable) | self._items(moves)).reconcile()

    def _answer(self, link):
        return self.url_open(f"/pay/{link.access_token}?lang=en_US")

    # === ALL OF A DOCUMENT === #

    def test_not_asked_nor_charged_and_told(self):
        invoice = self._invoice(amount=1000)
        link = self._link(invoice)
        statement = self.env["paylink.statement"]._for_customers(self.marie)
        statement._activate()
        self._register(invoice)
        self.assertEqual((invoice.payment_state, invoice.amount_residual), ("in_payment", 1000))
        items = self._items(invoice)
        self.assertEqual(items._paylink_in_flight(), items)
        self.assertEqual(self.env.execute_query(items._paylink_in_flight_sql()), [(items.id,)])
        self.assertEqual((link._payable_amount(), link.state), (0, "open"))
        self.assertFalse(invoice.paylink_can_send)
        with self.assertRaises(UserError):
            self._attempt(link, 1000)
        with self.assertRaisesRegex(UserError, "in progress"):
            self.env["account.payment.register"]._paylink_claim(items)
        page = self._answer(link)
        self.assertIn("A payment is already in progress", page.text)
        self.assertIn('<span class="pl-tag">Payment in progress</span>', page.text)
        page = self.url_open(f"/account/{statement.access_token}?lang=en_US")
        self.assertIn("Payment in progress", page.text)
        self.assertNotIn("checkbox", page.text)
        self.assertRegex(page.text, r'class="pl-total"[^>]*>\D*0.00')
        self.assertIn("0,00", statement.amount_display)
        self.assertNotIn("000,00", statement.amount_display)
        row = self.env["paylink.account.item"]._open_account(self.marie)
        self.assertTrue(row.in_progress)
        self.assertEqual(self._wizard(self.marie).kind, "free")
        self.assertIn("in progress", self._wizard(invoice).line_ids.problem)
        with self.assertRaisesRegex(UserError, "on its way"):
            link.action_send()
        row = link.sudo().with_context(lang="en_US")._portal_rows()[0]
        self.assertEqual((row["payable"], row["status"][0]), (False, "Payment in progress"))

    def test_not_paid_in_the_portal(self):
        invoice = self._invoice(amount=1000)
        transaction = self._force_attempt(self._free_link(), 1000)
        transaction.write({"paylink_id": False, "invoice_ids": [Command.set(invoice.ids)]})
        self.assertEqual(transaction._paylink_payable(), 1000)
        self._register(invoice, 400)
        self.assertEqual(transaction._paylink_payable(), 600)
        self._register(invoice, 600)
        self.assertEqual(transaction._paylink_payable(), 0)

    def test_asked_again_once_it_does_not_come(self):
        for action in ("action_cancel", "action_reject", "action_draft"):
            with self.subTest(action=action):
                invoice = self._invoice(amount=1000)
                link = self._link(invoice)
                payment = self._register(invoice)
                self.assertEqual((link._payable_amount(), self._asked(invoice)), (0, [0]))
                getattr(payment, action)()
                self.env.flush_all()
                self.assertEqual((link._payable_amount(), self._asked(invoice)), (1000, [1000]))
                self.assertTrue(invoice.paylink_can_send)
                self._pay(link)
                self.assertEqual((invoice.amount_residual, link.state), (0, "paid"))

    def test_marked_as_paid(self):
        """Somebody says that it has come, but nothing has been matched: it is still not asked for."""
        invoice = self._invoice(amount=1000)
        self._register(invoice).action_validate()
        self.env.flush_all()
        self.assertEqual(self._asked(invoice), [0])

    def test_the_bank_shows_it(self):
        invoice = self._invoice(amount=1000)
        link = self._link(invoice)
        payment = self._register(invoice)
        self._reconcile_with_bank(invoice, 1000)
        self.assertEqual((payment.state, invoice.amount_residual), ("paid", 0))
        self.assertEqual((link.state, link.settled_elsewhere), ("paid", True))

    def test_entry_that_is_no_invoice(self):
        self._entries(self.marie, 1)
        self._entries(self.john, 1)
        items = self.marie._paylink_open_items(self.company) | self.john._paylink_open_items(self.company)
        wizard = (
            self.env["account.payment.register"]
            .with_context(active_model="account.move.line", active_ids=items[:1].ids)
            .create({"journal_id": self.bank.id})
        )
        wizard._create_payments()
        self.env.flush_all()
        self.assertEqual(items._paylink_in_flight(), items[:1])

    def test_pages_look_it_up_once(self):
        """However many of their parts depend on it."""
        invoices = self._invoice(amount=1000) | self._invoice(amount=500)
        link, statement = self._link(invoices), self.env["paylink.statement"]._for_customers(self.marie)
        statement._activate()
        self._register(invoices[0])
        self._register(invoices[1], 200)
        user = self._create_new_portal_user(login="client", partner_id=self.marie.id)
        Item = type(self.env["account.move.line"])
        pages = (f"/pay/{link.access_token}", f"/account/{statement.access_token}", "/my/payment_links")
        for path in pages:
            with (
                self.subTest(path),
                patch.object(
                    Item, "_paylink_share_registered", autospec=True, side_effect=Item._paylink_share_registered
                ) as looked,
            ):
                if path.startswith("/my"):
                    self.authenticate(user.login, user.login)
                self.assertIn("300", self.url_open(path).text)
                self.assertEqual(looked.call_count, 1)

    # === A PART === #

    def test_the_rest_is_asked(self):
        """The link asks for what is left, is paid with it, and nothing more; what was registered stays on its way."""
        invoice = self._invoice(amount=1000)
        before = self._link(invoice)
        payment = self._register(invoice, 400)
        self.assertEqual((self._asked(invoice), invoice.paylink_can_send), ([600], True))
        link = self._link(invoice)
        self.assertEqual((link.amount, link.amount_due, before.amount_due), (600, 600, 600))
        self.assertEqual((link._payable_amount(), before._payable_amount()), (600, 600))
        page = self._answer(link).text
        self.assertRegex(page, r'class="pl-total"[^>]*>\D*600.00')
        self.assertRegex(page, r"\D*400.00\D* is on its way")
        self.assertEqual(self._wizard(invoice).amount_due, 600)
        self._pay(link)
        self.assertEqual((invoice.amount_residual, self._asked(invoice)), (400, [0]))
        self.assertEqual((link.state, before._payable_amount()), ("paid", 0))
        self._reconcile_with_bank(invoice, 400)
        self.assertEqual((invoice.amount_residual, payment.state), (0, "paid"))

    def test_several_parts(self):
        invoice = self._invoice(amount=1000)
        link = self._link(invoice)
        self._register(invoice, 400)
        self._register(invoice, 250)
        self.assertEqual((self._asked(invoice), link._payable_amount()), ([350], 350))
        self._register(invoice, 350)
        self.assertEqual((self._asked(invoice), link._payable_amount(), link.state), ([0], 0, "open"))

    def test_batch(self):
        """One payment of several documents pays credits first, then the oldest; the rest of the last is asked for."""
        for amount, left in ((370, [0, 0, 0]), (300, [0, 0, 70]), (150, [0, 70, 150]), (30, [70, 120, 150])):
            with self.subTest(amount=amount):
                moves = [
                    self._invoice(amount=value, invoice_date_due=f"2026-01-0{day}", invoice_date="2026-01-01")
                    for day, value in ((2, 100), (3, 120), (4, 150))
                ]
                link = self._link(self.env["account.move"].union(*moves))
                self._register(self.env["account.move"].union(*moves), amount)
                self.assertEqual(self._asked(*moves), left)
                self.assertEqual(link._payable_amount(), sum(left))

    def test_one_after_the_other(self):
        """Each payment takes what those before it have left, of whatever it has in common with them."""
        today = fields.Date.today()
        terms = self.env["account.payment.term"].create(
            {
                "name": "Halves",
                "line_ids": [
                    Command.create({"value": "percent", "value_amount": 50, "nb_days": days}) for days in (0, 30)
                ],
            }
        )
        whole, halves = {}, {"invoice_payment_term_id": terms.id}
        for name, extra, count, payments, left in (
            ("instalments", halves, 1, [("A", 50), ("A", 50)], [0]),
            ("instalments, in part", halves, 1, [("A", 50), ("A", 20)], [30]),
            ("two for both", whole, 2, [("AB", 100), ("AB", 100)], [0, 0]),
            ("two for both, in part", whole, 2, [("AB", 130), ("AB", 30)], [0, 40]),
            ("overlapping", whole, 3, [("AB", 150), ("BC", 150)], [0, 0, 0]),
            ("overlapping, in part", whole, 3, [("AB", 150), ("BC", 120)], [0, 0, 30]),
        ):
            with self.subTest(name=name):
                moves = [self._invoice(amount=100, invoice_date=today, **extra) for _number in range(count)]
                links = [self._link(move) for move in moves]
                for letters, amount in payments:
                    self._register(self.env["account.move"].union(*(moves["ABC".index(at)] for at in letters)), amount)
                self.assertEqual(self._asked(*moves), left)
                self.assertEqual([self._asked(move)[0] for move in moves], left)
                self.assertEqual([link._payable_amount() for link in links], left)
                busy = {row[0] for row in self.env.execute_query(self._items(moves[0])._paylink_in_flight_sql())}
                for move, rest in zip(moves, left, strict=True):
                    self.assertEqual(set(self._items(move).ids) <= busy, not rest)

    def test_part_is_expected_nowhere(self):
        """Links, banners and figures agree: a part is deducted from the very item that it is for."""
        before, after = self._invoice(amount=80, invoice_date="2026-01-01"), self._invoice(amount=250)
        link = self._link(after)
        self._register(after, 100)
        credit = self._invoice(amount=30, move_type="out_refund")
        self._register(credit, 10)
        Item, Open = type(self.env["account.move.line"]), type(self.env["paylink.open.item"])
        with ExitStack() as stack:
            asked, queries = (
                stack.enter_context(patch.object(model, name, autospec=True, side_effect=getattr(model, name)))
                for model, name in ((Item, "_paylink_share_registered"), (Open, "_covered_sql"))
            )
            items = self.env["paylink.open.item"].search([("partner_id", "=", self.marie.id)])
            self.assertEqual(
                {item.move_id: (item.amount, item.expected) for item in items},
                {before: (80, 60), after: (250, 150), credit: (-30, 0)},
            )
        self.assertEqual(asked.call_count, queries.call_count, "once in each query")
        self.assertEqual((link._payable_amount(), self.marie._paylink_owes(self.company).amount), (150, 210))

    def test_batch_with_a_credit_note(self):
        invoice, credit = self._invoice(amount=100), self._invoice(amount=30, move_type="out_refund")
        link = self._link(invoice | credit)
        self._register(invoice | credit)
        self.assertEqual((self._asked(invoice, credit), link._payable_amount()), ([0, 0], 0))

    def test_money_given_back(self):
        """A credit that is being paid out pays no invoice."""
        credit = self._invoice(amount=30, move_type="out_refund")
        self._register(credit)
        self.assertEqual(self._asked(credit), [0])
        other = self._invoice(amount=30, move_type="out_refund")
        self._register(other, 10)
        self.assertEqual(self._asked(other), [-20])

    def test_the_others_of_a_link_are_paid(self):
        """What is registered for one of the documents of a link leaves the others; they are what its payer settles."""
        older, newer = self._invoice(amount=250, invoice_date="2026-01-01"), self._invoice(amount=150)
        link = self._link(older | newer)
        self._register(older)
        self.assertEqual((link.amount_due, link._payable_amount()), (150, 150))
        self.assertIn("Payment in progress", self._answer(link).text)
        self._pay(link)
        self.assertEqual((older.amount_residual, newer.amount_residual, link.state), (250, 0, "paid"))

    def test_discount(self):
        """Registered in time, less the discount, is all of it; and who pays the rest of a part gets none."""
        terms = self.env["account.payment.term"].create(
            {
                "name": "2% 10 days",
                "early_discount": True,
                "discount_percentage": 2,
                "discount_days": 10,
                "line_ids": [Command.create({"value": "percent", "value_amount": 100, "nb_days": 30})],
            }
        )
        for amount, left in ((980, 0), (970, 30)):
            with self.subTest(amount=amount):
                invoice = self._invoice(amount=1000, invoice_payment_term_id=terms.id)
                link = self._link(invoice)
                self._register(invoice, amount, payment_difference_handling="open")
                self.assertEqual((self._asked(invoice), link._payable_amount()), ([left], left))
                with freeze_time(fields.Date.add(fields.Date.today(), days=15)):
                    self.assertEqual((self._asked(invoice), link._payable_amount()), ([left], left))

    def test_another_currency(self):
        """It is worth what it was on its day; what is all of it in the currency of the payment, is all of it."""
        cad = self.setup_other_currency("CAD", rates=[("2020-01-01", 1.5), ("2026-01-02", 3.0)])
        own = self.company.currency_id
        for payments, left in (
            ([(80, "2026-01-01")], 80),
            ([(66.67, "2026-01-01"), (33.33, "2026-01-02")], 0),
            ([(133.33, "2026-01-01")], 0),
            ([(1, "2026-01-01")], 198.5),
        ):
            with self.subTest(payments=payments):
                invoice = self._invoice(amount=200, currency_id=cad.id, invoice_date="2026-01-01")
                link = self._link(invoice)
                for amount, date in payments:
                    self._register(invoice, amount, currency_id=own.id, payment_date=date)
                self.assertEqual((self._asked(invoice), link._payable_amount()), ([left], left))

    # === OF TRANSACTIONS === #

    def test_booked_by_a_link(self):
        """What links bring has an entry whatever the journal is like: the link is paid, and nothing is asked again."""
        self.provider.journal_id.inbound_payment_method_line_ids.payment_account_id = False
        invoice = self._invoice(amount=1000)
        link = self._link(invoice)
        payment = self._pay(link).payment_id
        self.assertTrue(payment.move_id)
        self.assertEqual((link.state, invoice.amount_residual, self._asked(invoice)), ("paid", 0, [0]))

    def test_booked_by_the_portal(self):
        """Odoo's own booking makes no entry there; it is not asked again, before and after, but once it is rejected."""
        self.provider.journal_id.inbound_payment_method_line_ids.payment_account_id = False
        invoice = self._invoice(amount=1000)
        link = self._link(invoice)
        transaction = self._force_attempt(self._free_link(), 400)
        transaction.write({"paylink_id": False, "invoice_ids": [Command.set(invoice.ids)]})
        transaction._set_done()
        self.assertEqual(self._asked(invoice), [0])
        transaction._post_process()
        self.env.flush_all()
        payment = transaction.payment_id
        self.assertEqual((payment.move_id.ids, payment.state, invoice.amount_residual), ([], "in_process", 1000))
        self.assertEqual((self._asked(invoice), link._payable_amount()), ([600], 600))
        payment.action_reject()
        self.env.flush_all()
        self.assertEqual((self._asked(invoice), link._payable_amount()), ([1000], 1000))
