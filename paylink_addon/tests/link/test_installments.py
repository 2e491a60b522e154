from datetime import timedelta

from lxml import html
from odoo import Command, fields
from odoo.exceptions import UserError
from odoo.tests import HttpCase, tagged

from ..common import PaylinkCommon


@tagged("post_install", "-at_install")
class TestInstallments(PaylinkCommon, HttpCase):
    """Of an invoice in installments what is due now is asked for at first, as Odoo's portal does; all can be chosen."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.terms = cls.env["account.payment.term"].create(
            {
                "name": "30, 30, 40",
                "line_ids": [
                    Command.create({"value": "percent", "value_amount": share, "nb_days": 30 * number})
                    for number, share in enumerate((30, 30, 40))
                ],
            }
        )

    def _in_installments(self, age=0, **values):
        """An invoice of 1,000 of some days ago: 300 due that day, 300 and 400 each a month later."""
        day = fields.Date.today() - timedelta(days=age)
        return self._invoice(amount=1000, invoice_date=day, invoice_payment_term_id=self.terms.id, **values)

    def _as_odoo_asks(self, invoice):
        return invoice._get_invoice_next_payment_values()["next_amount_to_pay"]

    # === WHAT IS DUE NOW === #

    def test_same_amount_as_odoo_asks_for(self):
        """In the dialog, on a link for all of the invoice, in its messages and in the account."""
        for age, paid, expected in (
            (0, 0, 300),
            (1, 0, 300),
            (31, 0, 600),
            (70, 0, 1000),
            (1, 300, 300),
            (31, 400, 200),
        ):
            with self.subTest(age=age, paid=paid):
                partner = self._customer(f"Customer {age} {paid}", email="someone@example.com", lang="en_US")
                invoice = self._in_installments(age, partner=partner)
                whole = self._link(invoice, allow_partial=True)
                if paid:
                    self._pay(whole, paid)
                self.assertEqual(self._as_odoo_asks(invoice), expected)
                wizard = self._wizard(invoice)
                self.assertEqual((wizard.amount, wizard.amount_due), (expected, expected))
                self.assertEqual(wizard.amount_later, invoice.amount_residual - expected)
                self.assertEqual(wizard.has_later, expected < 1000 - paid)
                self.assertIn(f"{expected:,.2f}", wizard.subject)
                self.assertEqual(whole.amount_due, 1000 - paid)
                self.assertIn(f"{expected:,.2f}", whole.amount_display)
                ticked = [
                    row["minor"]
                    for section in self.env["paylink.statement"]._for_customers(partner)._page_sections()
                    for row in section["rows"]
                    if row["ticked"]
                ]
                self.assertEqual(sum(ticked), expected * 100)

    def test_all_can_be_chosen(self):
        """From the invoice, from a list, from the customer."""
        plain = self._invoice(amount=50)
        invoice = self._in_installments()
        for records, now, later in ((invoice, 300, 700), (invoice + plain, 350, 700), (self.marie, 350, 700)):
            with self.subTest(records=records):
                wizard = self._wizard(records)
                self.assertEqual((wizard.amount, wizard.amount_later, wizard.has_later), (now, later, True))
                wizard = self._wizard(records, scope="all")
                self.assertEqual((wizard.amount, wizard.amount_later, wizard.has_later), (now + later, later, True))
                self.assertEqual(self._sent(wizard).amount_due, now + later)
        self.assertFalse(self._wizard(plain).has_later)
        links = self._sent(self._wizard(self._in_installments() + plain, grouping="document"))
        self.assertEqual(sorted(links.mapped("amount")), [50, 300])

    def test_link_settles_what_it_asks_and_another_one_the_rest(self):
        invoice = self._in_installments()
        first, second, third = self._items(invoice)
        link = self._sent(self._wizard(invoice))
        self.assertEqual(link.line_ids.move_line_id, first)
        self._pay(link)
        self.assertEqual((link.state, link.status, invoice.amount_residual), ("paid", "paid", 700))
        rest = self._sent(self._wizard(invoice))
        self.assertEqual((rest.line_ids.move_line_id, rest.amount), (second, 300))
        self._pay(rest)
        self.assertEqual((second.reconciled, third.amount_residual), (True, 400))

    def test_what_is_chosen_in_the_account_is_asked_for(self):
        """What somebody has ticked is not narrowed down."""
        invoice = self._in_installments()
        rows = self.env["paylink.account.item"]._open_account(self.marie)
        wizard = self._wizard(rows)
        self.assertEqual((wizard.amount, wizard.has_later), (1000, False))
        self.assertEqual(self._wizard(rows[1]).line_ids.mapped("amount"), [300])
        self.assertIn("1", self._sent(wizard).with_context(lang="en_US").amount_display)
        self.assertEqual(invoice.paylink_link_id._proposal(1000.0)[0], 1000)

    def test_credits_pay_what_is_due_first(self):
        for credit, now in ((100, 200), (300, 300), (400, 200), (700, 300), (1000, 0)):
            with self.subTest(credit=credit):
                partner = self._customer(f"Customer {credit}", email="someone@example.com")
                self._in_installments(partner=partner)
                self._invoice(partner, amount=credit, move_type="out_refund")
                line = self._wizard(partner, kind="open_items").line_ids
                self.assertEqual((line.amount_due, line.amount_later), (now, max(1000 - credit - now, 0)))
                self.assertEqual(bool(line.problem), not now)

    def test_who_pays_what_is_due_now_pays_that(self):
        """All of another invoice, and no installment that is due before it; with the discount that was promised."""
        later = fields.Date.today() + timedelta(days=60)
        discount = self.env["account.payment.term"].create(
            {
                "name": "2/7 net 60",
                "early_discount": True,
                "discount_percentage": 2,
                "discount_days": 7,
                "line_ids": [Command.create({"value": "percent", "value_amount": 100, "nb_days": 60})],
            }
        )
        for values, now in (({"invoice_date_due": later}, 400), ({"invoice_payment_term_id": discount.id}, 398)):
            with self.subTest(now=now):
                other, invoice = self._invoice(amount=100, **values), self._in_installments(1)
                first, second, _third = self._items(invoice)
                link = self._link(invoice + other)
                self.assertEqual(link._proposal(link._payable_amount())[0], now)
                tx = self._attempt(link, now)
                self.assertEqual(dict(tx._paylink_documents()), {f"{invoice.name}-1": 300, other.name: now - 300})
                tx._set_done()
                tx._post_process()
                self.assertEqual((first.reconciled, other.amount_residual), (True, 0))
                self.assertEqual((second.amount_residual, link.amount_due), (300, 700))
        both = self._in_installments(1) + self._invoice(amount=100, invoice_date_due=later)
        part = self._link(both, amount=400, is_limited=True)
        self._pay(part)
        self.assertEqual(part.line_ids.mapped("move_line_id.amount_residual"), [0, 200, 400, 100])

    # === A LINK THAT LASTS === #

    def test_link_sent_with_the_invoice_asks_for_one_after_the_other(self):
        """Odoo's Send, also on the PDF: it lasts until all is paid."""
        self.company.paylink_on_invoice_mail = True
        invoice = self._in_installments(partner=self.john)
        self.env["account.move.send"]._generate_and_send_invoices(invoice, sending_methods=["email"])
        link = invoice.paylink_link_id
        mail = self.env["mail.mail"].sudo().search([("res_id", "=", invoice.id), ("model", "=", "account.move")])
        self.assertIn("300.00", mail.body_html.split(link.url)[1])
        self._pay(link, 300)
        self.assertEqual((link.state, link.status, link.amount_due), ("open", "partly_paid", 700))
        Link = self.env["paylink.link"].with_company(self.company)
        self.assertEqual(Link._links_for_invoices({invoice: self.env.user}), {invoice: link})
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        gone = self._user("gone", "paylink_addon.group_paylink_all", elsewhere)
        self.assertNotEqual(Link._links_for_invoices({invoice: gone}), {invoice: link}, "He may not read it anymore")
        self._pay(link)
        self.assertEqual((link.state, invoice.payment_state), ("paid", "paid"))

    def test_money_on_its_way_pays_the_first(self):
        """What is confirmed and not booked yet is no reason to ask for the same installment again."""
        link = self._link(self._in_installments())
        tx = self._attempt(link, 300)
        tx._set_done()
        self.assertEqual(link._proposal(link._payable_amount())[0], 300)
        self.assertNotIn("-3", link._proposal(link._payable_amount())[1].mapped("name")[-1])

    # === THE PAGE === #

    def _page(self, link, query=""):
        return html.fromstring(self.url_open(f"/pay/{link.access_token}?lang=en_US{query}").content)

    def _choose(self, link, part="whole", option=None):
        """Press the button of the page; return what the customer sees then."""
        data = {"part": part, "option": option or f"{self.provider.id}-{self.payment_method_id}"}
        return self.url_open(f"/pay/{link.access_token}/pay?lang=en_US", data=data)

    def test_page_proposes_what_is_due_now(self):
        """All of it can be chosen there, without partial payments being allowed; nothing between."""
        link = self._link(self._in_installments())
        page = self._page(link)
        self.assertIn("300.00", page.xpath("//h1[@class='pl-total']/text()")[0])
        offered = [(box.get("value"), box.get("data-amount")) for box in page.xpath("//input[@name='part']")]
        self.assertEqual(offered, [("now", "300.0"), ("all", "1000.0")])
        self.assertEqual(page.xpath("//input[@name='part'][@checked]/@value"), ["now"])
        self.assertEqual(self._page(link, "&part=all").xpath("//input[@name='part'][@checked]/@value"), ["all"])
        for amount in (1, 299.99, 301, 600, 1001):
            with self.subTest(amount=amount), self.assertRaises(UserError):
                self._attempt(link, amount)
        for amount in (300, 1000):
            self.assertEqual(self._attempt(link, amount).amount, amount)
        qr = link._transfer_qr_text()
        self.assertTrue(qr is None or "300.00" in qr)

    def test_few_queries(self):
        """Three more than other pages take, to know what else could be paid."""
        link = self._sent(self._wizard(self._in_installments()))
        self._page(link)  # starts warm
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        self.assertEqual(len(self._page(link).xpath("//input[@name='part']")), 2)
        self.assertLessEqual(self.env.cr.sql_log_count - before, 11)

    def test_page_of_what_somebody_has_chosen(self):
        """All that was chosen by the sender, or in the account, is proposed; what is due now can still be paid."""
        wizard = self._wizard(self._in_installments(), scope="all")
        page = self._page(self._sent(wizard))
        self.assertIn("1,000.00", page.xpath("//h1[@class='pl-total']/text()")[0])
        self.assertEqual(page.xpath("//input[@name='part'][@checked]/@data-amount"), ["1000.0"])
        self.assertEqual(page.xpath("//input[@name='part']/@value"), ["now", "all"])

    def test_all_can_be_paid_where_only_a_part_was_sent(self):
        """By a link of its own, made once: it ends with the first one, and its address with that one's."""
        invoice = self._in_installments()
        link = self._sent(self._wizard(invoice))
        page = self._page(link)
        offered = [(box.get("value"), box.get("data-amount")) for box in page.xpath("//input[@name='part']")]
        self.assertEqual(offered, [("all", "300.0"), ("whole", "1000.0")])
        pages = [html.fromstring(self._choose(link, part).content) for part in ("whole", "whole", "all")]
        whole = link.widened_ids
        routes = [f"/pay/{found.access_token}/transaction" for found in (whole, whole, link)]
        self.assertEqual([page.xpath("//form/@data-transaction-route")[0] for page in pages], routes)
        self.assertEqual([page.xpath("//form/@data-amount")[0] for page in pages], ["1000.0", "1000.0", "300.0"])
        self.assertEqual((len(whole), whole.user_id, whole.state), (1, link.user_id, "open"))
        before = whole.access_token
        link.action_replace_token()
        self.assertNotEqual(whole.access_token, before)
        self._pay(whole)
        self.assertEqual((whole.state, link.state, invoice.payment_state), ("paid", "paid", "paid"))
        self.assertTrue(link.settled_elsewhere)
        second = self._sent(self._wizard(self._in_installments()))
        self._choose(second)
        second.action_cancel()
        self.assertEqual(second.widened_ids.state, "cancelled")
        self.assertEqual(self._choose(second).status_code, 410)
        self.assertEqual(len(second.widened_ids), 1)

    def test_dialog_that_was_left_open(self):
        """What it would say has been paid since: nothing is sent. Of several links each says what is so then."""
        invoice, other = self._in_installments(), self._invoice(self.john)
        single, several = self._wizard(invoice), self._wizard(invoice + other)
        renewal_of = self._free_link(50)
        self._pay(self._link(invoice), 300)
        with self.assertRaisesRegex(UserError, "has changed in the meantime"):
            single.action_send()
        self.assertFalse(single.link_ids)
        several.action_send()
        asked = several.link_ids.filtered(lambda link: link.partner_id == self.marie)
        self.assertEqual((asked.line_ids.move_line_id, asked.amount), (self._items(invoice)[0], 300))
        self.assertNotIn("-1", asked.documents_display[-2:])
        renewal_of.action_cancel()
        again = self.env["paylink.send"].with_context(**renewal_of.action_renew()["context"]).create({})
        tx = self._force_attempt(renewal_of, 20)
        tx._set_done()
        tx._post_process()
        with self.assertRaisesRegex(UserError, "has changed in the meantime"):
            again.action_send()

    def test_what_was_chosen_on_the_page_is_shown_at_its_address(self):
        """On its way, paid, with its receipt; a customer with only a phone gets a confirmation."""
        paul = self._customer("Paul", phone="+33639981234", lang="en_US")
        link = self._sent(self._wizard(self._in_installments(partner=paul), send_email=False, send_sms=True))
        self.assertEqual((link.send_email, link.send_sms, link.email), (False, True, False))
        self._choose(link)
        whole = link.widened_ids
        tx = self._attempt(whole)
        self.assertEqual(self._page(link).xpath("//main/@data-view"), ["pay"])
        tx._set_pending()
        page = self._page(link)
        self.assertEqual(page.xpath("//main/@data-view"), ["progress"])
        self.assertEqual(page.xpath("//main/@data-base"), [f"/pay/{whole.access_token}"])  # which it follows
        tx._set_done()
        tx._post_process()
        self.assertEqual((link.state, link.status), ("paid", "settled"))
        page = self._page(link)
        self.assertEqual(page.xpath("//main/@data-view"), ["paid"])
        self.assertIn("1,000.00", page.xpath("//p[@class='pl-total']/text()")[0])
        self.assertIn(tx.reference, page.text_content())
        receipt = self.url_open(f"/pay/{link.access_token}/receipt")
        self.assertEqual(receipt.status_code, 200)
        sms = self.env["sms.sms"].sudo().search([("mail_message_id.res_id", "=", whole.id)])
        self.assertIn("1,000.00", sms.body)
        self.assertIn(whole.url, sms.body)
        self.assertEqual((sms.number, len(self._time_line(whole, "receipt"))), ("+33639981234", 1))
        before = whole.access_token
        link.action_replace_token()
        self.assertNotEqual(whole.access_token, before)

    def test_own_payment_is_shown_at_its_address(self):
        """By the link itself, and last, whatever was chosen before; nothing else is of a link for whole documents."""
        link = self._sent(self._wizard(self._in_installments()))
        self._choose(link)
        tx = self._pay(link)
        self._pay(link.widened_ids)
        self.assertEqual(link._led_to(), link.widened_ids)
        link = self._sent(self._wizard(self._in_installments()))
        self._choose(link)
        self._attempt(link.widened_ids)._set_error("refused")
        tx = self._pay(link)
        self.assertEqual(link._led_to(), link)
        self.assertIn(tx.reference, self._page(link).text_content())

    def test_all_by_a_method_that_is_gone(self):
        """The page of the link for all of it says so, and that link stays."""
        link = self._sent(self._wizard(self._in_installments()))
        token = self._create_token(partner_id=self.john.id, provider_id=self.provider.id)
        page = self._choose(link, option=f"token-{token.id}")
        self.assertEqual(page.status_code, 422)
        self.assertIn("no longer available", page.text)
        self.assertIn(link.widened_ids.access_token, page.text)

    def test_all_that_was_ticked_is_proposed(self):
        """Also by an open link that was sent with the invoice, and asks for one after the other."""
        invoice = self._in_installments()
        link = self._link(invoice)
        statement = self.env["paylink.statement"]._for_customers(self.marie)
        statement._activate()
        data = {"item": [str(item.id) for item in self._items(invoice)]}
        page = self.url_open(f"/account/{statement.access_token}/pay", data=data)
        self.assertIn(link.access_token, page.url)
        chosen = html.fromstring(page.content).xpath("//input[@name='part'][@checked]/@data-amount")
        self.assertEqual(chosen, ["1000.0"])

    def test_all_of_what_was_ticked_in_part(self):
        """Belongs to the account's page, too: the tries of its reader are counted together, and it ends with it."""
        invoice = self._in_installments()
        statement = self.env["paylink.statement"]._for_customers(self.marie)
        statement._activate()
        link = statement._pay_link({self._items(invoice)[0].id}).sudo()
        link.allow_partial = True
        self._choose(link)
        whole = link.widened_ids
        self.assertEqual((whole.statement_id, whole.allow_partial, whole.amount_due), (statement, True, 1000))
        tx = self._attempt(whole)
        self.assertEqual(link._attempts_since(tx.create_date), tx)

    def test_no_choice_where_there_is_none(self):
        plain = self._link(self._invoice(amount=1000))
        part = self._link(self._in_installments(), is_limited=True, amount=400)
        for link in (plain, part):
            self.assertFalse(self._page(link).xpath("//input[@name='part']"))
        self.assertEqual(self._page(part).xpath("//input[@name='shown']/@value"), ["all=400.00"])

    # === WHICH LINK IS SHOWN === #

    def test_invoices_are_found_once_by_the_link_that_they_show(self):
        """Whatever links there are of them: one with several lines, others beside it, drafts, some deleted."""
        moves = several, drafted, alone, nothing = self.env["account.move"].concat(
            *(self._in_installments() for _turn in range(4))
        )
        self._link(several)
        self._link(alone)
        self._check_found(moves, {"not_opened": several + alone, False: drafted + nothing})
        drafts = [self._draft(move) for move in (several, several, drafted, drafted)]
        self._check_found(moves, {"not_opened": several + alone, "draft": drafted, False: nothing})
        drafts[1]._issue()
        drafts[1]._mark_opened()
        self._check_found(moves, {"opened": several, "not_opened": alone, "draft": drafted, False: nothing})
        drafts[0]._issue()  # older, out later
        drafts[2]._issue()
        drafts[2].action_cancel()
        self._check_found(moves, {"opened": several, "not_opened": alone, "cancelled": drafted, False: nothing})
        last = self._draft(alone)
        drafts[3].unlink()
        self._pay(drafts[1])
        self._check_found(moves, {"paid": several, "not_opened": alone, "cancelled": drafted, False: nothing})
        last._issue()
        last.action_cancel()
        self._check_found(moves, {"paid": several, "cancelled": alone + drafted, False: nothing})

    def _draft(self, move):
        return self.env["paylink.link"]._create_for_items([({}, self._items(move))], partner_id=move.partner_id.id)

    def _check_found(self, moves, expected):
        """By filters, groups and order, and as each invoice by itself says."""
        self.env.invalidate_all()
        Move, among = self.env["account.move"], [("id", "in", moves.ids)]
        for status, own in expected.items():
            self.assertEqual(own.mapped("paylink_status"), [status] * len(own))
        for status, own in expected.items():
            for operator, found in (("=", own), ("!=", moves - own)):
                with self.subTest(status=status, operator=operator):
                    domain = [*among, ("paylink_status", operator, status)]
                    self.assertEqual(Move.search(domain).sorted("id"), found.sorted("id"))
                    self.assertEqual(Move.search_count(domain), len(found))
            either = Move.search([*among, ("paylink_status", "in", [status, "opened", False])])
            self.assertEqual(set(either), {*own, *expected.get("opened", ()), *expected.get(False, ())})
        groups = dict(Move._read_group(among, ["paylink_status"], ["id:recordset"]))
        self.assertEqual({status: set(own) for status, own in groups.items()}, {s: set(m) for s, m in expected.items()})
        ordered = Move.search([*among, ("paylink_status", "!=", "x")], order="paylink_status, id")
        statuses = ordered.mapped("paylink_status")
        self.assertEqual(set(ordered), set(moves))
        self.assertEqual(statuses, sorted(statuses, key=lambda status: (not status, status)))
