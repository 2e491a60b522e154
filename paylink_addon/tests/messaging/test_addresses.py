from odoo.tests import tagged

from ...tools.address_checks import check_email, check_phone
from ...tools.addresses import BadAddress, mobile_e164, split_emails, usable_emails
from ..common import PaylinkCommon


@tagged("post_install", "-at_install")
class TestAddresses(PaylinkCommon):
    """A contact shows whether its addresses can work, as far as that is known without asking anybody."""

    def test_emails(self):
        cases = {
            "marie@gmail.com": ("valid", "email_ok"),
            "Marie <marie@mairie-lyon.fr>": ("valid", "email_ok"),
            "marie@xn--caf-dma.fr": ("valid", "email_ok"),
            "marie": ("invalid", "email_syntax"),
            "marie@localhost": ("invalid", "email_syntax"),
            "marie@@gmail.com": ("invalid", "email_syntax"),
            ",;": ("invalid", "email_syntax"),
            "marie@shop.test": ("invalid", "email_reserved"),
            "marie@printer.local": ("invalid", "email_reserved"),
            "marie@example.com": ("invalid", "email_reserved"),
            "marie@gmial.com": ("doubtful", "email_typo"),
            "marie@orange.con": ("doubtful", "email_typo"),
            "a@gmail.com, b@gmial.com": ("doubtful", "email_typo"),
            "marie@videotrn.ca": ("doubtful", "email_typo"),
            "marie@simpatico.ca": ("doubtful", "email_typo"),
            "marie@videotron.ca": ("valid", "email_ok"),
            "marie@sympatico.ca\u200b": ("valid", "email_ok"),
            '"Dupont, Marie" <m@mairie.fr>': ("valid", "email_ok"),
            "\u200b": None,
            "a@gmial.com; b@shop.test": ("invalid", "email_reserved"),
        }
        for text, expected in cases.items():
            with self.subTest(text=text):
                found = check_email(text)
                self.assertEqual(found and found[:2], expected)
        for text in ("", " ", None, False):
            self.assertIsNone(check_email(text))

    def test_emails_of_real_people(self):
        """As RFC 5322 writes them, and as people copy them out of their mail programs."""
        cases = {
            '"Dupont, Marie" <m@mairie.fr>': ["m@mairie.fr"],
            '"Lambert; Fils" <c@lambert.fr>; b@x.fr': ["c@lambert.fr", "b@x.fr"],
            '"Du \\"Petit\\", Jean" <j@x.fr>': ["j@x.fr"],
            "Dupont, Marie <m@mairie.fr>": ["m@mairie.fr"],
            "b@x.fr, Dupont, Marie <m@mairie.fr>": ["b@x.fr", "m@mairie.fr"],
            "mail@groupe.fr <compta@client.fr>": ["compta@client.fr"],
            "compta@client.fr (Comptes, Lyon)": ["compta@client.fr"],
            "mailto:a@x.fr": ["a@x.fr"],
            "a@x.fr b@y.fr\nc@z.fr": ["a@x.fr", "b@y.fr", "c@z.fr"],
            "\u200bmar\u00adie@x.fr\u202f": ["marie@x.fr"],
            "A@X.fr; a@x.fr": ["a@x.fr"],
        }
        for text, expected in cases.items():
            with self.subTest(text=text):
                self.assertEqual(split_emails(text), expected)
        for text in ("Marie <>", "<a@x.fr> <bad>", "<m @x.fr>", '"m@x.fr"', "a@x.fr, Dupont", f"{'a' * 250}@x.fr"):
            with self.subTest(text=text), self.assertRaises(BadAddress):
                split_emails(text)
        self.assertEqual(usable_emails('Dupont; "D, M" <m@mairie.fr>; nobody@'), ["m@mairie.fr"])

    def test_mobiles_of_real_people(self):
        """France and its overseas departments dial each other as one country; what is copied is cleaned."""
        cases = {
            ("0692 12 34 56", "FR"): "+262692123456",
            ("0690 12 34 56", "FR"): "+590690123456",
            ("0696 12 34 56", "FR"): "+596696123456",
            ("0694 12 34 56", "FR"): "+594694123456",
            ("0694 55 34 56", "FR"): "+594694553456",
            ("0639 12 34 56", "FR"): "+262639123456",
            ("06 39 98 12 34", "FR"): "+33639981234",
            ("06 12 34 56 78", "RE"): "+33612345678",
            ("06 12 34 56 78", "NC"): "+33612345678",
            ("0693 12 34 56", "MQ"): "+262693123456",
            ("+33 692 12 34 56", None): "+262692123456",
            ("77 12 34", "NC"): "+687771234",
            ("\u202a06\u202f12\u00ad34\u200b5678\u202c", "FR"): "+33612345678",
            ("514 555 1234", "CA"): "+15145551234",
        }
        for (number, country), expected in cases.items():
            with self.subTest(number=number, country=country):
                self.assertEqual(mobile_e164(number, country), expected)
        for number, country, code in (("01 42 68 53 00", "RE", "landline"), ("0262 12 34 56", "FR", "landline")):
            with self.subTest(number=number), self.assertRaisesRegex(BadAddress, code):
                mobile_e164(number, country)

    def test_what_is_meant(self):
        self.assertEqual(check_email("a@gmial.com").value, "gmail.com")
        self.assertEqual(check_email("a@mairie.con").value, "mairie.com")

    def test_phones(self):
        cases = {
            ("06 12 34 56 78", "FR"): ("valid", "phone_mobile"),
            ("+33612345678", None): ("valid", "phone_mobile"),
            ("06 39 98 12 34", "FR"): ("unknown", "phone_unassigned"),
            ("01 42 68 53 00", "FR"): ("valid", "phone_landline"),
            ("0612345678", None): ("unknown", "phone_country"),
            ("+1 202 555 0123", "FR"): ("unknown", "phone_either"),
            ("0692 12 34 56", "FR"): ("valid", "phone_mobile"),
            ("12", "FR"): ("invalid", "phone"),
            ("not a number", "FR"): ("invalid", "phone"),
            ("012", "BE"): ("invalid", "phone"),
        }
        for (number, country), expected in cases.items():
            with self.subTest(number=number, country=country):
                self.assertEqual(check_phone(number, country)[:2], expected)
        self.assertIsNone(check_phone("", "FR"))

    def test_contact_says_why(self):
        contact = self._customer("Contact", email="paul@gmial.com", phone="01 42 68 53 00")
        self.assertEqual((contact.paylink_email_state, contact.paylink_phone_state), ("doubtful", "valid"))
        self.assertIn("gmail.com", contact.paylink_email_reason)
        self.assertIn("+33 1 42 68 53 00", contact.paylink_phone_reason)
        contact.email = "paul@gmail.com"
        self.assertEqual(contact.paylink_email_state, "valid")
        contact.message_bounce = 2
        self.assertEqual(contact.paylink_email_state, "doubtful")
        self.assertIn("2", contact.paylink_email_reason)
        contact.country_id = self.env.ref("base.us")
        self.assertNotEqual(contact.paylink_phone_state, "valid")
        contact.write({"email": False, "phone": False})
        self.assertEqual((contact.paylink_email_state, contact.paylink_phone_state), (False, False))

    def test_unknown_kind_of_number_needs_no_look(self):
        """In North America no number tells whether it is a mobile: a list of all contacts would be of no use."""
        contact = self._customer("Contact", email="paul@gmail.com", phone="+1 514 555 1234")
        self.assertEqual((contact.paylink_phone_state, contact.paylink_is_address_bad), ("unknown", False))
        contact.phone = "+33 1 23"
        self.assertTrue(contact.paylink_is_address_bad)
        found = self.env["res.partner"].search([("paylink_is_address_bad", "=", True)])
        self.assertIn(contact, found)
        self.assertNotIn(contact, self.env["res.partner"].search([("paylink_is_address_bad", "=", False)]))

    def test_every_reason_has_a_text(self):
        emails = ("a@gmail.com", "a", "a@b.test", "a@gmial.com")
        phones = (("0612345678", "FR"), ("0142685300", "FR"), ("0639981234", "FR"), ("12", "FR"), ("0612345678", None))
        phones += (("+1 514 555 1234", None),)
        verdicts = [check_email(email) for email in emails] + [check_email("a@gmail.com", 1)]
        verdicts += [check_phone(*phone) for phone in phones]
        texts = {self.env["res.partner"]._paylink_reason(verdict) for verdict in verdicts}
        self.assertEqual(len(texts), len(verdicts))

    def test_search(self):
        good = self._customer("Good", email="a@gmail.com", phone="0612345678")
        doubtful = self._customer("Doubtful", email="a@gmial.com", phone="12")
        none = self._customer("None")
        Partner, ours = self.env["res.partner"], good + doubtful + none
        cases = [
            ([("paylink_email_state", "=", "valid")], good),
            ([("paylink_email_state", "in", ("doubtful", "invalid"))], doubtful),
            ([("paylink_email_state", "=", False)], none),
            ([("paylink_email_state", "!=", "valid")], doubtful + none),
            ([("paylink_phone_state", "=", "invalid")], doubtful),
            ([("paylink_phone_state", "!=", False)], good + doubtful),
        ]
        for domain, expected in cases:
            with self.subTest(domain=domain):
                self.assertEqual(Partner.search([("id", "in", ours.ids), *domain]), expected.sorted())

    def test_check_many(self):
        """The action shows those that need a look; if all are well it says so."""
        good = self._customer("Good", email="a@gmail.com", phone="0612345678")
        bad = self._customer("Bad", phone="12")
        action = (good + bad).action_paylink_check_addresses()
        self.assertEqual(self.env["res.partner"].search(action["domain"]), bad)
        self.assertEqual(good.action_paylink_check_addresses()["tag"], "display_notification")

    def test_checked_as_a_set(self):
        """As many queries for 40 contacts as for 10."""
        contacts = self.env["res.partner"].create(
            [{"name": f"C{number}", "email": f"c{number}@gmail.com", "phone": "0612345678"} for number in range(50)]
        )
        names = ["paylink_email_state", "paylink_phone_state"]
        contacts[:1].read(names)
        counts = []
        for some in (contacts[:10], contacts[10:]):
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            some.read(names)
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(counts[0], counts[1])
