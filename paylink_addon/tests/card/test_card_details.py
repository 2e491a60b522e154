from odoo.exceptions import UserError
from odoo.tests import Form, HttpCase, tagged

from .open_common import OpenCommon


@tagged("post_install", "-at_install")
class TestCardDetails(OpenCommon, HttpCase):
    """What people read of requests, methods and templates, beside what they do."""

    def test_methods_to_link_are_told_apart(self):
        """By what the customers have said, until they are linked."""
        cases = {
            ("Ada Martin", "ada@example.com", False): "Ada Martin",
            ("Jean Roy", "jean@example.com", "Atelier"): "Atelier, Jean Roy",
        }
        for (name, email, company), expected in cases.items():
            request = self._new_request(email)
            person = {"given_name": name, "given_email": email, "given_company": company}
            token = self._store_card(request, person=person).token_id
            self.assertEqual(token.paylink_owner_name, expected)
            request._link_to(self.john)
            self.assertEqual(token.paylink_owner_name, self.john.display_name)

    def test_language_of_a_consent_is_named(self):
        request = self._card_request()
        token = self._store_card(request).token_id
        for record, name in ((request, "consent_lang"), (token, "paylink_consent_lang")):
            labels = dict(record._fields[name]._description_selection(self.env))
            self.assertEqual(labels[record[name]], "Français")

    def test_template_says_in_which_languages_it_is_silent(self):
        """What a French manager types is French, whatever it is called."""
        own = self.env["paylink.card.template"].with_context(lang="fr_FR")
        made = own.create({"name": "Texte", "title": "Votre carte", "consent": "J'autorise {company}."})
        self.assertEqual((made.unsaid_in, self.page.unsaid_in), ("English (US)", ""))
        made.with_context(lang="en_US").consent = "I authorize {company}."
        self.assertFalse(made.unsaid_in)
        with Form(own) as form:
            self.assertFalse(form.unsaid_in, "nothing is typed yet")
            form.name, form.title, form.consent = "Autre", "Votre carte", "J'autorise {company}."

    def test_each_company_has_a_page_for_anyone(self):
        """Made when it is asked for first; one that was archived or switched off is not made anew."""
        other = self._other_company()
        self._demo_provider(other)
        user = self._user("theirs", "paylink_addon.group_paylink_user", other)
        Request = self.env["paylink.card.request"].with_user(user).with_company(other)
        address = Request.action_copy_open_address()["params"]["text"]
        self.assertEqual(Request.action_copy_open_address()["params"]["text"], address)
        page = self.env["paylink.card.template"].search([("company_id", "=", other.id)])
        origin = self.env.ref("paylink_addon.paylink_card_template_generic").sudo()
        for lang in ("en_US", "fr_FR"):
            one, first = page.with_context(lang=lang), origin.with_context(lang=lang)
            self.assertEqual((one.name, one.title, one.consent), (first.name, first.title, first.consent))
        page.is_open = False
        with self.assertRaises(UserError):
            Request.action_copy_open_address()

    def test_people_see_that_a_page_refuses_visitors(self):
        self.assertFalse(self.page.is_full)
        self.page.sudo()._note_full(100)
        self.assertTrue(self.page.is_full)

    def test_help_stands_at_the_foot(self):
        """Of a request's page, and of the page for anyone; in the customer's language."""
        request = self._card_request()
        self.authenticate(None, None)
        for url in (f"/card/{request.access_token}", f"/card/open/{self.page.public_token}"):
            self.assertIn(f'href="{url}/help"', self.url_open(url).text)
            page = self.url_open(f"{url}/help?lang=fr_FR")
            self.assertEqual(page.status_code, 200)
            self.assertIn(f'href="{url}"', page.text)
            self.assertNotIn(f'href="{url}/help"', page.text)
            self._assert_nothing_leaks(page)
        self.assertEqual(self.url_open("/card/AAAAAAAAAAAAAAAAAAAAAAAA/help").status_code, 404)
