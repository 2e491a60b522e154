import re

from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, tagged

from ..common import PaylinkCommon

GROUPS = "paylink_addon.group_paylink_user,base.group_partner_manager"


@tagged("post_install", "-at_install")
class TestAccountPage(PaylinkCommon, HttpCase):
    """The durable page on which a customer sees what is open and pays what it ticks, without login."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller, cls.colleague = (cls._user(login, GROUPS) for login in ("seller", "colleague"))
        cls.statement = cls._statement(cls.marie)

    @classmethod
    def _statement(cls, partners):
        statements = cls.env["paylink.statement"]._for_customers(partners)
        statements._activate()
        return statements

    def _get(self, statement=None, path="", **kwargs):
        return self.url_open(f"/account/{(statement or self.statement).access_token}{path}", **kwargs)

    def _post(self, items, statement=None):
        """Press the button with these items ticked (ids or anything), as a browser without scripts does."""
        values = [str(getattr(item, "id", item)) for item in items]
        token = (statement or self.statement).access_token
        return self.url_open(f"/account/{token}/pay", data={"item": values or ""}, allow_redirects=False)

    def _links(self):
        return self.env["paylink.link"].search([("partner_id", "=", self.marie.id)])

    # === PAGE === #

    def test_page_shows_all_that_is_open_ticked(self):
        invoice = self._invoice(amount=1234.5)
        credit = self._invoice(amount=34.5, move_type="out_refund")
        foreign = self._invoice(self.john, amount=77)
        page = self._get()
        self.assertEqual(page.status_code, 200)
        for text in (self.company.name, "Marie Dubois", invoice.name, credit.name, 'lang="fr-FR"', "234,50", "200,00"):
            self.assertIn(text, page.text)
        self.assertNotIn(foreign.name, page.text)
        boxes = re.findall(r"<input[^>]*>", page.text)
        self.assertEqual(len([box for box in boxes if "checked" in box]), 2)

    def test_headers(self):
        self._invoice()
        for path in ("", "/nothing"):
            response = self._get(path=path) if not path else self.url_open("/account/aaaaaaaaaaaaaaaaaaaaaaaa")
            with self.subTest(path=path):
                self._assert_nothing_leaks(response)

    def test_page_of_each_state(self):
        invoice = self._invoice()
        self.assertIn("pl-account", self._get().text)
        self._attempt(self._link(invoice))._set_pending()
        page = self._get()
        self.assertEqual((page.status_code, "checkbox" in page.text, "submit" in page.text), (200, False, False))
        empty = self._get(self._statement(self.john))
        self.assertEqual((empty.status_code, "pl-success" in empty.text, "<form" in empty.text), (200, True, False))
        self.statement.action_revoke()
        closed = self._get()
        self.assertEqual((closed.status_code, invoice.name in closed.text), (410, False))

    def test_unknown_tokens(self):
        """Whatever is no token of a statement gets the same friendly page; a link's token opens no account."""
        link = self._link(self._invoice())
        unissued = self.env["paylink.statement"]._for_customers(self.john)
        tokens = ["x", "a" * 300, "%00", "é" * 20, "..%2f", link.access_token, unissued.access_token]
        for token in tokens:
            for method in ("GET", "POST"):
                with self.subTest(token=token, method=method):
                    path = f"/account/{token}" + ("/pay" if method == "POST" else "")
                    response = self.url_open(path, data={"item": "1"} if method == "POST" else None)
                    self.assertEqual(response.status_code, 404)
        self.assertEqual(self.url_open(f"/pay/{self.statement.access_token}").status_code, 404)

    def test_language_can_be_switched(self):
        self._invoice()
        page = self._get(path="?lang=en_US")
        self.assertIn('lang="en-US"', page.text)
        self.assertIn("Select what you want to pay", page.text)
        self.assertIn('lang="en-US"', self._get().text)

    def test_help(self):
        """Whom to call, is it safe: as on the page of a link, of which it names no reference."""
        self._invoice()
        self.statement.sudo().user_id = self.seller
        self.company.phone = "+33 1 23 45 67 89"
        self.assertIn(f"/account/{self.statement.access_token}/help", self._get().text)
        page = self._get(path="/help?lang=en_US")
        self.assertEqual(page.status_code, 200)
        for text in ("Is it safe?", "Whom can I call?", self.seller.name, "+33 1 23 45 67 89", "receipt by e-mail"):
            self.assertIn(text, page.text)
        self._assert_nothing_leaks(page)
        self.marie.email = self.statement.sudo().email = False
        self.assertNotIn("by e-mail.<", self._get(path="/help?lang=en_US").text)
        self.statement.action_revoke()
        self.assertEqual(self._get(path="/help").status_code, 410)
        self.assertNotIn("/help", self._get().text)

    def test_documents_can_be_opened(self):
        """Those that the page lists, and no others."""
        invoice, foreign = self._invoice(), self._items(self._invoice(self.john))
        item = self._items(invoice)
        self._entries(self.marie, 1)
        place = f"/account/{self.statement.access_token}/document/"
        self.assertEqual(re.findall(f'href="{place}([0-9]*)"', self._get().text), [str(item.id)])
        answer = self._get(path=f"/document/{item.id}")
        self.assertEqual(answer.status_code, 200)
        self.assertIn(invoice.name.replace("/", "-"), answer.headers["Content-Disposition"].replace("_", "-"))
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        others = self.marie._paylink_open_items(self.company) - item
        for found in (foreign, others):
            self.assertEqual(self._get(path=f"/document/{found.id}").status_code, 404)
        self.statement.action_revoke()
        self.assertEqual(self._get(path=f"/document/{item.id}").status_code, 404)

    def test_opened_by_a_person(self):
        self._get()
        self.assertFalse(self.statement.opened_at)
        self.assertEqual(self._get(path="/opened", data={"": ""}).json(), {"ok": True})
        self.assertTrue(self.statement.opened_at)

    # === PAYING === #

    def test_what_is_ticked_is_paid_together(self):
        first, second = self._invoice(amount=100), self._invoice(amount=50)
        credit = self._invoice(amount=30, move_type="out_refund")
        items = self._items(first + credit)
        answer = self._post(items)
        link = self._links()
        self.assertEqual(answer.status_code, 303)
        self.assertIn(f"/pay/{link.access_token}", answer.headers["Location"])
        self.assertEqual((link.kind, link.amount, link.line_ids.move_line_id), ("open_items", 70, items))
        self.assertEqual((link.statement_id, link.state), (self.statement, "open"))
        self.assertIn("pl-pay", self.url_open(f"/pay/{link.access_token}").text)
        self._pay(link)
        self.assertEqual(len(items.full_reconcile_id), 1)
        self.assertEqual((first.payment_state, second.payment_state), ("paid", "not_paid"))
        page = self._get().text
        self.assertNotIn(first.name, page)
        self.assertIn(second.name, page)

    def test_same_choice_leads_to_the_same_link(self):
        """A second click makes nothing; another choice another link; a link sent by a seller is used too."""
        first, second = self._items(self._invoice()), self._items(self._invoice(amount=50))
        places = [self._post(items).headers["Location"] for items in (first, first, first + second, first)]
        self.assertEqual((places[0], places[0]), (places[1], places[3]))
        self.assertEqual(len(self._links()), 2)
        third = self._invoice(amount=7)
        sent = self._link(third)
        self.assertIn(sent.access_token, self._post(self._items(third)).headers["Location"])

    def test_unfit_links_are_not_used(self):
        """Not a limited one, not one that was cancelled, and not a contact's, to whom it is addressed."""
        invoice = self._invoice(amount=100)
        contact = self._customer("Contact", parent_id=self.marie.id)
        unfit = self._link(invoice, partner_id=contact.id)
        unfit |= self._link(invoice, amount=10, is_limited=True)
        cancelled = self._link(invoice)
        cancelled.action_cancel()
        location = self._post(self._items(invoice)).headers["Location"]
        for link in unfit + cancelled:
            self.assertNotIn(link.access_token, location)

    def test_bad_input(self):
        """Nothing, nonsense, others' items, settled ones: a text, the ticks kept, and no link."""
        mine, other = self._items(self._invoice()), self._items(self._invoice(self.john))
        settled = self._invoice(amount=5)
        settled_items = self._items(settled)
        self._pay(self._link(settled))
        credit = self._items(self._invoice(amount=10, move_type="out_refund"))
        known = self._links()
        cases = [
            [],
            ["x"],
            ["-1"],
            ["9" * 30],
            ["٣"],
            ["1e3"],
            [other],
            [mine, other],
            [mine, "x"],
            settled_items,
            credit,
        ]
        for items in cases:
            with self.subTest(items=items):
                answer = self._post(items)
                self.assertEqual(answer.status_code, 422)
                self.assertIn('role="alert"', answer.text)
                self.assertIn(mine.move_id.name, answer.text)
        self.assertEqual(self._links(), known)
        page = self._post([mine, "x"]).text
        boxes = [box for box in re.findall(r"<input[^>]*>", page) if "checked" in box]
        self.assertEqual([f'value="{mine.id}"' in box for box in boxes], [True])

    def test_what_is_paid_but_not_booked_is_not_paid_again(self):
        paid, due = self._invoice(amount=70), self._invoice(amount=50)
        self._attempt(self._link(paid))._set_done()
        known = self._links()
        ((row, other),) = [section["rows"] for section in self.statement.sudo()._page_sections()]
        self.assertEqual((row["busy"], row["ticked"], other["busy"]), (True, False, False))
        self.assertEqual(self._post(self._items(paid + due)).status_code, 422)
        self.assertEqual(self._links(), known)
        self.assertEqual(self._post(self._items(due)).status_code, 303)

    def test_one_currency_at_a_time(self):
        foreign = self.setup_other_currency("CAD")
        items = self._items(self._invoice() + self._invoice(amount=20, currency_id=foreign.id))
        self.assertEqual(self._get().text.count("<form"), 2)
        self.assertEqual(self._post(items).status_code, 422)
        self.assertEqual(self._post(items[1:]).status_code, 303)

    def test_revoked_page_does_not_pay(self):
        items = self._items(self._invoice())
        self.statement.action_revoke()
        self.assertEqual(self._post(items).status_code, 410)
        self.assertFalse(self._links())

    def test_links_end_with_the_page_they_were_made_on(self):
        """What is paid stays paid, what is on its way may still come, and other links of the customer stay open."""
        moves = [self._invoice(amount=amount) for amount in (10, 20, 30)]
        statement = self.statement.sudo()
        waiting, pending, paid = (statement._pay_link(set(self._items(move).ids)) for move in moves)
        own = self._link(self._invoice(amount=40))
        attempt = self._attempt(waiting)
        self._attempt(pending)._set_pending()
        self._pay(paid)
        self.statement.with_user(self.statement.user_id).action_revoke()
        self.assertEqual(
            [link.state for link in (waiting, pending, paid, own)], ["cancelled", "cancelled", "paid", "open"]
        )
        self.assertEqual(attempt.state, "cancel")
        self.assertEqual(self.url_open(f"/pay/{waiting.access_token}").status_code, 410)

    def test_addresses_that_the_page_has_led_to_end_with_it(self):
        """Whoever had the page had them: of what was made on it, paid or not, and of links that somebody had sent."""
        statement = self.statement.sudo()
        paid, waiting, sent, unseen = (self._invoice(amount=amount) for amount in (10, 20, 30, 40))
        sent, unseen = self._link(sent), self._link(unseen)
        addresses = [
            self._post(self._items(moves)).headers["Location"].partition("?")[0]
            for moves in (paid, waiting, sent.line_ids.move_id)
        ]
        self._pay(statement.link_ids.filtered(lambda link: link.amount == 10))
        self.assertEqual([self.url_open(address).status_code for address in addresses], [200, 200, 200])
        self.statement.with_user(self.statement.user_id).action_revoke()
        self.assertEqual([self.url_open(address).status_code for address in addresses], [404, 404, 404])
        for link, keys in ((sent, ["link_address_replaced"]), (unseen, [])):
            self.assertEqual((link.state, link.activity_ids.mapped("paylink_key")), ("open", keys))
            self.assertEqual(self.url_open(f"/pay/{link.access_token}").status_code, 200)

    def test_attempts_are_limited(self):
        """Neither links without end, nor cards without end on the links of one statement."""
        self.env["ir.config_parameter"].sudo().set_param("paylink_addon.max_attempts_per_hour", "2")
        first, second, third = (self._items(self._invoice(amount=amount)) for amount in (10, 20, 30))
        self.assertEqual([self._post(items).status_code for items in (first, second)], [303, 303])
        self.assertEqual(self._post(third).status_code, 422)
        self.assertEqual(self._post(first).status_code, 303)
        one, other = self._links()
        self._attempt(one)._set_error("Declined")
        self._attempt(other)._set_error("Declined")
        for link in (one, other):
            with self.assertRaises(UserError):
                self._attempt(link)

    def test_a_click_that_is_run_again_finds_its_link(self):
        items = self._items(self._invoice())
        statement = self.statement.sudo()
        link = statement._pay_link(set(items.ids))
        self.assertEqual(statement._pay_link(set(items.ids)), link)

    def test_other_company(self):
        """A page is of one company: neither shows nor takes what is owed to another one."""
        other = self._other_company()
        foreign = self._invoice(amount=99, company_id=other.id)
        mine = self._invoice(amount=10)
        page = self._get().text
        self.assertIn(mine.name, page)
        self.assertNotIn("99,00", page)
        self.assertEqual(self._post(self._items(foreign)).status_code, 422)

    def test_customer_that_joined_a_company(self):
        """The page of a person opens nothing of the company whose contact the person becomes."""
        firm = self._customer("Firm", is_company=True)
        invoice = self._invoice(firm)
        self.marie.parent_id = firm
        page = self._get()
        self.assertEqual(page.status_code, 200)
        self.assertNotIn(invoice.name, page.text)
        self.assertEqual(self._post(self._items(invoice)).status_code, 200)
        self.assertFalse(self._links())

    def test_constant_number_of_queries(self):
        """200 open items cost as many queries as 20."""
        few, many = self._customer("Few", lang="fr_FR"), self._customer("Many", lang="fr_FR")
        self._entries(few, 20)
        self._entries(many, 200)
        pages = self._statement(few + many)
        counts = []
        for statement in (*pages, *pages):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            values = self._get(statement)
            counts.append(self.env.cr.sql_log_count - before)
            self.assertEqual(values.status_code, 200)
        self.assertEqual(counts[2], counts[3], counts)

    # === SENDING === #

    def _wizard_for(self, partners, user=None):
        action = partners.with_user(user or self.seller).action_paylink_send_statements()
        return (
            self.env["paylink.statement.send"]
            .with_user(user or self.seller)
            .with_context(**action["context"])
            .create({})
        )

    def _mails(self, statement):
        return self.env["mail.mail"].sudo().search([("model", "=", "paylink.statement"), ("res_id", "=", statement.id)])

    def test_send_to_many(self):
        """Each in its language, with the address as a button; who owes nothing or has no address is named."""
        nobody, quiet = self._customer("Nobody"), self._customer("Quiet", email="q@example.com")
        for partner in (self.marie, self.john, nobody):
            self._invoice(partner, amount=120)
        wizard = self._wizard_for(self.marie + self.john + nobody + quiet)
        self.assertEqual((wizard.ready_ids, wizard.problem_count), (self.marie + self.john, 2))
        for name in ("Nobody", "Quiet"):
            self.assertIn(name, wizard.problems)
        wizard.action_send()
        statements = self.env["paylink.statement"].search([("partner_id", "in", (self.marie + self.john).ids)])
        self.assertEqual(len(statements), 2)
        for statement in statements:
            mail = self._mails(statement)
            self.assertEqual(len(mail), 1)
            self.assertIn(statement.url, mail.body_html)
            self.assertIn("120", mail.subject)
            self.assertEqual((mail.email_to, bool(statement.sent_at)), (statement.partner_id.email, True))
        wizard.action_send()
        self.assertEqual(len(self._mails(statements[0])), 1)

    def test_who_has_nothing_to_pay_gets_none(self):
        """Credits alone, or as many as invoices, are nothing to write about; one currency with a debt is."""
        foreign = self.setup_other_currency("CAD")
        in_credit, even = self._customer("Credit", email="c@example.com"), self._customer("Even", email="e@example.com")
        for partner, amount, values in (
            (in_credit, 30, {"move_type": "out_refund"}),
            (even, 50, {}),
            (even, 50, {"move_type": "out_refund"}),
            (self.john, 20, {"move_type": "out_refund"}),
            (self.john, 10, {"currency_id": foreign.id}),
        ):
            self._invoice(partner, amount=amount, **values)
        wizard = self._wizard_for(in_credit + even + self.john)
        self.assertEqual((wizard.ready_ids, wizard.problem_count), (self.john, 2))
        self.assertIn("Credit has nothing to pay.", wizard.problems)

    def test_address_stays_until_it_is_revoked(self):
        """Sent again, the same address; revoked and sent again, another one; the old one is dead for ever."""
        self._invoice()
        old = self.statement.access_token
        self._wizard_for(self.marie).action_send()
        self.assertEqual(self.statement.access_token, old)
        self.statement.action_revoke()
        with self.assertRaises(UserError):
            self.statement.action_copy()
        self._wizard_for(self.marie).action_send()
        self.assertNotEqual(self.statement.access_token, old)
        self.assertEqual(self.url_open(f"/account/{old}").status_code, 404)
        self.assertEqual((self._get().status_code, self.statement.state), (200, "active"))

    def test_one_page_per_customer_and_company(self):
        contact = self._customer("Contact", parent_id=self.marie.id)
        again = self.env["paylink.statement"]._for_customers(contact + self.marie)
        self.assertEqual(again, self.statement)
        other = self._other_company()
        foreign = self.env["paylink.statement"].with_company(other)._for_customers(self.marie)
        self.assertNotEqual(foreign, self.statement)
        with self.assertRaises(AccessError):
            foreign.with_user(self.seller).mapped("url")

    def test_rights(self):
        """Who may use links may send and copy; nobody writes; only the owner or who sees all payments revokes."""
        page = self.statement.with_user(self.seller)
        self.assertEqual(page.action_copy()["params"]["text"], self.statement.url)
        for values in ({"access_token": "a" * 32}, {"partner_id": self.john.id}, {"email": "thief@example.com"}):
            with self.subTest(values=values), self.assertRaises(AccessError):
                page.write(values)
        with self.assertRaises(AccessError):
            page.create({"partner_id": self.john.id})
        with self.assertRaises(AccessError):
            page.action_revoke()
        stranger = self._user("stranger", "base.group_user")
        for action in (
            self.marie.with_user(stranger).action_paylink_statement,
            self.statement.with_user(stranger).action_copy,
        ):
            with self.assertRaises(AccessError):
                action()
        own = self.env["paylink.statement"].with_user(self.seller)._for_customers(self.john)
        own.action_revoke()
        self.assertEqual(own.state, "revoked")
        self.colleague.group_ids |= self.env.ref("paylink_addon.group_paylink_all")
        page.with_user(self.colleague).action_revoke()
        self.assertEqual(self.statement.state, "revoked")

    def test_total_is_told_in_each_currency(self):
        foreign = self.setup_other_currency("CAD")
        self._invoice(amount=10)
        self._invoice(amount=20, currency_id=foreign.id)
        self.assertEqual(self.statement.document_count, 2)
        self.assertRegex(self.statement.amount_display, r"10.*\+.*20")
