from datetime import timedelta
from functools import partial

from freezegun import freeze_time
from odoo import fields
from odoo.tests import tagged

from ..const import Task
from .deposit.deposit_common import DepositCommon
from .reminder.reminder_common import TODAY, ReminderCommon


@tagged("post_install", "-at_install")
class TestTaskEndings(ReminderCommon, DepositCommon):
    """Each task ends by itself when what it asks for is done, and not before: there is a case for each key."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tasks = cls.env["paylink.task.mixin"]

    def test_each_key(self):
        for key in sorted(value for name, value in vars(Task).items() if name.isupper()):
            with self.subTest(key=key), self.cr.savepoint() as point:
                self.check(key, *getattr(self, f"case_{key}")())
                point.rollback()

    def test_another_link_for_the_same_is_sent(self):
        """From the invoice, not from that link; a link for something else ends nothing."""
        invoice, other = self._invoice(), self._invoice()
        link = self._link(invoice, email="marie@example.com")
        link.action_cancel()
        ways = [self._link(moves, email="marie@example.com").action_send for moves in (other, invoice)]
        self.check(Task.RENEWAL, link, None, *ways)

    def test_a_payment_that_failed_is_asked_for_anew(self):
        """By the same link or by another one for the same invoice, whether it came by a link or a stored method."""
        for key in (Task.PAYMENT_FAILED, Task.DECLINED):
            for same in (True, False):
                with self.subTest(key=key, same=same), self.cr.savepoint() as point:
                    link, *others = (self._link(self._invoice(), email="marie@example.com") for _times in range(2))
                    tx = self._attempt(link)
                    tx._set_pending()
                    tx._set_error("No")
                    tx.invoice_ids = link.line_ids.move_line_id.move_id
                    if not same:
                        others.append(self._link(tx.invoice_ids, email="marie@example.com"))
                        link.action_cancel()
                    self.check(key, link, tx, *(other.action_send for other in [*others, *([link] if same else [])]))
                    point.rollback()

    def test_each_way_of_dealing_with_a_loss(self):
        """By a payment, by asking for it again; not before the bank has taken it, nor as the settings say."""

        def resume(dispute):
            dispute.with_user(self.manager).action_resume_reminders()

        def ask_again(dispute):
            self._link(dispute.item_ids.move_id, email="marie@example.com").action_send()

        def take(dispute):
            """Until now nothing that it had paid was open."""
            dispute.withdrawal_id = self.excess().payment_id

        def pay(dispute):
            self._register_payment(dispute.item_ids.move_id)

        ways = {
            "reminders go on": [resume],
            "as the settings say, then paid": [lambda dispute: dispute._resume_reminders(), take, pay],
            "sent again": [lambda dispute: dispute.link_id.with_user(self.manager).action_send()],
            "by another link": [lambda dispute: dispute.link_id.action_cancel(), ask_again],
            "won after all": [lambda dispute: dispute.write({"status": "won"})],
            "taken late": [take, pay],
        }
        for name, acts in ways.items():
            with self.subTest(name), self.cr.savepoint() as point:
                dispute = self._chargeback(self._link(self._invoice(), email="marie@example.com"))
                dispute.write({"status": "lost"})
                self.check(Task.CHARGEBACK_LOST, dispute, None, *(partial(act, dispute) for act in acts))
                point.rollback()

    def case_profile_expires(self):
        """Another card, or a later expiry."""
        token = self._profile(paylink_expires_on=fields.Date.today())
        return self.marie, None, lambda: token.write({"paylink_expires_on": fields.Date.today() + timedelta(days=400)})

    def case_profile_gone(self):
        old, new = self._profile(), self._profile()
        customer = old._paylink_customer()
        customer.paylink_token_id = old
        old.active = False
        return self.marie, old, new._paylink_make_default

    def case_card_to_link(self):
        template = self.env.ref("paylink_addon.paylink_card_template_new")
        request = self.env["paylink.card.request"].create({"template_id": template.id, "email": "ada@example.com"})
        token = self._profile(partner_id=request.partner_id.id, paylink_card_request_id=request.id)
        request.sudo().token_id = token
        return request, None, lambda: request._link_to(self.marie)

    def case_card_page_full(self):
        """The page has another address."""
        page = self.env["paylink.card.template"].create(
            {"name": "Site", "kind": "generic", "company_id": self.company.id, "title": "T", "consent": "C"}
        )
        page.sudo().full_at = fields.Datetime.now()
        return None, page, page.action_replace_address

    def _profile(self, **values):
        """A method that the customer has stored."""
        return (
            self.env["payment.token"]
            .sudo()
            .create(
                {
                    "provider_id": self.provider.id,
                    "payment_method_id": self.payment_method_id,
                    "partner_id": self.marie.id,
                    "provider_ref": "stored",
                    "paylink_consent_at": fields.Datetime.now(),
                    **values,
                }
            )
        )

    def check(self, key, record, about, *ways):
        """The task on ``record`` is open until each of ``ways`` is gone: the last one ends it."""
        self.env.cr.flush()
        full_key = f"{key}.case_job_failed.paylink.link" if key == Task.JOB else key
        self.tasks._give(record, full_key, lambda _env: (key, ""), self.manager, about=about)
        for way in ways:
            self.env["mail.activity"].sudo().search([])._paylink_end_done()
            self.assertTrue(self.open_tasks(key), f"before {way}")
            way()
            self.env.cr.flush()
        self.assertFalse(self.open_tasks(key))

    def later(self, way):
        """``way``, but an hour from now."""
        return freeze_time(fields.Datetime.now() + timedelta(hours=1))(way)

    def open_tasks(self, key):
        return self.env["mail.activity"].sudo().search([("paylink_key", "=like", f"{key}%")])

    # === LINKS === #

    def case_link_not_cancelled(self):
        link = self._link(self._invoice())
        tx = self._authorized(link)
        return link, None, tx._set_canceled

    def case_link_renewal(self):
        """By *Send again*, of the expired one's successor."""
        link = self._link(self._invoice(), email="marie@example.com")
        link.action_cancel()
        return link, None, lambda: link.sudo()._renew(False, {}).action_send()

    def case_link_address_replaced(self):
        link = self._link(self._invoice(), email="marie@example.com")
        return link, None, link._replace_token, link.action_send

    def case_link_lost_documents(self):
        link = self._link(self._invoice())
        return link, None, link.action_cancel

    def case_answer_objection(self):
        """What was objected to is settled, by whomever."""
        link = self._link(self._invoice())
        answer = link.sudo()._note_answer("objection", "objected", reason="amount", line_ids=link.line_ids.ids)
        answer._pause("objection", link._paused_together())
        return link, answer, answer.hold_ids.action_lift

    # === PAYMENTS === #

    def _autopay_page(self):
        return self.env["paylink.autopay.page"]._for_customers(self.marie, self.company, self.manager)

    def case_autopay_objection(self):
        """Of what was objected to the money has come."""
        invoice = self._invoice()
        row = self.env["paylink.autopay.item"]._of_items(self._items(invoice))
        row._skip(True, by_customer=True)
        return self._autopay_page(), row, lambda: self._pay(self._link(invoice))

    def case_autopay_off(self):
        """The customer has it again."""
        marie = self.marie.with_company(self.company)
        return self._autopay_page(), None, lambda: marie.write({"paylink_autopay": True})

    def case_autopay_address(self):
        self.marie.email = False
        return self.marie, None, lambda: self.marie.write({"email": "marie@example.com"})

    def _left_out(self, reason):
        """A row of what is due and not charged; the customer has automatic payment."""
        self.marie.with_company(self.company).paylink_autopay = True
        row = self.env["paylink.autopay.item"]._of_items(self._items(self._invoice()))
        row.rule_id = self.env["paylink.autopay.rule"].create({"name": "All"})
        row.left_out = reason
        return row

    def case_autopay_left_out(self):
        """One is paid, the other one is skipped."""
        first, second = self._left_out("cap"), self._left_out("refused")
        return (
            self.marie,
            self._autopay_page(),
            lambda: self._pay(self._link(first.move_id)),
            lambda: second._skip(True),
        )

    def case_autopay_template(self):
        row = self._left_out("template")
        return row.rule_id, None, lambda: row.write({"left_out": False})

    def case_autopay_failed(self):
        """The charge is not tried again; the customer pays by its link."""
        tx = self._attempt(self._link(self._invoice()))
        tx._set_error("No.")
        return tx.paylink_id, tx, lambda: self._pay(tx.paylink_id)

    def case_plan_broken(self):
        """What is due is paid after all."""
        link = self._link(self._invoice())
        return link, None, lambda: self._pay(link)

    def case_plan_untold(self):
        """The customer has been asked for the part after all."""
        link = self._link(self._invoice(), email="marie@example.com")
        return link, None, link.action_send

    def case_plan_unreached(self):
        """Its link was sent again."""
        link = self._link(self._invoice(amount=100), email="marie@example.com").sudo()
        part = link._agree_on_plan([(link._today(), 50), (link._today() + timedelta(days=30), 50)]).part_ids[0]
        part.told_email_id.notification_ids.notification_status = "bounce"
        asking = part._with_links().link_id.sudo(False)
        return asking, None, asking.action_send

    def case_payment_not_booked(self):
        tx = self._attempt(self._link(self._invoice()))
        tx._set_done()
        return tx.paylink_id, None, tx._post_process

    def excess(self):
        link = self._link(self._invoice())
        second = self._force_attempt(link, 100)
        self._pay(link)
        second._set_done()
        second._post_process()
        return second

    def case_payment_excess(self):
        """Used for another invoice."""
        tx = self.excess()
        items = self._items(self._invoice())
        return tx.paylink_id, tx, (items | tx.payment_id._paylink_receivable_lines()).reconcile

    def case_payment_overtaken(self):
        tx = self._attempt(self._link(self._invoice()))
        tx._set_pending()
        return tx.paylink_id, tx, tx._set_done

    def case_deposit_authorized(self):
        tx = self._authorized(self._deposit(self._order(), 300))
        return tx.paylink_id, None, tx._set_canceled

    def case_deposit_not_confirmed(self):
        link = self._deposit(self._order(), 300)
        return link, None, link.sale_order_id.action_confirm

    def case_deposit_cancelled(self):
        link = self._deposit(self._order(prepayment=0), 300)
        self._pay(link)
        order = link.sale_order_id
        order._action_cancel()
        return link, None, order.action_draft

    def case_deposit_foreign(self):
        """What is paid is used for another document."""
        link = self._deposit(self._order(prepayment=0), 300)
        tx = self._pay(link)
        link.sale_order_id.partner_invoice_id = self.john
        items = self._items(self._invoice(amount=500))
        return link, None, (items | tx.payment_id._paylink_receivable_lines()).reconcile

    def refund(self, tx, state="draft"):
        return tx._create_child_transaction(40, is_refund=True, state=state)

    def case_refund_unanswered(self):
        refund = self.refund(self._pay(self._link(self._invoice())))
        return refund.paylink_id, refund, refund._set_done

    def case_charge_unanswered(self):
        tx = self._attempt(self._link(self._invoice()))
        tx._set_pending()
        return tx.paylink_id, tx, tx._set_done

    def case_refund_failed(self):
        """Refunded again, in two parts."""
        tx = self._pay(self._link(self._invoice()))
        failed = self.refund(tx)
        failed._set_error("No")
        parts = [tx._create_child_transaction(20, is_refund=True) for _number in range(2)]
        return tx.paylink_id, failed, self.later(parts[0]._set_done), self.later(parts[1]._set_done)

    def case_capture_failed(self):
        tx = self._authorized(self._link(self._invoice()))
        failed = tx._create_child_transaction(100)
        failed._set_error("No")
        return tx.paylink_id, failed, tx._set_done

    def case_payment_failed(self):
        """A new link is sent, as it asks for."""
        tx = self._attempt(self._link(self._invoice(), email="marie@example.com"))
        tx._set_pending()
        tx._set_error("No")
        link = tx.paylink_id
        return link, tx, link.action_cancel, lambda: link.sudo()._renew(False, {}).action_send()

    def case_charge_declined(self):
        """The invoice is paid by a transfer."""
        invoice = self._invoice()
        tx = self._force_attempt(self._link(invoice), 100)
        tx._set_error("No")
        return invoice, tx, lambda: self._pay(self._link(invoice))

    # === PROVIDERS === #

    def event(self, state):
        values = {"event_id": "evt_1", "type": "x.y", "provider_id": self.provider.id, "object_key": "x"}
        return self.env["paylink.event"].sudo().create({**values, "payload": {"object": {}}, "state": state})

    def case_provider_event(self):
        event = self.event("failed")
        return None, event, lambda: event.write({"state": "waiting"}), lambda: event._conclude("done")

    def case_provider_answer_refused(self):
        tx = self._attempt(self._link(self._invoice()))
        tx._set_pending()
        return tx.paylink_id, tx, self.later(tx._set_done)

    def case_provider_page_refused(self):
        link = self._link(self._invoice())
        self._attempt(link)._set_error("No page")
        return link, None, lambda: self._attempt(link).write({"paylink_stripe_session": "cs_1"})

    def case_balance_unread(self):
        balance = self.case_balance_difference()[0]
        balance.error = "No answer"
        return balance, None, lambda: balance.write({"error": False})

    def case_balance_difference(self):
        accounts = self.company_data["default_account_assets"], self.company_data["default_account_expense"]
        values = dict.fromkeys(("outstanding_account_id", "former_account_id"), accounts[0].id)
        values |= {"account": "acct_1", "company_id": self.company.id, "provider_id": self.provider.id}
        values |= {"since": fields.Date.today(), "fee_account_id": accounts[1].id, "is_even": False}
        balance = self.env["paylink.balance"].sudo().create(values)
        return balance, None, lambda: balance.write({"is_even": True})

    def case_provider_key_refused(self):
        self.provider._paylink_stripe_note_key(refused=True)
        return None, self.provider, lambda: self.provider._paylink_stripe_note_key(refused=False)

    # === CHARGEBACKS === #

    def case_chargeback_answer(self):
        dispute = self._chargeback(self._link(self._invoice()))
        return dispute, None, lambda: dispute.write({"status": "won"})

    def case_chargeback_lost(self):
        """What the bank has taken for good is paid again, whichever way."""
        invoice = self._invoice()
        dispute = self._chargeback(self._link(invoice))
        dispute.write({"status": "lost", "withdrawal_id": self.excess().payment_id.id})
        dispute.item_ids = self._items(invoice)
        return dispute, None, lambda: self._register_payment(invoice)

    def case_chargeback_excess(self):
        """What came back is used for another invoice."""
        dispute = self._chargeback(self._link(self._invoice()))
        payment = self.excess().payment_id
        dispute.reinstatement_id = payment
        items = self._items(self._invoice())
        return dispute, None, (items | payment._paylink_receivable_lines()).reconcile

    def case_chargeback_fee(self):
        dispute = self._chargeback(self._link(self._invoice()))
        dispute.write({"fee": 20, "fee_currency_id": self.company.currency_id.id})
        return dispute, None, lambda: dispute.write({"fee_move_id": self._invoice().id})

    # === REMINDERS === #

    def case_reminder_address(self):
        self.marie.write({"email": False, "phone": False})
        self._rule(days=(3,))
        self._due_invoice(late=5)
        self._remind()
        return self.marie, None, lambda: self.marie.write({"email": "marie@example.com"})

    def case_reminder_undelivered(self):
        self._rule(days=(3,))
        self._due_invoice(late=5)
        message = self._remind()
        message.sudo().mail_message_id.notification_ids.notification_status = "bounce"
        message.sudo().is_reported = True
        return self.marie, None, lambda: self.marie.write({"email": "dubois@example.com"})

    def case_reminder_template(self):
        rule = self._rule(days=(3,))
        template = rule.step_ids.mail_template_id
        right = template.body_html
        template.body_html = '<p t-out="object.no_such_field"/>'
        self._due_invoice(late=5, partner=self.john)
        self._remind()
        return rule, template, lambda: template.write({"body_html": right})

    def case_reminder_error(self):
        """The next run goes well."""
        rule = self._rule(days=(3,))
        self._due_invoice(late=5)
        return self.marie, None, lambda: rule._remind_in_turn(TODAY, self.marie)

    # === JOBS === #

    def case_job_failed(self):
        """What the job does not find anymore has been done by somebody else."""
        link = self._link(self._invoice())
        jobs, none = self.env["paylink.job.mixin"], link.browse()
        return link, link, lambda: jobs._each(none, self.case_job_failed)

    def case_no_pdf(self):
        """In one database transaction with what is to be rolled back, nothing may be committed: so it is."""
        self.patch(type(self.env["paylink.server.mixin"]), "_can_make_pdf", lambda _any: True)
        return None, None, self.env["paylink.job.mixin"]._tell_what_is_missing
