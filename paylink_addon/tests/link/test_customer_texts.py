import re
from datetime import timedelta

from lxml import html
from odoo import Command, fields
from odoo.tests import HttpCase, tagged

from ..common import PaylinkCommon


@tagged("post_install", "-at_install")
class TestCustomerTexts(PaylinkCommon, HttpCase):
    """What customers read is the same everywhere: what it is for, by which number, how much, in which currency."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cad = cls.setup_other_currency("CAD", rates=[("2020-01-01", 2.0)])
        cls.provider.available_currency_ids = [Command.link(one.id) for one in (cls.cad, cls.company.currency_id)]
        cls.company.paylink_expiry_hours = 0

    def _page(self, link, path=""):
        return self._plain(self.url_open(f"/pay/{link.access_token}{path}").text)

    def _plain(self, source):
        """The words of a page or an e-mail, as they are seen."""
        tree = html.fromstring(source)
        for hidden in tree.xpath("//script|//style|//head"):
            hidden.drop_tree()
        return " ".join(tree.text_content().split())

    def _receipt(self, link):
        content = self.env["ir.actions.report"]._render_qweb_html("paylink_addon.report_receipt", link.ids)[0]
        return content.decode()

    def _receipt_tables(self, link):
        """The cells of the receipt's tables: payments, then what they are for."""
        tables = html.fromstring(self._receipt(link)).xpath("//table[contains(@class, 'table-sm')]")
        return [
            [
                [
                    " ".join(cell.text_content().replace("\xa0USD", "").replace("\ufeff", "").split())
                    for cell in row.xpath("./td")
                ]
                for row in table.xpath("./tbody/tr")
            ]
            for table in tables
        ]

    def _texts(self, link):
        """All that the customer of ``link`` reads before and after paying it."""
        link.phone = "+33639981234"
        link.write({"send_email": True, "send_sms": True})
        link.action_send()
        texts = {"page": self._page(link), "help": self._page(link, "/help")}
        self._pay(link)
        mails = self._customer_mails(link).sorted("id")
        texts |= dict(zip(("e-mail", "receipt by e-mail"), map(self._plain, mails.mapped("body_html")), strict=True))
        sms = self.env["sms.sms"].sudo().search([("mail_message_id.res_id", "=", link.id)], limit=1, order="id desc")
        texts["SMS"] = " ".join(sms.body.split())
        texts["paid page"] = self._page(link)
        texts["receipt"] = self._plain(self._receipt(link))
        return texts

    # === WHAT IT IS FOR === #

    def test_memos_of_payments_are_nobody_elses_matter(self):
        """What is asked for is named; a payment of the customer's, or one that came back, has no name of its own."""
        self._pay(self._free_link(20, partner_id=self.john.id, reference="MEMO"))
        invoice = self._invoice(self.john)
        returned = self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.company_data["default_journal_bank"].id,
                "payment_ref": "MEMO",
                "partner_id": self.john.id,
                "amount": -5,
                "counterpart_account_id": self.john.property_account_receivable_id.id,
            }
        )
        items = self.john._paylink_open_items(self.company)
        self.assertEqual((len(items), items.statement_line_id), (3, returned))
        wizard = self._wizard(self.john, send_sms=True, phone="+33639981234")
        texts = {name: wizard[name] for name in ("reference", "subject", "body", "sms_body")}
        link = self._sent(self._wizard(self.john, send_email=False))
        texts |= self._texts(link)
        tx = self.env["payment.transaction"].search([("paylink_id", "=", link.id)])
        self._invoice(self.john, amount=1)
        self._pay(self._free_link(20, partner_id=self.john.id, reference="MEMO"))
        statement = self.env["paylink.statement"]._for_customers(self.john)
        statement._activate()
        texts["account"] = self._plain(self.url_open(f"/account/{statement.access_token}").text)
        texts["memo"] = tx.payment_id.memo  # not a longer one each time
        for place, text in texts.items():
            with self.subTest(place):
                self.assertNotIn("MEMO", text)
        for place in ("reference", "subject", "body", "sms_body", "page", "paid page", "receipt", "e-mail", "memo"):
            with self.subTest(place):
                self.assertIn(invoice.name, texts[place])
        self.assertEqual(wizard.reference, f"{invoice.name}, Payment returned")
        self.assertIn("MEMO", wizard.line_ids.documents)  # the seller may know

    # === CURRENCIES === #

    def test_signs_that_several_currencies_share(self):
        """Whose sign stands alone, by what the company's own is, which are in use, and where the customer is."""
        usd, eur, cad = self.env.ref("base.USD"), self.currency_euro, self.cad
        customer = self._customer("Jean")
        cases = [
            # currency, the company's own, in use, country of the customer, is its code told
            (usd, usd, [usd, eur], "fr", False),
            (usd, usd, [usd, eur], "ca", True),
            (usd, usd, [usd, cad], "fr", True),
            (cad, usd, [usd, cad], "ca", True),
            (usd, eur, [usd, eur], "us", True),
            (usd, eur, [usd, eur], False, True),
            (eur, usd, [usd, eur, cad], "ca", False),
            (self.env.ref("base.CHF"), eur, [eur], "ch", False),
        ]
        every = self.env["res.currency"].with_context(active_test=False, force_deactivate=True).search([])
        for currency, home, used, country, told in cases:
            with self.subTest(currency=currency.name, home=home.name, used=[one.name for one in used], country=country):
                every.active = False
                (self.env["res.currency"].union(*used)).with_env(every.env).active = True
                self.env.flush_all()
                self.env.cr.execute("UPDATE res_company SET currency_id = %s", [home.id])
                self.env.invalidate_all()
                customer.country_id = country and self.env.ref(f"base.{country}")
                text = currency._paylink_text(self.env, 1234.5, self.company, customer)
                self.assertIn("1,234.50", text)
                self.assertEqual(text.endswith(f"\xa0{currency.name}"), told, text)

    def test_currency_is_told_wherever_customers_read_amounts(self):
        invoice = self._invoice(self.john, amount=1234.5, currency_id=self.cad.id)
        texts = self._texts(self._link(invoice))
        statement = self.env["paylink.statement"]._for_customers(self.marie)
        self._invoice(amount=1234.5, currency_id=self.cad.id)
        statement.action_send()
        texts["account"] = self._plain(self.url_open(f"/account/{statement.access_token}").text)
        mail = self.env["mail.mail"].sudo().search([("model", "=", "paylink.statement")], limit=1, order="id desc")
        texts["account by e-mail"] = self._plain(mail.body_html)
        for place, text in texts.items():
            if place == "help":
                continue
            with self.subTest(place):
                amounts = re.findall(r"(?:\$ ?)?1[,\u202f ]?234[.,]50(?: ?\$)?(?: ?[A-Z]{3})?", text)
                self.assertTrue(amounts, text)
                self.assertFalse([amount for amount in amounts if not amount.endswith("CAD")], text)

    def test_sum_of_what_is_ticked_has_the_same_currency(self):
        self._invoice(amount=10, currency_id=self.cad.id)
        statement = self.env["paylink.statement"]._for_customers(self.marie)
        statement._activate()
        page = self.url_open(f"/account/{statement.access_token}?lang=fr_FR").text.replace("\xa0", " ")
        self.assertIn('data-pattern="{} $ CAD"', page)

    # === ONE REFERENCE === #

    def test_document_comes_first_and_all_places_agree(self):
        invoice = self._invoice(self.john)
        link = self._link(invoice)
        texts = self._texts(link)
        for place, text in texts.items():
            with self.subTest(place):
                self.assertIn(invoice.name, text)
                if place != "SMS":  # its address leads to it
                    self.assertIn(link.name, text)
                if place not in ("SMS", "help"):
                    self.assertLess(text.index(invoice.name), text.index(link.name), text)

    def test_purpose_of_what_has_no_document(self):
        link = self._free_link(40, partner_id=self.john.id, reference="Contract 7")
        for place, text in self._texts(link).items():
            with self.subTest(place):
                self.assertIn("Contract 7", text)
        nameless = self._texts(self._free_link(40, partner_id=self.john.id))
        self.assertNotIn("()", nameless["SMS"])
        self.assertNotIn(f"You can pay {nameless}", nameless["e-mail"])

    def test_purpose_makes_no_second_sms(self):
        self.company.name = "Menuiserie Lambert et Fils, Saint-Denis"
        cases = [("Contract 7", "(Contract 7)"), ("Renovation of the whole house in the " + "long " * 40, "(Renov")]
        for reference, expected in cases:
            with self.subTest(reference):
                link = self._free_link(40, partner_id=self.john.id, reference=reference, send_sms=True)
                link.phone = "+33639981234"
                link._queue_messages()
                sms = self.env["sms.sms"].sudo().search([], limit=1, order="id desc")
                self.assertIn(expected, sms.body)
                self.assertLessEqual(len(sms.body), 160)

    def test_owner_is_told_who_paid_how_much(self):
        owner = self._user("owner", "account.group_account_invoice", name="Owner", lang="en_US")
        links = self.env["paylink.link"]
        for partner, amount in ((self.john, 120), (self.marie, 30)):
            links |= self._free_link(amount, partner_id=partner.id, user_id=owner.id)
        self._pay(links[0])
        self.assertEqual(self._alert(owner), "John Smith paid $ 120.00")
        more = self._free_link(10, partner_id=self.john.id, user_id=owner.id)
        transactions = self._attempt(links[1]) | self._attempt(more)
        transactions.with_context(paylink_booked_at_once=True)._set_done()
        transactions.with_context(paylink_booked_at_once=True)._post_process()
        transactions._paylink_tell()
        self.assertEqual(self._alert(owner), "2 payments received: $ 40.00")
        self._authorized(self._free_link(70, partner_id=self.john.id, user_id=owner.id))
        self.assertEqual(self._alert(owner), "John Smith authorized $ 70.00")

    def _alert(self, owner):
        domain = [("partner_ids", "in", owner.partner_id.ids), ("message_type", "=", "user_notification")]
        return self.env["mail.message"].sudo().search(domain, limit=1, order="id desc").subject.replace("\xa0", " ")

    # === THE RECEIPT === #

    def test_receipt_tells_each_payment_and_each_document(self):
        today = fields.Date.today()
        first, second = (
            self._invoice(self.john, amount=amount, invoice_date_due=today + timedelta(days=days))
            for amount, days in ((100, 0), (50, 10))
        )
        note = self._invoice(self.john, amount=20, move_type="out_refund")
        link = self._link(first | second | note, allow_partial=True)
        one, two = self._pay(link, 60), self._pay(link, 30)
        payments, rows = self._receipt_tables(link)
        method = one.payment_method_id.name
        self.assertEqual(
            [row[1:] for row in payments[:2]],
            [[method, tx.reference, amount] for tx, amount in ((two, "$ 30.00"), (one, "$ 60.00"))],
        )
        self.assertTrue(all(row[0] for row in payments[:2]))
        self.assertEqual(payments[2][-1], "$ 90.00")
        amounts = {row[0]: row[3:] for row in rows}
        self.assertEqual(
            amounts,
            {
                first.name: ["$ 100.00", "$ 80.00", "$ 0.00"],
                second.name: ["$ 50.00", "$ 10.00", "$ 40.00"],
                note.name: ["$ -20.00", "", ""],
            },
        )

    def test_receipt_of_other_kinds(self):
        part = self._free_link(100, partner_id=self.john.id, reference="Contract 7", allow_partial=True)
        self._pay(part, 30)
        excess = self._link(self._invoice(self.john, amount=40))
        late = self._force_attempt(excess, 40)
        self._pay(excess)
        late._set_done()
        late._post_process()
        cases = [
            (part, [["Contract 7", "$ 100.00", "$ 30.00", "$ 70.00"]], None),
            (excess, None, "Paid in excess: $ 40.00 USD"),
        ]
        for link, rows, text in cases:
            with self.subTest(link.kind):
                found = self._receipt_tables(link)[1]
                if rows:
                    self.assertEqual(found, rows)
                else:
                    self.assertEqual(found[0][3:], ["$ 40.00", "$ 40.00", "$ 0.00"])
                self.assertEqual("Paid in excess" in self._receipt(link), bool(text))
                self.assertIn(text or "", self._plain(self._receipt(link)))

    def test_receipt_after_an_early_payment_discount(self):
        term = self.env["account.payment.term"].create(
            {"name": "2 % 10", "early_discount": True, "discount_percentage": 2, "discount_days": 10}
        )
        invoice = self._invoice(self.john, amount=100, invoice_payment_term_id=term.id)
        link = self._link(invoice)
        self._pay(link)
        payments, rows = self._receipt_tables(link)
        self.assertEqual(payments[0][-1], "$ 98.00")
        self.assertEqual(rows[0][3:], ["$ 98.00", "$ 98.00", "$ 0.00"])

    # === TRANSFERS === #

    def test_no_transfer_is_spoken_of_without_an_account(self):
        for has_account in (True, False):
            if not has_account:
                self.bank_account.active = False
            link = self._link(self._invoice(self.john))
            texts = self._texts(link)
            for place, expected in (("e-mail", has_account), ("page", has_account), ("help", has_account)):
                with self.subTest(place, has_account=has_account):
                    self.assertEqual("transfer" in texts[place].lower(), expected, texts[place])
            for place in ("SMS", "paid page", "receipt", "receipt by e-mail"):
                with self.subTest(place, has_account=has_account):
                    self.assertNotIn("transfer", texts[place].lower())
