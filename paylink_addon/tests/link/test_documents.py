from odoo import Command, fields
from odoo.tests import tagged

from ..common import PaylinkCommon


@tagged("post_install", "-at_install")
class TestDocuments(PaylinkCommon):
    """Links follow documents that are reset to draft, changed and posted again."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.term1, cls.term2, cls.term3 = (cls._terms(count) for count in (1, 2, 3))

    @classmethod
    def _terms(cls, count):
        """A payment term of ``count`` installments, a month apart."""
        shares = [100] if count == 1 else [50, 50] if count == 2 else [50, 25, 25]
        return cls.env["account.payment.term"].create(
            {
                "name": f"{count} installments",
                "line_ids": [
                    Command.create({"value": "percent", "value_amount": share, "nb_days": 30 * number})
                    for number, share in enumerate(shares)
                ],
            }
        )

    def _repost(self, move, **values):
        move.button_draft()
        move.write(values)
        move.action_post()

    def _asked(self, link):
        """What the link asks for, by name, as the page shows it."""
        return {line.name: line.amount_residual for line in link.line_ids}

    def _chosen_link(self, invoice, *numbers):
        items = self._items(invoice).sorted("date_maturity")
        chosen = items.browse([items[number].id for number in numbers])
        link = self.env["paylink.link"]._create_for_items([({}, chosen)], partner_id=invoice.partner_id.id)
        link._issue()
        return link

    # === THE WHOLE DOCUMENT === #

    def test_link_asks_for_the_whole_invoice_again(self):
        cases = [
            ("more installments", self.term1, self.term3, [50, 25, 25]),
            ("one more", self.term2, self.term3, [50, 25, 25]),
            ("fewer", self.term3, self.term2, [50, 50]),
            ("one", self.term3, self.term1, [100]),
            ("the same", self.term2, self.term2, [50, 50]),
        ]
        for case, before, after, amounts in cases:
            with self.subTest(case):
                invoice = self._invoice(amount=100, invoice_payment_term_id=before.id)
                link = self._link(invoice)
                self._repost(invoice, invoice_payment_term_id=after.id)
                self.assertEqual(link.line_ids.move_line_id, self._items(invoice))
                self.assertEqual(sorted(self._asked(link).values(), reverse=True), amounts)
                self.assertEqual(set(link.line_ids.mapped("is_whole")), {True})
                self.assertEqual(
                    (link.state, link.amount, link.amount_due, link._page_view()), ("open", 100, 100, "pay")
                )
                self.assertFalse(link.activity_ids)
                self._pay(link)
                self.assertEqual((link.state, invoice.payment_state), ("paid", "paid"))

    def test_names_and_dates_are_those_of_the_changed_document(self):
        invoice = self._invoice(amount=100)
        link = self._link(invoice)
        self.assertEqual(link.line_ids.name, invoice.name)
        self._repost(invoice, invoice_payment_term_id=self.term2.id)
        self.assertEqual(set(link.line_ids.mapped("name")), {f"{invoice.name}-1", f"{invoice.name}-2"})
        self.assertEqual(set(link.line_ids.mapped("date_due")), set(self._items(invoice).mapped("date_maturity")))
        self._repost(invoice, invoice_payment_term_id=self.term1.id, invoice_date="2026-01-10")
        self.assertEqual((link.line_ids.name, str(link.line_ids.date_due)), (invoice.name, "2026-01-10"))

    def test_changed_total_is_asked(self):
        for price in (40, 160):
            with self.subTest(price=price):
                invoice = self._invoice(amount=100)
                link = self._link(invoice)
                line = Command.update(invoice.invoice_line_ids.id, {"price_unit": price})
                self._repost(invoice, invoice_line_ids=[line])
                self.assertEqual((link.amount, link.amount_due, link._payable_amount()), (price, price, price))

    def test_other_documents_of_the_link_stay(self):
        invoice, other = self._invoice(amount=100), self._invoice(amount=30)
        link = self._link(invoice + other)
        self._repost(invoice, invoice_payment_term_id=self.term2.id)
        self.assertEqual(sorted(self._asked(link).values()), [30, 50, 50])
        self.assertEqual(link.amount, 130)

    def test_several_links_follow(self):
        invoice = self._invoice(amount=100)
        links = self._link(invoice) + self._link(invoice) + self._link(invoice)
        links[1].action_cancel()
        links[2].expires_at = fields.Datetime.now()
        self._repost(invoice, invoice_payment_term_id=self.term2.id)
        for link in links:
            self.assertEqual(link.line_ids.move_line_id, self._items(invoice))
        successor = self._renewed(links[1])
        self.assertEqual((successor.amount_due, set(successor.line_ids.mapped("is_whole"))), (100, {True}))

    def test_part_paid_before(self):
        """What has been paid of the document stays paid; the rest of all of it is asked."""
        invoice = self._invoice(amount=100, invoice_payment_term_id=self.term2.id)
        link = self._link(invoice, allow_partial=True)
        self._pay(link, 50)
        self._repost(invoice, invoice_payment_term_id=self.term3.id)
        self.assertEqual((link.status, link.amount, link.amount_due), ("partly_paid", 100, invoice.amount_residual))
        self._pay(link)
        self.assertEqual((link.state, link.amount_paid, invoice.amount_residual), ("paid", 100, 0))

    def test_limited_link_asks_for_its_amount(self):
        invoice = self._invoice(amount=100)
        link = self._link(invoice, amount=40, is_limited=True)
        self._repost(invoice, invoice_payment_term_id=self.term3.id)
        self.assertEqual((link.amount, link.amount_due), (40, 40))
        self._pay(link)
        self.assertEqual((link.state, invoice.amount_residual), ("paid", 60))

    def test_paid_link_is_left_alone(self):
        invoice = self._invoice(amount=100, invoice_payment_term_id=self.term2.id)
        link = self._link(invoice)
        self._pay(link)
        before = link.line_ids.mapped(lambda line: (line.name, line.amount))
        link.transaction_ids.payment_id.action_draft()
        link.transaction_ids.payment_id.action_cancel()
        self._repost(invoice, invoice_payment_term_id=self.term1.id)
        self.assertEqual(link.line_ids.mapped(lambda line: (line.name, line.amount)), before)
        self.assertEqual((link.state, link.amount), ("paid", 100))
        documents = [(document["settled"], bool(document["url"])) for document in link._page_documents(link.line_ids)]
        self.assertEqual(documents, [(False, True), (True, False)], "open again; gone, but it was paid")

    def test_settled_elsewhere_and_changed(self):
        """What was settled by a credit note is open again when the credit note is undone; then the link follows too."""
        invoice, note = self._invoice(amount=100), self._invoice(amount=100, move_type="out_refund")
        link = self._link(invoice)
        items = self._items(invoice + note)
        items.reconcile()
        self.assertEqual((link.state, link.settled_elsewhere), ("paid", True))
        items.remove_move_reconcile()
        self._repost(invoice, invoice_payment_term_id=self.term2.id)
        self.assertEqual((link.state, link.amount_due, len(link.line_ids)), ("open", 100, 2))

    def test_entry_with_several_debtors(self):
        """Of an entry a link follows its own customer's items only."""
        receivable = self.company_data["default_account_receivable"]

        def line(partner, amount):
            return Command.create({"account_id": receivable.id, "partner_id": partner.id, "debit": amount})

        entry = self.env["account.move"].create(
            {
                "move_type": "entry",
                "line_ids": [
                    line(self.marie, 60),
                    line(self.john, 40),
                    Command.create({"account_id": self.company_data["default_account_revenue"].id, "credit": 100}),
                ],
            }
        )
        entry.action_post()
        items = self._items(entry).filtered(lambda item: item.partner_id == self.marie)
        link = self.env["paylink.link"]._create_for_items([({}, items)], partner_id=self.marie.id)
        link._issue()
        counterpart = entry.line_ids.filtered("credit")
        self._repost(entry, line_ids=[line(self.marie, 15), Command.update(counterpart.id, {"credit": 115})])
        self.assertEqual((link.amount_due, len(link.line_ids)), (75, 2))

    # === CHOSEN INSTALMENTS === #

    def test_chosen_installments_that_survive_are_asked(self):
        invoice = self._invoice(amount=100, invoice_payment_term_id=self.term3.id)
        link = self._chosen_link(invoice, 0)
        self._repost(invoice, invoice_payment_term_id=self.term3.id, ref="Corrected")
        self.assertEqual((self._asked(link), link.state), ({f"{invoice.name}-1": 50}, "open"))
        self.assertFalse(link.activity_ids)

    def test_no_chosen_installment_survives(self):
        """The page says that documents are being changed, and the owner has a task, once."""
        invoice = self._invoice(amount=100, invoice_payment_term_id=self.term3.id)
        for number in range(3):
            self._chosen_link(invoice, number)
        links = self.env["paylink.link"].search([("line_ids.move_id", "=", invoice.id)])
        self.assertFalse(any(links.line_ids.mapped("is_whole")))
        self._repost(invoice, invoice_payment_term_id=self.term1.id)
        survived = links.filtered(lambda link: link.line_ids.move_line_id)
        self.assertEqual(survived.line_ids.move_line_id, self._items(invoice))
        gone = links - survived
        self.assertEqual(len(gone), 2)
        for link in gone:
            self.assertEqual((link.state, link._page_view(), link._closed_reason()), ("open", "closed", "changing"))
            self.assertEqual((link.amount_due, link._payable_amount(), len(link.activity_ids)), (0, 0, 1))
            self.assertIn(f"{invoice.name}-", link.activity_ids.note)
            self.assertEqual([document["settled"] for document in link._page_documents(link.line_ids)], [False])
        self._repost(invoice, ref="Again")
        self.assertEqual(set(gone.mapped(lambda link: len(link.activity_ids))), {1})

    def test_lost_installment_beside_another_document(self):
        invoice, other = self._invoice(amount=100, invoice_payment_term_id=self.term3.id), self._invoice(amount=30)
        items = self._items(invoice).sorted("date_maturity")
        links = self.env["paylink.link"]._create_for_items(
            [({}, item + self._items(other)) for item in items], partner_id=self.marie.id
        )
        links._issue()
        self._repost(invoice, invoice_payment_term_id=self.term1.id)
        lost = links.filtered(lambda link: len(link.line_ids) == 1)
        self.assertEqual(len(lost), 2)
        for link in lost:
            self.assertEqual((self._asked(link), link.amount, link._page_view()), ({other.name: 30}, 30, "pay"))
            self.assertEqual(len(link.activity_ids), 1)

    # === WHAT MUST NEVER HAPPEN === #

    def test_document_that_becomes_somebody_elses(self):
        """A link asks nobody for another customer's document, nor in another currency; what comes back is asked."""
        other_currency = self.setup_other_currency("CAD")
        for changed in ({"partner_id": self.john.id}, {"currency_id": other_currency.id}):
            with self.subTest(changed=changed):
                invoice = self._invoice(amount=100)
                before = {name: invoice[name].id for name in changed}
                link, paid = self._link(invoice), self._link(invoice)
                paid.sudo().paid_at = fields.Datetime.now()
                self._repost(invoice, **changed)
                self.assertEqual((link._page_view(), link._closed_reason()), ("closed", "changing"))
                self.assertEqual(len(link.activity_ids), 1)
                self.assertFalse(link.line_ids.move_line_id)
                self.assertFalse(link._document_pdf(link.line_ids.id))
                with self._request(paid) as requested:
                    made = requested._document_pdf(requested.line_ids.id)
                self.assertEqual(bool(made), "partner_id" not in changed)
                self._repost(invoice, **before)
                self.assertEqual((link.line_ids.move_line_id, link._page_view()), (self._items(invoice), "pay"))

    def test_deleted_document_is_somebodys_task(self):
        invoice, other = self._invoice(amount=100), self._invoice(amount=30)
        link, both = self._link(invoice), self._link(invoice + other)
        invoice.button_draft()
        invoice.with_context(force_delete=True).unlink()
        self.assertEqual((link._closed_reason(), len(link.activity_ids)), ("changing", 1))
        self.assertEqual((both.amount_due, both._page_view(), len(both.activity_ids)), (30, "pay", 1))

    def test_document_that_is_canceled_beside_another(self):
        """It is left out everywhere; what is left pays the link. Posted again, it is asked for again. What is over
        stays as it was.
        """
        invoice, other = self._invoice(amount=100), self._invoice(amount=30)
        dead, gone, link, later = (self._link(invoice + other) for _number in range(4))
        dead.action_cancel()
        gone.expires_at = fields.Datetime.now()
        invoice.button_draft()
        invoice.button_cancel()
        for one in (dead, gone):
            self.assertEqual((one.amount, len(self._time_line(one, "documents_changed"))), (130, 0))
        for one in (link, later):
            self.assertEqual((one.amount, one.amount_due, one._page_view()), (30, 30, "pay"))
        self.assertEqual([row["name"] for row in link._page_values()["documents"]], [other.name])
        self.assertEqual((link.documents_display, link._links_of_invoices(other)[other]), (other.name, later))
        self.assertEqual(len(self._time_line(link, "documents_changed")), 1)
        transaction = self._pay(link)
        self.assertEqual((transaction.invoice_ids, link.status, link._page_view()), (other, "paid", "paid"))
        self.assertEqual([row["name"] for row in link._receipt_rows_general(transaction)[0]], [other.name])
        self.assertEqual((later.status, later._closed_reason()), ("settled", "settled"))
        invoice.button_draft()
        invoice.action_post()
        self.assertEqual((later.amount_due, later._page_view()), (100, "pay"))
        (invoice + other).button_draft()
        (invoice + other).button_cancel()
        self.assertEqual((later._page_view(), later._closed_reason()), ("closed", "cancelled"))

    def test_document_that_is_canceled_without_items(self):
        """Somebody has taken everything off it before: the rest, which is paid, was all that the link asks for."""
        invoice, other = self._invoice(amount=100), self._invoice(amount=30)
        link = self._link(invoice + other)
        self._pay(self._link(other))
        invoice.button_draft()
        invoice.invoice_line_ids.unlink()
        self.assertEqual((len(link.line_ids.move_line_id), link.state), (1, "open"))
        invoice.button_cancel()
        self.assertEqual((link.state, link.status), ("paid", "settled"))

    def test_attempt_is_closed_when_its_document_is_changed(self):
        """The customer at the provider's page would pay an amount that nobody asks anymore."""
        invoice = self._invoice(amount=100)
        link = self._link(invoice)
        attempt = self._attempt(link)
        invoice.button_draft()
        self.assertEqual((attempt.state, attempt.paylink_closed, link.attempt_count), ("cancel", True, 0))

    def test_payment_in_progress_counts_after_the_change(self):
        invoice = self._invoice(amount=100)
        link = self._link(invoice)
        transaction = self._attempt(link)
        transaction._set_pending()
        line = Command.update(invoice.invoice_line_ids.id, {"price_unit": 160})
        self._repost(invoice, invoice_line_ids=[line], invoice_payment_term_id=self.term2.id)
        self.assertEqual((link.state, link._payable_amount()), ("pending", 60))
        transaction._set_done()
        transaction._post_process()
        self.assertEqual((link.status, link.amount_due, link.amount), ("partly_paid", 60, 160))

    def test_time_line_tells_real_changes(self):
        invoice = self._invoice(amount=100)
        link = self._link(invoice)
        subtype = self.env.ref("paylink_addon.mt_link_documents_changed")
        for values, lines in (({"ref": "A"}, 0), ({"invoice_payment_term_id": self.term2.id}, 1)):
            self._repost(invoice, **values)
            self.assertEqual(len(link.message_ids.filtered(lambda message: message.subtype_id == subtype)), lines)

    # === SPEED === #

    def test_documents_without_links_cost_next_to_nothing(self):
        """Posting new documents costs no query of ours, posting again one for all of them."""
        invoices = self._invoice(post=False) + self._invoice(post=False)
        Line = type(self.env["paylink.link.line"])
        searched, search = [], Line.search

        def spy(records, domain, **options):
            searched.append(next(iter(domain))[0])
            return search(records, domain, **options)

        self.patch(Line, "search", spy)
        invoices.action_post()
        self.assertEqual(searched.count("move_id"), 0)
        invoices.button_draft()
        self.assertEqual(searched.count("move_id"), 1)
        invoices.action_post()
        self.assertEqual(searched.count("move_id"), 2)

    def test_many_links_are_made_with_few_queries(self):
        invoices = self.env["account.move"].union(*(self._invoice() for _ in range(10)))
        items = self._items(invoices).grouped("move_id")
        groups = [({}, items[invoice]) for invoice in invoices]
        Link = self.env["paylink.link"]
        Link._create_for_items(groups[:1], partner_id=self.marie.id)
        self.env.flush_all()
        with self.assertQueryCount(25):
            Link._create_for_items(groups, partner_id=self.marie.id)
            self.env.flush_all()
