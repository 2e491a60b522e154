from datetime import timedelta
from unittest.mock import Mock

from lxml import etree
from markupsafe import Markup
from odoo import Command, fields
from odoo.exceptions import UserError
from odoo.tests import Form, tagged

from odoo.addons.base.models import ir_actions_report

from ...tools.colors import contrast
from ..common import PaylinkCommon


@tagged("post_install", "-at_install")
class TestInvoiceSend(PaylinkCommon):
    """Odoo's own Send adds a collection link: single, batch, automatic; and on the PDF."""

    def setUp(self):
        super().setUp()
        self.company.paylink_on_invoice_mail = True

    def _dialog(self, invoice):
        return Form(
            self.env["account.move.send.wizard"].with_context(active_model="account.move", active_ids=invoice.ids)
        )

    def _send(self, invoice, **values):
        with self._dialog(invoice) as form:
            for name, value in values.items():
                form[name] = value
        form.save().action_send_and_print()
        invoice.invalidate_recordset()
        return invoice.paylink_link_id

    def _mail(self, invoice):
        """The last message to the customer in the invoice's chatter."""
        return invoice.message_ids.filtered(lambda message: message.message_type == "comment").sorted("id")[-1:]

    def _html_of_mail(self, invoice):
        """What the customer gets."""
        return "".join(self._mail(invoice).sudo().mail_ids.mapped("body_html"))

    # === THE DIALOG === #

    def test_dialog_tells_nothing_of_hidden_invoices(self):
        """Not even whether they are still open: what a client names is not asked for unless its user may read it."""
        other = self._other_company()
        self.env["res.partner.bank"].create({"acc_number": "FR7630006", "partner_id": other.partner_id.id})
        user = self._user("invoicing", "account.group_account_invoice")
        Send = self.env["account.move.send"].with_user(user)
        for move, found in ((self._invoice(), True), (self._invoice(company_id=other.id), False)):
            self.assertTrue(self.env["account.move.send"].sudo()._paylink_askable(move.sudo()))
            self.assertEqual(bool(Send._paylink_askable(move.with_user(user))), found)

    def test_mail_has_the_button_in_the_customers_language(self):
        for partner, text in ((self.marie, "120,00"), (self.john, "120.00")):
            with self.subTest(lang=partner.lang):
                invoice = self._invoice(partner, amount=120)
                link = self._send(invoice)
                body = self._html_of_mail(invoice)
                self.assertEqual(body.count(f'href="{link.url}"'), 2, "the button, and the address below it")
                self.assertIn(text, body.split(link.url)[1])
        button = self.env["account.move.send"]._paylink_button(link, {"mail_lang": "fr_FR"})  # another one was chosen
        self.assertIn("120,00", button)
        self.assertEqual(button.count(f"{link.url}?lang=fr_FR"), 3)

    def test_button_can_be_read(self):
        """Whatever the company's colors."""
        for background, text in (("#17604f", "#ffffff"), ("#222222", "#111111"), ("#ffffff", "#ffffff")):
            with self.subTest(background=background, text=text):
                self.company.write({"email_secondary_color": background, "email_primary_color": text})
                invoice = self._invoice()
                link = self._send(invoice)
                body = etree.HTML(self._html_of_mail(invoice))
                button = body.xpath(f"//a[@href='{link.url}']")[0]
                style = dict(part.strip().split(":", 1) for part in button.get("style").split(";") if part.strip())
                self.assertEqual(style["background-color"], background)
                self.assertGreaterEqual(contrast(background, style["color"]), 4.5)

    def test_address_is_not_in_the_chatter(self):
        """Whoever may read the invoice, or follows it, may not have the colleague's link: its number stands there."""
        invoice = self._invoice()
        follower = self._user("follower", "account.group_account_invoice", email="follower@example.com")
        invoice.message_subscribe(follower.partner_id.ids)
        link = self._send(invoice)
        self.assertIn(link.name, self._mail(invoice).body)
        for message in self.env["mail.message"].sudo().search([("model", "=", "account.move")]):
            self.assertNotIn(link.access_token, message.body)
        mails = self._mail(invoice).sudo().mail_ids
        self.assertEqual(
            {tuple(mail.recipient_ids.mapped("name")): link.url in mail.body_html for mail in mails},
            {("Marie Dubois",): True, (follower.name,): False},
        )

    def test_answers_do_not_bring_the_address_into_the_chatter(self):
        """They quote what was sent."""
        invoice = self._invoice()
        link = self._send(invoice)
        quoted = f"<p>Thanks! https://example.com{'/pay/' + 'a' * 24}</p><blockquote>{link.url}</blockquote>"
        message = invoice.message_post(body=Markup(quoted), message_type="email")
        self.assertNotIn(link.access_token, message.body)
        self.assertIn("/pay/…", message.body)
        self.assertIn("a" * 24, message.body)

    def test_link_is_registered_as_sent(self):
        invoice = self._invoice()
        link = self._send(invoice)
        self.assertEqual((link.state, link.user_id, link.amount), ("open", self.env.user, 100))
        self.assertTrue(link.sent_at)
        self.assertFalse(link.expires_at)
        self.assertEqual(link.email, "marie@example.com")
        line = self._time_line(link, "sent")
        self.assertIn("marie@example.com", line.body)
        self.assertIn(invoice.name, line.body)
        self.assertTrue(invoice.paylink_is_live)
        self._pay(link)
        self.assertEqual(invoice.payment_state, "paid")

    def test_company_decides_the_default_and_the_user_the_rest(self):
        for default in (True, False):
            for chosen in (None, True, False):
                with self.subTest(default=default, chosen=chosen):
                    self.company.paylink_on_invoice_mail = default
                    invoice = self._invoice()
                    link = self._send(invoice, **({} if chosen is None else {"paylink_add_link": chosen}))
                    self.assertEqual(bool(link), default if chosen is None else chosen)
                    self.assertEqual("/pay/" in self._html_of_mail(invoice), bool(link))

    def test_only_with_email(self):
        invoice = self._invoice()
        wizard = (
            self.env["account.move.send.wizard"]
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({"sending_methods": []})
        )
        wizard.action_send_and_print()
        self.assertFalse(invoice.paylink_link_id)

    def test_no_link_where_nothing_can_be_asked(self):
        paid, paying, unbooked = self._invoice(), self._invoice(), self._invoice()
        note = self._invoice(move_type="out_refund")
        self._pay(self._link(paid))
        self._attempt(self._link(paying))._set_pending()
        self._attempt(self._link(unbooked))._set_done()
        for invoice in (paid, paying, unbooked, note):
            before = invoice.paylink_link_count
            with self.subTest(invoice=invoice.name):
                self.assertFalse(self._dialog(invoice).paylink_can_add_link)
                self._send(invoice)
                self.assertEqual(invoice.paylink_link_count, before)
                self.assertNotIn("/pay/", self._html_of_mail(invoice))

    def test_no_link_without_a_way_to_pay(self):
        """Neither a provider that customers see nor an account: the page would only say so."""
        cases = [
            ({"state": "test", "is_published": True}, True, True),
            ({"state": "test", "is_published": True}, False, True),
            ({"state": "disabled"}, True, True),
            ({"state": "test", "is_published": False}, False, False),
            ({"state": "disabled", "is_published": False}, False, False),
        ]
        for values, has_account, offered in cases:
            with self.subTest(**values, has_account=has_account):
                self.provider.sudo().write(values)
                self.bank_account.active = has_account
                self.env.invalidate_all()
                invoice = self._invoice()
                self.assertEqual(self._dialog(invoice).paylink_can_add_link, offered)
                self._send(invoice)
                self.assertEqual(bool(invoice.paylink_link_id), offered)

    def test_open_link_for_exactly_this_invoice_is_used_again(self):
        invoice, other = self._invoice(), self._invoice()
        both, own = self._link(invoice + other), self._link(invoice)
        own.expires_at = "2099-01-01"
        self.assertEqual(self._send(invoice), own)
        self.assertFalse(own.expires_at)
        self.assertEqual(self._send(invoice), own)
        self.assertEqual(len(self._time_line(own, "sent")), 2)
        self.assertFalse(both.sent_at)
        own.action_cancel()
        another = self._send(invoice)
        self.assertEqual(len(another), 1)
        self.assertNotIn(another, own + both)

    def test_link_of_a_colleague_is_not_used(self):
        invoice = self._invoice()
        colleagues = self._link(invoice, user_id=self.env.ref("base.user_admin").id)
        clerk = self._user("clerk", "account.group_account_invoice")
        wizard = self.env["account.move.send.wizard"].with_user(clerk)
        wizard.with_context(active_model="account.move", active_ids=invoice.ids).create({}).action_send_and_print()
        link = self.env["paylink.link"].search([("line_ids.move_id", "=", invoice.id)]) - colleagues
        self.assertEqual(link.user_id, clerk)
        self.assertNotIn(colleagues.access_token, self._html_of_mail(invoice))

    def test_link_of_another_contact_is_not_used(self):
        """A link made for the whole customer, on its statement, is addressed to that one."""
        self.company.paylink_on_invoice_pdf = True
        lambert = self._customer("Lambert SA", is_company=True, email="lambert@example.com")
        contact = self._customer("Luc", parent_id=lambert.id, email="luc@example.com")
        invoice = self._invoice(contact)
        foreign = self._link(invoice, partner_id=lambert.id)
        self.assertFalse(invoice._paylink_on_pdf())
        link = self._send(invoice)
        self.assertEqual((link.partner_id, foreign.sent_at), (contact, False))
        self.assertNotIn(foreign.access_token, self._html_of_mail(invoice))

    def test_user_without_the_right_to_links_sends_as_ever(self):
        clerk = self._user("clerk", "account.group_account_invoice")
        self.env.ref("account.group_account_invoice").implied_ids -= self.env.ref("paylink_addon.group_paylink_user")
        self.env.invalidate_all()
        self.assertFalse(clerk.has_group("paylink_addon.group_paylink_user"))
        invoice = self._invoice()
        wizard = self.env["account.move.send.wizard"].with_user(clerk)
        wizard.with_context(active_model="account.move", active_ids=invoice.ids).create({}).action_send_and_print()
        self.assertNotIn("/pay/", self._html_of_mail(invoice))
        self.assertFalse(self.env["paylink.link"].search([("line_ids.move_id", "=", invoice.id)]))

    # === MANY === #

    def _batch(self, invoices, **values):
        return (
            self.env["account.move.send.batch.wizard"]
            .with_context(active_model="account.move", active_ids=invoices.ids)
            .create(values)
        )

    def test_batch(self):
        for chosen in (True, False):
            with self.subTest(chosen=chosen):
                invoices = self._invoice() + self._invoice(self.john)
                wizard = self._batch(invoices, paylink_add_link=chosen)
                self.assertTrue(wizard.paylink_can_add_link)
                wizard.action_send_and_print()
                self.company.paylink_on_invoice_mail = not chosen  # what was chosen counts, not what is set meanwhile
                with self.enter_registry_test_mode():
                    self.env.ref("account.ir_cron_account_move_send").method_direct_trigger()
                self.env.invalidate_all()
                self.assertEqual([bool(move.paylink_link_id) for move in invoices], [chosen, chosen])
                self.assertEqual([("/pay/" in self._html_of_mail(move)) for move in invoices], [chosen, chosen])
                if chosen:
                    self.assertEqual(invoices.paylink_link_id.user_id, self.env.user)

    def test_batch_at_once(self):
        self.company.paylink_on_invoice_mail = False
        invoices = self._invoice() + self._invoice(self.john)
        self._batch(invoices, paylink_add_link=True).action_send_and_print(force_synchronous=True)
        self.assertEqual(len(invoices.paylink_link_id), 2)

    def test_sent_by_odoo_itself(self):
        """The salesperson owns the link."""
        invoice = self._invoice(invoice_user_id=self.env.ref("base.user_admin").id)
        root = self.env.ref("base.user_root")
        Send = self.env["account.move.send"].with_user(root).sudo()
        Send._generate_and_send_invoices(invoice.with_user(root).sudo())
        self.assertEqual(invoice.paylink_link_id.user_id, self.env.ref("base.user_admin"))

    # === THE PDF === #

    def _html(self, invoice):
        content = self.env["ir.actions.report"]._render_qweb_html("account.account_invoices", invoice.ids)[0]
        return content.decode()

    def test_pdf_shows_the_link_where_the_company_wants_it(self):
        """Also where reportlab, with which Odoo draws barcodes, has no renderer."""
        self.patch(type(self.env["ir.actions.report"]), "barcode", Mock(side_effect=ImportError("no renderPM")))
        for wanted in (True, False):
            with self.subTest(wanted=wanted):
                self.company.paylink_on_invoice_pdf = wanted
                invoice = self._invoice()
                link = self._send(invoice)
                html = self._html(invoice)
                self.assertEqual(link.url in html, wanted)
                self.assertEqual("paylink_qrcode" in html, wanted)
                pictures = etree.HTML(html).xpath("//div[@id='paylink_qrcode']//img/@src")
                self.assertEqual([src[:14] for src in pictures], ["data:image/png"] * wanted)

    def test_pdf_is_made_with_the_link_it_shows(self):
        """The link is there before the PDF, also where none is mailed; sending again makes no second one."""
        self.company.write({"paylink_on_invoice_pdf": True, "paylink_on_invoice_mail": False})
        seen = {}
        Send = type(self.env["account.move.send"])
        prepare = Send._prepare_invoice_pdf_report

        def spy(records, invoices_data):
            seen.update({move.id: move._paylink_on_pdf() for move in invoices_data})
            return prepare(records, invoices_data)

        self.patch(Send, "_prepare_invoice_pdf_report", spy)
        invoice = self._invoice()
        link = self._send(invoice)
        self.assertEqual((seen[invoice.id], link.state, bool(link.sent_at)), (link, "open", False))
        self.assertNotIn("/pay/", self._html_of_mail(invoice))
        self._send(invoice)
        self.assertEqual(invoice.paylink_link_count, 1)

    def test_pdf_made_because_a_link_is_sent(self):
        """It shows that link or none. The link lasts as long as its sender chose, and gets no company."""
        self.company.paylink_on_invoice_pdf = True
        self.patch(type(self.env["paylink.link"]), "_can_make_pdf", lambda _link: True)
        shown = []
        Send = type(self.env["account.move.send"])
        prepare = Send._prepare_invoice_pdf_report

        def spy(records, invoices_data):
            moves = records.env["account.move"].browse(move.id for move in invoices_data)
            shown.extend(move._paylink_on_pdf() for move in moves)
            return prepare(records, invoices_data)

        self.patch(Send, "_prepare_invoice_pdf_report", spy)
        admin, ends = self.env.ref("base.user_admin"), fields.Datetime.now() + timedelta(hours=24)
        for owner, later_one, is_shown in (
            (self.env.user, False, True),
            (self.env.user, True, True),
            (admin, False, True),
            (self.env.user, "other items", False),
        ):
            with self.subTest(owner=owner.name, later_one=later_one):
                invoice = self._invoice()
                asked = invoice + self._invoice() if later_one == "other items" else invoice
                link = self._link(asked, user_id=owner.id, expires_at=ends, attach_pdf=True)
                others = self._link(invoice, user_id=admin.id, expires_at=ends) if later_one else link.browse()
                shown.clear()
                link._make_missing_pdfs()
                self.assertEqual(set(shown), {link if is_shown else link.browse()})
                self.assertTrue(invoice.invoice_pdf_report_id)
                self.assertEqual({one.expires_at for one in link | others}, {ends})
                self.assertEqual(invoice.paylink_link_count, len(link | others))

    def test_previews_and_drafts_make_no_link(self):
        self.company.paylink_on_invoice_pdf = True
        for invoice in (self._invoice(), self._invoice(post=False)):
            with self.subTest(state=invoice.state):
                self.assertNotIn("paylink_qrcode", self._html(invoice))
                self.assertFalse(invoice.paylink_link_id)

    def test_paid_invoice_shows_no_link(self):
        self.company.paylink_on_invoice_pdf = True
        invoice = self._invoice()
        self._pay(self._send(invoice))
        self.assertNotIn("paylink_qrcode", self._html(invoice))

    def test_odoos_own_codes_need_no_renderer(self):
        """An invoice that customers open may bear them, too; what can't be one is refused as before."""
        self.patch(ir_actions_report, "createBarcodeDrawing", Mock(side_effect=ImportError("no renderPM")))
        barcode = self.env["ir.actions.report"].barcode
        for options in ({}, {"quiet": "0", "width": "128", "height": "128"}, {"barBorder": "100000", "barLevel": "X"}):
            with self.subTest(options):
                self.assertEqual(barcode("QR", "BCD\n002", **options)[:4], b"\x89PNG")
        for value, options in (("x" * 5000, {}), ("x", {"width": 10**6})):
            with self.subTest(options), self.assertRaises(ValueError):
                barcode("QR", value, **options)

    def test_odoos_own_code_gives_way(self):
        self.company.write({"paylink_on_invoice_pdf": True, "link_qr_code": True})
        self.env["ir.config_parameter"].set_param("account_payment.enable_portal_payment", "True")
        invoice = self._invoice()
        self.assertIn("payment_link_qrcode", self._html(invoice))
        self._send(invoice)
        self.assertNotIn("payment_link_qrcode", self._html(invoice))

    # === ERRORS === #

    def test_refused_sending_leaves_no_link(self):
        invoice = self._invoice(self._customer("Nowhere"))
        with self.assertRaises(UserError), self.env.cr.savepoint():
            self.env["account.move.send.wizard"].with_context(
                active_model="account.move", active_ids=invoice.ids
            ).create({"mail_partner_ids": [Command.set(invoice.partner_id.ids)]}).action_send_and_print()
        self.assertFalse(self.env["paylink.link"].search([("line_ids.move_id", "=", invoice.id)]))
