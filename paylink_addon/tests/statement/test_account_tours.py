from odoo.tests import tagged

from ..browser_common import PhoneCommon, ToursCommon
from .large_common import LargeAccountCommon


@tagged("post_install", "-at_install")
class TestAccountTours(ToursCommon):
    """A seller in front of a customer's account, in a real browser, in French."""

    seller_groups = "paylink_addon.group_paylink_user,base.group_partner_manager"

    def test_settle_an_account(self):
        """Account of the customer, two of three items ticked, asked for."""
        invoices = self._invoice(amount=100) + self._invoice(amount=50)
        self._invoice(amount=7)
        self.start_tour(f"/odoo/res.partner/{self.marie.id}", "paylink_account", login="camille")
        link = self.env["paylink.link"].search([("partner_id", "=", self.marie.id)])
        self.assertEqual((link.amount, link.line_ids.move_id, link.user_id), (150, invoices, self.seller))
        self.assertEqual(len(self._customer_mails(link)), 1)

    def test_send_statements(self):
        """From the customers' list to the page, which is then revoked."""
        self._invoice()
        self.marie.email = "marie@gmial.com"
        self.start_tour(f"/odoo/res.partner/{self.marie.id}", "paylink_statement", login="camille")
        statement = self.env["paylink.statement"].search([("partner_id", "=", self.marie.id)])
        self.assertEqual((bool(statement.sent_at), statement.state), (True, "revoked"))


@tagged("post_install", "-at_install")
class TestStatementBrowser(PhoneCommon):
    """A customer on a phone who follows the address of its statement. No tour: that page has no scripts of Odoo's."""

    def test_pay_a_part_of_the_account(self):
        """In French: one of three unticked, the sum follows, the rest is paid, and only the one is open."""
        moves = [self._invoice(amount=amount) for amount in (100, 50, 7)]
        statement = self.env["paylink.statement"]._for_customers(self.marie)
        statement._activate()
        rows = "[...document.querySelectorAll('.pl-documents .pl-amount')].map(row => row.innerText).join()"
        with self._browse(f"/account/{statement.access_token}") as evaluate:
            self.assertEqual(evaluate("document.documentElement.lang"), "fr-FR")
            self.assertLessEqual(evaluate("document.documentElement.scrollWidth"), 390, "nothing sticks out on a phone")
            button = "document.querySelector('.pl-account button')"
            self._wait(evaluate, f"{button}.innerText.includes('157,00')")
            evaluate(f"document.querySelector('input[value=\"{self._items(moves[1]).id}\"]').click()")
            self._wait(evaluate, f"{button}.innerText.includes('107,00')")
            evaluate(f"{button}.click()")
            self._wait(evaluate, "location.pathname.startsWith('/pay/') && document.querySelector('.pl-total')")
            self.assertIn("107,00", evaluate("document.querySelector('.pl-total').innerText"))
            self._submit(evaluate, "done")
            self._wait(evaluate, "document.querySelector('.pl-success')")
            self.assertIn("Merci", evaluate("document.querySelector('.pl-success h1').innerText"))
            evaluate(f"location.assign('/account/{statement.access_token}')")
            self._wait(evaluate, "location.pathname.startsWith('/account/') && document.querySelector('.pl-account')")
            self.assertRegex(evaluate(rows), r"^\D*50,00\D*$")
        self.assertEqual([move.payment_state for move in moves], ["paid", "not_paid", "paid"])
        link = statement.sudo().link_ids
        self.assertEqual((link.state, link.amount_paid), ("paid", 107))


@tagged("post_install", "-at_install")
class TestLargeStatementBrowser(LargeAccountCommon, PhoneCommon):
    """The same with more open items than one page has."""

    def test_all_but_what_is_ticked(self):
        """The sum follows what is chosen, also what is ticked on another page."""
        statement, items = self._account_of(self.marie, 103)
        first, last = (f"document.querySelector('input[value=\"{item.id}\"]')" for item in (items[0], items[-1]))
        button = "document.querySelector('[data-pay]')"

        def choose(what):
            evaluate(f"document.querySelector('input[name=what][value={what}]').click()")

        with self._browse(f"/account/{statement.access_token}") as evaluate:
            self.assertLessEqual(evaluate("document.documentElement.scrollWidth"), 390, "nothing sticks out on a phone")
            self._wait(evaluate, f"/1.030,00/.test({button}.innerText)")
            evaluate(f"{first}.click()")
            self._wait(evaluate, f"/ 10,00|\\D10,00/.test({button}.innerText)")
            choose("but")
            self._wait(evaluate, f"/1.020,00/.test({button}.innerText)")
            evaluate("[...document.querySelectorAll('button[name=page]')].pop().click()")
            self._wait(evaluate, f"location.pathname.endsWith('/page') && {last}")
            evaluate(f"{last}.click()")
            self._wait(evaluate, f"/1.010,00/.test({button}.innerText)")
            evaluate(f"{button}.click()")
            self._wait(evaluate, "location.pathname.startsWith('/pay/') && document.querySelector('.pl-total')")
            self.assertRegex(evaluate("document.querySelector('.pl-total').innerText"), "1.010,00")
        self.assertEqual(statement.sudo().link_ids.line_ids.move_line_id, items[1:-1])
