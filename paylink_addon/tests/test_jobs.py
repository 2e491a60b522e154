import logging
from datetime import timedelta
from functools import wraps
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged
from psycopg2 import OperationalError

from ..const import Task
from ..models.link import payment_transaction
from .common import PaylinkCommon

LOGGER = "odoo.addons.paylink_addon.models.messaging.paylink_job_mixin"


@tagged("post_install", "-at_install")
class TestJobs(PaylinkCommon):
    """One bad record, or a part of a job that fails, keeps no job from the rest, and is told."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        [cls.manager] = cls._people("manager")
        cls.past = fields.Datetime.now() - timedelta(days=2)

    def _run(self, job):
        """Run it; what it logs is an error of ours."""
        with self.assertLogs(LOGGER, logging.ERROR):
            self._run_cron(job)

    def _spoil(self, record, method, error=None):
        """Let a method raise for this record, as if its provider, or its data, had a surprise in it."""
        model = type(record)
        right = getattr(model, method)

        def wrong(records, *args, **kwargs):
            if record.id in records.ids:
                raise error or KeyError("nobody expects it")
            return right(records, *args, **kwargs)

        self.patch(model, method, wrong)

    def _tasks(self, key, record=None):
        domain = [("paylink_key", "=like", f"{key}%"), ("user_id", "=", self.manager.id)]
        domain += [("res_id", "=", record.id)] if record else []
        return self.env["mail.activity"].sudo().search(domain)

    def _overdue(self, spoiled=False):
        link = self._link(self._invoice())
        attempt = self._attempt(link)
        if spoiled:
            self._spoil(attempt, "_paylink_close")
        # Time has passed: nobody has written it.
        self.env.flush_all()
        self.env.cr.execute("UPDATE paylink_link SET expires_at = %s WHERE id = %s", [self.past, link.id])
        link.invalidate_recordset()
        return link

    # === TIME === #

    def test_what_is_left_is_not_forgotten(self):
        """The time is up in the first part: no other one tells Odoo that nothing is left, and the job comes again."""
        companies = self.company | self._other_company()
        companies.sudo().paylink_card_renewal = "send"
        mixin = type(self.env["paylink.job.mixin"])
        for job in ("ir_cron_paylink_stripe_detach", "ir_cron_paylink_card_renew"):
            with self.subTest(job), patch.object(mixin, "_each", return_value=False) as each:
                self._run_cron(job)
                self.assertEqual(each.call_count, 1)

    # === LINKS === #

    def test_expiry(self):
        """Those that share a transaction with the bad one as well; the next run has nothing else to do."""
        first, bad, last = self._overdue(), self._overdue(spoiled=True), self._overdue()
        self._run("ir_cron_paylink_expire")
        self.assertEqual([link.state for link in (first, bad, last)], ["expired", "open", "expired"])
        self.assertEqual(len(self._tasks(Task.JOB, bad)), 1)
        self._run("ir_cron_paylink_expire")
        self.assertEqual(len(self._tasks(Task.JOB, bad)), 1)

    def test_abandoned_attempts(self):
        bad, good = (self._attempt(self._link(self._invoice())) for _number in range(2))
        self._age(bad | good)
        for method in ("_paylink_abandoned_after", "_paylink_abandon"):
            self._spoil(bad, method)
        self._run("ir_cron_paylink_expire")
        self.assertEqual((bad.state, good.state), ("draft", "cancel"))
        self.assertTrue(self._tasks(Task.JOB, bad.paylink_id))

    def _age(self, transactions):
        self.env.cr.execute(
            "UPDATE payment_transaction SET create_date = %s WHERE id IN %s", [self.past, tuple(transactions.ids)]
        )
        transactions.invalidate_recordset()

    def test_settled_attempts(self):
        bad, good = (self._attempt(self._link(self._invoice())) for _number in range(2))
        for transaction in bad | good:
            self._register_payment(transaction.invoice_ids)
            transaction.state = "draft"
        self._spoil(bad, "_paylink_close")
        self._run("ir_cron_paylink_expire")
        self.assertEqual((bad.state, good.state), ("draft", "cancel"))

    def test_cancellations(self):
        bad, good = (self._link(self._invoice()) for _number in range(2))
        (bad | good).sudo().cancel_requested_at = self.past
        self._spoil(bad, "_resume_cancellation")
        self._run("ir_cron_paylink_expire")
        self.assertEqual((bad.state, good.state), ("open", "cancelled"))

    def test_a_part_that_fails_as_a_whole(self):
        self.patch(type(self.env["payment.transaction"]), "_paylink_close_abandoned", lambda _self: 1 / 0)
        link = self._overdue()
        self._run("ir_cron_paylink_expire")
        self.assertEqual(link.state, "expired")
        self.assertEqual(self._parts_told().user_id, self.env.ref("base.user_admin"))

    def test_each_part_that_fails_is_told_by_name_until_it_works(self):
        failing = [(self.env["payment.transaction"], "_paylink_close_abandoned"), (self._overdue(), "_expire_overdue")]
        right = [getattr(type(records), name) for records, name in failing]
        broken = True
        for (records, name), method in zip(failing, right, strict=True):
            self.patch(
                type(records), name, wraps(method)(lambda some, method=method: 1 / 0 if broken else method(some))
            )
        for _run in range(2):
            self._run("ir_cron_paylink_expire")
            summaries = sorted(self._parts_told().mapped("summary"))
            self.assertEqual(len(summaries), 2)
            self.assertIn("expire_overdue", summaries[0])
            self.assertIn("paylink_close_abandoned", summaries[1])
        broken = False
        self._run_cron("ir_cron_paylink_expire")
        self.assertFalse(self._parts_told())

    def test_what_works_in_the_end_is_no_task_anymore(self):
        """What another work of the job says of the same record stays."""
        bad = self._overdue()
        bad.sudo().cancel_requested_at = self.past
        self._spoil(bad, "_resume_cancellation")
        broken = [True]
        right = type(bad)._expire
        self.patch(type(bad), "_expire", lambda links: 1 / 0 if broken else right(links))
        self._run("ir_cron_paylink_expire")
        self.assertEqual(len(self._tasks(Task.JOB, bad)), 2)
        broken.clear()
        self._run("ir_cron_paylink_expire")
        self.assertIn("cancellation", self._tasks(Task.JOB, bad).paylink_key)

    def _parts_told(self):
        """The tasks of the administrator."""
        domain = [("paylink_key", "=like", f"{Task.JOB}%"), ("res_model", "=", False)]
        return self.env["mail.activity"].sudo().search(domain)

    def test_nobody_can_be_told(self):
        self.patch(type(self.env["paylink.task.mixin"]), "_give", lambda *_args, **_options: 1 / 0)
        bad, good = self._overdue(spoiled=True), self._overdue()
        self._run("ir_cron_paylink_expire")
        self.assertEqual((bad.state, good.state), ("open", "expired"))

    def test_what_others_work_on_is_left_without_a_word(self):
        bad, good = self._overdue(), self._overdue()
        self._spoil(bad.transaction_ids, "_paylink_close", OperationalError("could not serialize access"))
        with self.assertNoLogs(LOGGER, logging.ERROR):
            self._run_cron("ir_cron_paylink_expire")
        self.assertEqual((bad.state, good.state), ("open", "expired"))
        self.assertFalse(self._tasks(Task.JOB))

    # === PAYMENTS === #

    def test_requests(self):
        bad, good = (self._attempt(self._link(self._invoice())) for _number in range(2))
        (bad | good).paylink_todo = "charge"
        self._spoil(bad, "_paylink_send_one")
        self._spoil(bad, "_paylink_not_sent_general")
        self._run("ir_cron_paylink_send")
        self.assertEqual((bad.paylink_todo, good.paylink_todo), ("charge", False))

    def test_booking(self):
        bad, good = (self._attempt(self._link(self._invoice())) for _number in range(2))
        (bad | good)._set_done()
        self._spoil(bad, "_post_process")
        self._spoil(bad.paylink_id, "_give_task")
        self._run("ir_cron_paylink_book")
        self.assertEqual((bool(bad.payment_id), bool(good.payment_id)), (False, True))

    def test_booking_in_sets(self):
        """Payments are made, posted and reconciled together; one that can't be keeps no other from the books."""
        for spoiled, posted in ((False, [3]), (True, [1, 1])):
            with self.subTest(spoiled=spoiled):
                confirmed = self.env["payment.transaction"].concat(
                    *(self._attempt(self._link(self._invoice())) for _number in range(3))
                )
                confirmed._set_done()
                if spoiled:
                    self._spoil(confirmed[1].paylink_id, "_settle_open_items", UserError("The books are closed."))
                sizes, post = [], self.registry["account.payment"].action_post

                def counting(payments, sizes=sizes, post=post):
                    sizes.append(len(payments))
                    return post(payments)

                with patch.object(self.registry["account.payment"], "action_post", counting):
                    self._run_cron("ir_cron_paylink_book")
                self.assertEqual(sizes, posted)
                self.assertEqual([bool(tx.payment_id) for tx in confirmed], [True, not spoiled, True])
                self.assertEqual([len(tx.paylink_id.activity_ids) for tx in confirmed], [0, int(spoiled), 0])

    def test_what_can_not_be_booked_comes_last(self):
        """However many there are, and however slow, what is new is booked, and what is booked is told."""
        bad, good, told = (self._attempt(self._link(self._invoice())) for _number in range(3))
        bad._set_done()
        self._spoil(bad.paylink_id, "_settle_open_items", UserError("The books are closed."))
        self._run_cron("ir_cron_paylink_book")
        self.assertTrue(bad.paylink_id.activity_ids)
        (good | told)._set_done()
        told.with_context(paylink_booked_at_once=True)._post_process()
        with (
            patch.object(payment_transaction, "BATCH", 1),
            patch.object(type(self.env["ir.cron"]), "_commit_progress", lambda *_args, **_options: 0),  # time is up
        ):
            self._run_cron("ir_cron_paylink_book")
        self.assertEqual((bool(good.payment_id), told.paylink_untold), (True, False))

    def test_telling(self):
        bad, good = (self._pay(self._link(self._invoice())) for _number in range(2))
        (bad | good).paylink_untold = True
        self._spoil(bad, "_paylink_tell")
        self._run("ir_cron_paylink_book")
        self.assertEqual((bad.paylink_untold, good.paylink_untold), (True, False))

    def test_stored_methods(self):
        bad, good = (
            self.env["payment.token"]
            .sudo()
            .create(
                {
                    "provider_id": self.provider.id,
                    "payment_method_id": self.payment_method_id,
                    "partner_id": self.marie.id,
                    "provider_ref": ref,
                    "active": False,
                    "paylink_stripe_to_detach": True,
                }
            )
            for ref in ("pm_1", "pm_2")
        )
        done = []
        self.patch(type(bad), "_paylink_stripe_detach", lambda token: done.append(token.id) if token != bad else 1 / 0)
        self._run("ir_cron_paylink_stripe_detach")
        self.assertEqual(done, good.ids)

    def test_providers(self):
        """What a provider's search can't even note is told; the next one is asked."""
        stripe = self.env.ref("paylink_addon.payment_provider_stripe").sudo()
        bad, good = stripe.copy(), stripe.copy()
        (bad | good).write({"paylink_stripe_secret_key": "sk_test_1", "code": stripe.code})
        done = []
        sweep = lambda provider: done.append(provider.id) if provider != bad else 1 / 0  # noqa: E731
        self.patch(type(bad), "_paylink_try_to_sweep", sweep)
        self._run("ir_cron_paylink_sweep_events")
        self.assertIn(good.id, done)

    # === REMINDERS === #

    def test_reminders(self):
        """A company whose sending hours can't be read keeps no other from reminding, nor what comes after."""
        bad, good = self.company, self._other_company()
        (bad | good).write({"paylink_reminders": True, "paylink_reminder_requested": False})
        done = []
        self.patch(type(bad), "_paylink_may_remind", lambda company, _moment: True if company != bad else 1 / 0)
        self.patch(
            type(self.env["paylink.reminder.rule"]), "_run", lambda _rules, company: done.append(company) or True
        )
        Message = type(self.env["paylink.reminder.message"])
        self.patch(Message, "_follow_deliveries", lambda _messages: done.append("followed"))
        self._run_cron("ir_cron_paylink_remind")
        self.assertEqual(done[-2:], [good, "followed"])

    # === COMPANIES === #

    def test_each_company_by_itself(self):
        """What fails for one company keeps no other from being charged or asked for cards."""
        bad, good = self.company, self._other_company()
        (bad | good).write({"paylink_autopay": True, "paylink_card_renewal": "propose"})
        for job, model, method in (
            ("ir_cron_paylink_autopay", "paylink.autopay.rule", "_run"),
            ("ir_cron_paylink_card_renew", "payment.token", "_paylink_expiring"),
        ):
            done = []

            def work(records, company, done=done):
                done.append(company.id if company != bad else 1 / 0)
                return records.browse()

            with self.subTest(job), patch.object(type(self.env[model]), method, work):
                self._run(job)
                self.assertIn(good.id, done)

    # === JOBS THEMSELVES === #

    def test_what_the_server_lacks_is_told_once(self):
        """Also where the task is done, and PDFs are still missing."""
        job = self.env["paylink.job.mixin"]
        tasks = self.env["mail.activity"].sudo().with_context(active_test=False)
        for can_make, count in ((True, 0), (False, 1), (False, 1)):
            self.patch(type(self.env["paylink.server.mixin"]), "_can_make_pdf", lambda _any, can=can_make: can)
            job._tell_what_is_missing()
            told = tasks.search([("paylink_key", "=", Task.NO_PDF)])
            self.assertEqual(len(told), count)
            told.filtered("active").action_feedback()
        self.assertEqual(told.user_id, self.env.ref("base.user_admin"))

    def test_a_job_that_was_deleted_is_not_called(self):
        self.env.ref("paylink_addon.ir_cron_paylink_book").unlink()
        transaction = self._attempt(self._link(self._invoice()))
        transaction._set_done()
        self.assertEqual(transaction.state, "done")
