import json
from datetime import timedelta

from lxml import html
from odoo import fields
from odoo.tests import tagged

from .pay_common import PayCommon


@tagged("post_install", "-at_install")
class TestPaying(PayCommon):
    """What the payment form sends, over HTTP."""

    def test_paying_over_http(self):
        """Transaction, the demo provider's answer, status, receipt."""
        link = self._link(self._invoice(amount=100))
        values = self._transaction(link)
        self.assertEqual((values["amount"], values["provider_code"]), (100, "demo"))
        self.url_open(
            "/payment/demo/simulate_payment",
            data=json.dumps(
                {
                    "jsonrpc": "2.0",
                    "params": {
                        "reference": values["reference"],
                        "simulated_state": "done",
                        "payment_details": "1234",
                    },
                }
            ),
            headers={"Content-Type": "application/json"},
        )
        status = self._get(link, "/status").json()
        self.assertEqual((status["state"], status["view"]), ("paid", "paid"))
        link.invalidate_recordset()
        self.assertEqual(link.line_ids.move_id.payment_state, "paid")
        landing = self.url_open("/payment/status", allow_redirects=False)
        self.assertTrue(landing.headers["Location"].endswith(f"/pay/{link.access_token}"))
        self.assertNotIn(link.access_token, link.transaction_ids.landing_route)

    def test_address_that_was_replaced_meanwhile(self):
        """Whoever began to pay by the old one does not learn the new one."""
        link = self._link(self._invoice())
        self._transaction(link)
        old = link.access_token
        link.action_replace_token()
        landing = self.url_open("/payment/status", allow_redirects=False).headers["Location"]
        self.assertIn(f"/pay/{old}", landing)
        self.assertEqual(self.url_open(landing).status_code, 404)

    def test_what_the_client_sends_is_not_trusted(self):
        """Amounts, providers, methods and saved cards of others are refused with a text, and nothing is made."""
        other = self._other_company()
        foreign = self._demo_provider(other)
        token = self._create_token(partner_id=self.john.id)
        cases = [
            {"amount": 1},
            {"amount": 100.01},
            {"amount": None},
            {"amount": "1e400"},
            {"amount": "x"},
            {"provider_id": foreign.id},
            {"provider_id": None},
            {"provider_id": "1 OR 1"},
            {"payment_method_id": 0},
            {"payment_method_id": None},
            {"token_id": token.id, "flow": "token"},
            {"token_id": 999999, "flow": "token"},
        ]
        for params in cases:
            with self.subTest(params=params):
                link = self._link(self._invoice())
                answer = self._transaction(link, **params)
                self.assertEqual(answer["state"], "error")
                self.assertTrue(answer["state_message"])
                self.assertFalse(link.transaction_ids)

    def test_what_modules_add_to_the_form_is_ignored(self):
        """Nothing but the choice of method gets into the transaction."""
        link = self._link(self._invoice())
        answer = self._transaction(
            link,
            partner_id=self.john.id,
            custom_create_values={"state": "done"},
            reference_prefix="X",
            payment_reference="Y",
            is_validation=True,
            landing_route="https://evil.example",
        )
        transaction = link.transaction_ids
        self.assertEqual((answer["reference"], transaction.partner_id), (link.name, self.marie))
        self.assertEqual((transaction.state, transaction.operation), ("draft", "online_direct"))
        self.assertEqual((transaction.amount, transaction.landing_route), (100, "/payment/status"))

    def test_closed_links_cannot_be_paid(self):
        for lead in (
            lambda link: link.action_cancel(),
            lambda link: setattr(link, "expires_at", fields.Datetime.now() - timedelta(minutes=1)),
            self._pay,
            lambda link: self._attempt(link)._set_pending(),
        ):
            link = self._link(self._invoice())
            lead(link)
            count = len(link.transaction_ids)
            answer = self._transaction(link, amount=100)
            self.assertEqual(answer["state"], "error")
            self.assertEqual(len(link.transaction_ids), count)

    def test_saved_methods_are_their_owners(self):
        """Who holds the address may be anybody: only who is logged in as the owner of a card is offered it."""
        self.marie.is_company = True
        anna = self._customer("Anna", parent_id=self.marie.id)
        people = {"anna": anna, "colleague": self._customer("Paul", parent_id=self.marie.id), "stranger": self.john}
        for login, partner in people.items():
            self._create_new_portal_user(login=login, partner_id=partner.id)
        self._user("employee", "paylink_addon.group_payment_manager,account.group_account_invoice")
        tokens = {partner: self._create_token(partner_id=partner.id) for partner in (anna, self.marie, self.john)}
        for customer in (anna, self.marie):
            link = self._link(self._invoice(customer))
            for login in (None, "anna", "colleague", "stranger", "employee"):
                self.authenticate(login, login)
                page = html.fromstring(self._get(link).content)
                shown = page.xpath("//input[@name='option']/@value")
                for owner, token in tokens.items():
                    own = login == "anna" and owner == anna
                    with self.subTest(customer=customer.name, login=login, owner=owner.name):
                        self.assertEqual(f"token-{token.id}" in shown, own)
                        if not own:
                            answer = self._transaction(link, token_id=token.id, flow="token")
                            self.assertEqual((answer["state"], link.transaction_ids.ids), ("error", []))

    def test_form_of_another_page_charges_no_saved_method(self):
        """Whoever knows the address may have the owner's browser send it: only our page has the session's token."""
        self._create_new_portal_user(login="marie", partner_id=self.marie.id)
        token = self._create_token(partner_id=self.marie.id)
        token.demo_simulated_state = "done"
        link = self._link(self._invoice())
        path, data = f"/pay/{link.access_token}/pay", {"option": f"token-{token.id}"}
        self.authenticate("marie", "marie")
        page = html.fromstring(self._get(link).content)
        (csrf,) = page.xpath("//form//input[@name='csrf_token']/@value")
        foreign = {"Sec-Fetch-Site": "cross-site"}
        for said, headers in (
            ({}, {}),
            *(({"csrf_token": text}, {}) for text in ("é", "x", "0o1", "")),
            ({"csrf_token": csrf}, foreign),
        ):
            with self.subTest(said=said, headers=headers):
                answer = self.url_open(path, data=data | said, headers=headers, allow_redirects=False)
                self.assertEqual(answer.status_code, 303 if headers else 422)
                self.assertFalse(link.transaction_ids)
        answer = self.url_open(path, data=data, files={"csrf_token": ("file", b"1")}, allow_redirects=False)
        self.assertEqual(answer.status_code, 422)
        self.url_open(path, data=data | {"csrf_token": csrf}, allow_redirects=False)
        self.env.invalidate_all()
        self.assertEqual(link.transaction_ids.mapped("state"), ["done"])
        self.authenticate(None, None)
        self.assertNotIn('csrf_token"', self._get(self._link(self._invoice())).text)

    def test_only_the_customer_saves_a_method(self):
        """A method that is saved is the customer's, to be charged again: nobody else's becomes that."""
        self.marie.is_company = True
        people = {
            "anna": self._customer("Anna", parent_id=self.marie.id),
            "bob": self.john,
            "marie": self.marie,
        }
        for login, partner in people.items():
            self._create_new_portal_user(login=login, partner_id=partner.id)
        self._user("employee", "paylink_addon.group_payment_manager,account.group_account_invoice")
        link = self._link(self._invoice())
        option = f"{self.provider.id}-{self.payment_method_id}"
        self.dummy_provider.is_published = True
        elsewhere = f"{self.dummy_provider.id}-{self.dummy_provider.payment_method_ids[:1].id}"
        for login in (None, "marie", "anna", "bob", "employee"):
            self.authenticate(login, login)
            with self.subTest(login=login):
                fields_ = self._get(link, f"?method={option}").text
                offered = ["o_payment_tokenize_checkbox" in fields_, 'name="save"' in self._get(link).text]
                self._transaction(link, tokenization_requested=True)
                self._send_form(link, option=elsewhere, save="1")
                self.env.invalidate_all()
                saved = link.transaction_ids.sorted("id")[-2:].mapped("tokenize")
                self.assertEqual((offered, saved), ([login == "marie"] * 2,) * 2)

    def test_tokenization_that_a_provider_requires(self):
        """Whoever pays: that is the provider's to say, as everywhere in Odoo."""
        link = self._link(self._invoice())
        self.patch(type(self.provider), "_is_tokenization_required", lambda provider, **_kwargs: True)
        self._transaction(link)
        self.assertTrue(link.transaction_ids.tokenize)

    def test_saved_method_is_charged_once(self):
        self._create_new_portal_user(login="marie", partner_id=self.marie.id)
        self.authenticate("marie", "marie")
        token = self._create_token(partner_id=self.marie.id)
        token.demo_simulated_state = "done"
        link = self._link(self._invoice())
        values = self._transaction(link, token_id=token.id, flow="token")
        self.assertEqual(values["state"], "done")
        again = self._transaction(link, token_id=token.id, flow="token", amount=100)
        self.assertEqual(again["state"], "error")
        self.assertEqual(link.transaction_ids.mapped("state"), ["done"])
