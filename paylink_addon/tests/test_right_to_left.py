import io
import zipfile
from types import SimpleNamespace
from unittest.mock import patch

from lxml import html
from odoo.tests import tagged

from ..tools.gsm import is_gsm, sms_text
from .card.card_common import CardCommon

ARABIC = "ar_001"
MARK = "\N{LEFT-TO-RIGHT MARK}"


@tagged("post_install", "-at_install")
class TestRightToLeft(CardCommon):
    """What is sent and printed reads from the right where the customer's language does. (Pages: see ``test_pages``.)"""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang(ARABIC)
        cls.company.write({"phone": "+33 1 23 45 67 89", "email": "compta@example.com"})
        cls.company.write({"paylink_plan_parts": 4, "paylink_plan_least": 20})
        cls.links = {}
        for lang in ("fr_FR", ARABIC):
            customer = cls._customer(lang, lang=lang, email="customer@example.com")
            cls.links[lang] = cls._link(cls._invoice(customer, amount=1234.5))

    # === E-MAILS === #

    def _about(self, link):
        """What our e-mails are about, and what else their layouts tell, by the layout."""
        statement = self.env["paylink.statement"]._for_customers(link.partner_id)
        page = self.env["paylink.autopay.page"]._for_customers(link.partner_id, self.company, self.env.user)
        transaction = {"transaction": link.transaction_ids}
        lines = [{"name": "INV/1", "amount": 1, "late": True, "date_display": "1", "amount_display": "1"}]
        part = SimpleNamespace(lines=lines, shown=lines, total_display="1", url="https://pay.example.com/pay/x")
        card = self._card_request(link.partner_id)
        planned = self._link(self._invoice(link.partner_id, amount=400)).sudo()
        planned._choose_plan(planned._plan_offers()[0].key)
        return {
            "mail_layout": (link, {}),
            "mail_invoice_button": (link, {}),
            "mail_layout_failure": (link, transaction),
            "mail_layout_receipt": (link, transaction),
            "mail_layout_refund_notice": (link, transaction),
            "mail_layout_plan": (planned, {}),
            "mail_layout_plan_charge": (planned, {}),
            "mail_layout_reminder": (link, {"parts": [part]}),
            "mail_layout_statement": (statement, {}),
            "mail_layout_card": (card, {}),
            "mail_layout_card_stored": (card, {}),
            "mail_layout_card_code": (card, {"code": "123456", "minutes": 15}),
            "mail_layout_autopay": (page, {}),
        }

    def test_emails(self):
        """All our layouts: what mail clients leave of them, too, tells the direction."""
        layouts = self.env["ir.ui.view"].search([("type", "=", "qweb"), ("key", "=like", "paylink_addon.mail_%")])
        for lang, link in self.links.items():
            direction, end = ("rtl", "left") if lang == ARABIC else ("ltr", "right")
            self._pay(link)
            about = self._about(link)
            known = {"paylink_addon.mail_layout_base", *(f"paylink_addon.{name}" for name in about)}
            self.assertFalse(set(layouts.mapped("key")) - known, "Nobody has looked at these")
            for name, (record, told) in about.items():
                with self.subTest(lang=lang, layout=name):
                    request = record.with_context(lang=lang)
                    source = request._wrap_email(f"paylink_addon.{name}", text="Hello", subject="Hello", **told)
                    mail = self.env["mail.mail"].create({"body_html": source})
                    tree = html.fromstring(mail.body_html)
                    (around,) = tree.xpath("//*[contains(@style, 'direction:')]")
                    self.assertEqual(around.get("dir"), direction)
                    for number in ("+33 1 23", "https://pay"):
                        for node in tree.xpath(f"//*[starts-with(text(), '{number}')]"):
                            self.assertEqual(node.get("dir"), "ltr", node.text)
                    self.assertLessEqual(set(tree.xpath("//@align")), {"center", end})
                    self.assertNotIn(f"text-align:{end}", source)

    def test_an_email_as_it_is_stored(self):
        link = self.links[ARABIC]
        link.action_send()
        tree = html.fromstring(self._customer_mails(link).body_html)
        (text,) = tree.xpath("//*[contains(text(), 'https://pay')]/ancestor::table[@dir][1]/@dir")
        self.assertEqual(text, "rtl")

    # === PAPERS === #

    def test_papers(self):
        """All reports for customers: what is ours on them, and Odoo's letter around it where customers open them."""
        Report = self.env["ir.actions.report"]
        ours = [("report_name", "=like", "paylink_addon.%"), ("report_name", "!=", "paylink_addon.proof")]
        for lang, link in self.links.items():
            direction = "rtl" if lang == ARABIC else "ltr"
            payment = self._pay(link).payment_id
            statement = self.env["paylink.statement"]._for_customers(link.partner_id)
            records = {record._name: record for record in (link, statement, link.transaction_ids, payment.sudo())}
            for report in Report.search(ours):
                with self.subTest(lang=lang, report=report.report_name):
                    page = html.fromstring(Report._render_qweb_html(report, records[report.model].ids)[0])
                    self.assertEqual(set(page.xpath("//div[hasclass('page')]/@dir")), {direction})
            with patch.object(self.registry["paylink.link"], "_can_make_pdf", lambda self: False):
                body = html.fromstring(link._receipt_pdf()["content"]).xpath("//body")[0]
            self.assertEqual(body.get("dir"), direction)
            sheet = statement._page_excel()["content"]
            with zipfile.ZipFile(io.BytesIO(sheet)) as file:
                self.assertEqual(b'rightToLeft="1"' in file.read("xl/worksheets/sheet1.xml"), lang == ARABIC)

    # === AMOUNTS === #

    def test_amounts_keep_their_order(self):
        """Sign and digits do, wherever an amount stands; who copies one can pay it; an SMS has no room for marks."""
        usd, link = self.env.ref("base.USD"), self.links[ARABIC]
        for lang, mark in ((ARABIC, MARK), ("en_US", "")):
            env = self.env(context={"lang": lang})
            text = usd._paylink_text(env, 1234.5, self.company, link.partner_id)
            self.assertEqual(text, f"{mark}$\xa01,234.50{mark}")
            pattern = usd._paylink_pattern(env, self.company, link.partner_id)
            self.assertEqual(pattern.format("1,234.50"), text)
            self.assertTrue(is_gsm(sms_text(text)))
            self.assertEqual(link.with_env(env)._typed_amounts(text), [1234.5])
