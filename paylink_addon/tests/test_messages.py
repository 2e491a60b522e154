import re
from datetime import timedelta

from lxml import html
from odoo.tests import Form, freeze_time, tagged
from werkzeug.datastructures import MultiDict

from ..tools.colors import contrast
from .card.card_common import CardCommon
from .reminder.reminder_common import TODAY, ReminderCommon

LANGUAGES = ("en_US", "fr_FR")
TONES = ("1", "2", "3")
# What only tells: there is nothing to press.
NOTHING_TO_DO = (
    *("mail_template_receipt", "mail_template_refund_notice", "mail_template_card_stored", "mail_template_autopay"),
    *("mail_layout_card_code", "mail_template_saved_used", "mail_template_plan_charge"),
)
# The names of people and companies, numbers, dates and addresses: what stands in both languages.
NAMES = re.compile(r"(https?://|\S+@)\S+|\S*\d\S*|Marie Dubois|John Smith|Menuiserie|Lambert|OdooBot|Contract|Demo")
WORDS = re.compile(r"[^\W\d_]{2,}")


@tagged("post_install", "-at_install")
class TestMessages(ReminderCommon, CardCommon):
    """Every e-mail and SMS that customers can get, as it is stored: sanitized, in both languages."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write({"name": "Menuiserie Lambert", "paylink_reminder_gap_days": 0, "phone": "+33123456789"})
        cls.messages = {lang: {} for lang in LANGUAGES}

    def _new_customer(self, lang):
        self.count = getattr(self, "count", 0) + 1
        name = {"en_US": "John Smith", "fr_FR": "Marie Dubois"}[lang]
        values = {"email": f"customer{self.count}@example.com", "phone": "+33639981234", "lang": lang}
        return self._customer(name, **values)

    def _all(self):
        """E-mails (HTML) and SMS (text) by name, in each language: made once."""
        if not any(self.messages.values()):
            for lang in LANGUAGES:
                parts = (self._of_links, self._of_invoices, self._of_reminders, self._of_cards, self._of_autopay)
                for part in (*parts, self._of_plans):
                    self.messages[lang] |= part(lang)
        return self.messages

    def _last(self, outbox, **values):
        domain = [(name, "=", value) for name, value in values.items()]
        return self.env[outbox].sudo().search(domain, order="id desc", limit=1)

    def _mail_of(self, record):
        return self._last("mail.mail", model=record._name, res_id=record.id).body_html

    def _sms(self):
        return self._last("sms.sms").body

    def _of_links(self, lang):
        customer, found = self._new_customer(lang), {}
        link = self._link(self._invoice(customer, amount=120))
        link.send_sms = True
        link.action_send()
        found |= {"mail_template_link": self._customer_mails(link).body_html, "sms_template_link": self._sms()}
        link.sudo()._answer_in_turn("promise", MultiDict({"date": str(TODAY + timedelta(days=1))}))
        with freeze_time(f"{TODAY + timedelta(days=1)} 10:00:00"):
            answers = self.env["paylink.answer"].sudo()
            answers._remind_now(answers.search([("link_id", "=", link.id)]))
        found |= {"mail_template_promise_day": self._mail_of(link), "sms_template_promise_day": self._sms()}
        failing = self._attempt(link)
        failing._set_pending()
        failing._set_error("R-03")
        found |= {"mail_template_failure": self._mail_of(link), "sms_template_failure": self._sms()}
        link.sudo()._answer_in_turn("forward", MultiDict({"email": "compta@cabinet.fr", "lang": lang}))
        found["mail_template_forward"] = self._last("mail.mail", email_to="compta@cabinet.fr").body_html
        paid = self._pay(link)
        found["mail_template_receipt"] = self._mail_of(link)
        link.email = customer.email = False
        self._pay(self._link(self._invoice(customer, amount=45), send_sms=True))
        found["sms_template_receipt"] = self._sms()
        link.email = "customer@example.com"
        self._refund(paid, 30)
        found["mail_template_refund_notice"] = self._mail_of(link)
        self._invoice(customer, amount=90)
        customer.email = "customer@example.com"
        statement = self.env["paylink.statement"]._for_customers(customer)
        statement.action_send()
        found["mail_template_statement"] = self._mail_of(statement)
        return found

    def _of_invoices(self, lang):
        """The button below Odoo's own text."""
        invoice = self._invoice(self._new_customer(lang), amount=120)
        dialog = self.env["account.move.send.wizard"].with_context(active_model="account.move", active_ids=invoice.ids)
        with Form(dialog) as form:
            form.paylink_add_link = True
        form.save().action_send_and_print()
        mails = self.env["mail.mail"].sudo().search([("model", "=", "account.move"), ("res_id", "=", invoice.id)])
        sent = next(mail.body_html for mail in mails if "/pay/" in mail.body_html)
        button = html.fromstring(sent).xpath("//a[contains(@href, '/pay/')]/ancestor::div[1]")[0]
        return {"invoice": html.tostring(button, encoding="unicode", with_tail=False)}

    def _of_reminders(self, lang):
        """By hand: who was never reminded gets none but the courteous ones of a rule."""
        found = {}
        for moment, late in (("before", -3), ("on", 0), ("after", 3), ("link", 3)):
            for tone in TONES:
                owed = self._owe(moment, late, lang)
                values = {"source_model": owed._name, "source_ids": owed.ids, "tone": tone, "send_sms": True}
                wizard = self.env["paylink.reminder.send"].create(values)
                wizard.action_send()
                name = f"template_reminder_{moment}_{tone}"
                found |= {f"mail_{name}": self._mails(wizard.message_ids).body_html, f"sms_{name}": self._sms()}
        return found

    def _of_cards(self, lang):
        request = self._card_request(self._new_customer(lang), issue=False, send_sms=True)
        request.action_send()
        found = {"mail_template_card_request": self._mail_of(request), "sms_template_card_request": self._sms()}
        self._store_card(request)
        found["mail_template_card_stored"] = self._customer_mails(request)[:1].body_html
        return found | self._of_saved(request.token_id)

    def _of_saved(self, token):
        """The code, and what the owner is told whose method was charged by it."""
        link = self._link(self._invoice(token.partner_id, amount=64), email="boss@example.com")
        with self._request(link) as own:
            own.sudo().with_context(lang=token.partner_id.lang)._send_code("192.0.2.1")
        code = self._last("mail.mail", model=False).body_html
        paid = self._attempt(link, token_id=token.id, paylink_by_code=True)
        paid._set_done()
        paid._post_process()
        told = self._last("mail.mail", model=link._name, res_id=link.id, email_to=token.partner_id.email)
        return {"mail_layout_card_code": code, "mail_template_saved_used": told.body_html}

    def _of_autopay(self, lang):
        """The notice of a charge."""
        customer, rules = self._new_customer(lang), self.env["paylink.autopay.rule"]
        self._store_card(self._card_request(customer))
        customer.paylink_autopay = self.company.paylink_autopay = True
        rule = rules.search([]) or rules.create({"name": "Subscriptions", "ignore_before": False})
        self._invoice(customer, amount=75, invoice_date_due=TODAY + timedelta(days=2))
        rule._announce_to(TODAY, customer)
        page = self.env["paylink.autopay.page"].search([("partner_id", "=", customer.id)])
        return {"mail_template_autopay": self._mail_of(page)}

    def _of_plans(self, lang):
        """Made, asked for, and ended as a part was not paid."""
        self.company.paylink_plan_parts = 3
        customer = self._new_customer(lang)
        link = self._link(self._invoice(customer, amount=120), send_sms=True).sudo()
        plan = link._choose_plan(link._plan_offers()[0].key)
        found = {"mail_template_plan": self._mail_of(link), "sms_template_plan": self._sms()}
        plan.part_ids[1]._ask()
        found["mail_template_plan_part"] = self._mail_of(plan.part_ids[1].link_id)
        found |= self._of_charged_parts(plan, self._store_card(self._card_request(customer)).token_id)
        plan._break()
        broken = {"mail_template_plan_broken": self._customer_mails(link)[:1].body_html}
        return found | broken | {"sms_template_plan_broken": self._sms()}

    def _of_charged_parts(self, plan, token):
        """The notice of a charge, and that it came to nothing."""
        plan.token_id = token
        plan._announce(plan.part_ids[1], plan._left()[plan.id], TODAY)
        notice, link = self._mail_of(plan.link_id), plan.part_ids[1].link_id
        self._attempt(link, operation="offline", paylink_by_plan=True)._set_error("R-03")
        return {"mail_template_plan_charge": notice, "mail_template_plan_declined": self._mail_of(link)}

    def _owe(self, moment, late, lang):
        """An invoice or a link."""
        customer = self._new_customer(lang)
        if moment != "link":
            return self._due_invoice(late, customer)
        with freeze_time(f"{TODAY - timedelta(days=late)} 09:00:00"):
            link = self._free_link(partner_id=customer.id, reference="Contract 7", expires_at=False)
            link.action_send()
            return link

    def _is_sms(self, name):
        return name.startswith("sms_")

    def _supplied(self):
        """The names of all templates that came with the add-on."""
        templates = [("module", "=", "paylink_addon"), ("model", "in", ("mail.template", "sms.template"))]
        return set(self.env["ir.model.data"].search(templates).mapped("name"))

    # === TESTS === #

    @freeze_time(f"{TODAY} 10:00:00")
    def test_messages_as_they_are_stored(self):
        made = self._all()
        self.assertFalse(self._supplied() - made["en_US"].keys(), "templates that nobody has looked at")
        for check in (self._check_links, self._check_colors, self._check_paragraphs, self._check_sms):
            for lang in LANGUAGES:
                for name, message in made[lang].items():
                    with self.subTest(check.__name__, lang=lang, name=name):
                        self.assertTrue(message)
                        check(name, message)
        for name, english in made["en_US"].items():
            with self.subTest("language", name=name):
                self._check_french(english, made["fr_FR"][name])

    def _tree(self, name, message):
        return html.fromstring(message) if not self._is_sms(name) else html.fromstring("<p/>")

    def _check_links(self, name, message):
        """Each address can be clicked, and is ours in full; so is the button."""
        tree = self._tree(name, message)
        for link in tree.iter("a"):
            self.assertRegex(link.get("href", ""), r"^(https://pay\.example\.com/|mailto:|tel:)")
        for node in tree.iter():
            if isinstance(node.tag, str) and "https://" in (node.text or "") and node.tag != "a":
                shown = node.text.split("https://")[1].split()[0]
                self.assertEqual(shown.rstrip(",."), "pay.example.com", "the address of a page is dead text")
        if name not in NOTHING_TO_DO and not self._is_sms(name):
            self.assertTrue(self._buttons(tree))

    def _buttons(self, tree):
        return [link for link in tree.iter("a") if "background-color" in link.get("style", "")]

    def _check_colors(self, name, message):
        """Each text can be read on what is behind it."""
        for node in self._tree(name, message).iter():
            if isinstance(node.tag, str) and (node.text or "").strip() and node.tag not in ("style", "title"):
                color, background = self._inherited(node, "color", "#000000"), self._background(node)
                self.assertGreaterEqual(contrast(color, background), 4.5, f"{node.text}: {color} on {background}")

    def _background(self, node):
        return self._inherited(node, "background-color", "#ffffff")

    def _inherited(self, node, name, default):
        for one in (node, *node.iterancestors()):
            found = re.search(rf"(?:^|;)\s*{name}\s*:\s*(#[0-9a-fA-F]{{6}})", one.get("style", ""))
            if found:
                return found[1]
        return default

    def _check_paragraphs(self, name, message):
        for paragraph in self._tree(name, message).iter("p"):
            if not self._is_sms(name):
                self.assertTrue(paragraph.text_content().strip() or len(paragraph), html.tostring(paragraph))

    def _check_sms(self, name, message):
        """One message, with its address in full."""
        if self._is_sms(name):
            self.assertRegex(message, r"https://pay\.example\.com/(?:pay|card)/[\w-]{24}$")
            self.assertNotIn("  ", message)
            self.assertLessEqual(len(message), 160)
            self.assertRegex(message, r"\((INV/2026/\d+|Contract 7)\)|: \w+ .+ factures|invoices:", "what it is for")

    def _check_french(self, english, french):
        """No sentence stands in both."""
        own, foreign = self._sentences(english), self._sentences(french)
        self.assertTrue(own)
        self.assertFalse(own & foreign)

    def _sentences(self, message):
        """What is said, without names and numbers, line by line."""
        texts = html.fromstring(f"<div>{message}</div>").itertext()
        lines = (" ".join(WORDS.findall(NAMES.sub(" ", text))) for text in texts)
        return {line for line in lines if len(line.split()) > 1}
