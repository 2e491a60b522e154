from datetime import timedelta

from lxml import etree
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged
from odoo.tools.safe_eval import safe_eval

from ...models.link.paylink_link_books import _logger as books_logger
from .manager_common import NO_AMOUNTS, PaymentManagerCommon
from .test_lifecycle import REFUSAL, refuse


@tagged("post_install", "-at_install")
class TestAuthorized(PaymentManagerCommon):
    """Authorized payments: told once, captured or voided on the link."""

    def _notifications(self, link):
        return self.env["mail.message"].search(
            [("model", "=", link._name), ("res_id", "=", link.id), ("message_type", "=", "user_notification")]
        )

    def test_owner_is_told_once(self):
        link = self._link(self._invoice())
        transaction = self._authorized(link)
        transaction._set_authorized()
        transaction._post_process()
        message = self._notifications(link)
        self.assertEqual((len(message), message.notified_partner_ids, link.unread), (1, link.user_id.partner_id, True))
        self.assertIn("authorized", message.subject)
        before = transaction.last_state_change + timedelta(days=7)
        self.assertEqual(link.capture_before, before)
        self.assertIn(str(before.year), message.body)

    def test_broken_notification_does_not_lose_the_authorization(self):
        link = self._link(self._invoice())

        def broken(*_args):
            raise ValueError("No template")

        self.patch(type(link), "_announce_authorization", broken)
        with self.assertLogs(books_logger.name, "ERROR"):
            transaction = self._authorized(link)
        self.assertEqual((transaction.state, link.state), ("authorized", "pending"))

    def test_manager_captures_a_part_by_odoos_wizard(self):
        link = self._link(self._invoice(amount=100))
        transaction = self._authorized(link)
        action = link.with_user(self.manager).action_capture()
        self.assertEqual(action["res_model"], "payment.capture.wizard")
        Wizard = self.env[action["res_model"]].with_user(self.manager).with_context(**action["context"])
        with Form(Wizard) as form:
            self.assertEqual((form.authorized_amount, form.amount_to_capture), (100, 100))
            form.amount_to_capture = 60
            form.void_remaining_amount = True
        form.record.action_capture()
        self.env.invalidate_all()
        transaction.child_transaction_ids._post_process()
        self.assertEqual((transaction.state, link.amount_paid, link.amount_due), ("done", 60, 40))
        self.assertEqual((link.status, link.amount_authorized), ("partly_paid", 0))

    def test_manager_captures_all_where_parts_are_not_possible(self):
        link = self._link(self._invoice(amount=100))
        self._authorized(link)
        self.patch(type(self.provider), "support_manual_capture", "full_only")
        with self._request(link, self.manager) as requested:
            self.assertEqual(requested.action_capture()["tag"], "display_notification")
        self._run_cron("ir_cron_paylink_book")
        self.assertEqual((link.state, link.line_ids.move_id.payment_state), ("paid", "paid"))

    def test_manager_voids(self):
        link = self._link(self._invoice())
        transaction = self._authorized(link)
        with self._request(link, self.manager) as requested:
            self.assertEqual(requested.action_void()["params"]["type"], "success")
        self.assertEqual((transaction.state, link.amount_authorized, link._payable_amount()), ("cancel", 0, 100))
        self.assertEqual((len(self._time_line(link, "voided")), link.attempt_count, link.failed_count), (1, 1, 0))
        with self.assertRaisesRegex(UserError, "no authorized payment"):
            link.with_user(self.manager).action_void()

    def test_amounts_to_capture_and_to_release(self):
        """Odoo's dialog and its methods: never more than is authorized, nothing that is no amount."""
        link = self._link(self._invoice(amount=100))
        transaction = self._authorized(link)
        for method in ("_capture", "_void"):
            for amount in (*NO_AMOUNTS, 100.01, 1000, 10.001):
                with (
                    self.subTest(method=method, amount=amount),
                    self.assertRaisesRegex(UserError, "can be captured or released"),
                ):
                    getattr(transaction, method)(amount)
        self.assertFalse(transaction.child_transaction_ids)
        transaction._capture(60)
        with self.assertRaisesRegex(UserError, "40.00.* can be captured"):
            transaction._capture(60)

    def test_refused_void_is_told(self):
        link = self._link(self._invoice())
        transaction = self._authorized(link)
        self.patch(type(transaction), "_send_void_request", refuse)
        with self._request(link, self.manager) as requested:
            self.assertEqual(requested.action_void()["params"]["type"], "danger")
        self.assertEqual(transaction.state, "authorized")
        self.assertIn(REFUSAL, self._time_line(link, "operation_failed").body)

    def test_what_was_captured_meanwhile_is_not_voided(self):
        """Of several authorized payments each is asked for in a database transaction of its own."""
        link = self._link(self._invoice(amount=100), allow_partial=True)
        transactions = self._authorized(link, 40) | self._force_attempt(link, 60)
        transactions._set_authorized()
        send, captured = type(transactions)._send_void_request, []

        def meanwhile(transaction):
            other = transactions.with_env(transaction.env) - transaction.source_transaction_id
            captured.append(other._set_done().id)
            return send(transaction)

        self.patch(type(transactions), "_send_void_request", meanwhile)
        with self.assertRaisesRegex(UserError, "reload the page"), self._request(link, self.manager) as requested:
            requested.action_void()
        self.env.invalidate_all()
        (other,) = transactions.browse(captured)
        self.assertEqual((other.state, other.child_transaction_ids.ids), ("done", []))

    def test_buttons_of_the_form(self):
        """One *Cancel*, whose question fits what is under way; what is the managers' is not shown to others."""
        cases = [("open", 0, 1, ""), ("pending", 0, 1, ""), ("pending", 50, 1, ""), ("paid", 0, 0, "")]
        cases += [("cancelled", 0, 0, ""), ("open", 0, 1, "is_in_parts"), ("open", 0, 1, "is_running_part")]
        questions = set()
        for user, managed in ((self.manager, True), (self.colleague, False)):
            view = self.env["paylink.link"].with_user(user).get_view(view_type="form")
            buttons = etree.fromstring(view["arch"]).findall(".//header/button")
            for state, authorized, count, of_plan in cases:
                values = {"state": state, "amount_authorized": authorized, "can_refund": False}
                values |= {"unread": False, "can_cancel": True, "is_over": state == "cancelled", "consolidated": False}
                values |= {"amount_paid": 0, "kind": "free", "is_in_parts": False, "is_running_part": False}
                values |= {of_plan: True} if of_plan else {}
                shown = [b for b in buttons if not safe_eval(b.get("invisible", "False"), dict(values))]
                cancel = [button for button in shown if button.get("name") == "action_cancel"]
                questions |= {button.get("confirm") for button in cancel}
                names = {button.get("name") for button in shown}
                with self.subTest(user=user.login, state=state, authorized=authorized, of_plan=of_plan):
                    self.assertEqual(len(cancel), count)
                    sending = [button for button in shown if button.get("name") == "action_send"]
                    self.assertEqual(len(sending), state == "open")
                    self.assertEqual({"action_capture", "action_void"} <= names, managed and bool(authorized))
        self.assertEqual(len(questions), 5)

    def test_what_of_a_link_can_be_opened(self):
        """Its order of a colleague, what it replaces and what it was paid by: for who may read that."""
        link = self._link(self._invoice(), user_id=self.colleague.id)
        transaction = self._authorized(link)
        accountant = self._user("accountant", "account.group_account_invoice")
        successor = self._free_link(user_id=accountant.id)
        successor.sudo().renewed_from_id = link
        for user, is_open in ((accountant, False), (self.manager, True)):
            with self.subTest(user.login):
                own = successor.with_user(user)
                self.assertEqual((own.can_open_origin, own.can_open_order), (is_open, True))
                self.assertEqual(transaction.with_user(user).paylink_can_open_link, is_open)
                for record, name in ((own, "renewed_from_id"), (transaction.with_user(user), "paylink_id")):
                    view = record.get_view(view_type="form")["arch"]
                    fields = etree.fromstring(view).xpath(f"//field[@name='{name}'][not(@column_invisible)]")
                    flag = {"renewed_from_id": "can_open_origin"}.get(name, "paylink_can_open_link")
                    facts = {name: 1, flag: record[flag]}
                    shown = [one for one in fields if not safe_eval(one.get("invisible"), dict(facts))]
                    self.assertEqual(["no_open" in (one.get("options") or "") for one in shown], [not is_open])

    def test_who_captures_and_voids(self):
        link = self._link(self._invoice())
        self._authorized(link)
        for user in (self.colleague, self.stranger):
            for method in ("action_capture", "action_void"):
                with self.subTest(user=user.login, method=method), self.assertRaises(AccessError):
                    getattr(link.with_user(user), method)()

    def test_managers_capture_what_came_by_links_only(self):
        """They read transactions, to see the wizard; that gives them no right on others' payments."""
        self.provider.capture_manually = True
        native = self._create_transaction("redirect", provider_id=self.provider.id, reference="native")
        native._set_authorized()
        Wizard = self.env["payment.capture.wizard"].with_user(self.manager)
        wizard = Wizard.create({"transaction_ids": [(6, 0, native.ids)]})
        with self.assertRaises(AccessError):
            wizard.action_capture()
        with self.assertRaises(AccessError):
            native.with_user(self.manager).write({"state": "done"})
        with self.assertRaises(AccessError):
            native.with_user(self.colleague).read(["state"])
        with self.assertRaises(AccessError):
            native.with_user(self.stranger).read(["state"])

    def test_accountants_are_no_payment_managers(self):
        """They may write transactions; what came by links they neither capture, release, book nor refund."""
        link = self._link(self._invoice(amount=100))
        transaction = self._authorized(link).with_user(self._user("accountant", "account.group_account_manager"))
        wizard = self.env["payment.capture.wizard"].with_env(transaction.env)
        wizard = wizard.create({"transaction_ids": [(6, 0, transaction.ids)]})
        actions = (
            (transaction, "action_capture"),
            (transaction, "action_void"),
            (transaction, "action_refund"),
            (transaction, "action_post_process"),
            (wizard, "action_capture"),
        )
        for record, action in actions:
            with self.subTest(model=record._name, action=action), self.assertRaises(AccessError):
                getattr(record, action)()

    def test_who_writes_the_invoice_is_no_payment_manager(self):
        """Odoo's buttons on invoices capture and release in superuser mode for whoever may write the invoice."""
        self.patch(type(self.provider), "support_manual_capture", "full_only")
        link = self._link(self._invoice(amount=100))
        transaction, invoice = self._authorized(link), link.line_ids.move_id
        for user in (
            self._user("invoicing", "account.group_account_invoice"),
            self._user("accountant", "account.group_account_manager,paylink_addon.group_paylink_all"),
        ):
            for method in ("payment_action_void", "payment_action_capture"):
                with self.subTest(user=user.login, method=method), self.assertRaises(AccessError):
                    getattr(invoice.with_user(user), method)()
                self.assertEqual((transaction.state, transaction.child_transaction_ids.ids), ("authorized", []))
        both = self._user("both", "account.group_account_invoice,paylink_addon.group_payment_manager")
        invoice.with_user(both).payment_action_void()
        self.assertEqual(transaction.state, "cancel")

    def test_what_is_asked_of_providers_is_not_the_clients_to_write(self):
        """Who may write transactions could have one refunded, or paid by another link, past all checks."""
        transaction = self._pay(self._link(self._invoice(amount=100)))
        transaction = transaction.with_user(self._user("accountant", "account.group_account_manager"))
        guarded = [name for name, field in transaction._fields.items() if name.startswith("paylink_") and field.store]
        self.assertLessEqual({"paylink_id", "paylink_todo", "paylink_stripe_intent"}, set(guarded))
        for name in guarded:
            with self.subTest(field=name), self.assertRaises(AccessError):
                transaction.write({name: False})
        values = {
            "provider_id": self.provider.id,
            "payment_method_id": self.payment_method_id,
            "amount": -5,
            "currency_id": self.company.currency_id.id,
            "partner_id": self.marie.id,
            "operation": "refund",
            "source_transaction_id": transaction.id,
        }
        with self.assertRaises(AccessError):
            transaction.create(values | {"paylink_todo": "refund"})
        activity = self.env["mail.activity"].with_env(transaction.env)
        with self.assertRaises(AccessError):
            activity.create({"summary": "Task", "paylink_key": "payment_not_booked", "user_id": self.env.uid})

    def test_lapsed_authorization_is_no_abandoned_attempt(self):
        """The provider released it by itself: the timeline says so, once."""
        link = self._link(self._invoice())
        self._authorized(link)._set_canceled()
        self.assertEqual([len(self._time_line(link, name)) for name in ("voided", "attempt_abandoned")], [1, 0])
