from contextlib import nullcontext
from unittest.mock import patch

from odoo.tests import freeze_time, tagged

from .autopay_common import AutopayCommon


@tagged("post_install", "-at_install")
class TestAutopayLeftOut(AutopayCommon):
    """What is due and not charged: it is reminded of, one person is told once, and it is charged when it can be."""

    def setUp(self):
        super().setUp()
        self.reminding = self.env["paylink.reminder.rule"].create(
            {"name": "Overdue", "include_link": False, "step_ids": [(0, 0, {"days": 3})]}
        )
        self.customer = self.marie.with_company(self.company)

    def _job(self, days=0):
        with freeze_time(f"{self._days(days)} 10:00:00") if days else nullcontext():
            self._run_cron("ir_cron_paylink_autopay")

    def _is_reminded(self, move):
        self.env.flush_all()
        return move.id in [pick.move_id for pick in self.reminding._pick(self.today)]

    def _tasks(self, record, key):
        record.invalidate_recordset(["activity_ids"])
        return record.activity_ids.filtered(lambda task: task.paylink_key.startswith(key))

    def _left_out(self):
        return self._tasks(self.marie, "autopay_left_out")

    def _charged(self):
        return self.env["payment.transaction"].search([("paylink_autopay", "=", True)])

    def _notices(self):
        mails = self.env["mail.mail"].sudo().search([("model", "=", "paylink.autopay.page")], order="id")
        return mails.filtered(lambda mail: self.marie.email in (mail.email_to or ""))

    def _preview(self, move):
        Preview = self.env["paylink.autopay.preview"].with_user(self.manager).with_company(self.company)
        line = self.env["paylink.autopay.preview.line"].with_user(self.manager)
        lines = line.search(Preview._action_open()["domain"])
        return lines.filtered(lambda line: move.name in line.documents and line.state == "left_out").reason or ""

    def test_one_status(self):
        """However much is known of an item; the reason stands beside it, in the reader's language."""
        row = self.env["paylink.autopay.item"].sudo()._of_items(self._due_invoice()._paylink_open_items())
        known = (
            ({}, "planned", False),
            ({"charge_on": self.today}, "announced", False),
            ({"decline": "funds", "next_on": self.today, "tries": 1}, "retry", "Not enough money"),
            ({"left_out": "cap"}, "left_out", "More than the limit per charge"),
            ({"left_out": False, "is_ended": True, "next_on": False}, "ended", "Not enough money"),
            ({"is_skipped": True}, "skipped", False),
            ({"is_charged": True, "is_skipped": False}, "charged", False),
        )
        for values, status, reason in known:
            row.write(values)
            with self.subTest(status):
                self.assertEqual((row.status, row.reason), (status, reason))
        row.is_charged = False
        row.move_id.button_draft()
        self.assertEqual((row.status, row.reason), ("settled", False))
        arch = row.get_view(view_type="list")["arch"]
        self.assertEqual(arch.count('widget="badge"'), 1)

    def test_left_out_and_taken_up_again(self):
        """By each limit, on the day of the charge or of its notice."""
        big = {"paylink_autopay_cap": 500, "paylink_autopay_month_cap": 500}
        provider = self.provider.sudo()
        cases = {
            "cap": (
                lambda: self.customer.write({"paylink_autopay_has_cap": True, "paylink_autopay_cap": 50}),
                lambda: self.customer.write(big),
                "limit per charge",
            ),
            "month_cap": (
                lambda: self.customer.write({"paylink_autopay_has_month_cap": True, "paylink_autopay_month_cap": 50}),
                lambda: self.customer.write(big),
                "limit of this month",
            ),
            "refused": (
                lambda: provider.write({"maximum_amount": 50}),
                lambda: provider.write({"maximum_amount": 0}),
                "provider can't take",
            ),
            "currency": (
                lambda: provider.write({"available_currency_ids": [(6, 0, self.currency_euro.ids)]}),
                lambda: provider.write({"available_currency_ids": [(5,)]}),
                "provider can't take",
            ),
        }
        for notice_days in (0, 3):
            for name, (limit, mend, text) in cases.items():
                with self.subTest(name, notice_days=notice_days), self.env.cr.savepoint() as savepoint:
                    self._rule(notice_days=notice_days)
                    invoice = self._due_invoice(late=5)
                    self.assertFalse(self._is_reminded(invoice))
                    limit()
                    for _time in range(2):
                        self._job()
                    self.assertFalse(self._charged() or self._notices())
                    self.assertTrue(self._is_reminded(invoice))
                    (task,) = self._left_out()
                    self.assertEqual(task.user_id, self.manager)
                    self.assertIn(invoice.name, task.note)
                    self.assertIn(text, task.note)
                    self.assertIn(text, self._preview(invoice))
                    task.unlink()
                    self._job()
                    self.assertFalse(self._left_out(), "who has dealt with it is not told again")
                    mend()
                    self._job()
                    self.assertTrue(self._notices() if notice_days else self._charged())
                    self.assertFalse(self._is_reminded(invoice))
                    savepoint.rollback()
                self.env.invalidate_all()

    def test_one_task_says_what_it_is_now(self):
        """It names what comes later, too, and ends when nothing is left out."""
        self._rule(grouping="document")
        self.customer.write({"paylink_autopay_has_cap": True, "paylink_autopay_cap": 50})
        first = self._due_invoice(late=5)
        self._job()
        second = self._due_invoice(late=4)
        self._job()
        (task,) = self._left_out()
        for move in (first, second):
            self.assertIn(move.name, task.note)
        first.with_user(self.manager).action_paylink_autopay_skip()
        self._job()
        self.assertNotIn(first.name, self._left_out().note)
        self._register(second)
        self.assertFalse(self._left_out())

    def _register(self, move):
        wizard = self.env["account.payment.register"].with_context(active_model="account.move", active_ids=move.ids)
        wizard.create({}).action_create_payments()
        self.env.cr.flush()

    def test_mark_of_what_no_run_looks_at(self):
        """It is taken away: nothing of it would be told anymore."""
        rule = self._rule()
        self.customer.write({"paylink_autopay_has_cap": True, "paylink_autopay_cap": 50})
        invoice = self._due_invoice(late=5)
        for record, switch in ((self.customer, "paylink_autopay"), (self.company, "paylink_autopay"), (rule, "active")):
            with self.subTest(record._name):
                self._job()
                self.assertEqual(self._row(invoice).left_out, "cap")
                record[switch] = False
                self._job()
                self.assertFalse(self._row(invoice).left_out or self._left_out())
                record[switch] = True

    def test_too_much_for_one_charge_is_split(self):
        """The oldest that fit come first; what fits in no charge is left out; of the month likewise."""
        for amounts, credit, cap, month, expected, why in (
            ([100], 0, 100, 0, [100], []),
            ([100], 0, 99, 0, [], ["cap"]),
            ([300, 300], 0, 500, 0, [300, 300], []),
            ([300, 300, 100], 0, 500, 0, [300, 400], []),
            ([600, 100], 0, 500, 0, [100], ["cap"]),
            ([600, 100], 200, 500, 0, [500], []),
            ([700, 100], 150, 500, 0, [], ["cap", "covered"]),
            ([300, 300, 100], 0, 0, 450, [400], ["month_cap"]),
            ([300, 300, 100], 0, 350, 450, [300, 100], ["month_cap"]),
        ):
            with self.subTest(amounts=amounts, cap=cap, month=month), self.env.cr.savepoint() as savepoint:
                rule = self._rule()
                self.customer.write(
                    {
                        "paylink_autopay_cap": cap or 1,
                        "paylink_autopay_has_cap": bool(cap),
                        "paylink_autopay_month_cap": month or 1,
                        "paylink_autopay_has_month_cap": bool(month),
                    }
                )
                for number, amount in enumerate(amounts):
                    self._due_invoice(amount=amount, late=5 - number)
                if credit:
                    self._invoice(amount=credit, move_type="out_refund")
                charges, others = rule._charges(rule._pick(self.today), self.today)
                found = [charge.total() for charge in charges], sorted(set(others.values()))
                self.assertEqual(found, (expected, why))
                savepoint.rollback()
            self.env.invalidate_all()

    def test_provider_takes_less_at_once(self):
        """What is too much for the provider is split as well."""
        rule = self._rule()
        self.provider.sudo().maximum_amount = 150
        for number in range(3):
            self._due_invoice(late=5 - number)
        charges, others = rule._charges(rule._pick(self.today), self.today)
        self.assertEqual(([charge.total() for charge in charges], others), ([100, 100, 100], {}))

    def test_limit_that_is_lowered_before_it_is_sent(self):
        self._rule()
        self._due_invoice()
        (tx,) = self._run_rules()
        self.customer.write({"paylink_autopay_has_cap": True, "paylink_autopay_cap": 50})
        self._send_and_book()
        self.assertEqual(tx.state, "cancel")

    def test_template_is_deleted(self):
        """Nobody can be told: who is responsible is, once, and reminders go on."""
        rule, invoice = self._rule(notice_days=3), self._due_invoice(late=5)
        template = self.env.ref("paylink_addon.mail_template_autopay")
        data = self.env["ir.model.data"].search([("model", "=", "mail.template"), ("res_id", "=", template.id)])
        template.active, data.res_id = False, 0
        for _time in range(2):
            self._job()
        self.assertEqual(len(self._tasks(rule, "autopay_template")), 1)
        self.assertTrue(self._is_reminded(invoice))
        self.assertIn("deleted", self._preview(invoice))
        data.res_id = template.id
        self._job()
        self.assertTrue(self._notices())
        self.assertFalse(self._tasks(rule, "autopay_template") or self._is_reminded(invoice))

    def test_nobody_to_tell(self):
        """Without an address it is left to the reminders."""
        self._rule(notice_days=3)
        invoice = self._due_invoice(late=5)
        self.marie.email = False
        self._job()
        self.assertTrue(self._is_reminded(invoice))
        self.assertIn("no e-mail address", self._preview(invoice))
        self.marie.email = "marie@example.com"
        self._job()
        self.assertFalse(self._is_reminded(invoice))

    def test_notice_that_was_not_delivered(self):
        """It does not count: the customer is told anew where the address is another one, and charged later."""
        rule, invoice = self._rule(notice_days=3), self._due_invoice(late=5)
        self._job()
        (mail,) = self._notices()
        fate = mail.mail_message_id.notification_ids
        for status, again in (("bounce", False), ("exception", True), ("canceled", True)):
            with self.subTest(status), self.env.cr.savepoint() as savepoint:
                fate.write({"notification_status": status, "failure_type": "mail_smtp"})
                self.assertFalse(self._run_rules(days=3), "nobody was told")
                for _time in range(2):
                    self._job()
                self.assertEqual(self._notices(), mail)
                (task,) = self._left_out()
                self.assertIn(invoice.name, task.note)
                self.assertTrue(self._is_reminded(invoice))
                self.assertIn("not delivered", self._preview(invoice))
                mail.mail_message_id.date = self._days(-2)
                rules = rule._of_company(self.company)
                rules._announce_to(self._days(1), self.marie)
                self.assertEqual(len(self._notices() - mail), again, "a mail server that was down for a moment")
                if not again:
                    self.marie.email = "new@example.com"
                    rules._announce_to(self._days(2), self.marie)
                    self.assertEqual(self._notices().email_to, "new@example.com")
                day = 1 if again else 2
                self.env.cr.flush()
                if again:  # as long as nobody knows whether it is delivered now
                    self._job()
                    self.assertEqual(self._left_out(), task)
                    self.assertTrue(self._is_reminded(invoice))
                    self._notices()[-1].mail_message_id.notification_ids.notification_status = "sent"
                    self._job()
                self.assertFalse(self._left_out() or self._is_reminded(invoice))
                self.assertEqual(self._row(invoice).charge_on, self._days(day + 3))
                self.assertFalse(self._run_rules(days=day + 2))
                self.assertTrue(self._run_rules(days=day + 3))
                savepoint.rollback()
            self.env.invalidate_all()

    def test_notice_that_has_not_left(self):
        """By the day that it names nobody was told: it is withdrawn, and a later day announced; unless it leaves just
        then. What is foreseen says the same.
        """
        rule, invoice = self._rule(notice_days=3), self._due_invoice(late=5)
        rules, day = rule._of_company(self.company), self._days(3)
        self._job()
        (mail,) = self._notices()
        self.assertEqual(rules._foresee(self._days(2))[0][0][0], day)
        self.assertEqual(rules._foresee(day)[0][0][0], self._days(6))
        with patch("odoo.addons.paylink_addon.models.messaging.mail_message.take_free", lambda rows: rows.browse()):
            rules._announce_to(day, self.marie)
        self.assertEqual((self._notices(), mail.state), (mail, "outgoing"))
        rules._announce_to(day, self.marie)
        self.env.flush_all()
        self.assertEqual(mail.mail_message_id.notification_ids.notification_status, "canceled")
        self.assertEqual((mail.state, len(self._notices() - mail)), ("cancel", 1))
        self.assertFalse(self._run_rules(days=3, has_left=False) | self._run_rules(days=6, has_left=False))
        self.assertEqual((self._row(invoice).charge_on, self._left_out()), (self._days(6), self.env["mail.activity"]))
        self.assertFalse(self._run_rules(days=5))
        self.assertTrue(self._run_rules(days=6))

    def test_notice_that_leaves_on_the_day_of_the_charge(self):
        """The customer has the time that the rule leaves them from then on, and is not told twice."""
        self._rule(notice_days=3)
        invoice = self._due_invoice(late=5)
        self._job()
        (mail,) = self._notices()
        with patch("odoo.addons.paylink_addon.models.messaging.mail_message.take_free", lambda rows: rows.browse()):
            self._job(days=3)
        self.assertFalse(self._charged(), "it leaves just now")
        mail.mail_message_id.notification_ids.notification_status = "sent"
        for days in (3, 4):
            self._job(days=days)
            self.assertFalse(self._charged())
        self.assertEqual((self._notices(), self._row(invoice).charge_on), (mail, self._days(5)))
        self._job(days=5)
        self.assertEqual(self._charged().amount, 100)

    def test_outbox_that_stands_still(self):
        """The second time somebody is told, and it is reminded of until a notice has left."""
        self._rule(notice_days=3)
        invoice = self._due_invoice(late=5)
        self._job()
        for days, mark in ((3, False), (6, "undelivered"), (7, "undelivered"), (9, "undelivered")):
            self._job(days=days)
            self.assertEqual((self._row(invoice).left_out, len(self._left_out())), (mark, int(bool(mark))))
        self.assertTrue(self._is_reminded(invoice))
        self.assertEqual(self._notices().mapped("state"), ["cancel"] * 3 + ["outgoing"])
        withdrawn = invoice.message_ids.filtered(lambda message: "had not left" in message.body)
        self.assertEqual(len(withdrawn), 3)
        self._notices()[-1].mail_message_id.notification_ids.notification_status = "sent"
        self._job(days=10)
        self.assertFalse(self._row(invoice).left_out or self._left_out() or self._charged())
        self._job(days=12)
        self.assertEqual(self._charged().amount, 100)

    def test_notice_that_holds_no_more(self):
        """It does not leave anymore; whatever else it tells of is told anew, to the same address."""
        Item, customer = self.env["paylink.autopay.item"], self.marie.with_company(self.company)
        self._rule(notice_days=3)
        first, second = self._due_invoice(late=5), self._due_invoice(late=4)
        items = set(self._items(second).ids)
        for name, change in (
            ("not left by its day", lambda: Item._take_back_unsent(self._items(first).ids, self._days(3))),
            ("another method", lambda: self._profile(self.marie)),
            ("switched off", lambda: customer.write({"paylink_autopay": False})),
            ("skipped", lambda: self._row(first).sudo()._skip(True)),
        ):
            with self.subTest(name), self.env.cr.savepoint() as savepoint:
                self._job()
                (mail,) = self._notices()
                change()
                self.env.flush_all()
                self.assertEqual(mail.state, "cancel")
                self.assertFalse(self._row(second).noticed_on or Item._addresses_in_vain(items))
                savepoint.rollback()
            self.env.invalidate_all()

    def test_delivered_to_one_of_two(self):
        """The customer was told."""
        self._rule(notice_days=3)
        self.marie.email = "marie@example.com, books@example.com"
        self._due_invoice(late=5)
        self._job()
        mail = self.env["mail.mail"].sudo().search([("model", "=", "paylink.autopay.page")])
        first, second = mail.mail_message_id.notification_ids
        first.notification_status, second.notification_status = "bounce", "sent"
        self.assertTrue(self._run_rules(days=3))

    def test_planned_amounts_are_less_credits(self):
        """On the invoice and on the customer's page: what will be charged, or that credits cover it."""
        self._rule(grouping="document")
        first, second = self._due_invoice(late=-5), self._due_invoice(late=-6)
        self._invoice(amount=130, move_type="out_refund")

        def texts():
            (first | second).invalidate_recordset()
            moves = (first | second).with_user(self.manager).with_context(lang="en_US")
            page = self.env["paylink.autopay.page"]._for_customers(self.marie, self.company, self.manager)
            shown = [row["amount"] for row in page.with_context(lang="en_US")._page_values()["rows"]]
            return moves.mapped("paylink_autopay_plan"), shown

        (covered, planned), shown = texts()
        self.assertIn("credits cover it", covered)
        self.assertIn("70.00", planned)
        self.assertEqual(len(shown), 2)
        self.assertIn("credits", shown[0])
        self.assertIn("70", shown[1])
        self._run_rules(days=6)
        self.assertEqual([text for text in texts()[1] if "100" in text], [])
