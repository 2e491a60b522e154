from datetime import timedelta

from lxml import etree
from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from .manager_common import NO_AMOUNTS, PaymentManagerCommon


@tagged("post_install", "-at_install")
class TestRefundByManager(PaymentManagerCommon):
    """Payment managers give back what came by links, without any right in Invoicing."""

    def _wizard(self, link, user=None):
        action = link.with_user(user or self.manager).action_refund()
        return Form(self.env["paylink.refund"].with_user(user or self.manager).with_context(**action["context"]))

    def _refund_by(self, form):
        wizard = form.save()
        with self._request(wizard, self.manager) as requested:
            return requested.action_refund()

    def test_part_then_rest(self):
        link = self._link(self._invoice(amount=100))
        self._pay(link)
        with self._wizard(link) as form:
            self.assertEqual((form.amount_available, form.amount), (100, 100))
            form.amount = 30
        self.assertEqual(self._refund_by(form)["params"]["type"], "success")
        self.assertEqual((link.state, link.amount_refunded), ("paid", 30))
        form = self._wizard(link)
        self.assertEqual(form.amount_available, 70, "A refund that is not booked yet counts")
        self._refund_by(form)
        self._run_cron("ir_cron_paylink_book")
        refunds = link.transaction_ids.filtered(lambda tx: tx.operation == "refund").sorted("id")
        self.assertEqual((link.amount_refunded, refunds.mapped("amount")), (100, [-30, -70]))
        self.assertEqual(refunds.payment_id.mapped("payment_type"), ["outbound", "outbound"])
        with self.assertRaisesRegex(UserError, "Nothing can be refunded"):
            link.with_user(self.manager).action_refund()

    def test_amounts_that_are_refused(self):
        link = self._link(self._invoice(amount=100))
        self._pay(link)
        for amount in (0, -5, 100.01):
            with self.subTest(amount=amount):
                form = self._wizard(link)
                form.amount = amount
                with self.assertRaisesRegex(UserError, "is left to refund"):
                    self._refund_by(form)
        self.assertEqual(link.amount_refunded, 0)

    def test_amounts_are_checked_whoever_asks(self):
        """By RPC, without any dialog: what is no amount, or more than is left, is neither sent nor booked."""
        link = self._link(self._invoice(amount=100))
        transaction = self._pay(link).with_user(self.manager)
        asked = self._counted()
        for amount in (*NO_AMOUNTS, 100.01, 1000, 10.001):
            with self.subTest(amount=amount), self.assertRaisesRegex(UserError, "is left to refund"):
                transaction.action_refund(amount)
        self.assertFalse(asked)
        transaction.action_refund(30)
        self.assertEqual(link.amount_refunded, 30)
        with self.assertRaisesRegex(UserError, "70.00.* is left to refund"):
            transaction.action_refund(70.01)
        transaction.action_refund()  # all that is left
        self.assertEqual(link.amount_refunded, 100)
        with self.assertRaisesRegex(UserError, "Nothing is left to refund"):
            transaction.action_refund(1)

    def test_whole_payment_only_where_the_provider_refunds_no_part(self):
        link = self._link(self._invoice(amount=100))
        transaction = self._pay(link).with_user(self.manager)
        self.patch(type(self.provider), "support_refund", "full_only")
        with self.assertRaisesRegex(UserError, "is left to refund"):
            transaction.action_refund(30)
        transaction.action_refund(100)
        self.assertEqual(link.amount_refunded, 100)

    def test_refund_is_offered_where_it_can_be_made(self):
        """Not of what somebody has paid by transfer."""
        link = self._link(self._invoice(amount=100))
        self._pay(link)
        self.assertTrue(link.can_refund)
        self.patch(type(self.provider), "support_refund", "none")
        self.env.invalidate_all()
        self.assertFalse(link.can_refund)

    def test_second_click_refunds_nothing(self):
        link = self._link(self._invoice(amount=100))
        self._pay(link)
        first, second = self._wizard(link), self._wizard(link)
        self.assertTrue(link.can_refund)
        self._refund_by(first)
        self.assertFalse(link.can_refund)
        with self.assertRaisesRegex(UserError, "Nothing is left to refund"):
            self._refund_by(second)
        self.assertEqual(link.amount_refunded, 100)

    def test_who_refunded_and_why(self):
        """Whoever books it: in the name of who asked for it, with the reason, on link, invoice, payment and entry."""
        link = self._link(self._invoice(amount=100))
        self._pay(link)
        with self._wizard(link) as form:
            form.amount = 30
            form.reason = "Goods returned"
        self._refund_by(form)
        self._run_cron("ir_cron_paylink_book")
        refund = link.transaction_ids.filtered(lambda tx: tx.operation == "refund")
        self.assertEqual((refund.paylink_user_id, refund.paylink_reason), (self.manager, "Goods returned"))
        self.assertEqual(refund.payment_id.paylink_user_id, self.manager)
        line = self._time_line(link, "refunded")
        self.assertEqual(line.author_id, self.manager.partner_id)
        self.assertIn("30.00", line.body)
        self.assertIn("Goods returned", line.body)
        note = link.line_ids.move_id.message_ids.filtered(lambda message: "Goods returned" in (message.body or ""))
        self.assertEqual(note.author_id, self.manager.partner_id)
        self.assertEqual((link.status, link.line_ids.move_id.paylink_status), ("partly_refunded",) * 2)

    def test_who_captured_and_released(self):
        """Of what providers are asked for otherwise, likewise."""
        for todo, event in (("capture", None), ("void", "voided")):
            with self.subTest(todo):
                link = self._link(self._invoice())
                transaction = self._authorized(link)
                with self._request(transaction, self.manager) as requested:
                    requested.sudo()._paylink_request(todo)
                self.assertEqual(transaction.child_transaction_ids.paylink_user_id, self.manager)
                if event:
                    self.assertEqual(self._time_line(link, event).author_id, self.manager.partner_id)

    def test_customer_is_told_of_the_refund(self):
        """In the customer's language, once it is booked, and only where that is wished."""
        for wished in (True, False):
            with self.subTest(wished):
                self.company.sudo().paylink_tell_refunds = wished
                link = self._link(self._invoice(self.john, amount=100), lang="fr_FR")
                self._pay(link)
                receipts = self._customer_mails(link)
                form = self._wizard(link)
                self.assertEqual(form.tell_customer, wished)
                self._refund_by(form)
                self.assertEqual(self._customer_mails(link), receipts, "not before it is in the books")
                self._run_cron("ir_cron_paylink_book")
                mail = self._customer_mails(link) - receipts
                self.assertEqual(len(mail), int(wished))
                if wished:
                    self.assertIn("100,00", mail.subject)
                    self.assertIn("100,00", mail.body_html)
                    self.assertEqual(mail.email_to, link.email)
                    self._run_cron("ir_cron_paylink_book")
                    self.assertEqual(len(self._customer_mails(link) - receipts), 1)

    def test_who_has_no_address_is_told_by_people(self):
        link = self._link(self._invoice(self._customer("No Address"), amount=100))
        self._pay(link)
        form = self._wizard(link)
        self.assertEqual((form.can_tell, form.tell_customer), (False, False))

    def test_credit_note_is_offered(self):
        """Odoo's own, with the reason, of what was paid, and only to who may make one."""
        accountant = self._user("credit", "paylink_addon.group_payment_manager,account.group_account_invoice")
        invoice = self._invoice(amount=100)
        link, free = self._link(invoice), self._free_link(50)
        self._pay(link)
        self._pay(free)
        self.assertFalse(self._wizard(link).can_credit, "the manager has no right to invoices")
        self.assertFalse(self._wizard(free, accountant).can_credit)
        form = self._wizard(link, accountant)
        self.assertTrue(form.with_credit_note)
        form.reason = "Paid twice"
        wizard = form.save()
        with self._request(wizard, accountant) as requested:
            action = requested.action_refund()["params"]["next"]
        self.assertEqual(action["res_model"], "account.move.reversal")
        reversal = Form(self.env["account.move.reversal"].with_user(accountant).with_context(**action["context"]))
        self.assertEqual((reversal.reason, reversal.move_ids[:].ids), ("Paid twice", invoice.ids))
        note = self.env["account.move"].browse(reversal.save().refund_moves()["res_id"])
        note.action_post()
        self._run_cron("ir_cron_paylink_book")
        self.assertEqual((note.payment_state, link.status), ("paid", "refunded"))
        again = self._link(self._invoice(amount=100))
        self._pay(again)
        form = self._wizard(again, accountant)
        form.with_credit_note = False
        wizard = form.save()
        with self._request(wizard, accountant) as requested:
            self.assertNotIn("res_model", requested.action_refund()["params"]["next"])

    def test_refund_of_what_was_too_much_needs_no_credit_note(self):
        accountant = self._user("excess", "paylink_addon.group_payment_manager,account.group_account_invoice")
        link = self._link(self._invoice(amount=100))
        transaction = self._force_attempt(link, 130)
        transaction._set_done()
        transaction._post_process()
        form = self._wizard(link, accountant)
        self.assertTrue(form.with_credit_note)
        form.amount = 30
        self.assertFalse(form.with_credit_note)

    def test_credit_note_of_several_invoices(self):
        """Of all that were paid, once each: what is credited already is not proposed again."""
        accountant = self._user("several", "paylink_addon.group_payment_manager,account.group_account_invoice")
        invoices = self._invoice(amount=100) + self._invoice(amount=50)
        link = self._link(invoices)
        self._pay(link)
        wizard = self._wizard(link, accountant).save()
        self.assertTrue(wizard.with_credit_note)
        context = wizard._credit_note_action()["context"]
        reversal = Form(self.env["account.move.reversal"].with_user(accountant).with_context(**context))
        self.assertEqual(set(reversal.move_ids[:].ids), set(invoices.ids))
        note = invoices[0]._reverse_moves([{"invoice_date": fields.Date.today()}])
        note.action_post()
        form = self._wizard(link, accountant)
        self.assertTrue(form.with_credit_note)
        form.amount = 100
        self.assertFalse(form.with_credit_note)

    def test_dialog_tells_of_payments_of_its_link_only(self):
        """Nothing is chosen, or what is none of the link's: no amount, no error."""
        link, other = self._link(self._invoice(amount=100)), self._link(self._invoice(self.john, amount=70))
        self._pay(link)
        form = self._wizard(link)
        form.transaction_id = self.env["payment.transaction"]
        self.assertEqual((form.amount_available, form.with_credit_note), (0, False))
        Refund = self.env["paylink.refund"].with_user(self.manager)
        wizard = Refund.create({"link_id": link.id, "transaction_id": self._pay(other).id})
        self.assertEqual((wizard.amount_available, wizard.amount, wizard.can_credit), (0, 0, False))
        wizard = Refund.create({"link_id": link.id, "transaction_id": link.transaction_ids.id})
        self.assertEqual((wizard.with_credit_note, wizard.can_credit), (False, False), "no right to invoices")

    def test_refund_on_the_payment_asks_the_same(self):
        """Odoo's button on a payment that came by a link opens our dialog."""
        link = self._link(self._invoice(amount=100))
        transaction = self._pay(link)
        action = transaction.payment_id.with_user(self.manager).action_refund_wizard()
        self.assertEqual(action["res_model"], "paylink.refund")
        self.assertEqual(action["context"]["default_transaction_id"], transaction.id)
        with self.assertRaises(AccessError):
            transaction.payment_id.with_user(self.colleague).action_refund_wizard()

    def test_attempts_are_the_sellers_to_see(self):
        """Who asked sees what became of each attempt, and why; nobody else's, and nothing that is the provider's."""
        owner, other = (self._user(name, "paylink_addon.group_paylink_user") for name in ("asks", "looks"))
        accountant = self._user("books", "paylink_addon.group_paylink_all,account.group_account_invoice")
        link = self._link(self._invoice(amount=100), user_id=owner.id)
        self._attempt(link)._set_error("Card declined")
        self._attempt(link)._paylink_close("Another tab")
        paid = self._pay(link)
        self._refund(paid, 30).sudo().paylink_reason = "Goods returned"
        seen = link.with_user(owner).attempt_ids.sorted("id")
        self.assertEqual(
            [(row.outcome, row.amount, row.reason) for row in seen],
            [("error", 100, "Card declined"), ("paid", 100, False), ("refunded", 30, "Goods returned")],
        )
        self.assertTrue(all(seen.mapped("method")))
        for name in ("transaction_id", "payment_id", "move_id"):
            with self.assertRaises(AccessError):
                seen.read([name])
        Attempt = self.env["paylink.link.attempt"]
        self.assertFalse(Attempt.with_user(other).search([("link_id", "=", link.id)]))
        self.assertFalse(Attempt.with_user(self.stranger).search([("link_id", "=", link.id)]))
        with self.assertRaises(AccessError):
            Attempt.with_user(other).browse(seen.ids).read(["amount"])
        booked = link.with_user(accountant).attempt_ids.filtered(lambda row: row.outcome == "paid")
        self.assertEqual((booked.payment_id, booked.move_id), (paid.payment_id, paid.payment_id.move_id))
        arch = etree.fromstring(link.with_user(owner).get_view(view_type="form")["arch"])
        self.assertTrue(arch.xpath("//field[@name='attempt_ids']"))
        self.assertFalse(arch.xpath("//button[@name='action_view_payments']"))

    def test_payment_and_entry_are_one_click_away(self):
        accountant = self._user("clicks", "paylink_addon.group_paylink_all,account.group_account_invoice")
        link = self._link(self._invoice(amount=100)).with_user(accountant)
        payment = self._pay(link.sudo()).payment_id
        self.assertEqual(link.action_view_payments()["res_id"], payment.id)
        self.assertEqual(link.action_view_payment_entries()["res_id"], payment.move_id.id)
        names = {node.get("name") for node in etree.fromstring(link.get_view(view_type="form")["arch"]).iter("button")}
        self.assertLessEqual({"action_view_payments", "action_view_payment_entries"}, names)

    def _age(self, transaction):
        self.env.cr.execute(
            "UPDATE payment_transaction SET create_date = %s WHERE id = %s",
            [fields.Datetime.now() - timedelta(days=2), transaction.id],
        )
        self.env.invalidate_all()

    def test_refund_without_an_answer_is_not_forgotten(self):
        """It may have been made: it counts, managers are told, once each, and one who has looked takes it back."""
        link = self._link(self._invoice(amount=100))
        refund = self._pay(link)._create_child_transaction(100, is_refund=True)
        self._age(refund)
        asked = self._counted()
        for _time in range(2):
            self._run_cron("ir_cron_paylink_send")
        self.assertFalse(asked)
        self.assertEqual(set(link.activity_ids.mapped("paylink_key")), {f"refund_unanswered:{refund.id}"})
        self.assertIn(refund.reference, link.activity_ids[0].note)
        with self.assertRaisesRegex(UserError, "Nothing can be refunded"):
            link.with_user(self.manager).action_refund()
        with self.assertRaises(AccessError):
            refund.with_user(self.colleague).action_paylink_was_not_made()
        refund.with_user(self.manager).action_paylink_was_not_made()
        self.env.cr.flush()  # what is done ends before the commit
        self.assertEqual((refund.state, link.activity_ids.ids), ("cancel", []))
        self.assertEqual(self._wizard(link).amount_available, 100)
        with self.assertRaisesRegex(UserError, "has been answered"):
            refund.with_user(self.manager).action_paylink_was_not_made()

    def test_refund_on_its_way_is_not_taken_back(self):
        """While the provider is being asked, and until it should have answered: it would be made twice."""
        link = self._link(self._invoice(amount=100))
        payment, refusals, shown = self._pay(link), [], []

        def meanwhile(transaction):
            refund = transaction.with_user(self.manager)
            shown.append(refund.paylink_unanswered)
            with self.assertRaisesRegex(UserError, "still being sent"):
                refund.action_paylink_was_not_made()
            refusals.append(transaction.state)
            raise RuntimeError("killed")

        self._counted(meanwhile)
        with self.assertRaisesRegex(RuntimeError, "killed"):
            self._refund_by(self._wizard(link))
        self.env.invalidate_all()
        self.assertEqual((refusals, shown), (["draft"], [False]))
        refund = payment.child_transaction_ids
        self._age(refund)  # stored long ago, sent just now
        with self.assertRaisesRegex(UserError, "still being sent"):
            refund.with_user(self.manager).action_paylink_was_not_made()
        refund.paylink_sent_at = refund.create_date
        self.assertTrue(refund.with_user(self.manager).paylink_unanswered)
        refund.with_user(self.manager).action_paylink_was_not_made()
        self.assertEqual(refund.state, "cancel")

    def _counted(self, answer=None):
        """Count what the provider is asked to refund, and let it do ``answer`` instead of what it does."""
        Transaction, asked = type(self.env["payment.transaction"]), []
        send = answer or Transaction._send_refund_request
        self.patch(Transaction, "_send_refund_request", lambda tx: asked.append(tx.id) or send(tx))
        return asked

    def test_server_that_stopped_before_asking(self):
        """The wish was stored: the job sends it, however late, and once."""
        link = self._link(self._invoice(amount=100))
        refund = self._pay(link)._create_child_transaction(100, is_refund=True)
        refund._paylink_wish("refund")
        self._age(refund)
        with self.assertRaisesRegex(UserError, "Nothing can be refunded"):
            link.with_user(self.manager).action_refund()
        asked = self._counted()
        for _time in range(2):
            self._run_cron("ir_cron_paylink_send")
            self.assertEqual((asked, refund.state, link.amount_refunded), ([refund.id], "done", 100))

    def test_server_that_stopped_after_asking(self):
        """Who knows whether it was refunded? The provider's message: it is not asked a second time."""

        def die(_transaction):
            raise RuntimeError("killed")

        link = self._link(self._invoice(amount=100))
        transaction = self._pay(link)
        asked = self._counted(die)
        with self.assertRaisesRegex(RuntimeError, "killed"):
            self._refund_by(self._wizard(link))
        self.env.invalidate_all()
        self._run_cron("ir_cron_paylink_send")
        refund = transaction.child_transaction_ids
        self.assertEqual((asked, refund.state), ([refund.id], "draft"))

    def test_each_of_several_payments(self):
        """Odoo's wizard refunds one payment: where a link has several, which one is chosen."""
        link = self._link(self._invoice(amount=100), allow_partial=True)
        first, second = self._pay(link, 40), self._pay(link)
        form = self._wizard(link)
        self.assertEqual((form.transaction_id, form.amount), (second, 60))
        form.transaction_id = first
        self.assertEqual(form.amount, 40)
        self._refund_by(form)
        self.assertEqual((first.child_transaction_ids.amount, link.amount_refunded), (-40, 40))

    def test_who_refunds(self):
        link = self._link(self._invoice())
        transaction = self._pay(link)
        for user in (self.colleague, self.stranger):
            with self.subTest(user=user.login):
                with self.assertRaises(AccessError):
                    link.with_user(user).action_refund()
                with self.assertRaises(AccessError):
                    transaction.with_user(user).action_refund(10)
        wizard = self.env["paylink.refund"].with_user(self.stranger)
        with self.assertRaises(AccessError):
            wizard.create({"link_id": link.id, "transaction_id": transaction.id}).action_refund()
        with self.assertRaises(AccessError):
            Form(wizard.with_context(default_link_id=link.id, default_transaction_id=transaction.id))

    def test_payment_of_another_link_or_of_none(self):
        """The wizard's fields are the client's: they are checked."""
        link, other = self._link(self._invoice()), self._link(self._invoice())
        self._pay(link)
        foreign = self._pay(other)
        native = self._create_transaction("redirect", provider_id=self.provider.id, reference="native", state="done")
        native._post_process()
        for transaction in (foreign, native):
            wizard = (
                self.env["paylink.refund"]
                .with_user(self.manager)
                .create({"link_id": link.id, "transaction_id": transaction.id, "amount": 1})
            )
            with self.subTest(transaction=transaction.reference), self.assertRaises(UserError):
                wizard.action_refund()
        with self.assertRaises(AccessError):
            native.with_user(self.manager).action_refund(1)
        self.assertFalse((foreign + native).child_transaction_ids)
