from datetime import timedelta

from lxml import html
from odoo.exceptions import ValidationError
from odoo.tests import HttpCase, tagged

from odoo.addons.account.tools import is_valid_structured_reference_iso

from ...tools import creditor_reference
from .bank_common import BankCommon


@tagged("post_install", "-at_install")
class TestBankPage(BankCommon, HttpCase):
    """How customers are told to pay by transfer, and what they say of it."""

    def _page(self, link, path="", **options):
        response = self.url_open(f"/pay/{link.access_token}{path}", **options)
        return response, html.fromstring(response.text)

    def _claim(self, link, date=None, amount="100", **said):
        data = {"date": str(date or link._today()), "amount": amount, **said}
        return self._page(link, "/answer/transfer", data=data)

    def _copied(self, page):
        """What the buttons of the page copy."""
        return {name: page.get_element_by_id(name).text_content().strip() for name in page.xpath("//button/@data-copy")}

    # === THE REFERENCE === #

    def test_each_link_has_a_reference_of_its_own(self):
        """All that customers pay: what was ticked in an account, too."""
        invoices = [self._invoice() for _number in range(7)]
        statement = self.env["paylink.statement"]._for_customers(self.marie)
        ticked = statement._pay_link(set(self._items(self.env["account.move"].union(*invoices)).ids))
        links = ticked | self._link(invoices[0]) | self._free_link(10)
        self.assertEqual(len(set(links.mapped("transfer_reference"))), 3)
        for link in links:
            self.assertTrue(is_valid_structured_reference_iso(link.transfer_reference))
            self.assertEqual(link.transfer_reference[4:6], creditor_reference.PREFIX)
        self.assertEqual(len(ticked.line_ids), 7)
        copied = links[2].sudo().copy()
        self.assertNotIn(copied.transfer_reference, [False, *links.mapped("transfer_reference")])

    def test_page_shows_what_a_transfer_needs(self):
        link = self._link(self._invoice(currency_id=self.currency_euro.id))
        _response, page = self._page(link)
        copied = self._copied(page)
        self.assertEqual(copied["pl-beneficiary"], "Menuiserie Lambert")
        self.assertEqual(copied["pl-iban"], self.bank_account.acc_number)
        self.assertEqual(copied["pl-reference"], creditor_reference.written(link.transfer_reference))
        lines = link._transfer_qr_text().split("\n")
        self.assertEqual((lines[3], lines[5], lines[9]), ("SCT", "Menuiserie Lambert", link.transfer_reference))
        self.assertEqual(lines[10], "")

    def test_canada(self):
        """Transit and institution beside the account, and the address for Interac e-Transfers; no QR code."""
        self.company.country_id = self.env.ref("base.ca")
        self.company.paylink_interac_email = "paiements@example.ca"
        self.bank_account.write({"acc_number": "1234567", "clearing_number": "00012-003"})
        cad = self.env.ref("base.CAD")
        cad.active = True
        link = self._free_link(80, currency_id=cad.id)
        _response, page = self._page(link)
        copied = self._copied(page)
        self.assertEqual(copied["pl-clearing"], "00012-003")
        self.assertEqual(copied["pl-interac"], "paiements@example.ca")
        self.assertEqual(copied["pl-message"], creditor_reference.written(link.transfer_reference))
        self.assertFalse(page.xpath("//figure[@class='pl-qr']"))
        self.bank_account.active = False
        self.assertIn("pl-interac", self._copied(self._page(link)[1]))
        self.assertNotIn("pl-interac", self._copied(self._page(self._free_link(80))[1]))

    # === ANNOUNCED TRANSFERS === #

    def test_address_for_interac_is_one_that_works(self):
        """Money is sent there: what people paste is read as all addresses are, and shown without names and signs."""
        self.company.country_id = self.env.ref("base.ca")
        cad = self.env.ref("base.CAD")
        cad.active = True
        link = self._free_link(80, currency_id=cad.id)
        for typed in ('"Lambert, Paul" <Paiements@example.ca>', "paiements@example.ca\u200b", " paiements@example.ca"):
            with self.subTest(typed=typed):
                self.company.paylink_interac_email = typed
                self.assertEqual(self._copied(self._page(link)[1])["pl-interac"], "paiements@example.ca")
        for typed in ("nonsense", "a@example.ca, b@example.ca"):
            with self.subTest(typed=typed), self.assertRaisesRegex(ValidationError, "is not an e-mail address"):
                self.company.paylink_interac_email = typed

    def test_announced_transfer_books_nothing(self):
        """It is on the timeline and on the page, the owner is told, nobody is reminded for some days."""
        invoice = self._invoice()
        link = self._link(invoice)
        before = self.env["account.move"].search_count([])
        response, page = self._claim(link, amount="99,50")
        self.assertEqual(response.status_code, 200)
        self.assertTrue(page.xpath("//p[@role='status'][not(ancestor::details[not(@open)])]"), "The answer is seen")
        self.env.invalidate_all()
        self.assertEqual((link.state, link.amount_due, invoice.amount_residual), ("open", 100.0, 100.0))
        self.assertEqual(self.env["account.move"].search_count([]), before)
        self.assertFalse(link.transaction_ids)
        self.assertEqual((link.transfer_claim_date, link.transfer_claim_amount), (link._today(), 99.5))
        self.assertEqual(len(self._time_line(link, "transfer_claimed")), 1)
        self.assertTrue(link.unread)
        self.assertIn("99,50", self._page(link)[1].text_content())
        hold = self.env["paylink.reminder.hold"].search([("move_id", "=", invoice.id)])
        self.assertEqual(hold.date_until, link._today() + timedelta(days=self.company.paylink_claim_days))

    def _told(self, link):
        """Whether the page tells of the transfer, and offers to take that back."""
        _response, page = self._page(link, "?lang=en_US")
        offered = page.xpath("//form[contains(@action, '/answer/transfer/undo')]")
        self.assertEqual(bool(offered), "You told us about a transfer" in page.text_content())
        return bool(offered)

    def test_announcement_that_was_a_mistake_is_taken_back(self):
        """By a form that names it: a page that was left open says nothing of a later one. Or by the owner."""
        invoice = self._invoice()
        link = self._link(invoice)
        for amount in ("10", "20"):
            self._claim(link, amount=amount)
            self.assertTrue(self._told(link))
        self.env.invalidate_all()
        later, first = self.env["paylink.answer"].search([("link_id", "=", link.id)])
        self.assertEqual((later.state, first.state), ("standing", "lifted"))
        for number in ("", "0", first.id, "x"):
            self._page(link, "/answer/transfer/undo", data={"answer": number})
        self._page(link, f"/answer/transfer/undo?answer={later.id}")
        self.assertTrue(self._told(link))
        for _click in range(2):
            self._page(link, "/answer/transfer/undo", data={"answer": later.id})
            self.env.invalidate_all()
            self.assertEqual((link.transfer_claim_date, link.transfer_claim_amount), (False, 0))
            self.assertEqual(len(self._time_line(link, "answer_lifted")), 1)
        self.assertFalse(self._told(link))
        holds = self.env["paylink.reminder.hold"].with_context(active_test=False)
        self.assertEqual(holds.search([("move_id", "=", invoice.id)]).mapped("active"), [False])
        self.assertEqual(self.url_open("/pay/nobody/answer/transfer/undo", data={"answer": "1"}).status_code, 404)
        self._claim(link, amount="30")
        self.env.invalidate_all()
        self.env["paylink.answer"].search([("link_id", "=", link.id)], limit=1).action_lift()
        self.assertFalse(link.transfer_claim_date)

    def test_account_of_a_transfer_is_a_hint(self):
        """From which account the customer has transferred makes a line likelier, and is never a proof."""
        link = self._link(self._invoice(amount=80))
        for typed, kept in (("FR76 2004-1010 0505 0001 3m02 606", "FR7620041010050500013M02606"), ("x1", False)):
            self._claim(link, amount="80", account=typed)
            self.env.invalidate_all()
            self.assertEqual(link.transfer_claim_account, kept)
        scores = {}
        for end, of in (("2606", "named"), ("9999", "another"), ("", "none")):
            link.sudo().transfer_claim_account = end
            line = self._bank_line("VIR", 80, account_number="FR7620041010050500013M02606")
            [match] = line.paylink_match_ids
            self.assertEqual(match.state, "proposed")
            scores[of] = match.score
            line.unlink()
        self.assertEqual(scores["another"], scores["none"])
        self.assertGreater(scores["named"], scores["none"])

    def test_page_stops_telling_of_what_has_come(self):
        """Matched with the link, or registered by hand; undone, it tells of it again. What came before is another."""
        link, by_hand = (self._link(self._invoice(), allow_partial=True) for _number in range(2))
        before = self.company._paylink_today() - timedelta(days=30)
        self._bank_line(link.transfer_reference, 30, date=before)
        for one in (link, by_hand):
            self._claim(one, amount="30")
            self.assertTrue(self._told(one))
        line = self._bank_line(link.transfer_reference, 30)
        payment = self._registered(by_hand.line_ids.move_id, 30)
        self.assertEqual((self._told(link), self._told(by_hand)), (False, False))
        line.paylink_match_ids.action_undo()
        payment.move_id.line_ids.remove_move_reconcile()
        self.assertEqual((self._told(link), self._told(by_hand)), (True, True))

    def test_what_is_no_announcement(self):
        """Only a form that was sent, of a link that can be paid, with a day and an amount."""
        link = self._link(self._invoice())
        today = link._today()
        for date, amount in (
            ("", "100"),
            ("soon", "100"),
            (today + timedelta(days=400), "100"),
            ("1950-01-01", "100"),
            (today, ""),
            (today, "-5"),
            (today, "0"),
            (today, "nan"),
            (today, "inf"),
            (today, "1e300"),
            (today, "<script>"),
        ):
            with self.subTest(date=date, amount=amount):
                response, page = self._claim(link, date or "x", amount)
                self.assertEqual(response.status_code, 422)
                self.assertTrue(page.xpath("//details[@id='pl-answer-transfer'][@open]//p[@role='alert']"))
        self._page(link, f"/answer/transfer?date={today}&amount=100")
        self.assertEqual(self.url_open("/pay/nobody/answer/transfer", data={"date": today}).status_code, 404)
        paid = self._link(self._invoice())
        self._pay(paid)
        self._claim(paid)
        self.env.invalidate_all()
        self.assertFalse((link | paid).filtered("transfer_claim_date"))

    def test_word_of_a_customer_pauses_little(self):
        """By whatever link, however often, for whatever day: two times within two months."""
        invoice = self._invoice()
        links = self._link(invoice) | self._link(invoice)
        Hold = self.env["paylink.reminder.hold"].with_context(active_test=False)
        self.company.paylink_claim_days = 10**9
        self._claim(links[0], links._today() + timedelta(days=10), "0.01")
        self.env.invalidate_all()
        holds = Hold.search([("move_id", "=", invoice.id)])
        self.assertEqual(holds.date_until, links[0]._today() + timedelta(days=60))
        for link in links:
            self._claim(link)
        self.env.invalidate_all()
        self.assertEqual(Hold.search([("move_id", "=", invoice.id)]), holds)
        for number in range(2):
            Hold.search([("move_id", "=", invoice.id)]).active = False
            self._claim(links[1], amount=str(number + 1))
            self.env.invalidate_all()
        self.assertEqual(len(Hold.search([("move_id", "=", invoice.id)])), 2)

    def test_arrived_transfer_pauses_while_somebody_has_to_decide(self):
        """What has come with our reference, or from the customer's account: nobody is reminded of it, or charged."""

        def paused():
            self.env.flush_all()
            _customers, moves = self.env["paylink.reminder.hold"]._standing_sql(
                "promise", self.company, self.company._paylink_today()
            )
            return {row[0] for row in self.env.execute_query(moves)}

        self._iban(self.marie, "FR1420041010050500013M02606")
        part, alike = self._invoice(amount=100), self._invoice(amount=70) | self._invoice(amount=70)
        named, old = self._invoice(self.john, amount=33), self._invoice(amount=90)
        line = self._bank_line(self._link(part, allow_partial=False).transfer_reference, 60)
        self._bank_line("VIR", 70, account_number="FR1420041010050500013M02606")
        self._bank_line("VIR", 33, partner_name="John Smith")
        reference = self._link(old, allow_partial=False).transfer_reference
        self._bank_line(reference, 60, date=self.company._paylink_today() - timedelta(days=20))
        self.assertTrue(named)
        self.assertEqual(paused(), set((part | alike).ids))
        line.paylink_match_ids.action_reject()
        self.assertEqual(paused(), set(alike.ids))

    def test_announcements_are_limited(self):
        link = self._link(self._invoice())
        for number in range(5):
            self.assertEqual(self._claim(link, amount=str(number + 1))[0].status_code, 200)
        self.assertEqual(self._claim(link)[0].status_code, 429)
        self.env.invalidate_all()
        self.assertEqual(link.transfer_claim_count, 5)
        self.assertFalse(self._page(link, "/answer")[1].xpath("//details[@id='pl-answer-transfer']"))
