from datetime import timedelta
from functools import partial
from unittest.mock import patch
from urllib.parse import urlsplit

from odoo import Command, fields
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.account.models.account_move_line import AccountMoveLine

from ...const import Task
from ...models.link import payment_transaction_overtaken
from .stripe_common import StripeCommon

ON_INVOICES = (
    "registered",
    "registered_in_part",
    "credited",
    "matched_with_the_bank",
    "written_off",
    "reset",
    "cancelled",
)
ON_ORDERS = (
    "order_cancelled",
    "order_reduced",
    "order_of_another",
    "deposit_paid",
    "order_invoice_paid",
    "down_payment_registered",
    "line_reduced",
    "line_removed",
    "line_added",
    "line_moved",
    "prices_updated",
    "discounted",
)


@tagged("post_install", "-at_install")
class TestOvertaken(StripeCommon):
    """What is settled another way, or changed, while customers are about to pay it, or their money is on its way."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.group_ids += cls.env.ref("sales_team.group_sale_manager")
        cls.product = cls.env["product.product"].create(
            {"name": "Kitchen", "type": "service", "invoice_policy": "order", "taxes_id": []}
        )

    def _status(self, tx):
        """Of the page at Stripe, once what is to be sent is sent."""
        self.send_waiting()
        return self.fake.get(tx.paylink_stripe_session)["status"]

    def _dialog(self, invoice, user=None, **values):
        Register = self.env["account.payment.register"].with_user(user or self.env.user)
        return Register.with_context(active_model="account.move", active_ids=invoice.ids).create(values)

    def _told(self, invoice, user=None):
        """What the dialog says of customers, by how far they are."""
        errors = self._dialog(invoice, user).actionable_errors or {}
        return {name.removeprefix("paylink_"): error["message"] for name, error in errors.items() if "paylink" in name}

    def _tasks(self, tx):
        self.env.cr.flush()  # what is done ends before the commit
        return self.env["mail.activity"].sudo().search([("paylink_key", "=", f"{Task.OVERTAKEN}:{tx.id}")])

    # === WAYS === #

    def _registered(self, invoice):
        self._dialog(invoice)._create_payments()

    def _registered_in_part(self, invoice):
        self._dialog(invoice, amount=30)._create_payments()

    def _credited(self, invoice):
        invoice._reverse_moves([{"date": fields.Date.today()}], cancel=True)

    def _matched_with_the_bank(self, invoice):
        line = self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.provider.journal_id.id,
                "payment_ref": "Transfer",
                "amount": 100,
                "date": fields.Date.today(),
                "partner_id": invoice.partner_id.id,
            }
        )
        receivable = invoice.line_ids.filtered(lambda item: item.account_type == "asset_receivable")
        _liquidity, suspense, _other = line._seek_for_lines()
        suspense.account_id = receivable.account_id
        (suspense | receivable).reconcile()

    def _written_off(self, invoice):
        receivable = invoice.line_ids.filtered(lambda item: item.account_type == "asset_receivable")
        expense = self.company_data["default_account_expense"]
        entry = self.env["account.move"].create(
            {
                "line_ids": [
                    Command.create({"account_id": account.id, "balance": balance, "partner_id": invoice.partner_id.id})
                    for account, balance in ((receivable.account_id, -40), (expense, 40))
                ]
            }
        )
        entry.action_post()
        (entry.line_ids.filtered(lambda item: item.account_id == receivable.account_id) | receivable).reconcile()

    def _reset(self, invoice):
        invoice.button_draft()

    def _cancelled(self, invoice):
        invoice.button_cancel()

    def _order(self, **values):
        return self.env["sale.order"].create(
            {
                "partner_id": self.marie.id,
                "require_signature": False,
                "order_line": [Command.create({"product_id": self.product.id, "price_unit": 100, "tax_ids": []})],
                **values,
            }
        )

    def _order_cancelled(self, order):
        order._action_cancel()

    def _order_reduced(self, order):
        order.write({"order_line": [Command.update(order.order_line.id, {"price_unit": 20})]})

    def _order_of_another(self, order):
        order.write({"partner_id": self.john.id, "partner_invoice_id": self.john.id})

    def _deposit_paid(self, order):
        other = self._deposit(order, 60)
        self.pay_on_page(other)

    def _order_invoice_paid(self, order):
        order.action_confirm()
        invoice = order._create_invoices()
        invoice.action_post()
        self._registered(invoice)

    def _down_payment_registered(self, order):
        order.action_confirm()
        wizard = self.env["sale.advance.payment.inv"].create(
            {"sale_order_ids": order.ids, "advance_payment_method": "fixed", "fixed_amount": 60}
        )
        invoice = wizard._create_invoices(order)
        invoice.action_post()
        self._registered(invoice)

    def _line_reduced(self, order):
        order.order_line.product_uom_qty = 0.5

    def _line_removed(self, order):
        order.order_line.unlink()

    def _line_added(self, order):
        self.env["sale.order.line"].create({"order_id": order.id, "product_id": self.product.id, "price_unit": -70})

    def _line_moved(self, order):
        order.order_line.order_id = self._order()

    def _prices_updated(self, order):
        order.action_update_prices()

    def _discounted(self, order):
        dialog = self.env["sale.order.discount"].create(
            {"sale_order_id": order.id, "discount_type": "sol_discount", "discount_percentage": 0.5}
        )
        dialog.action_apply_discount()

    def _deposit(self, order, amount):
        link = self.env["paylink.link"]._create_deposits([{"sale_order_id": order.id, "amount": amount}])
        link._issue()
        return link

    def _order_attempt(self, order):
        tx = (
            self.env["payment.transaction"]
            .sudo()
            .create(
                {
                    "provider_id": self.provider.id,
                    "payment_method_id": self.payment_method_id,
                    "amount": 100,
                    "currency_id": order.currency_id.id,
                    "partner_id": order.partner_id.id,
                    "operation": "online_redirect",
                    "landing_route": "/my/orders",
                    "sale_order_ids": [Command.set(order.ids)],
                }
            )
        )
        tx._get_processing_values()
        self.assertEqual(self.checkout(tx).status_code, 303)
        return tx

    # === THE CUSTOMER IS AT THE PROVIDER === #

    def test_pages_of_invoices_are_closed(self):
        """By links and in the customer portal, after the commit: nobody waits for Stripe."""
        for way in ON_INVOICES:
            for of_link in (True, False):
                with self.subTest(way=way, of_link=of_link):
                    invoice = self._invoice(amount=100)
                    tx = self.start(self._link(invoice)) if of_link else self._portal_attempt(invoice)
                    if not of_link:
                        self.checkout(tx)
                    asked = len(self.fake.journal())
                    getattr(self, f"_{way}")(invoice)
                    self.assertEqual((tx.state, len(self.fake.journal()) - asked), ("cancel", 0))
                    self.assertEqual(self._status(tx), "expired")

    def test_pages_reached_by_a_statement_are_closed(self):
        """One of the documents that were ticked is paid another way; who comes back reads that."""
        for way in ("registered", "credited", "matched_with_the_bank"):
            with self.subTest(way):
                invoices = self._invoice(self.john, amount=100) | self._invoice(self.john, amount=100)
                statement = self.env["paylink.statement"]._for_customers(self.john).sudo()
                tx = self.start(statement._pay_link(set(self._items(invoices).ids)))
                for invoice in invoices:
                    getattr(self, f"_{way}")(invoice)
                self.assertEqual((tx.state, self._status(tx)), ("cancel", "expired"))
                page = self.url_open(urlsplit(self.come_back(tx, cancelled="1").headers["Location"]).path).text
                self.assertIn("Nothing is due anymore", page)

    def test_pages_of_orders_are_closed(self):
        for way in ON_ORDERS:
            for of_link in (True, False):
                if of_link and way == "deposit_paid":
                    continue  # the two ask for less than the whole
                with self.subTest(way=way, of_link=of_link):
                    order = self._order()
                    tx = self.start(self._deposit(order, 100)) if of_link else self._order_attempt(order)
                    getattr(self, f"_{way}")(order)
                    self.assertEqual((tx.state, self._status(tx)), ("cancel", "expired"))

    def test_pages_of_what_is_due_still_stay_open(self):
        """A part that fits into what is left, and another document."""
        invoice, other = self._invoice(amount=100), self._invoice(amount=100)
        part = self.start(self._link(invoice, allow_partial=True), amount=30)
        beside = self.start(self._link(other))
        self._written_off(invoice)
        self.assertEqual((part.state, beside.state), ("draft", "draft"))
        self.assertEqual((self._status(part), self._status(beside)), ("open", "open"))

    def test_attempt_that_somebody_works_on_is_closed_by_the_job(self):
        """Whoever registers a payment neither waits for a customer nor fails."""
        invoice, other = self._invoice(amount=100), self._invoice(amount=100)
        tx, portal = self.start(self._link(invoice)), self._portal_attempt(other)
        self.checkout(portal)
        with patch.object(payment_transaction_overtaken, "take_free", lambda records: records.browse()):
            self._registered_in_part(invoice)
            self._credited(other)
        self.assertEqual((tx.state, portal.state), ("draft", "draft"))
        self._run_cron("ir_cron_paylink_expire")
        self.assertEqual((tx.state, portal.state), ("cancel", "cancel"))
        self.assertEqual((self._status(tx), self._status(portal)), ("expired", "expired"))

    def test_fault_of_ours_stops_nobody(self):
        """In finding out what is due, in a provider's part, or when people are told: it is undone, and told; other
        attempts are closed all the same, and the job tries again.
        """
        for method, state, fault in (
            ("_paylink_payable", "draft", UserError("no")),
            ("_paylink_close", "draft", KeyError("no")),
            ("_paylink_close", "draft", "UPDATE payment_transaction SET state = NULL"),
            ("_paylink_looked_after", "pending", KeyError("no")),
        ):
            for way in ("registered", "matched_with_the_bank"):
                with self.subTest(method=method, fault=fault, way=way):
                    self._one_fails(method, state, fault, getattr(self, f"_{way}"))

    def test_fault_of_ours_keeps_nobody_from_changing_a_document(self):
        """The page is closed by the job, as soon as it can be."""
        invoice = self._invoice(amount=100)
        tx = self.start(self._link(invoice))
        with (
            patch.object(type(tx), "_paylink_close", lambda *_args: 1 / 0),
            self.assertLogs(payment_transaction_overtaken.__name__, "ERROR"),
        ):
            invoice.button_draft()
        self.assertEqual((invoice.state, tx.state), ("draft", "draft"))
        self._run_cron("ir_cron_paylink_expire")
        self.assertEqual((tx.state, self._status(tx)), ("cancel", "expired"))

    def _one_fails(self, method, state, fault, settle):
        invoices = self._invoice(amount=100) | self._invoice(amount=100)
        bad, good = (self._attempt(self._link(invoice)) for invoice in invoices)
        if state == "pending":
            bad._set_pending()
        right = getattr(type(bad), method)

        def wrong(records, *args):
            if bad not in records:
                return right(records, *args)
            if isinstance(fault, str):
                return self.env.cr.execute(fault)
            raise fault

        with (
            patch.object(type(bad), method, wrong),
            mute_logger("odoo.sql_db"),
            self.assertLogs(payment_transaction_overtaken.__name__, "ERROR"),
        ):
            for some in [invoices] if settle == self._registered else invoices:
                settle(some)
        self.assertEqual(invoices.mapped("amount_residual"), [0, 0])
        self.assertEqual(good.state, "cancel")
        self._run_cron("ir_cron_paylink_expire")
        self.assertEqual(bad.state, "cancel" if state == "draft" else state)

    def test_reconciliation_costs_one_query_where_nobody_pays(self):
        """None where we book ourselves."""
        items = self._invoice(amount=100).line_ids
        Item = self.env["account.move.line"]
        self.env["payment.transaction"].sudo().search([]).write({"state": "cancel"})
        for context, count in (({}, 1), ({"paylink_closes_rivals": True}, 0), ({"paylink_knows_reconciled": True}, 0)):
            with self.subTest(context=context), patch.object(AccountMoveLine, "_reconcile_plan", lambda *_args: None):
                self.env.flush_all()
                before = self.env.cr.sql_log_count
                Item.with_context(**context)._reconcile_plan([[items, items], items])
                self.assertEqual(self.env.cr.sql_log_count - before, count)

    def test_who_pays_something_else_costs_no_more(self):
        """One query says whether any attempt is about what is reconciled."""
        items, order = self._invoice(amount=100).line_ids, self._order()
        order.action_confirm()
        invoice = order._create_invoices()
        invoice.action_post()
        ways = {
            "by link": (lambda: self._attempt(self._link(items.move_id)), items),
            "in the portal": (lambda: self._portal_attempt(items.move_id), items),
            "of the order": (lambda: self._order_attempt(order), invoice.line_ids),
        }
        for name, (start, concerned) in ways.items():
            others = self._invoice(amount=100).line_ids
            tx = start()
            for state in ("draft", "pending"):
                with self.subTest(name, state=state):
                    if state == "pending":
                        tx._set_pending()
                    self.env.flush_all()
                    self.assertTrue(concerned._paylink_may_have_rivals())
                    others._paylink_settled()  # reads them
                    with self.assertQueryCount(1):
                        others._paylink_settled()
            tx._set_canceled()
            self.assertFalse(concerned._paylink_may_have_rivals())

    def test_orders_that_nobody_pays_cost_one_query(self):
        """However many of their lines are changed at once; those that are being made none."""
        order = self._order()
        lines = [Command.create({"product_id": self.product.id, "price_unit": 10}) for _line in range(5)]
        ways = {
            "made": (partial(self._order, order_line=lines), 0),
            "added": (lambda: order.write({"order_line": lines}), 1),
            "all lines": (lambda: order.order_line.write({"price_unit": 7}), 1),
            "the whole": (
                lambda: order.write(
                    {"order_line": [Command.update(line.id, {"price_unit": 8}) for line in order.order_line]}
                ),
                1,
            ),
            "prices updated": (order.action_update_prices, 1),
            "text": (lambda: order.order_line.write({"name": "Kitchen"}), 0),
        }
        Transaction = type(self.env["payment.transaction"])
        for name, (change, count) in ways.items():
            with (
                self.subTest(name),
                patch.object(Transaction, "_paylink_any_about", autospec=True, return_value=False) as looked,
            ):
                change()
                self.assertEqual(looked.call_count, count)

    # === MONEY ON ITS WAY === #

    def test_people_are_told_of_money_that_cannot_be_stopped(self):
        """Once, whoever looks after it; no more once it has come to nothing."""
        for way in ON_INVOICES:
            for of_link in (True, False):
                with self.subTest(way=way, of_link=of_link):
                    invoice = self._invoice(amount=100, invoice_user_id=self.env.user.id)
                    tx = self._attempt(self._link(invoice)) if of_link else self._portal_attempt(invoice)
                    tx._set_pending()
                    getattr(self, f"_{way}")(invoice)
                    task = self._tasks(tx)
                    self.assertEqual((tx.state, len(task)), ("pending", 1))
                    self.assertIn("100.00", task.summary)
                    tx._set_error("Refused")
                    self.assertFalse(self._tasks(tx))

    def test_nobody_is_told_of_money_that_is_needed(self):
        invoice = self._invoice(amount=100)
        tx = self._attempt(self._link(invoice, allow_partial=True), 30)
        tx._set_pending()
        self._written_off(invoice)
        self.assertFalse(self._tasks(tx))

    # === THE DIALOG === #

    def test_dialog_says_first_what_customers_do(self):
        accountant = self._user("accountant", "account.group_account_invoice")
        for state, setter in (
            ("draft", None),
            ("pending", "_set_pending"),
            ("authorized", "_set_authorized"),
            ("done", "_set_done"),
        ):
            for of_link in (True, False):
                with self.subTest(state=state, of_link=of_link):
                    invoice = self._invoice(amount=100)
                    self.assertFalse(self._told(invoice))
                    tx = self._attempt(self._link(invoice)) if of_link else self._portal_attempt(invoice)
                    if setter:
                        getattr(tx, setter)()
                    told = self._told(invoice, accountant)
                    self.assertEqual(list(told), [state])
                    for text in ("100.00", "Marie Dubois"):
                        self.assertIn(text, told[state])
                    # Links are for who may read them.
                    self.assertEqual(not of_link, (tx.paylink_id.name or tx.reference) in told[state])
                    self.assertIn(tx.paylink_id.name or tx.reference, self._told(invoice)[state])
                    if state == "done":
                        with self.assertRaises(UserError):
                            self._registered(invoice)
                        self.assertEqual(invoice.amount_residual, 100)
                    else:
                        self._registered(invoice)
                        self.assertEqual(invoice.amount_residual, 0)

    def test_dialog_says_it_of_any_provider(self):
        """Also of those in the portal whose pages we can't close."""
        for of_link in (True, False):
            with self.subTest(of_link=of_link):
                invoice = self._invoice(amount=100)
                link = self._link(invoice) if of_link else self._free_link(100)
                tx = self._force_attempt(link, 100)
                tx.write({"provider_id": self.dummy_provider.id, "invoice_ids": [Command.set(invoice.ids)]})
                if not of_link:
                    tx.paylink_id = False
                self.assertEqual(list(self._told(invoice)), ["draft" if of_link else "portal"])
                self._registered(invoice)
                self.assertEqual((invoice.amount_residual, tx.state), (0, "cancel" if of_link else "draft"))

    def test_what_is_never_booked_stops_nobody_forever(self):
        """Only as long as it is tried."""
        invoice = self._invoice(amount=100)
        tx = self._attempt(self._link(invoice))
        tx._set_done()
        with self.assertRaisesRegex(UserError, invoice.name):
            self._registered(invoice)
        tx.last_state_change -= timedelta(days=5)
        self.assertEqual(list(self._told(invoice)), ["stuck"])
        self._registered(invoice)
        self.assertEqual(invoice.amount_residual, 0)

    def test_dialog_tells_only_what_its_user_may_know_of_a_payment(self):
        """By a link for a hidden contact's invoice, too; in the dialog, and where it refuses."""
        hidden = self.env["res.partner"].create({"name": "Hiddenname", "parent_id": self.marie.id})
        shown, other = self._invoice(amount=100), self._invoice(hidden, amount=777)
        accountant = self._user("accountant", "account.group_account_invoice")
        link = self._link(shown | other)
        tx = self._attempt(link)
        tx.partner_id = hidden
        self.env["ir.rule"].create(
            {
                "name": "Hidden",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "domain_force": f"[('id', '!=', {hidden.id})]",
            }
        )
        told = list(self._told(shown, accountant).values())
        tx._set_done()
        with self.assertRaises(UserError) as refused:
            self._dialog(shown, accountant)._create_payments()
        for text in (*told, str(refused.exception)):
            for secret in ("877", "777", "Hiddenname", link.name, other.name):
                self.assertNotIn(secret, text)
        self.assertIn("a payment", told[0])

    def test_dialog_tells_nothing_of_what_its_user_may_not_read(self):
        other = self._other_company()
        invoice = self._invoice(amount=100)
        self._attempt(self._link(invoice))
        stranger = self._user("stranger", "account.group_account_invoice", company=other)
        wizard = self.env["account.payment.register"].with_user(stranger).with_context(allowed_company_ids=other.ids)
        items = invoice.line_ids.filtered(lambda item: item.account_type == "asset_receivable")
        self.assertFalse(wizard.new({"line_ids": [Command.set(items.ids)]})._paylink_warnings())

    def test_part_that_fits_is_closed_when_a_payment_is_registered(self):
        """As the dialog has said."""
        invoice = self._invoice(amount=100)
        tx = self.start(self._link(invoice, allow_partial=True), amount=30)
        self._registered_in_part(invoice)
        self.assertEqual((tx.state, self._status(tx)), ("cancel", "expired"))


@tagged("post_install", "-at_install")
class TestOvertakenWithoutEntry(StripeCommon):
    """What is registered without an entry reconciles nothing, and is on its way all the same."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bank = cls._journal_without_entries()

    def _posted(self, invoice):
        """A payment made by its own form."""
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_id": invoice.partner_id.id,
                "amount": 100,
                "journal_id": self.bank.id,
                "invoice_ids": [Command.set(invoice.ids)],
            }
        )
        payment.action_post()
        self.assertFalse(payment.move_id)

    def test_pages_are_closed_and_people_told(self):
        for way in ("register", "posted"):
            for of_link in (True, False):
                with self.subTest(way=way, of_link=of_link):
                    invoice, other = (
                        self._invoice(amount=100, invoice_user_id=self.env.user.id),
                        self._invoice(amount=100, invoice_user_id=self.env.user.id),
                    )
                    tx = self.start(self._link(invoice)) if of_link else self._portal_attempt(invoice)
                    debit = self._attempt(self._link(other)) if of_link else self._portal_attempt(other)
                    debit._set_pending()
                    for one in (invoice, other):
                        getattr(self, f"_{way}")(one)
                    self.assertEqual((tx.state, debit.state), ("cancel", "pending"))
                    key = f"{Task.OVERTAKEN}:{debit.id}"
                    self.assertEqual(self.env["mail.activity"].sudo().search_count([("paylink_key", "=", key)]), 1)

    def test_part_of_a_debit_is_enough(self):
        """One of two documents, or of two installments, is registered as a whole: the debit brings too much."""
        halves = self.env["account.payment.term"].create(
            {
                "name": "Halves",
                "line_ids": [
                    Command.create({"value": "percent", "value_amount": 50, "nb_days": days}) for days in (0, 30)
                ],
            }
        )
        for count, terms in ((2, False), (1, halves.id)):
            for of_link in (True, False):
                with self.subTest(count=count, of_link=of_link):
                    invoices = self.env["account.move"].union(
                        *(self._invoice(amount=100, invoice_payment_term_id=terms) for _number in range(count))
                    )
                    debit = self._attempt(self._link(invoices)) if of_link else self._portal_attempt(invoices)
                    debit._set_pending()
                    self._register(invoices[:1], 100 if count == 2 else 50)
                    self.assertEqual(debit._paylink_needed(), 100 if count == 2 else 50)
                    self.assertLessEqual(debit._paylink_payable(), 0)
                    key = f"{Task.OVERTAKEN}:{debit.id}"
                    self.assertEqual(self.env["mail.activity"].sudo().search_count([("paylink_key", "=", key)]), 1)
