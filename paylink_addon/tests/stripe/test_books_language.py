import html as html_text
import re
from unittest.mock import patch

from odoo import Command, fields
from odoo.tests import tagged
from odoo.tools.translate import get_translation

from odoo.addons.account.models.account_partial_reconcile import AccountPartialReconcile

from .event_common import EventCommon

# What Odoo and we write into entries: the add-on, and its words in the code.
WORDS = {
    "discount": ("account", "Early Payment Discount"),
    "exchange": ("account", "Currency exchange rate difference"),
    "reversal": ("account", "Reversal of: %s"),
    "fee": ("paylink_addon", "Fee of chargeback %(name)s"),
    "bank_fees": ("paylink_addon", "Bank fees"),
}

WAYS = (
    *("by_bank_lines", "by_bank_lines_that_are_accepted"),
    *("by_links", "by_the_job", "in_the_portal", "by_a_chargeback", "by_a_deposit", "by_a_stored_method", "by_hand"),
)


@tagged("post_install", "-at_install")
class TestBooksLanguage(EventCommon):
    """Entries are in the company's language, whoever or whatever makes them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("es_ES")
        cls.company.partner_id.lang = "fr_FR"
        cls.company.paylink_fee_account_id = cls.company_data["default_account_expense"]
        cls.company.paylink_bank_fee_limit = 5
        cls.env.user.group_ids += cls.env.ref("sales_team.group_sale_manager")
        cls.today = fields.Date.today()
        cls.before = fields.Date.subtract(cls.today, days=40)
        cls.env["res.currency.rate"].search([("currency_id", "=", cls.currency_euro.id)]).unlink()
        cls.env["res.currency.rate"].create(
            [
                {"name": day, "rate": rate, "currency_id": cls.currency_euro.id, "company_id": cls.company.id}
                for day, rate in ((fields.Date.subtract(cls.today, days=60), 1.0), (cls.today, 2.0))
            ]
        )
        cls.terms = cls.env["account.payment.term"].create(
            {
                "name": "2 %",
                "early_discount": True,
                "discount_percentage": 2,
                "discount_days": 10,
                "line_ids": [Command.create({"value": "percent", "value_amount": 100, "nb_days": 30})],
            }
        )

    def _abroad(self, **values):
        """An invoice whose currency has another rate today."""
        return self._invoice(amount=100, currency_id=self.currency_euro.id, invoice_date=self.before, **values)

    def _discounted(self):
        return self._invoice(amount=100, invoice_payment_term_id=self.terms.id)

    # === WAYS INTO THE BOOKS === #

    def _by_links(self):
        for invoice in (self._abroad(), self._discounted()):
            self.pay_on_page(self._link(invoice))
        return {"exchange", "discount"}

    def _by_the_job(self):
        for invoice in (self._abroad(), self._discounted()):
            self._attempt(self._link(invoice))._set_done()
        self._run_cron("ir_cron_paylink_book")
        return {"exchange", "discount"}

    def _in_the_portal(self):
        for invoice in (self._abroad(), self._discounted()):
            amount = invoice._get_invoice_next_payment_values()["amount_due"]
            tx = self._portal_attempt(invoice, amount=amount)
            self.checkout(tx)
            self.fake.pay(tx.paylink_stripe_session)
            self.come_back(tx)
            tx._post_process()
        return {"exchange", "discount"}

    def _by_a_chargeback(self):
        """The exchange difference of what is open again is reversed."""
        tx = self.pay_on_page(self._link(self._abroad()))
        found = self.fake.dispute(tx.paylink_stripe_intent)
        self.deliver_and_handle()
        self.fake.close_dispute(found["id"], won=True)
        self.deliver_and_handle()
        return {"exchange", "reversal", "fee"}

    def _by_a_deposit(self):
        """The invoice of an order takes what was paid at another rate."""
        product = self.env["product.product"].create({"name": "Kitchen", "type": "service", "invoice_policy": "order"})
        pricelist = self.env["product.pricelist"].create({"name": "EUR", "currency_id": self.currency_euro.id})
        order = self.env["sale.order"].create(
            {
                "partner_id": self.marie.id,
                "pricelist_id": pricelist.id,
                "order_line": [Command.create({"product_id": product.id, "price_unit": 100.0, "tax_ids": []})],
            }
        )
        order.action_confirm()
        link = self.env["paylink.link"]._create_deposits([{"sale_order_id": order.id, "amount": 60.0}])
        link._issue()
        self.pay_on_page(link)
        invoice = order._create_invoices()
        invoice.invoice_date = self.before
        invoice.action_post()
        return {"exchange"}

    def _by_a_stored_method(self):
        token = self._stored()
        invoice = self._abroad()
        self._registration(invoice, token).action_create_payments()
        self.send_waiting()
        self.apply_events()
        self.assertEqual(invoice.payment_state, "paid")
        return {"exchange"}

    def _by_hand(self):
        """In Odoo's own dialog, and undone."""
        for invoice in (self._discounted(), self._abroad()):
            self.env["account.payment.register"].with_context(
                active_model="account.move", active_ids=invoice.ids
            ).create({})._create_payments()
        items = invoice.line_ids.filtered(lambda item: item.account_type == "asset_receivable")
        items.remove_move_reconcile()
        return {"exchange", "discount", "reversal"}

    def _bank_line(self, link, amount, **values):
        values |= {"payment_ref": link.transfer_reference, "amount": amount, "date": self.today}
        return self.env["account.bank.statement.line"].create(
            {"journal_id": self.company_data["default_journal_bank"].id, **values}
        )

    def _by_bank_lines(self):
        """What is proven is booked as soon as the line is there."""
        abroad, discounted = self._link(self._abroad()), self._link(self._discounted())
        euros = {"foreign_currency_id": self.currency_euro.id, "amount_currency": 100}
        lines = self._bank_line(abroad, 50, **euros) | self._bank_line(discounted, 98)
        self.assertEqual(lines.mapped("is_reconciled"), [True, True])
        return {"exchange", "discount"}

    def _by_bank_lines_that_are_accepted(self):
        line = self._bank_line(self._link(self._invoice(amount=100)), 97.5)
        line.paylink_match_ids.action_accept()
        self.assertTrue(line.is_reconciled)
        return {"bank_fees"}

    def test_what_is_made_for_the_books_has_a_name_that_all_read(self):
        """Accounts in the company's language, providers in each reader's."""
        reader = self.env(context={**self.env.context, "lang": "es_ES"})
        provider = self.company.with_env(reader)._paylink_transfer_provider()
        account = self.provider.with_env(reader)._paylink_new_outstanding_account()
        for lang, expected in (("fr_FR", "Virement bancaire"), ("en_US", "Bank Transfer")):
            self.assertEqual(provider.with_context(lang=lang).name, expected)
        for lang in ("fr_FR", "en_US", "es_ES"):
            self.assertIn("paiements", account.with_context(lang=lang).name)

    def test_entries_are_in_the_language_of_the_company(self):
        """Whoever reads another one: what is in the language of the code, by neither, is found as well."""
        self.env.user.lang = "es_ES"
        self.env = self.env(context={**self.env.context, "lang": "es_ES"})
        for way in WAYS:
            with self.subTest(way=way):
                self.env.flush_all()
                newest = self.env["account.move"].search([], order="id desc", limit=1).id
                expected = getattr(self, f"_{way}")()
                self._check(
                    self.env["account.move"].search([("id", ">", newest), ("move_type", "=", "entry")]), expected
                )

    def test_chatters_are_in_the_language_of_the_company(self):
        """Of a payment that was declined, then charged back: the customer reads English, the jobs have no language."""
        link = self._link(self._invoice(self.john, currency_id=self.currency_euro.id))
        tx = self.pay_on_page(link, outcome="insufficient_funds")
        self.deliver_and_handle()
        self.assertEqual(link.with_context(lang="en_US")._last_failure(), "The account does not have enough money.")
        said = " ".join(map(str, link.message_ids.mapped("body")))
        self.assertIn("Le compte n'est pas suffisamment approvisionné.", html_text.unescape(said))
        self.assertNotIn("enough money", said)
        tx = self.pay_on_page(link)
        found = self.fake.dispute(tx.paylink_stripe_intent)
        self.deliver_and_handle()
        self.fake.close_dispute(found["id"], won=True)
        self.deliver_and_handle()
        dispute = self.env["paylink.dispute"].search([("name", "=", found["id"])])
        self.env.cr.flush()
        tracked = dispute.sudo().message_ids.tracking_value_ids
        self.assertEqual((tracked.old_value_char, tracked.new_value_char), ("Réponse attendue", "Gagné"))

    def test_reversed_by_hand(self):
        """Entries in that of the company, documents in that of the customer, who may have none."""
        self.env.user.lang = "es_ES"
        nobody = self._customer("Nobody")
        nobody.lang = False
        moves = {
            self._invoice(self.john): "en_US",
            self._invoice(self.marie): "fr_FR",
            self._invoice(nobody): "fr_FR",
            self.pay_on_page(self._link(self._invoice(self.john))).payment_id.move_id: "fr_FR",
        }
        for move, lang in moves.items():
            with self.subTest(move=move.name):
                dialog = self.env["account.move.reversal"].with_context(
                    active_model="account.move", active_ids=move.ids, lang="es_ES"
                )
                dialog.create({"journal_id": move.journal_id.id}).refund_moves()
                self.assertTrue(
                    move.reversal_move_ids.ref.startswith(self._word("account", lang, WORDS["reversal"][1]))
                )

    def test_what_an_invoice_brings_into_the_books(self):
        """Installments, and discounts of its terms."""
        self.terms.early_pay_discount_computation = "mixed"
        parts = self.env["account.payment.term"].create(
            {
                "name": "In two parts",
                "line_ids": [Command.create({"value_amount": 50, "nb_days": days}) for days in (0, 30)],
            }
        )
        tax = self.company_data["default_tax_sale"]
        lines = [Command.create({"name": "Work", "price_unit": 100, "tax_ids": tax.ids})]
        reader = self.env["account.move"].with_context(lang="es_ES")
        for terms, source in (
            (self.terms, "Early Payment Discount (%s)"),
            (parts, "%(name)s installment #%(number)s"),
        ):
            with self.subTest(source):
                values = {"partner_id": self.marie.id, "move_type": "out_invoice", "invoice_line_ids": lines}
                invoice = reader.create({**values, "invoice_payment_term_id": terms.id})
                invoice.action_post()
                names = [name for name in invoice.line_ids.mapped("name") if name]
                for lang in ("fr_FR", "es_ES"):
                    word = re.sub(r"%\(\w+\)s|\(?%s\)?|#", "", get_translation("account", lang, source, ())).strip()
                    self.assertEqual(any(word in name for name in names), lang == "fr_FR", (names, word))

    def test_companies_each_in_their_own(self):
        """Also where the items of several are unreconciled at once."""
        other = self._other_company(name="Otra")
        other.partner_id.lang = "es_ES"
        self.env.user.company_ids += other
        partials, seen = self.env["account.partial.reconcile"], {}
        for company in self.company | other:
            Account = self.env["account.account"].with_company(company)
            receivable, revenue = (
                Account.search([("company_ids", "in", company.ids), ("account_type", "=", kind)], limit=1)
                for kind in ("asset_receivable", "income")
            )
            moves = self.env["account.move"].with_company(company)
            moves = moves.create(
                [
                    {
                        "line_ids": [
                            Command.create({"account_id": account.id, "balance": value, "partner_id": self.marie.id})
                            for account, value in ((receivable, balance), (revenue, -balance))
                        ]
                    }
                    for balance in (10, -10)
                ]
            )
            moves.action_post()
            items = moves.line_ids.filtered(lambda item: item.account_type == "asset_receivable")
            items.reconcile()
            partials |= items.matched_debit_ids
        self.assertEqual(len(partials), 2)

        def note(found):
            seen.update(dict.fromkeys(found.company_id, found.env.lang))

        with patch.object(AccountPartialReconcile, "unlink", note):
            partials.with_context(lang="en_US").unlink()
        self.assertEqual(seen, {self.company: "fr_FR", other: "es_ES"})

    def _check(self, moves, expected):
        texts = [text for text in (*moves.mapped("ref"), *moves.line_ids.mapped("name")) if text]
        for name, (addon, source) in WORDS.items():
            found = {
                lang: any(self._word(addon, lang, source) in text for text in texts)
                for lang in ("fr_FR", "es_ES", "en_US")
            }
            with self.subTest(word=name):
                self.assertEqual(found, {"fr_FR": name in expected, "es_ES": False, "en_US": False}, texts)

    def _word(self, addon, lang, source):
        """Up to what differs each time; what has no translation is found nowhere."""
        text = source if lang == "en_US" else get_translation(addon, lang, source, ())
        return text.partition("%")[0].strip() if lang == "en_US" or text != source else "\0"
