from datetime import timedelta

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ...const import Task
from .card_common import CardCommon


@tagged("post_install", "-at_install")
class TestCardProfiles(CardCommon):
    """Payment profiles: charged by hand, about to expire, removed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller = cls._user("profile-seller", "paylink_addon.group_paylink_user")
        cls.owner = cls._user("profile-owner", "paylink_addon.group_paylink_user", lang="fr_FR")

    def _profile(self, partner=None, **values):
        token = self._store_card(self._card_request(partner, user_id=self.owner.id)).token_id
        token.sudo().write(values)
        return token

    def _tasks(self, key):
        return self.env["mail.activity"].sudo().search([("paylink_key", "=like", f"{key}%")])

    # === CHARGED BY HAND === #

    def _dialog(self, token, *invoices, user=None):
        Dialog = self.env["paylink.profile.charge"].with_user(user or self.seller)
        dialog = Dialog.with_context(active_model="payment.token", active_ids=token.ids).create({})
        names = [invoice.name for invoice in invoices]
        for line in dialog.line_ids:
            line.is_chosen = line.name in names
        return dialog

    def test_chosen_invoices_are_charged(self):
        token = self._profile()
        first, second, other = self._invoice(amount=100), self._invoice(amount=50), self._invoice(amount=7)
        self._invoice(self.john, amount=1000)
        dialog = self._dialog(token, first, second)
        self.assertEqual(sorted(dialog.line_ids.mapped("name")), sorted([first.name, second.name, other.name]))
        self.assertEqual((dialog.total, dialog.problem), (150, False))
        action = dialog.action_charge()
        dialog.action_charge()
        self._run_cron("ir_cron_paylink_send")
        link = self.env["paylink.link"].browse(action["res_id"])
        self.assertEqual(link.transaction_ids.mapped("amount"), [150])
        self.assertEqual((link.transaction_ids.token_id, link.transaction_ids.operation), (token, "offline"))
        link.transaction_ids._post_process()
        self.assertEqual(
            (link.state, first.amount_residual, second.amount_residual, other.amount_residual), ("paid", 0, 0, 7)
        )
        self.assertFalse(link.opened_at)

    def test_what_is_not_charged(self):
        token, invoice = self._profile(), self._invoice()
        self.assertIn("Choose what", self._refused(self._dialog(token)))
        self._pay(self._link(invoice))
        self.assertFalse(self._dialog(token).line_ids)
        self.assertIn("owes nothing", self._dialog(token).problem)
        invoice = self._invoice()
        pending = self._attempt(self._link(invoice))
        pending._set_pending()
        self.assertIn("is in progress", self._refused(self._dialog(token, invoice)))
        pending._set_canceled()
        token.sudo().paylink_expires_on = fields.Date.today() - timedelta(days=40)
        self.assertIn("has expired", self._refused(self._dialog(token, invoice)))
        token.sudo().paylink_expires_on = False
        token.payment_method_id.sudo().supported_currency_ids = [Command.set(self._enable_currency("KWD").ids)]
        self.assertIn("can't be charged in", self._refused(self._dialog(token, invoice)))

    def _refused(self, dialog):
        with self.assertRaises(UserError) as caught:
            dialog.action_charge()
        return str(caught.exception)

    def test_items_that_a_client_makes_up(self):
        token, foreign = self._profile(), self._invoice(self.john)
        dialog = self._dialog(token, self._invoice())
        line = self.env["paylink.profile.charge.line"].with_user(self.seller)
        made = line.create({"wizard_id": dialog.id, "item_id": self._items(foreign).id, "is_chosen": True})
        self.assertFalse(made.name)
        self.assertIn("has changed", self._refused(dialog))
        outsider = self._user("profile-outsider", "base.group_user")
        with self.assertRaises(AccessError):
            self._dialog(token, user=outsider)

    # === ABOUT TO EXPIRE === #

    def _soon(self, days=20):
        return fields.Date.today() + timedelta(days=days)

    def test_people_are_told_once_of_each_card_that_expires(self):
        soon = self._profile(paylink_expires_on=self._soon())
        self._profile(self.john, paylink_expires_on=self._soon(60))
        for _time in range(2):
            self._run_cron("ir_cron_paylink_card_renew")
        task = self._tasks(Task.PROFILE_EXPIRES)
        self.assertEqual((task.user_id, task.res_id), (self.owner, self.marie.id))
        soon.sudo().paylink_expires_on = self._soon(900)
        self.env.flush_all()
        self.env.cr.precommit.run()
        self.assertFalse(self._tasks(Task.PROFILE_EXPIRES))
        soon.sudo().paylink_expires_on = self._soon(25)
        self._run_cron("ir_cron_paylink_card_renew")
        self.assertTrue(self._tasks(Task.PROFILE_EXPIRES))

    def test_customers_are_asked_and_who_can_not_be(self):
        self.company.paylink_card_renewal = "send"
        nobody = self._customer("No Address", lang="fr_FR")
        tokens = self._profile(paylink_expires_on=self._soon()), self._profile(nobody, paylink_expires_on=self._soon())
        for _time in range(2):
            self._run_cron("ir_cron_paylink_card_renew")
        request = self.env["paylink.card.request"].search([("replaces_id", "!=", False)])
        self.assertEqual((request.replaces_id, request.user_id), (tokens[0], self.owner))
        self.assertEqual((request.state, bool(request.sent_at)), ("open", True))
        task = self._tasks(Task.PROFILE_EXPIRES)
        self.assertEqual(task.res_id, nobody.id)

    def test_bank_was_faster_than_the_customer(self):
        """What the job has asked for is taken back when the card goes on; what people have asked for is not."""
        self.company.paylink_card_renewal = "send"
        token = self._profile(paylink_expires_on=self._soon())
        self._run_cron("ir_cron_paylink_card_renew")
        by_job = self.env["paylink.card.request"].search([("replaces_id", "=", token.id)])
        by_hand = self._card_request(replaces_id=token.id)
        token.sudo()._paylink_renew({"paylink_expires_on": self._soon(25)})
        self.assertEqual((by_job.state, by_hand.state), ("open", "open"))
        token.sudo()._paylink_renew({"paylink_expires_on": self._soon(900)})
        self.assertEqual((by_job.state, by_hand.state), ("cancelled", "open"))

    def test_nothing_is_done_where_the_company_says_so(self):
        self.company.paylink_card_renewal = "none"
        self._profile(paylink_expires_on=self._soon())
        self._run_cron("ir_cron_paylink_card_renew")
        self.assertFalse(self._tasks(Task.PROFILE_EXPIRES))

    def test_same_queries_for_any_number_of_cards(self):
        counts = []
        self.company.paylink_card_renewal = "send"
        for number in (5, 20):
            for index in range(number):
                customer = self._customer(f"Customer {number}-{index}", email=f"c{number}-{index}@example.com")
                self._profile(customer, paylink_expires_on=self._soon())
            tokens = self.env["payment.token"].sudo()._paylink_expiring(self.company)
            self.assertEqual(len(tokens), number)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            tokens._paylink_have_replaced()
            self.env.flush_all()
            counts.append(self.cr.sql_log_count - before)
        self.assertLess(counts[1], counts[0] + 15 * 3, counts)

    # === REPLACED, REMOVED === #

    def test_default_moves_to_what_replaces_it(self):
        first, second = self._profile(), self._profile()
        self.assertEqual(self.marie.paylink_token_id, first)
        replacement = self._store_card(self._card_request(replaces_id=second.id)).token_id
        self.assertEqual((self.marie.paylink_token_id, second.active), (first, False))
        new = self._store_card(self._card_request(replaces_id=first.id)).token_id
        self.assertEqual(
            (self.marie.paylink_token_id, first.active, first.paylink_profile_status), (new, False, "replaced")
        )
        self.assertTrue(replacement.active)

    def test_who_leaves_a_company_is_not_charged_for_it(self):
        company = self._customer("Lambert SARL", is_company=True)
        self.marie.parent_id = company
        token = self._profile()
        self.assertEqual(company.paylink_token_id, token)
        self.marie.name = "Marie Martin"
        self.assertEqual(company.paylink_token_id, token)
        self.marie.parent_id = False
        self.assertFalse(company.paylink_token_id)
        self.assertTrue(token.active)

    def test_who_relies_on_what_is_gone_is_told(self):
        default, other = self._profile(), self._profile()
        other.sudo()._paylink_gone()
        self.assertFalse(self._tasks(Task.PROFILE_GONE))
        default.sudo()._paylink_gone()
        task = self._tasks(Task.PROFILE_GONE)
        self.assertEqual((task.user_id, task.res_id), (self.owner, self.marie.id))
        self.assertIn("1234", task.summary)
        self.assertEqual(
            (default.active, default.paylink_profile_status, default.paylink_end), (False, "withdrawn", "provider")
        )
        new = self._profile()
        self.env.flush_all()
        self.env.cr.precommit.run()
        self.assertEqual(self.marie.paylink_token_id, new)
        self.assertFalse(self._tasks(Task.PROFILE_GONE))

    def test_what_is_being_charged_is_not_removed(self):
        token = self._profile()
        self._dialog(token, self._invoice()).action_charge()
        with self.assertRaisesRegex(UserError, "on its way"):
            token.with_user(self.seller).action_paylink_remove()
        self._run_cron("ir_cron_paylink_send")
        answer = token.with_user(self.seller).action_paylink_remove()
        self.assertIn("was removed", answer["params"]["message"])
        self.assertEqual((token.active, token.paylink_profile_status), (False, "removed"))

    def test_search_by_default(self):
        first, second = self._profile(), self._profile()
        Token = self.env["payment.token"]
        found = Token.search([("partner_id", "=", self.marie.id), ("paylink_is_default", "=", True)])
        self.assertEqual(found, first)
        found = Token.search([("partner_id", "=", self.marie.id), ("paylink_is_default", "=", False)])
        self.assertEqual(found, second)
