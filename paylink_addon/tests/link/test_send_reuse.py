from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from ..common import PaylinkCommon


@tagged("post_install", "-at_install")
class TestSendReuse(PaylinkCommon):
    """The wizard, where an open link already asks for some of it, or for more."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.first, cls.second, cls.third = cls._invoice(), cls._invoice(amount=50), cls._invoice(amount=7)

    def test_what_an_open_link_covers(self):
        """Only one for just the same is used again unasked."""
        link = self._link(self.first + self.second)
        cases = [
            (self.first + self.second, "same", True),
            (self.first, "more", False),
            (self.first + self.third, "part", False),
            (self.third, False, True),
        ]
        for invoices, cover, reuse in cases:
            with self.subTest(cover=cover):
                wizard = self._wizard(invoices)
                self.assertEqual((wizard.existing_cover, wizard.reuse), (cover, reuse))
                self.assertEqual(wizard.existing_link_id, link if cover else link.browse())
                sent = self._sent(wizard)
                self.assertEqual(sent == link, cover == "same")
                self.assertEqual(sent.line_ids.move_id, invoices)
                if sent != link:
                    sent.action_cancel()

    def test_overlapping_link_is_used_as_it_is_when_chosen(self):
        link = self._link(self.first + self.second)
        for invoices in (self.first, self.first + self.third):
            with self.subTest(invoices=invoices.mapped("name")):
                wizard = self._wizard(invoices, reuse=True)
                self.assertIn(link.name, wizard.existing_text)
                self.assertIn("150", wizard.existing_text)
                self.assertIn(link.amount_display, wizard.subject)
                self.assertEqual(self._sent(wizard), link)
                self.assertEqual((link.amount, link.line_ids.move_id), (150, self.first + self.second))

    def test_best_link_is_proposed(self):
        """The same before more, more before a part; then the one that overlaps most; then the newest."""
        part = self._link(self.third)
        self.assertEqual(self._wizard(self.first + self.second + self.third).existing_link_id, part)
        larger = self._link(self.first + self.second)
        self.assertEqual(self._wizard(self.first + self.second + self.third).existing_link_id, larger)
        self.assertEqual(self._wizard(self.first).existing_link_id, larger)
        exact = self._link(self.first)
        newer = self._link(self.first + self.third)
        self.assertEqual(self._wizard(self.first).existing_link_id, exact)
        exact.action_cancel()
        self.assertEqual(self._wizard(self.first).existing_link_id, newer)

    def test_link_for_a_part_of_the_amount_is_a_part(self):
        limited = self._link(self.first, amount=40, is_limited=True)
        wizard = self._wizard(self.first)
        self.assertEqual((wizard.existing_link_id, wizard.existing_cover), (limited, "part"))
        self.assertNotEqual(self._sent(wizard), limited)

    def test_foreign_link_is_not_used(self):
        """Neither one that another user has, nor one that a client names, nor one that asks for something else."""
        user = self._user("seller", "account.group_account_invoice")
        foreign = self._link(self.first + self.second)
        other = self._link(self.third, user_id=user.id)
        wizard = (
            self.env["paylink.send"]
            .with_user(user)
            .with_context(active_model="account.move", active_ids=self.first.ids)
            .create({"reuse": True})
        )
        self.assertFalse(wizard.existing_link_id)
        for link in (foreign, other):
            values = {"existing_link_id": link.id, "existing_cover": "more", "reuse": True}
            with self.assertRaises(AccessError):
                wizard.line_ids.write(values)
            wizard.line_ids.sudo().write(values)
            wizard.invalidate_recordset(["existing_link_id", "existing_text"])
            self.assertNotIn(foreign.name, wizard.line_ids.existing_text or "")
            with self.assertRaisesRegex(UserError, "has changed in the meantime"):
                wizard.action_send()
        wizard.reuse = False
        sent = self._sent(wizard)
        self.assertEqual(len(sent), 1)
        self.assertNotIn(sent, foreign + other)

    def test_link_of_another_contact_is_not_used(self):
        """It is addressed to that one, by name: it is told, and can't be chosen."""
        lambert = self._customer("Lambert SA", is_company=True, email="lambert@example.com")
        contact = self._customer("Luc", parent_id=lambert.id, email="luc@example.com")
        invoice = self._invoice(contact)
        foreign = self._link(invoice, partner_id=lambert.id)
        wizard = self._wizard(invoice)
        self.assertEqual((wizard.existing_link_id, wizard.existing_cover, wizard.reuse), (foreign, "other", False))
        self.assertIn("Lambert SA", wizard.existing_text)
        wizard.reuse = True  # as a client could
        link = self._sent(wizard)
        self.assertNotEqual(link, foreign)
        self.assertEqual((link.partner_id, foreign.email), (contact, "lambert@example.com"))
        self.assertEqual(self._wizard(invoice).existing_link_id, link, "one that can be used comes first")

    def test_choice_of_each_line_among_many(self):
        """Two invoices that one open link asks for: sent again for the one, made anew for the other."""
        link = self._link(self.first + self.second)
        invoices = self.first + self.second + self.third
        wizard = self._wizard(invoices, grouping="document")
        self.assertEqual(wizard.line_ids.mapped("existing_cover"), ["more", "more", False])
        wizard.line_ids[0].reuse = True
        links = self._sent(wizard)
        self.assertIn(link, links)
        self.assertEqual(len(links), 3)
        self.assertEqual((links - link).mapped("line_ids.move_id"), self.second + self.third)
        self.assertEqual(len(self._customer_mails(link)), 1)

    def test_link_sent_again_among_many_goes_where_its_row_says(self):
        """The address and the ways to send are those of the dialog, as for one link alone."""
        link = self._link(self.first)
        wizard = self._wizard(self.first + self._invoice(self.john), send_sms=False)
        line = wizard.line_ids.filtered("existing_link_id")
        self.assertEqual((line.existing_link_id, line.reuse), (link, True))
        line.email = "accounts@example.com"
        self.assertIn(link, self._sent(wizard))
        self.assertEqual((link.email, link.send_sms), ("accounts@example.com", False))
        self.assertEqual(self._customer_mails(link).email_to, "accounts@example.com")

    def test_link_chosen_that_is_gone_is_not_replaced_by_another(self):
        chosen, newer = self._link(self.first + self.second), self._link(self.first + self.third)
        newer.action_cancel()
        wizard = self._wizard(self.first, reuse=True)
        self.assertEqual(wizard.existing_link_id, chosen)
        chosen.action_cancel()
        with self.assertRaisesRegex(UserError, "has changed in the meantime"):
            wizard.action_send()

    def test_all_paid_meanwhile(self):
        wizard = self._wizard(self.first)
        self._pay(self._link(self.first))
        with self.assertRaisesRegex(UserError, "paid in the meantime"):
            wizard.action_send()

    def test_pdf_is_attached_each_time(self):
        """What was chosen at the first sending holds for sending again, and for the successor."""
        self.first.invoice_pdf_report_file = self.third.invoice_pdf_report_file = "JVBERi0xLjQK"
        cases = [(self.first, True, 1), (self.third, False, 0)]
        for invoice, attach, count in cases:
            with self.subTest(attach=attach):
                link = self._sent(self._wizard(invoice, attach_pdf=attach))
                link.action_send()
                link.action_cancel()
                successor = self._renewed(link)
                for again, mails in ((link, 2), (successor, 1)):
                    sent = self._customer_mails(again)
                    self.assertEqual([len(mail.attachment_ids) for mail in sent], [count] * mails)

    def test_what_was_sent_while_pdfs_were_made_is_not_sent_again(self):
        """In some countries Odoo commits there, and nothing is held anymore: another click may have been faster."""
        wizard, seen = self._wizard(self.first, attach_pdf=True), []

        def make(_self, moves, **_settings):
            seen.append((moves, wizard.link_ids.line_ids.move_id, wizard.link_ids.state))
            self.env.flush_all()
            self.env.cr.execute("UPDATE paylink_send SET is_sent = TRUE WHERE id = %s", (wizard.id,))

        self.patch(type(self.env["account.move.send"]), "_generate_and_send_invoices", make)
        self.patch(type(self.env["paylink.link"]), "_can_make_pdf", lambda _link: True)
        wizard.action_send()
        self.assertEqual(seen, [(self.first, self.first, "open")])
        self.assertFalse(self._customer_mails(wizard.link_ids))
        wizard.link_ids._send_out()  # as who holds something sends: with what there is
        self.assertEqual((len(seen), len(self._customer_mails(wizard.link_ids))), (1, 1))

    def test_pdf_choice_is_renewed_with_the_link(self):
        self.first.invoice_pdf_report_file = "JVBERi0xLjQK"
        link = self._sent(self._wizard(self.first))
        self.assertEqual(self._sent(self._wizard(self.first, attach_pdf=True)), link)
        self.assertTrue(link.attach_pdf)
        self.assertEqual(sorted(len(mail.attachment_ids) for mail in self._customer_mails(link)), [0, 1])

    def test_amount_of_an_overlapping_link_is_not_asked_for(self):
        """The form leaves the amount out while a link is used that asks for another one."""
        self._link(self.first + self.second)
        with Form(self._wizard(self.first)) as form:
            self.assertFalse(form.reuse)
            self.assertEqual(form.amount, 100)
            form.reuse = True
            self.assertIn("150", form.subject)
