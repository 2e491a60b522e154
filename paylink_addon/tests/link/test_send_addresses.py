from odoo.exceptions import UserError
from odoo.tests import Form, tagged

from ...const import MAX_SMS_PARTS
from ...tools.gsm import sms_size
from ..common import PaylinkCommon


@tagged("post_install", "-at_install")
class TestSendAddresses(PaylinkCommon):
    """The wizard: addresses typed for many, SMS of any length, customers who owe in two currencies."""

    def _sms(self, link):
        domain = [("mail_message_id.model", "=", "paylink.link"), ("mail_message_id.res_id", "=", link.id)]
        return self.env["sms.sms"].sudo().search(domain)

    # === ADDRESSES === #

    def test_addresses_typed_for_many_are_saved_when_asked(self):
        for save in (True, False):
            with self.subTest(save=save):
                nobody, known = self._customer("Nobody"), self._customer("Known", email="known@example.com")
                wizard = self._wizard(self._invoice(nobody) + self._invoice(known), send_sms=True, save_on_contact=save)
                self.assertFalse(wizard.is_new_address)
                for line, number in zip(wizard.line_ids, ("+33639981235", "+33639981236"), strict=True):
                    line.phone = number
                wizard.line_ids[0].email = "nobody@example.com"
                wizard.line_ids[1].email = "elsewhere@example.com"
                self.assertTrue(wizard.is_new_address)
                links = self._sent(wizard)
                self.assertEqual(set(links.mapped("email")), {"nobody@example.com", "elsewhere@example.com"})
                expected = ("nobody@example.com", "+33639981235") if save else (False, False)
                self.assertEqual((nobody.email, nobody.phone), expected)
                # What the contact had stays; what was not sent to is not saved.
                self.assertEqual(known.email, "known@example.com")
                self.assertEqual(known.phone, "+33639981236" if save else False)

    def test_addresses_of_lines_that_are_not_sent_are_not_saved(self):
        nobody = self._customer("Nobody")
        wizard = self._wizard(self._invoice(nobody) + self._invoice())
        wizard.line_ids.filtered(lambda line: line.partner_id == nobody).email = "nonsense"
        self._sent(wizard)
        self.assertFalse(nobody.email)

    def test_who_may_not_edit_contacts_sends_all_the_same(self):
        seller = self._user("seller", "paylink_addon.group_paylink_user")
        nobody = self._customer("Nobody")
        self._invoice(nobody)
        for partners in (nobody, nobody + self.john):
            with self.subTest(count=len(partners)):
                self._invoice(self.john)
                Wizard = self.env["paylink.send"].with_user(seller)
                wizard = Wizard.with_context(active_model="res.partner", active_ids=partners.ids).create({})
                wizard.line_ids.filtered(lambda line: line.partner_id == nobody).email = "new@example.com"
                wizard.email = len(partners) == 1 and "new@example.com"
                self.assertFalse(wizard.is_new_address)
                self.assertIn("new@example.com", self._sent(wizard).mapped("email"))
                self.assertFalse(nobody.email)

    # === LENGTH OF SMS === #

    def _text(self, length):
        return ("x" * length)[:length]

    def test_length_of_an_sms(self):
        """Nothing is said of one message, a warning of up to four, and more are refused."""
        cases = [
            (160, None, None),
            (161, "billed, as 2 messages", None),
            (4 * 153, "billed, as 4 messages", None),
            (4 * 153 + 1, None, "take 5 messages"),
        ]
        for length, warning, problem in cases:
            with self.subTest(length=length):
                wizard = self._wizard(self._invoice(), send_email=False, send_sms=True)
                wizard.sms_body = self._text(length)
                self.assertIn(warning or "", wizard.sms_warning or "")
                self.assertEqual(bool(wizard.sms_warning), bool(warning))
                self.assertEqual(bool(wizard.sms_problem), bool(problem))
                if problem:
                    with self.assertRaisesRegex(UserError, problem):
                        wizard.action_send()
                else:
                    self.assertEqual(len(self._sms(self._sent(wizard)).body), length)

    def test_long_template_is_refused_for_many(self):
        """The text and the URL of the template count; nothing is made."""
        template = self.env["sms.template"].create(
            {
                "name": "Long",
                "model_id": self.env.ref("paylink_addon.model_paylink_link").id,
                "body": self._text(MAX_SMS_PARTS * 153 - 20) + " {{ object.url }}",
            }
        )
        self.john.phone = "+33639981237"
        wizard = self._wizard(
            self._invoice() + self._invoice(self.john),
            send_email=False,
            send_sms=True,
            sms_template_id=template.id,
        )
        count = self.env["paylink.link"].search_count([])
        with self.assertRaisesRegex(UserError, "at most 4 are possible"), self.cr.savepoint():
            wizard.action_send()
        self.assertEqual(self.env["paylink.link"].search_count([]), count)

    def test_supplied_sms_is_one_message_whatever_the_address(self):
        """The company's name gives way to a long address of the payment pages."""
        self.company.name = "Établissements Réunis Lambert & Fils, Menuiserie Générale de Bâtiment"
        for host in ("pay.fr", "paiement.etablissements-lambert.example", f"{'x' * 50}.{'y' * 20}.example"):
            for partner in (self.marie, self.john):
                with self.subTest(host=host, lang=partner.lang):
                    self.company.paylink_base_url = f"https://{host}"
                    partner.phone = "+33639981234"
                    wizard = self._wizard(self._invoice(partner, amount=1234567.89), send_email=False, send_sms=True)
                    self.assertFalse(wizard.sms_warning)
                    link = self._sent(wizard)
                    self.assertIn(link.url, self._sms(link).body)
                    self.assertEqual(sms_size(self._sms(link).body)[1:], (160, 1))

    # === CURRENCIES === #

    def _owing_two(self):
        foreign = self.setup_other_currency("CAD")
        self._invoice(self.john, amount=80)
        self._invoice(self.john, amount=30, currency_id=foreign.id)
        return foreign

    def test_customer_owing_in_two_currencies_gets_two_links(self):
        foreign = self._owing_two()
        wizard = self._wizard(self.john)
        self.assertEqual((wizard.is_one_customer, wizard.has_several_currencies), (True, True))
        links = self._sent(wizard)
        amounts = {link.currency_id: link.amount for link in links}
        self.assertEqual(amounts, {self.company.currency_id: 80, foreign: 30})

    def test_several_currencies_of_several_customers_need_no_word(self):
        foreign = self.setup_other_currency("CAD")
        wizard = self._wizard(self._invoice() + self._invoice(self.john, currency_id=foreign.id))
        self.assertFalse(wizard.has_several_currencies)
        self.assertFalse(wizard.is_one_customer)

    def test_free_amount_in_a_chosen_currency(self):
        """Also from a customer who owes in two; it is paid and booked in that currency."""
        foreign = self._owing_two()
        with Form(self.env["paylink.send"].with_context(active_model="res.partner", active_ids=self.john.ids)) as form:
            form.kind = "free"
            self.assertEqual(form.currency_id, self.company.currency_id)
            form.currency_id = foreign
            form.amount = 45
            form.reference = "Contract 3"
            self.assertIn("45", form.subject)
        link = self._sent(form.save())
        self.assertEqual((link.kind, link.amount, link.currency_id), ("free", 45, foreign))
        payment = self._pay(link).payment_id
        self.assertEqual((link.state, payment.currency_id, payment.amount), ("paid", foreign, 45))

    def test_currency_of_items_is_theirs(self):
        """What a client says of the currency counts for a free amount only."""
        foreign = self.setup_other_currency("CAD")
        link = self._sent(self._wizard(self._invoice(), currency_id=foreign.id))
        self.assertEqual(link.currency_id, self.company.currency_id)

    def test_credit_in_another_currency_hides_no_debt(self):
        foreign = self.setup_other_currency("CAD")
        self._invoice(self.john, amount=10)
        self._invoice(self.john, amount=500, move_type="out_refund", currency_id=foreign.id)
        self.assertEqual(self._wizard(self.john).kind, "open_items")
