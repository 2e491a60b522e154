from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from .card_common import CardCommon


@tagged("post_install", "-at_install")
class TestCardBadInput(CardCommon):
    """Each with an error that says what is wrong; nothing is stored, nothing is sent: it undoes all of the request."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls._user(
            "bad-input", "paylink_addon.group_payment_manager,account.group_account_invoice,base.group_partner_manager"
        )
        cls.manager.lang = "en_US"
        cls.token = cls._store_card(cls._card_request()).token_id
        cls.theirs = cls._store_card(cls._card_request(cls.john)).token_id

    def _own(self, records):
        return records.with_user(self.manager).with_company(self.company)

    def _ask(self, records, **values):
        """Ask by the dialog, as a user does."""
        wizard = self.env["paylink.card.send"].with_user(self.manager).with_company(self.company)
        context = {"active_model": records._name, "active_ids": records.ids} if records else {}
        return wizard.with_context(**context).create(values).action_send()

    def _ask_new(self, **line):
        line = Command.create({"lang": "en_US", **line})
        return self._ask(self.env["res.partner"], line_ids=[line], send_sms="phone" in line[2])

    def _charge(self, token, invoice):
        wizard = self.env["paylink.profile.charge"].with_user(self.manager).with_company(self.company)
        dialog = wizard.with_context(active_model="payment.token", active_ids=token.ids).create({})
        dialog.line_ids.filtered(lambda line: line.name == invoice.name).is_chosen = True
        return dialog.action_charge()

    def _english_only(self):
        return self.env["paylink.card.template"].create({"name": "English", "title": "Store it", "consent": "I agree."})

    def _archived(self):
        customer = self._customer("Ancien", email="ancien@example.com")
        customer.active = False
        return customer

    def _nothing_stores(self):
        self.provider.sudo().allow_tokenization = False
        return self.marie

    def _elsewhere(self):
        other = self._other_company(name="Other")
        self.manager.company_ids += other
        return self._customer("Elsewhere", email="e@example.com", company_id=other.id)

    def _kuwaiti(self):
        self.token.payment_method_id.sudo().supported_currency_ids = [Command.set(self._enable_currency("KWD").ids)]
        return self.token

    def _of_marie(self):
        return self._own(self.marie)

    def test_requests(self):
        cases = {
            "Nobody has no e-mail address: add one": lambda: self._ask(self._customer("Nobody")),
            "Nobody has no mobile number: add one": lambda: self._ask(
                self._customer("Nobody"), send_email=False, send_sms=True
            ),
            "Choose how to send it": lambda: self._ask(self.marie, send_email=False),
            "“nonsense” is not an e-mail address": lambda: self._ask(self._customer("Bad", email="nonsense")),
            "not a mobile number": lambda: self._ask(
                self._customer("Land", phone="+33 4 67 00 00 00"), send_email=False, send_sms=True
            ),
            "Ancien is archived: restore the contact": lambda: self._ask(self._archived()),
            "No payment provider of .* can store": lambda: self._ask(self._nothing_stores()),
            "“English” has no wording in French": lambda: self._ask(self.marie, template_id=self._english_only().id),
            "The customer has no e-mail address": lambda: self._ask_new(email=False),
            "“ada@” is not an e-mail address": lambda: self._ask_new(email="ada@"),
            "“12” is not a phone number": lambda: self._ask_new(email="ada@example.com", phone="12"),
            "Choose customers to ask": lambda: self._ask(self.env["res.partner"]),
            "switching to the company: Other": lambda: self._ask(self._elsewhere()),
        }
        self._assert_refused(cases)

    def test_profiles(self):
        invoice = self._invoice(amount=50)
        expired = {"paylink_expires_on": fields.Date.today() - timedelta(days=40)}
        cases = {
            "can't be charged in USD": lambda: self._charge(self._kuwaiti(), invoice),
            "has expired": lambda: self.token.sudo().write(expired) and self._charge(self.token, invoice),
            "was removed": lambda: (
                self.theirs.sudo().write({"active": False}) and self._own(self.theirs).action_paylink_set_default()
            ),
            "not a payment method of": lambda: self._card_request(replaces_id=self.theirs.id),
            "is not a payment profile of Marie": lambda: self._of_marie().write({"paylink_token_id": self.theirs.id}),
        }
        self._assert_refused(cases)

    def test_limits_and_rules(self):
        Rule = self._own(self.env["paylink.autopay.rule"])
        limit = "A limit of automatic payment must be more than zero"
        cases = {
            limit: lambda: self._of_marie().write({"paylink_autopay": True, "paylink_autopay_has_cap": True}),
            f"{limit}: enter": lambda: self._of_marie().write({"paylink_autopay_has_month_cap": True}),
            "nothing would fit": lambda: Rule.create({"name": "R", "amount_min": 10, "amount_max": 5}),
            "enter days": lambda: Rule.create({"name": "R", "retry_funds": "3, x"}),
        }
        self._assert_refused(cases)
        self.assertTrue(Rule.new({"name": "R", "ignore_before": False}).is_everything)
        self.assertFalse(Rule.new({"name": "R", "ignore_before": False, "amount_min": 5}).is_everything)

    def _assert_refused(self, cases):
        for text, action in cases.items():
            with self.subTest(text), self.env.cr.savepoint() as savepoint:
                with self.assertRaisesRegex((AccessError, UserError, ValidationError), text):
                    action()
                savepoint.rollback()
            self.env.invalidate_all()
