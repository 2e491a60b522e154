import re
from unittest.mock import patch

from lxml import html
from odoo.tests import HttpCase, tagged

from ...models.link import paylink_link_life, paylink_link_receipt, payment_transaction_requests
from ...tools import pages
from ..common import PaylinkCommon


class ManyCommon(PaylinkCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.moves = cls.env["account.move"].union(*(cls._invoice(amount=amount) for amount in range(1, 15)))


@tagged("post_install", "-at_install")
class TestManyDocuments(ManyCommon, HttpCase):
    """The pages of a link for more documents than anybody reads."""

    def _get(self, link, path="", **options):
        return self.url_open(f"/pay/{link.access_token}{path}", **options)

    def _named(self, page):
        """Which invoices the page lists, by their order."""
        names = [name.text_content().strip() for name in html.fromstring(page.content).find_class("pl-document-name")]
        return [self.moves.mapped("name").index(name) for name in names]

    def test_first_documents_are_on_the_page(self):
        """The others are one click away, also when it is paid; where there are few, no page is missing."""
        link = self._link(self.moves)
        for view, change in (("pay", None), ("paid", self._pay)):
            if change:
                change(link)
            page = self._get(link, "?lang=en_US")
            self.assertIn(f'data-view="{view}"', page.text)
            self.assertEqual(self._named(page), list(range(12)))
            self.assertRegex(page.text, rf'href="/pay/{link.access_token}/documents">and 2 more')
        self.assertNotIn("/documents", self._get(self._link(self._invoice(self.john))).text)
        free = self._get(self._free_link(), "/documents", allow_redirects=False)
        self.assertEqual(free.status_code, 303)
        self.assertEqual(self.url_open("/pay/nothing/documents").status_code, 404)

    def test_what_is_due_first_stands_first(self):
        link = self._link(self.moves[:3])
        for day, line in enumerate(reversed(link.line_ids), 1):
            self.env.cr.execute(
                "UPDATE paylink_link_line SET date_due = %s WHERE id = %s", [f"2026-03-{day:02}", line.id]
            )
        link.line_ids.invalidate_recordset(["date_due"])
        self.assertEqual(self._named(self._get(link)), [2, 1, 0])

    def test_all_documents(self):
        link = self._link(self.moves)
        with patch.object(pages, "PAGE_SIZE", 5):
            cases = [("", 0), ("?page=2", 1), ("?page=3", 2), ("?page=4", 2), ("?page=99999999999999", 0)]
            for query, number in [*cases, ("?page=-1", 0), ("?page=x", 0), ("?page=%00", 0)]:
                with self.subTest(query=query):
                    page = self._get(link, f"/documents{query}")
                    self.assertEqual(page.status_code, 200)
                    self.assertEqual(self._named(page), list(range(14))[number * 5 : number * 5 + 5])
                    turns = re.findall(r"documents\?page=(\d+)", page.text)
                    self.assertEqual(turns, [str(n) for n in (number, number + 2) if 0 < n < 4])
        self._assert_nothing_leaks(page)


@tagged("post_install", "-at_install")
class TestManyItems(ManyCommon):
    """What becomes of a link for very many documents: it is booked aside, and what is sent of it stays short."""

    def test_many_items_are_booked_by_the_job(self):
        """The page does not wait for it, and says that it is paid; it is booked once."""
        link = self._link(self.moves)
        with patch.object(payment_transaction_requests, "MANY_ITEMS", 5):
            attempt = self._attempt(link)
            attempt._set_done()
            for _visit in range(2):
                link._book_confirmed()
            self.assertEqual((link._page_view(), attempt.payment_id.id), ("paid", False))
            self._run_cron("ir_cron_paylink_book")
        self.assertEqual(set(self.moves.mapped("payment_state")), {"paid"})
        self.assertEqual(self.env["account.payment"].search_count([("payment_transaction_id", "=", attempt.id)]), 1)

    def test_booking_does_not_read_entry_by_entry(self):
        """Seven times as many invoices cost as many queries, but for some that Odoo writes in portions."""
        counts = []
        for moves in (self.moves[:2], self.moves[2:4], self.moves[4:]):
            attempt = self._attempt(self._link(moves))
            attempt._set_done()
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            attempt._post_process()
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLess(counts[2] - counts[1], 5, counts)

    def test_receipt_names_some_and_sums_up_the_rest(self):
        link = self._link(self.moves)
        self._pay(link)
        with patch.object(paylink_link_receipt, "MOST_ROWS", 3):
            rows = link.with_context(lang="en_US")._receipt_values()["rows"]
        self.assertEqual([row["name"] for row in rows], [*self.moves[:3].mapped("name"), "and 11 more"])
        self.assertIn(f"{sum(range(4, 15))}.00", rows[-1]["amount"])
        self.assertEqual(rows[-1]["paid"], rows[-1]["amount"])

    def test_no_mailbox_takes_all_documents(self):
        link = self._link(self.moves, attach_pdf=True)
        with (
            patch.object(type(link), "_make_missing_pdfs", lambda links: None),
            patch.object(type(self.moves), "invoice_pdf_report_id", self.moves),
        ):
            self.assertEqual(len(link._message_attachments()[link.id]), 14)
            with patch.object(paylink_link_life, "MOST_ATTACHED", 13):
                self.assertEqual(link._message_attachments(), {})
