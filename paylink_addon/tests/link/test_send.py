import re
from datetime import timedelta
from itertools import product

from lxml import etree
from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from ...tools.gsm import sms_size
from ..common import PaylinkCommon


@tagged("post_install", "-at_install")
class TestSend(PaylinkCommon):
    """The wizard: who is asked for what, by which way, and what is refused before anything is sent."""

    def test_one_invoice(self):
        """The link, the e-mail with its button (in the company's colors) and address, and the invoice's badge."""
        self.company.write({"email_secondary_color": "#123456", "email_primary_color": "#fedcba"})
        invoice = self._invoice(amount=120)
        link = self._sent(self._wizard(invoice, expires_at=False))
        self.assertEqual((link.kind, link.state, link.amount, link.user_id), ("open_items", "open", 120, self.env.user))
        self.assertTrue(link.sent_at)
        mail = self._customer_mails(link)
        self.assertEqual((len(mail), mail.email_to, mail.state), (1, "marie@example.com", "outgoing"))
        self.assertIn(link.url, mail.body_html)
        self.assertIn(invoice.name, mail.subject)
        self.assertIn('lang="fr-FR"', mail.body_html)
        self.assertIn("background-color:#123456;color:#fedcba", mail.body_html)
        self.assertEqual((invoice.paylink_link_id, invoice.paylink_status), (link, "not_opened"))
        self.assertEqual(invoice.paylink_sent_at, link.sent_at)

    def test_second_click_sends_nothing(self):
        wizard = self._wizard(self._invoice())
        links = self._sent(wizard)
        wizard.action_send()
        self.assertEqual(wizard.link_ids, links)
        self.assertEqual(len(self._customer_mails(links)), 1)

    def test_channels(self):
        cases = {(True, False): (1, 0), (False, True): (0, 1), (True, True): (1, 1), (False, False): (0, 0)}
        for (email, sms), counts in cases.items():
            with self.subTest(email=email, sms=sms):
                link = self._sent(self._wizard(self._invoice(), send_email=email, send_sms=sms))
                messages = (
                    self.env["sms.sms"]
                    .sudo()
                    .search([("mail_message_id.model", "=", "paylink.link"), ("mail_message_id.res_id", "=", link.id)])
                )
                self.assertEqual((len(self._customer_mails(link)), len(messages)), counts)
                self.assertEqual(link.state, "open")
                self.assertEqual(bool(link.sent_at), any(counts))

    def test_sms_is_one_message(self):
        """In both languages, with a long company name, text and link fit into 160 places of the GSM alphabet."""
        self.company.name = "Établissements Réunis Lambert & Fils, Menuiserie Générale de Bâtiment"
        self.company.paylink_base_url = "https://paiement.etablissements-lambert.example"
        for partner in (self.marie, self.john):
            with self.subTest(lang=partner.lang):
                partner.phone = "+33639981234"
                wizard = self._wizard(self._invoice(partner, amount=12345.67), send_email=False, send_sms=True)
                link = self._sent(wizard)
                sms = self.env["sms.sms"].sudo().search([("number", "=", "+33639981234")], limit=1)
                self.assertIn(link.url, sms.body)
                self.assertEqual(sms_size(sms.body).parts, 1)

    def test_bad_addresses(self):
        """Nothing is made or sent, and the text says what to do."""
        cases = [
            ({"send_email": True, "email": False}, "no e-mail address"),
            ({"send_email": True, "email": "marie"}, "not an e-mail address"),
            ({"send_email": True, "email": "marie@"}, "not an e-mail address"),
            ({"send_email": True, "email": "marie@example"}, "not an e-mail address"),
            ({"send_email": True, "email": "marie@exa..mple.com"}, "not an e-mail address"),
            ({"send_email": True, "email": "ok@example.com, nonsense"}, "not an e-mail address"),
            ({"send_sms": True, "phone": False}, "no mobile number"),
            ({"send_sms": True, "phone": "12"}, "not a phone number"),
            ({"send_sms": True, "phone": "call me"}, "not a phone number"),
            ({"send_sms": True, "phone": "+33 1 42 68 53 00"}, "not a mobile number"),
            ({"amount": 0}, "more than zero"),
            ({"amount": -5}, "more than zero"),
            ({"amount": 100.01}, "more than what is due"),
            ({"amount": 99}, "does not allow partial payments"),
            ({"expires_at": fields.Datetime.now() - timedelta(hours=1)}, "is in the past"),
        ]
        for values, message in cases:
            with self.subTest(values=values):
                wizard = self._wizard(self._invoice(), **values)
                count = self.env["paylink.link"].search_count([])
                with self.assertRaisesRegex(UserError, message):
                    wizard.action_send()
                self.assertEqual(self.env["paylink.link"].search_count([]), count)

    def test_numbers_are_stored_in_e164(self):
        cases = [
            ("06 39 98 12 34", "base.fr", "+33639981234"),
            ("514-555-0199", "base.ca", None),
            ("0470 12 34 56", "base.be", "+32470123456"),
        ]
        for number, country, expected in cases:
            with self.subTest(number=number):
                partner = self._customer("Somebody", phone=number, country_id=self.env.ref(country).id)
                wizard = self._wizard(self._invoice(partner), send_email=False, send_sms=True)
                link = self._sent(wizard)
                self.assertEqual(link.phone, expected or "+15145550199")

    def test_only_line_is_shown_and_changed_in_the_dialog(self):
        """What is given of the only link is given to its line; of several, the dialog changes none."""
        values = {"lang": "en_US", "subject": "Mine", "email": "new@example.com"}
        one, many = self._wizard(self._invoice(), **values), self._wizard(self._invoice() + self._invoice(self.john))
        self.assertEqual(one.line_ids.read(list(values))[0], {"id": one.line_ids.id, **values})
        one.line_ids.phone = "+33639981234"
        self.assertEqual((one.phone, one.subject), ("+33639981234", "Mine"))
        one.lang = "fr_FR"
        self.assertIn("à régler", one.subject)
        emails = many.line_ids.mapped("email")
        many.email = "new@example.com"
        self.assertEqual(many.line_ids.mapped("email"), emails)
        self.assertFalse(any(many.line_ids.mapped("subject")))

    def test_new_address_is_saved_on_the_contact(self):
        for save in (True, False):
            with self.subTest(save=save):
                partner = self._customer("No address")
                wizard = self._wizard(self._invoice(partner), email="new@example.com", save_on_contact=save)
                self.assertTrue(wizard.is_new_address)
                self._sent(wizard)
                self.assertEqual(partner.email, "new@example.com" if save else False)

    def test_known_bounce_is_a_warning(self):
        self.marie.message_bounce = 2
        wizard = self._wizard(self._invoice())
        self.assertIn("bounced", wizard.warning)
        self.assertFalse(wizard.problem)

    def test_edited_text_is_sent_as_it_is(self):
        """What a person types is text: expressions in it are not run."""
        wizard = self._wizard(self._invoice())
        wizard.subject = "{{ object.company_id.name }}"
        wizard.body = '<p>Secret: <t t-out="object.access_token"/>{{ 7*7 }}</p>'
        link = self._sent(wizard)
        mail = self._customer_mails(link)
        self.assertEqual(mail.subject, "{{ object.company_id.name }}")
        self.assertIn("{{ 7*7 }}", mail.body_html)
        self.assertNotIn("49", re.sub(r"<[^>]*>|https?://\S+", "", str(mail.body)))

    def test_preview_is_what_is_sent(self):
        invoice = self._invoice(amount=77)
        with Form(self.env["paylink.send"].with_context(active_model="account.move", active_ids=invoice.ids)) as form:
            self.assertIn(invoice.name, form.subject)
            self.assertIn("Marie Dubois", str(form.body))
            self.assertEqual(form.amount, 77)
        wizard = form.save()
        link = self._sent(wizard)
        self.assertEqual(self._customer_mails(link).subject, form.subject)
        self.assertEqual(link.access_token, wizard.access_token)

    def test_language_is_the_customers(self):
        french, english = self._sent(self._wizard(self._invoice())), self._sent(self._wizard(self._invoice(self.john)))
        self.assertIn("à régler", self._customer_mails(french).subject)
        self.assertIn("to pay", self._customer_mails(english).subject)
        self.assertIn("Bonjour", self._customer_mails(french).body)
        self.assertIn("Montant à payer", self._customer_mails(french).body_html)

    def test_many_invoices_one_link_per_customer(self):
        invoices = self._invoice() + self._invoice(amount=50) + self._invoice(self.john, amount=30)
        wizard = self._wizard(invoices)
        self.assertEqual((len(wizard.line_ids), wizard.ready_count, wizard.is_single), (2, 2, False))
        links = self._sent(wizard).sorted("amount")
        self.assertEqual(links.mapped("amount"), [30, 150])
        self.assertEqual(links.mapped("partner_id"), self.john + self.marie)
        self.assertEqual(len(self._customer_mails(links[0]) + self._customer_mails(links[1])), 2)

    def test_many_invoices_one_link_each(self):
        invoices = self._invoice() + self._invoice(amount=50)
        links = self._sent(self._wizard(invoices, grouping="document"))
        self.assertEqual(sorted(links.mapped("amount")), [50, 100])

    def test_one_link_per_currency(self):
        foreign = self.setup_other_currency("CAD")
        invoices = self._invoice() + self._invoice(currency_id=foreign.id)
        links = self._sent(self._wizard(invoices))
        self.assertEqual(len(links), 2)
        self.assertEqual(len(links.currency_id), 2)

    def test_company_that_asks(self):
        """Texts, expiry and account are those of the company whose documents these are, whatever the current one is."""
        other = self._other_company(name="Zweite GmbH")
        self.env.user.company_ids |= other
        own = self.env.ref("paylink_addon.mail_template_link").copy({"subject": "Zweite: {{ object.name }}"})
        sms = self.env.ref("paylink_addon.sms_template_link").copy()
        other.write({"paylink_mail_template_id": own.id, "paylink_sms_template_id": sms.id, "paylink_expiry_hours": 0})
        both = self.env(context={**self.env.context, "allowed_company_ids": [self.company.id, other.id]})
        mine = self._invoice(self.john, amount=30)
        foreign = (
            self.env["account.move"]
            .with_company(other)
            .create(
                {
                    "move_type": "out_invoice",
                    "partner_id": self.marie.id,
                    "invoice_date": fields.Date.today(),
                    "invoice_line_ids": [Command.create({"name": "Work", "price_unit": 100, "tax_ids": []})],
                }
            )
        )
        foreign.action_post()
        self.env.user.group_ids |= self.env.ref("sales_team.group_sale_manager")
        order = self.env["sale.order"].create(
            {
                "partner_id": self.marie.id,
                "company_id": other.id,
                "order_line": [Command.create({"name": "Work", "product_id": self.product_a.id, "tax_ids": []})],
            }
        )
        for record in (foreign, self.marie, order):
            with self.subTest(record=record._name):
                wizard = both["paylink.send"].with_context(active_model=record._name, active_ids=record.ids)
                form = Form(wizard)
                self.assertEqual((form.company_id, form.template_id, form.sms_template_id), (other, own, sms))
                self.assertFalse(form.expires_at)
                self.assertTrue(form.subject.startswith("Zweite: "))
                if record == self.marie:
                    form.kind = "free"
                    self.assertEqual((form.company_id, bool(form.expires_at)), (self.company, True))
                    self.assertEqual(form.template_id, self.company._paylink_mail_template())
        records = mine + foreign
        wizard = both["paylink.send"].with_context(active_model=records._name, active_ids=records.ids).create({})
        self.assertFalse(wizard.template_id or wizard.sms_template_id)
        links = self._sent(wizard).sorted("company_id")
        subjects = {link.company_id: self._customer_mails(link).subject for link in links}
        self.assertTrue(subjects[other].startswith("Zweite: "))
        self.assertFalse(subjects[self.company].startswith("Zweite: "))

    def test_way_to_send_that_the_customer_has(self):
        cases = [
            ({"email": "a@lambert.fr", "phone": "+33639981234"}, (True, False)),
            ({"phone": "+33639981234"}, (False, True)),
            ({"phone": "+33142685300"}, (True, False)),
            ({}, (True, False)),
        ]
        for addresses, ways in cases:
            invoice = self._invoice(self._customer("Luc", **addresses))
            with self.subTest(**addresses):
                wizard = self.env["paylink.send"].with_context(active_model=invoice._name, active_ids=invoice.ids)
                form = Form(wizard)
                self.assertEqual((form.send_email, form.send_sms), ways)

    def test_address_that_cannot_work_is_a_warning(self):
        cases = [
            ("luc@lambert.test", "can't receive e-mail"),
            ("luc@gmial.com", "Did you mean gmail.com"),
            ("luc@lambert.fr", ""),
            ("luc", ""),  # said already: nothing can be sent to it
        ]
        for email, text in cases:
            with self.subTest(email=email):
                wizard = self._wizard(self._invoice(), email=email)
                self.assertIn(text, wizard.warning or "")
                self.assertEqual(bool(wizard.warning), bool(text))
                self.assertEqual(bool(wizard.problem), email == "luc")
                wizard.send_email = False
                self.assertFalse(wizard.warning)

    def test_amount_that_is_not_given_yet_is_no_error(self):
        for amount, missing in ((0, True), (-5, False), (20, False)):
            with self.subTest(amount=amount):
                wizard = self._wizard(self.john, amount=amount, reference="Contract 12")
                self.assertEqual((wizard.is_amount_missing, bool(wizard.problem)), (missing, amount <= 0))
                if missing:
                    with self.assertRaisesRegex(UserError, "more than zero"):
                        wizard.action_send()

    def test_who_cannot_and_why(self):
        """One screen says it before anything is sent; the others are sent all the same."""
        good = self._invoice(self.john)
        draft = self._invoice(post=False)
        paid = self._invoice()
        self.env["account.payment.register"].with_context(active_model="account.move", active_ids=paid.ids).create(
            {}
        )._create_payments()
        bill = self._invoice(move_type="in_invoice")
        paying = self._invoice()
        self._attempt(self._link(paying))._set_pending()
        nowhere = self._invoice(self._customer("Nowhere"))
        wizard = self._wizard(good + draft + paid + bill + paying + nowhere, grouping="document")
        problems = {line.documents: line.problem for line in wizard.line_ids}
        self.assertEqual(len(problems), 6)
        self.assertIn("in progress", problems[paying.display_name])
        self.assertIn("Not posted", problems[draft.display_name])
        self.assertIn("Already paid", problems[paid.display_name])
        self.assertIn("Not a customer invoice", problems[bill.display_name])
        self.assertIn("no e-mail address", problems[nowhere.name])
        self.assertFalse(problems[good.name])
        self.assertEqual((wizard.ready_count, wizard.problem_count), (1, 5))
        self.assertEqual(self._sent(wizard).partner_id, self.john)

    def test_what_is_paid_but_not_booked_is_not_asked_for(self):
        invoice = self._invoice()
        self._attempt(self._link(invoice))._set_done()
        wizard = self._wizard(invoice)
        self.assertIn("in progress", wizard.problem)
        with self.assertRaisesRegex(UserError, "in progress"):
            wizard.action_send()
        self.assertFalse(wizard.link_ids)

    def test_credits_cover_everything(self):
        invoices = self._invoice(amount=50) + self._invoice(amount=80, move_type="out_refund")
        wizard = self._wizard(invoices)
        self.assertIn("Nothing is due", wizard.problem)
        with self.assertRaisesRegex(UserError, "Nothing is due"):
            wizard.action_send()

    def test_open_link_is_used_again(self):
        invoice = self._invoice()
        link = self._sent(self._wizard(invoice))
        wizard = self._wizard(invoice)
        self.assertEqual(wizard.existing_link_id, link)
        self.assertEqual(self._sent(wizard), link)
        self.assertEqual(len(self._customer_mails(link)), 2)
        other = self._sent(self._wizard(invoice, reuse=False))
        self.assertNotEqual(other, link)

    def test_customer_owes_several(self):
        self._invoice(amount=100)
        self._invoice(amount=20)
        link = self._sent(self._wizard(self.marie))
        self.assertEqual((link.kind, link.amount, len(link.line_ids)), ("open_items", 120, 2))

    def test_customer_who_owes_nothing_is_asked_for_an_amount(self):
        wizard = self._wizard(self.john, amount=500, reference="Contract 12")
        self.assertEqual(wizard.kind, "free")
        link = self._sent(wizard)
        self.assertEqual((link.kind, link.amount, link.reference), ("free", 500, "Contract 12"))
        self.assertIn("Contract 12", self._customer_mails(link).subject)

    def test_partial_where_the_company_allows_it(self):
        self.company.paylink_allow_partial = True
        wizard = self._wizard(self._invoice(amount=100), amount=40)
        link = self._sent(wizard)
        self.assertEqual((link.amount, link.amount_due, link.is_limited), (40, 40, True))

    def test_part_that_is_asked_is_said_everywhere(self):
        """In the dialog as it is typed, in what is sent, on the page and by the QR code; nothing says what is due."""
        self.company.paylink_allow_partial = True
        invoice = self._invoice(self.john, amount=1234)
        self.john.phone = "+33639981234"
        opened = self.env["paylink.send"].with_context(active_model=invoice._name, active_ids=invoice.ids)
        with Form(opened) as form:
            form.send_sms = True
            self.assertIn("1,234.00", form.subject)
            form.amount = 456
            texts = {name: form[name] for name in ("subject", "sms_body", "body")}
        wizard = form.save()
        link = self._sent(wizard)
        mail = self._customer_mails(link)
        sms = self.env["sms.sms"].sudo().search([("mail_message_id.res_id", "=", link.id)], order="id desc", limit=1)
        values = link._page_values()
        texts |= {
            "mail": mail.body_html,
            "mail subject": mail.subject,
            "sms": sms.body,
            "display": link.amount_display,
            "transfer": values["due"],
            "portal": str(link._portal_rows()),
            "button": str(link._wrap_email("paylink_addon.mail_invoice_button")),
            "existing": self._wizard(invoice).existing_text,
            "form": link._payment_form_values(link._page_money(), link._chosen(None, None, 456))["asked_text"],
        }
        for place, text in texts.items():
            with self.subTest(place):
                self.assertNotIn("1,234.00", text)
                self.assertTrue("456" in text or place == "body", text)
        link.action_cancel()
        self.assertIn("456", self._renewed(link).amount_display)

    def test_client_cannot_choose_what_is_asked(self):
        """Groups are read again from the selected records; a message that tells anything else is not sent."""
        invoice, foreign = self._invoice(amount=100), self._invoice(self.john, amount=999)
        wizard = self._wizard(invoice)
        for values in ({"amount_due": 1}, {"documents": foreign.name}):
            with self.assertRaises(AccessError):
                wizard.line_ids.write(values)
        for values in ({"amount_due": 1, "amount": 1}, {"documents": foreign.name}):
            with self.assertRaisesRegex(UserError, "changed in the meantime"), self.cr.savepoint():
                wizard.line_ids.sudo().write(values)
                wizard.action_send()
        wizard.invalidate_recordset()
        link = self._sent(wizard)
        self.assertEqual(link.line_ids.move_id, invoice)
        self.assertEqual(link.amount_due, 100)

    def test_lines_of_many_links_are_what_the_client_may_say(self):
        """They come back with addresses and choices, as the web client saves the dialog; all else is read again."""
        clerk, colleague = (self._user(name, "account.group_account_invoice") for name in ("clerk", "colleague"))
        invoices = self._invoice(amount=100) + self._invoice(self.john, amount=200)
        Wizard = self.env["paylink.send"].with_user(clerk)
        Wizard = Wizard.with_context(active_model="account.move", active_ids=invoices.ids)
        shown = [values for _create, _id, values in Wizard.default_get(Wizard._fields)["line_ids"]]
        own = {"key", "email", "phone", "lang", "reference", "amount", "reuse", "subject", "body", "sms_body"}
        said = [{name: value for name, value in values.items() if name in own} for values in shown]
        theirs = self.env["paylink.send"].with_user(colleague).create({})
        said[0] |= {"email": "new@example.com", "body": "<p>mine</p><script>1</script>"}
        source = {"source_model": "account.move", "source_ids": invoices.ids}
        for guess in ({"amount_due": 1}, {"partner_id": self.john.id}, {"blocked": False}, {"wizard_id": theirs.id}):
            with self.subTest(guess=guess), self.assertRaises(AccessError):
                Wizard.create({**source, "line_ids": [Command.create(values | guess) for values in said]})
        saved = Wizard.web_save(
            {**source, "line_ids": [[0, f"virtual_{number}", values] for number, values in enumerate(said)]},
            {"line_ids": {"fields": {"email": {}, "problem": {}, "body": {}, "amount_due": {}}}},
        )[0]
        lines = saved["line_ids"]
        self.assertEqual([line["email"] for line in lines], ["new@example.com", self.john.email])
        self.assertEqual([(line["amount_due"], line["problem"]) for line in lines], [(100, False), (200, False)])
        self.assertNotIn("script", lines[0]["body"])
        wizard = Wizard.browse(saved["id"])
        self.assertEqual(len(set(wizard.line_ids.mapped("access_token"))), 2)
        self.assertEqual(wizard.line_ids.create_uid, clerk)
        wizard.action_send()
        self.assertEqual(wizard.link_ids.sorted("id").mapped("email"), ["new@example.com", self.john.email])
        self.assertEqual(wizard.link_ids.line_ids.move_id, invoices)
        self.assertEqual(wizard.link_ids.line_ids.company_id, self.company)

    def test_selected_records_must_be_readable(self):
        invoice = self._invoice()
        salesperson = self._user("sales", "sales_team.group_sale_salesman")
        Wizard = self.env["paylink.send"].with_user(salesperson)
        with self.assertRaises(AccessError):
            Wizard.with_context(active_model="account.move", active_ids=invoice.ids).create({}).action_send()
        with self.assertRaises(AccessError):
            Wizard.create({"source_model": "account.move", "source_ids": invoice.ids}).action_send()

    def test_client_is_told_nothing_that_its_user_may_not_read(self):
        """A client can make up the only line: what the dialog shows of it is read with the rights of the user."""
        seller = self._user("sales", "paylink_addon.group_paylink_user")
        invoice = self._invoice(amount=777)
        link = self._link(invoice)
        Wizard = self.env["paylink.send"].with_user(seller)
        computed = [
            name
            for name, field in Wizard._fields.items()
            if (field.related or "").startswith("line_ids.") and Wizard.line_ids._fields[field.related[9:]].compute
        ]
        self.assertIn("existing_text", computed)
        key = "-".join(map(str, (invoice.company_id.id, invoice.currency_id.id, self.marie.id, 0)))
        lines = (
            {"existing_link_id": link.id, "existing_cover": "part"},
            {"existing_link_id": link.id, "existing_cover": "other"},
            {"key": key, "partner_id": seller.partner_id.id, "amount": 1, "amount_due": 1, "email": "a@example.com"},
        )
        source = {"source_model": "account.move", "source_ids": invoice.ids}
        for line, name in product(lines, computed):
            with self.subTest(line=line, name=name):
                wizard = Wizard.new({**source, "line_ids": [Command.create(line)]})  # as for an onchange
                try:
                    shown = str(wizard[name])
                except AccessError:
                    shown = ""
                self.assertFalse([text for text in ("777", link.name, invoice.name, "Marie") if text in shown], shown)

    def test_delivery_failure_shows_and_can_be_corrected(self):
        link = self._sent(self._wizard(self._invoice()))
        self.assertEqual(link.delivery_state, "queued")
        self._customer_mails(link)._postprocess_sent_message(
            [], [], failure_reason="User unknown", failure_type="mail_smtp"
        )
        link.invalidate_recordset()
        self.assertEqual((link.delivery_state, link.delivery_error), ("failed", "User unknown"))
        self.assertIn(link, self.env["paylink.link"].search([("delivery_state", "=", "failed")]))
        link.email = "marie.new@example.com"
        link.action_send()
        link.invalidate_recordset()
        self.assertEqual(link.delivery_state, "queued")
        self.assertNotIn(link, self.env["paylink.link"].search([("delivery_state", "=", "failed")]))
        self._customer_mails(link)[:1]._postprocess_sent_message([], ["marie.new@example.com"])
        link.invalidate_recordset()
        self.assertEqual(link.delivery_state, "sent")

    def test_what_becomes_a_header_is_one_line(self):
        """Labels and names of more lines, as imports bring them: such an e-mail could not even be built."""
        name = "Opening balance\nold system"
        self.company.name = "Lambert\r\n& Fils"
        self.company.email = "lambert@example.com"
        self.marie.name = "Marie\nDubois"
        link = self._sent(self._wizard(self.marie, amount=10, reference=name))
        mail = self._customer_mails(link)
        boss = self._customer("The\u2028Boss", email="boss@example.com")
        attachment = self.env["ir.attachment"].create({"name": f"{name}.pdf", "raw": b"%PDF"})
        values = {"headers": repr({"X-Label": name}), "attachment_ids": [Command.link(attachment.id)]}
        mail.write({"subject": name, "email_cc": "a@example.com", "recipient_ids": [Command.link(boss.id)], **values})
        mail.mail_message_id.email_from = '"Claire\nMartin" <claire@example.com>'
        for outgoing in mail._prepare_outgoing_list():
            message = self.env["ir.mail_server"]._build_email__(
                **{key: outgoing[key] for key in ("email_from", "email_to", "subject", "email_cc", "reply_to", "body")},
                attachments=[tuple(found) for found in outgoing["attachments"]],
                headers=outgoing["headers"],
            )
            with self.subTest(to=message["To"]):
                self.assertEqual(message["Subject"], "Opening balance old system")
                self.assertIn("Claire Martin", message["From"])
                names = [part.get_filename() for part in message.walk() if part.get_filename()]
                self.assertEqual(names, ["Opening balance old system.pdf"])
                self.assertFalse([text for text in message.values() if len(text.splitlines()) > 1])

    def test_subject_is_one_line(self):
        """Also where it is shown and stored."""
        link = self._sent(self._wizard(self._invoice(), subject="Opening balance\nold system"))
        self.assertEqual(self._customer_mails(link).subject, "Opening balance old system")

    def test_pdf_is_offered_where_it_can_be_made(self):
        """Without wkhtmltopdf it is not, and who wanted it attached once sends without."""
        self.patch(type(self.env["paylink.link"]), "_can_make_pdf", lambda _link: False)
        link = self._sent(self._wizard(self._invoice(), attach_pdf=True))
        self.assertFalse(self._customer_mails(link).attachment_ids)
        for can_make in (True, False):
            for record in (self._wizard(self._invoice()), link, self.env["paylink.reminder.rule"]):
                self.patch(type(record), "_can_make_pdf", lambda _any, can=can_make: can)
                form = etree.fromstring(record.get_view(view_type="form")["arch"])
                (field,) = form.xpath("//field[@name='attach_pdf']")
                with self.subTest(model=record._name, can_make=can_make):
                    self.assertIn("not can_make_pdf", field.get("invisible"))
                    self.assertEqual(record.new().can_make_pdf, can_make)

    def test_pdf_is_attached(self):
        """A stored PDF is sent along."""
        invoice = self._invoice()
        invoice.invoice_pdf_report_file = "JVBERi0xLjQK"
        link = self._sent(self._wizard(invoice, attach_pdf=True))
        self.assertEqual(len(self._customer_mails(link).attachment_ids), 1)

    def test_many_take_few_queries(self):
        """500 links with e-mails: the number of queries is that of a batch."""
        invoices = self.env["account.move"].union(
            *(self._invoice(self._customer(f"Customer {n}", email=f"c{n}@example.com")) for n in range(40))
        )
        few, many = self._wizard(invoices[:5]), self._wizard(invoices[5:])
        counts = []
        for wizard in (few, many):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            wizard.action_send()
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[1] - counts[0], 35, f"{counts[0]} queries for 5 links, {counts[1]} for 35")
