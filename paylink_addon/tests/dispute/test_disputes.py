from datetime import datetime, timedelta, timezone

from lxml import html
from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import freeze_time, tagged

from ...const import Task
from ..stripe.event_common import EventCommon


@tagged("post_install", "-at_install")
class TestDisputes(EventCommon):
    """What a customer's bank takes back, and gives back: in the books once, whatever the messages do."""

    def setUp(self):
        super().setUp()
        self.company.sudo().paylink_fee_account_id = self.expenses = self.company_data["default_account_expense"]
        self.currency = self.currency_euro

    def paid(self, *amounts, method="card", **values):
        """An invoice for each amount, one link for all, paid; the transaction."""
        moves = self.env["account.move"].union(
            *(self._invoice(amount=amount, currency_id=self.currency.id, **values) for amount in amounts)
        )
        tx = self.pay_on_page(self._link(moves), method)
        self.deliver_and_handle()
        self.assertEqual((tx.state, tx.is_post_processed), ("done", True))
        return tx

    def disputed(self, tx, **values):
        """The bank disputes it; the dispute at Stripe."""
        found = self.fake.dispute(tx.paylink_stripe_intent, **values)
        self.deliver_and_handle()
        return found

    def close(self, found, **values):
        self.fake.close_dispute(found["id"], **values)
        self.deliver_and_handle()

    def dispute_of(self, found):
        return self.env["paylink.dispute"].search([("name", "=", found["id"])])

    def residuals(self, tx):
        return tx.paylink_id.line_ids.move_line_id.sorted("id").mapped("amount_residual_currency")

    def lines(self, move):
        """``(kind of account, amount, open amount)`` of each line: every line of the entry."""
        return sorted(
            (
                line.account_id.account_type,
                line.amount_currency,
                line.amount_residual_currency if line.account_id.account_type == "asset_receivable" else 0.0,
            )
            for line in move.line_ids
        )

    def check_payment(self, payment, payment_type, amount, open_amount=0.0, accounts=1):
        """Every line of a payment's entry, and that it is no transaction's."""
        sign = 1 if payment_type == "outbound" else -1
        self.assertEqual((payment.payment_type, payment.amount), (payment_type, amount), self.stored().mapped("error"))
        self.assertIn(payment.state, ("in_process", "paid"))
        self.assertFalse(payment.payment_transaction_id)
        self.assertEqual(len(payment.move_id.line_ids), 1 + accounts)
        receivable = payment.move_id.line_ids.filtered(lambda line: line.account_id.account_type == "asset_receivable")
        other = payment.move_id.line_ids - receivable
        self.assertEqual(sum(receivable.mapped("amount_currency")), sign * amount)
        self.assertEqual(other.amount_currency, -sign * amount)
        self.assertEqual(sum(receivable.mapped("amount_residual_currency")), open_amount)
        self.assertEqual(sum(payment.move_id.line_ids.mapped("balance")), 0)

    # === OPENED === #

    def test_taken_back(self):
        """The invoice is open again, the link shows it instead of *Paid*, the fee is an expense without tax."""
        tax = self.env["account.tax"].search([("company_id", "=", self.company.id)], limit=1)
        self.expenses.tax_ids = [Command.set(tax.ids)]
        tx = self.paid(100)
        found = self.disputed(tx)
        dispute, link = self.dispute_of(found), tx.paylink_id
        self.assertEqual((dispute.status, dispute.amount, dispute.fee), ("needs_response", 100, 20))
        self.assertEqual((link.state, link.status, link.has_chargeback), ("paid", "chargeback", True))
        self.assertEqual((link.amount_paid, link.amount_taken_back), (100, 100))
        self.assertEqual((tx._paylink_refundable_amount(), tx.payment_id.amount_available_for_refund), (0, 0))
        self.assertEqual((self.residuals(tx), link.line_ids.move_id.payment_state), ([100], "not_paid"))
        self.check_payment(dispute.withdrawal_id, "outbound", 100)
        source = tx.payment_id.move_id.line_ids.filtered(lambda line: line.account_id.reconcile and line.balance < 0)
        self.assertTrue(source.reconciled)
        self.assertEqual(source.matched_debit_ids.debit_move_id.payment_id, dispute.withdrawal_id)
        booked = tx.payment_id | dispute.withdrawal_id
        self.assertEqual(link.action_view_payments()["domain"], [("id", "in", booked.ids)])
        entries = booked.move_id | dispute.fee_move_id
        self.assertEqual(link.action_view_payment_entries()["domain"], [("id", "in", entries.ids)])
        liquidity = dispute.withdrawal_id._seek_for_lines()[0].account_id
        self.assertEqual(
            sorted((line.account_id, line.amount_currency) for line in dispute.fee_move_id.line_ids),
            sorted([(self.expenses, 20), (liquidity, -20)]),
        )
        self.assertFalse(dispute.fee_move_id.line_ids.tax_ids)
        self.assertEqual(dispute.item_ids, link.line_ids.move_line_id)
        self.assertEqual(len(self.payments(tx)), 1)

    def test_who_is_told(self):
        """The owner and each payment manager, once, by when and how much; not those who may not see it."""
        owner = self._user("owner", "paylink_addon.group_paylink_user")
        manager = self._user("boss", "paylink_addon.group_payment_manager")
        stranger = self._user("other", "paylink_addon.group_paylink_user")
        tx = self.paid(100)
        tx.paylink_id.user_id = owner
        due = datetime(2031, 5, 6, 12, tzinfo=timezone.utc)
        self.fake.disturb("duplicate", "charge.dispute.*", times=2)
        dispute = self.dispute_of(self.disputed(tx, due_by=int(due.timestamp())))
        self.assertEqual(dispute.evidence_due, due.replace(tzinfo=None))
        users = dispute.sudo().activity_ids.mapped("user_id")
        self.assertEqual(len(users), len(dispute.sudo().activity_ids))
        self.assertLessEqual(owner | manager, users)
        self.assertEqual(set(dispute.sudo().activity_ids.mapped("date_deadline")), {due.date()})
        self.assertIn("100.00", dispute.sudo().activity_ids[0].summary)
        self.assertTrue(dispute.with_user(owner).has_access("read"))
        self.assertFalse(dispute.with_user(stranger).has_access("read"))
        self.assertFalse(dispute.with_user(manager).has_access("write"))
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        tx.paylink_id.user_id = self._user("gone", "paylink_addon.group_paylink_all", elsewhere)
        here = dispute.sudo().with_context(allowed_company_ids=self.company.ids)
        self.assertNotIn(tx.paylink_id.user_id, here._task_users())

    def test_dispute_that_cannot_be_answered(self):
        tx = self.paid(100)
        dispute = self.dispute_of(self.disputed(tx, due_by=0))
        self.assertFalse(dispute.evidence_due)
        self.assertTrue(dispute.sudo().activity_ids)

    def test_inquiry_takes_nothing(self):
        tx = self.paid(100)
        found = self.disputed(tx, inquiry=True)
        dispute = self.dispute_of(found)
        self.assertEqual((dispute.status, self.residuals(tx)), ("warning_needs_response", [0]))
        self.assertFalse(dispute.withdrawal_id | dispute.reinstatement_id)
        self.assertEqual(dispute.item_ids, tx.paylink_id.line_ids.move_line_id, "nothing is asked for meanwhile")
        self.close(found, won=False)
        self.assertEqual((dispute.status, tx.paylink_id.has_chargeback), ("warning_closed", False))
        self.assertFalse(dispute.sudo().activity_ids)

    # === CLOSED === #

    def test_won(self):
        """Booked back, the fee too if it is given back."""
        for fee_back in (True, False):
            with self.subTest(fee_back=fee_back):
                tx = self.paid(100)
                found = self.disputed(tx)
                self.close(found, won=True, fee_back=fee_back)
                dispute = self.dispute_of(found)
                self.assertEqual(
                    (dispute.status, tx.paylink_id.has_chargeback, self.residuals(tx)), ("won", False, [0])
                )
                self.assertEqual(tx.paylink_id.line_ids.move_id.payment_state, "paid")
                self.check_payment(dispute.withdrawal_id, "outbound", 100)
                self.check_payment(dispute.reinstatement_id, "inbound", 100)
                self.assertFalse(dispute.sudo().activity_ids)
                fees = (dispute.fee_move_id | dispute.fee_returned_move_id).line_ids
                expense = fees.filtered(lambda line: line.account_id == self.expenses)
                self.assertEqual(sorted(expense.mapped("amount_currency")), [-20, 20] if fee_back else [20])

    def test_lost(self):
        """Final: the link is unpaid and can be paid again, and whoever has to know is told; the books stay."""
        tx = self.paid(100)
        link = tx.paylink_id
        found = self.disputed(tx)
        self.close(found, won=False)
        dispute = self.dispute_of(found)
        self.assertEqual((dispute.status, link.has_chargeback, self.residuals(tx)), ("lost", True, [100]))
        self.assertFalse(dispute.reinstatement_id)
        self.assertEqual((link.state, link.status, link.paid_at, link.amount_taken_back), ("open", "lost", False, 100))
        self.assertEqual((link.amount_due, link._page_view()), (100, "pay"))
        self.assertIn("100.00", link._page_values()["lost"])
        tasks = dispute.sudo().activity_ids
        self.assertEqual(set(tasks.mapped("paylink_key")), {Task.CHARGEBACK_LOST})
        self.assertIn(link.user_id, tasks.user_id)
        self.assertIn("due again", tasks[0].note)
        self.assertTrue(self._time_line(link, "chargeback_lost"))
        self.assertIn("lost", "".join(link.line_ids.move_id.message_ids.mapped("body")))
        again = self.pay_on_page(link)
        self.deliver_and_handle()
        self.assertEqual((again.state, link.state, link.status), ("done", "paid", "paid"))
        self.assertEqual((self.residuals(tx), link._due_amounts()[link.id]), ([0], 0))
        self.env.flush_all()
        self.env.cr.precommit.run()
        self.assertFalse(dispute.sudo().activity_ids, "done")

    def test_lost_is_seen_whatever_became_of_the_link(self):
        """By what happens after the bank has decided: the state, the status and which page the customer gets."""

        def settle(link):
            items = link.line_ids.move_line_id
            wizard = self.env["account.payment.register"].with_context(
                active_model="account.move.line", active_ids=items.ids
            )
            wizard.create({})._create_payments()

        cases = {
            "over": (lambda link: setattr(link.sudo(), "expires_at", "2020-01-01"), "expired", "lost", "closed"),
            "canceled": (lambda link: link.action_cancel(), "cancelled", "cancelled", "closed"),
            "failed again": (lambda link: self._attempt(link)._set_error("No"), "failed", "lost", "pay"),
            "on its way": (lambda link: self._attempt(link)._set_pending(), "pending", "in_progress", "progress"),
            "settled another way": (settle, "paid", "settled", "closed"),
        }
        for name, (act, *expected) in cases.items():
            with self.subTest(name):
                tx = self.paid(100)
                self.close(self.disputed(tx), won=False)
                link = tx.paylink_id
                act(link)
                self.assertEqual([link.state, link.status, link._page_view()], expected)
                if name == "over":
                    self.assertEqual(link._check_renewable(), 100, "a new link is one click away")

    def test_lost_free_amount_and_part(self):
        """What is due again is what the bank has taken: of a free amount and of a part, too."""
        link = self._free_link(50, currency_id=self.currency.id)
        tx = self.pay_on_page(link)
        self.deliver_and_handle()
        self.close(self.disputed(tx), won=False)
        self.assertEqual((link.state, link.status, link.amount_due), ("open", "lost", 50))
        self.assertEqual(link._of_kind("renewal_amount"), 50)
        part = self.paid(60, 50)
        self.close(self.disputed(part, amount=4000), won=False)
        link = part.paylink_id
        self.assertEqual((link.status, link.amount_due, link.amount_taken_back), ("lost", 40, 40))

    def test_reminders_after_a_loss(self):
        """By themselves, or when a person lets them go on: its owner or a payment manager, nobody else."""
        for setting, standing in (("lift", True), ("auto", False)):
            with self.subTest(setting):
                self.company.sudo().paylink_lost_reminders = setting
                tx = self.paid(100)
                found = self.disputed(tx)
                self.assertTrue(tx.paylink_id.has_chargeback)
                self.close(found, won=False)
                self.assertEqual(tx.paylink_id.has_chargeback, standing)
                self.assertEqual(bool(tx.paylink_id.line_ids.move_line_id._paylink_charged_back()), standing)
        self.company.sudo().paylink_lost_reminders = "lift"
        owner, other = (self._user(name, "paylink_addon.group_paylink_user") for name in ("owner", "other"))
        colleague = self._user("colleague", "paylink_addon.group_paylink_all")
        tx = self.paid(100)
        tx.paylink_id.user_id = owner
        found = self.disputed(tx)
        dispute = self.dispute_of(found)
        with self.assertRaises(UserError):
            dispute.with_user(owner).action_resume_reminders()
        self.close(found, won=False)
        for user in (other, colleague):
            with self.assertRaises(AccessError):
                dispute.with_user(user).action_resume_reminders()
        self.assertEqual([dispute.with_user(user).can_resume_reminders for user in (owner, colleague)], [True, False])
        dispute.with_user(owner).action_resume_reminders()
        self.assertFalse(tx.paylink_id.has_chargeback or dispute.is_standing)
        self.assertEqual(self._time_line(tx.paylink_id, "reminders_resumed").author_id, owner.partner_id)

    def test_won_is_told(self):
        tx = self.paid(100)
        link = tx.paylink_id
        found = self.disputed(tx)
        self.assertEqual(link._page_view(), "paid")
        self.assertFalse(link._page_values()["documents"][0]["overdue"])
        self.close(found, won=True)
        self.assertEqual((link.state, link.status, link._page_view()), ("paid", "paid", "paid"))
        self.assertEqual(len(self._time_line(link, "chargeback_won")), 1)
        self.assertIn("won", "".join(link.line_ids.move_id.message_ids.mapped("body")))
        notified = self.env["mail.message"].search([("model", "=", link._name), ("res_id", "=", link.id)])
        self.assertIn(f"{link.name}: the chargeback was won", notified.mapped("subject"))

    def test_won_after_it_was_settled_another_way(self):
        """What comes back is the customer's open credit, and somebody's task."""
        tx = self.paid(100)
        found = self.disputed(tx)
        invoice = tx.paylink_id.line_ids.move_id
        self.env["account.payment.register"].with_context(active_model="account.move", active_ids=invoice.ids).create(
            {}
        )._create_payments()
        self.close(found, won=True)
        dispute = self.dispute_of(found)
        self.check_payment(dispute.reinstatement_id, "inbound", 100, open_amount=-100)
        self.assertIn("not needed", dispute.sudo().activity_ids[0].summary)

    # === PARTS === #

    def test_part_of_a_payment(self):
        """What is due last is open again; the rest stays settled."""
        tx = self.paid(60, 50)
        found = self.disputed(tx, amount=4000)
        dispute = self.dispute_of(found)
        self.check_payment(dispute.withdrawal_id, "outbound", 40)
        self.assertEqual(self.residuals(tx), [0, 40])
        self.assertEqual(dispute.item_ids, tx.paylink_id.line_ids.move_line_id.sorted("id")[-1])
        self.close(found, won=True)
        self.assertEqual(self.residuals(tx), [0, 0])

    def test_second_dispute_of_one_payment(self):
        tx = self.paid(100)
        first, second = self.disputed(tx, amount=4000), self.disputed(tx, amount=6000)
        self.assertEqual(self.residuals(tx), [100])
        self.close(first, won=True)
        self.assertEqual((self.residuals(tx), tx.paylink_id.has_chargeback), ([60], True))
        self.close(second, won=True)
        self.assertEqual((self.residuals(tx), tx.paylink_id.has_chargeback), ([0], False))
        for found, amount in ((first, 40), (second, 60)):
            self.check_payment(self.dispute_of(found).withdrawal_id, "outbound", amount)
            self.check_payment(self.dispute_of(found).reinstatement_id, "inbound", amount)

    def test_refund_before_the_dispute(self):
        """The invoice is open by what was disputed; the refund stays what it was."""
        tx = self.paid(100)
        self.fake.refund(tx.paylink_stripe_charge, 3000)
        self.deliver_and_handle()
        refund = tx.child_transaction_ids.payment_id
        found = self.disputed(tx, amount=7000)
        self.assertEqual(self.residuals(tx), [70])
        self.assertEqual([line[1:] for line in self.lines(refund.move_id)][1:], [(30, 30)])
        self.check_payment(self.dispute_of(found).withdrawal_id, "outbound", 70)
        self.close(found, won=True)
        self.assertEqual((self.residuals(tx), tx.paylink_id.amount_refunded), ([0], 30))

    def test_free_amount(self):
        """The open credit of the customer is gone, and comes back."""
        link = self._free_link(50, currency_id=self.currency.id)
        tx = self.pay_on_page(link)
        self.deliver_and_handle()
        found = self.disputed(tx)
        dispute = self.dispute_of(found)
        self.check_payment(dispute.withdrawal_id, "outbound", 50)
        self.assertEqual((tx.payment_id._paylink_open_credit(), link.state), (0, "paid"))
        self.close(found, won=True)
        self.check_payment(dispute.reinstatement_id, "inbound", 50, open_amount=-50)
        self.assertFalse(dispute.sudo().activity_ids, "that is what it was before")

    def test_two_receivable_accounts(self):
        """Each gets its share of what is taken back."""
        other = self.company_data["default_account_receivable"].copy({"code": "411900"})
        first = self._invoice(amount=70, currency_id=self.currency.id)
        second = self._invoice(amount=30, currency_id=self.currency.id, post=False)
        second.line_ids.filtered(lambda line: line.display_type == "payment_term").account_id = other
        second.action_post()
        tx = self.pay_on_page(self._link(first | second))
        self.deliver_and_handle()
        found = self.disputed(tx)
        self.check_payment(self.dispute_of(found).withdrawal_id, "outbound", 100, accounts=2)
        self.assertEqual(self.residuals(tx), [70, 30])
        self.close(found, won=True)
        self.check_payment(self.dispute_of(found).reinstatement_id, "inbound", 100, accounts=2)
        self.assertEqual(self.residuals(tx), [0, 0])

    # === EARLY PAYMENT DISCOUNTS === #

    def discounted(self):
        """An invoice of 115 with taxes, 2 % of which a discount has left out; the transaction of 112.70."""
        terms = self.env["account.payment.term"].create(
            {
                "name": "2 % 10",
                "early_discount": True,
                "discount_percentage": 2,
                "discount_days": 10,
                "early_pay_discount_computation": "included",
            }
        )
        taxes = self.company_data["default_tax_sale"].ids
        lines = [Command.create({"name": "Work", "price_unit": 100, "tax_ids": taxes})]
        tx = self.paid(100, invoice_payment_term_id=terms.id, invoice_line_ids=lines)
        self.assertEqual((tx.amount, self.residuals(tx)), (112.7, [0]))
        return tx

    def booked(self, tx):
        """What is in the books of what was paid, taken and given back: by account, and tax by tax."""
        disputes = tx.paylink_dispute_ids
        moves = (tx.payment_id | disputes.withdrawal_id | disputes.reinstatement_id).move_id
        lines = moves.line_ids.filtered(lambda line: line.account_id.account_type != "asset_receivable")
        found = {}
        for line in lines:
            taxes = line.tax_ids.ids, line.tax_repartition_line_id.id, line.tax_tag_ids.ids
            key = (line.account_id.code, str(taxes))
            found[key] = round(found.get(key, 0.0) + line.amount_currency, 2)
        return {key: amount for key, amount in found.items() if amount}

    def test_discount_is_taken_back_with_the_money(self):
        """Who has not paid has not earned it: on the same day, with its taxes; in part, it stays."""
        for amounts in ([None], [4000, 7270]):
            with self.subTest(amounts=amounts):
                tx = self.discounted()
                link, granted = tx.paylink_id, self.booked(tx)
                self.assertEqual(len(granted), 3, "money, discount, tax")
                for amount in amounts:
                    self.assertEqual(set(granted), set(self.booked(tx)))
                    found = self.disputed(tx, **({"amount": amount} if amount else {}))
                    self.close(found, won=False)
                taken = self.dispute_of(found).withdrawal_id
                self.assertEqual((self.booked(tx), self.residuals(tx)), ({}, [115]))
                self.assertEqual(taken.amount, (amounts[-1] or 11270) / 100)
                with freeze_time(fields.Datetime.now() + timedelta(days=12)):
                    self.assertEqual(
                        (link._due_amounts()[link.id], link._paid_shares()), (115, {link.line_ids.move_line_id.id: 0})
                    )
                    row = link._receipt_rows_items(tx)[0][0]
                    self.assertEqual(
                        [row[name] for name in ("amount", "paid", "left")],
                        [link._amount_text(amount) for amount in (115, 0, 115)],
                    )

    def test_discount_is_granted_again_with_the_money(self):
        """Unless the invoice was paid otherwise meanwhile: then what comes back is a credit, and no more."""
        for is_settled, left in ((False, [0, 0]), (True, [0, -112.7])):
            with self.subTest(is_settled=is_settled):
                tx = self.discounted()
                granted, found = self.booked(tx), self.disputed(tx)
                self.assertEqual((self.booked(tx), self.residuals(tx)), ({}, [115]))
                if is_settled:
                    moves = tx.paylink_id.line_ids.move_id
                    wizard = self.env["account.payment.register"].with_context(
                        active_model=moves._name, active_ids=moves.ids
                    )
                    wizard.create({"amount": 115})._create_payments()
                self.close(found, won=True)
                back = self.dispute_of(found).reinstatement_id
                self.assertEqual(back.amount, 112.7)
                self.assertEqual([*self.residuals(tx), -back._paylink_open_credit()], left)
                self.assertEqual(len(self.booked(tx)), 1 if is_settled else 3)
                self.assertTrue(is_settled or self.booked(tx) == granted)

    # === MESSAGES === #

    def test_any_order_and_number(self):
        """Also all at once, before anybody here knows that it was paid."""
        for order in ("fifo", "reverse", "shuffle"):
            for one_by_one in (True, False):
                with self.subTest(order, one_by_one=one_by_one):
                    link = self._link(self._invoice(amount=100, currency_id=self.currency.id))
                    tx = self.start(link)
                    self.fake.disturb("duplicate", "charge.dispute.*", times=4)
                    self.fake.pay(tx.paylink_stripe_session)
                    intent = self.fake.get(tx.paylink_stripe_session)["payment_intent"]
                    found = self.fake.dispute(intent)
                    self.fake.close_dispute(found["id"], True)
                    while self.deliver(limit=1 if one_by_one else None, order=order):
                        self.run_job()
                    self.run_job()
                    dispute = self.dispute_of(found)
                    self.assertEqual((dispute.status, link.state, link.has_chargeback), ("won", "paid", False))
                    self.assertEqual(self.residuals(tx), [0])
                    self.check_payment(dispute.withdrawal_id, "outbound", 100)
                    self.check_payment(dispute.reinstatement_id, "inbound", 100)
                    self.assertTrue(dispute.fee_move_id and dispute.fee_returned_move_id)
                    self.assertEqual(len(self.payments(tx)), 1)
                    self.assertFalse(self.stored().filtered(lambda event: event.state not in ("done", "ignored")))

    def test_message_without_its_money_is_looked_up(self):
        """What says that money moved but not which is asked for anew."""
        tx = self.paid(100)
        found = self.fake.dispute(tx.paylink_stripe_intent)
        event = self.event("charge.dispute.funds_withdrawn", {**found, "balance_transactions": []})
        self.send(event)
        self.run_job()
        self.check_payment(self.dispute_of(found).withdrawal_id, "outbound", 100)

    def test_dispute_of_somebody_else(self):
        """A payment that was not made by Odoo: ignored."""
        tx = self.paid(100)
        found = {**self.fake.dispute(tx.paylink_stripe_intent), "id": "du_foreign", "payment_intent": None}
        self.send(self.event("charge.dispute.created", found))
        self.run_job()
        self.assertFalse(self.dispute_of(found))
        self.assertEqual(self.stored("charge.dispute.created")[-1:].state, "ignored")

    def test_payment_that_is_not_in_the_books(self):
        """A person has cancelled it: nothing is booked, the message is tried again."""
        tx = self.paid(100)
        tx.payment_id.action_draft()
        tx.payment_id.action_cancel()
        found = self.disputed(tx)
        self.assertFalse(self.dispute_of(found))
        event = self.stored("charge.dispute.created")
        self.assertEqual((event.state, event.try_count), ("waiting", 1))
        self.assertIn(tx.reference, event.error)

    # === INVOICES === #

    def test_invoices_and_items_show_it(self):
        tx, calm = self.paid(100), self.paid(30)
        items = (tx | calm).paylink_id.line_ids.move_line_id
        mine = tx.paylink_id.line_ids
        Move = self.env["account.move"]
        found = self.disputed(tx)
        with self.assertQueryCount(1):
            disputed = items._paylink_charged_back()
        self.assertEqual(disputed, mine.move_line_id)
        self.assertEqual(Move.search([("paylink_has_chargeback", "=", True)]), mine.move_id)
        self.assertIn(calm.paylink_id.line_ids.move_id, Move.search([("paylink_has_chargeback", "=", False)]))
        self.assertEqual(items.move_id.mapped("paylink_has_chargeback"), [True, False])
        self.close(found, won=True)
        self.assertFalse(items._paylink_charged_back())
        self.assertFalse(Move.search([("paylink_has_chargeback", "=", True)]))

    def test_customer_page_says_nothing_of_it(self):
        """No word that it did not say before; the document is open again, of which only the mark *settled* tells."""
        link = self.paid(100).paylink_id

        def words():
            return set(html.fromstring(self.url_open(f"/pay/{link.access_token}").text).text_content().split())

        before = words()
        self.assertIn(link.line_ids.name, before)
        self.disputed(link.transaction_ids)
        self.assertTrue(link.has_chargeback)
        self.assertLessEqual(words(), before)
        self.assertEqual(link._page_view(), "paid")

    # === FEES === #

    def test_fee_without_an_account(self):
        """A task; once there is an account it is booked, once."""
        self.company.sudo().paylink_fee_account_id = False
        reco = self.env["account.chart.template"].with_company(self.company).ref("bank_fees_reco")
        self.assertEqual(self.company._paylink_fee_account(), reco.line_ids.account_id, "the chart's own")
        reco.line_ids.account_id = False
        tx = self.paid(100)
        dispute = self.dispute_of(self.disputed(tx))
        self.assertFalse(dispute.fee_move_id)
        self.assertTrue(dispute.sudo().activity_ids.filtered(lambda activity: "not booked" in activity.summary))
        self.company.sudo().paylink_fee_account_id = self.expenses
        dispute.action_book_fees()
        move = dispute.fee_move_id
        self.assertEqual(sum(move.line_ids.filtered(lambda line: line.balance > 0).mapped("amount_currency")), 20)
        dispute.action_book_fees()
        self.assertEqual(dispute.fee_move_id, move)

    # === COMPANIES === #

    def test_two_companies(self):
        """Each dispute is in the books of its own company."""
        tx = self.paid(100)
        other = self._create_company(name="Zweite GmbH")
        other.sudo().country_id = self.env.ref("base.fr")
        self.env.user.company_ids |= other
        provider = self._stripe_provider(other)
        account = self.fake.add_account("Zweite")
        self._connect(provider, account)
        self.listen(provider)
        found = self.disputed(tx)
        dispute = self.dispute_of(found)
        moves = dispute.withdrawal_id.move_id | dispute.fee_move_id
        self.assertEqual((dispute.company_id, moves.company_id), (self.company, self.company))
        foreign = {**found, "id": "du_other"}
        self.secret = provider.paylink_stripe_webhook_secret
        self.send(self.event("charge.dispute.created", foreign), provider=provider)
        self.run_job()
        self.assertFalse(self.dispute_of(foreign))
        self.assertEqual(self.stored()[-1:].state, "ignored")
