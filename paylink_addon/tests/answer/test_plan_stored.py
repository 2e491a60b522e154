from datetime import timedelta
from unittest.mock import patch

import requests
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger
from werkzeug.datastructures import MultiDict

from ..reminder.reminder_common import TODAY
from .plan_stored_common import NOTICE, SECOND, THIRD, PlanStoredCommon

# An e-mail that is not sent anymore, and its notification.
GONE = ("cancel", "canceled")


@tagged("post_install", "-at_install")
class TestPlanStored(PlanStoredCommon):
    """Announced, charged once on its day, asked for by its link where that comes to nothing."""

    # === ON THEIR DAYS === #

    def test_from_the_notice_to_the_last_part(self):
        """Each part is announced and charged on its day, once; nothing is asked for."""
        tx = self._agree()
        self.assertEqual((self.plan.token_id, self.plan.consent_transaction_id), (self.token, tx))
        self.assertIn(tx.reference, self._time_line(self.link, "plan_method").body)
        for number, day in enumerate((SECOND, THIRD), 1):
            part = self.plan.part_ids[number]
            self.assertFalse(self._follow(day - NOTICE - 1))
            notice = self._follow(day - NOTICE)
            self.assertEqual((notice.res_id, notice.email_to), (self.link.id, "marie@example.com"))
            for text in ("40.00", "4321", self.link.url, part.charge_on.strftime("%m/%d/%Y")):
                self.assertIn(text, notice.body_html)
            for days in (day - NOTICE, day - 1):
                self.assertFalse(self._follow(days))
            self.assertFalse(part.link_id)
            for _time in range(2):
                self.assertFalse(self._follow(day))
            charge = self._charges()[number - 1 :]
            self.assertEqual(
                (charge.amount, charge.state, charge.paylink_todo, charge.token_id, charge.paylink_id),
                (40, "pending", "charge", self.token, part.link_id),
            )
            for _time in range(2):
                self._send_charges(day)
            self.assertEqual((charge.state, part.progress, part.told_at), ("done", "paid", False))
            self.assertLessEqual(set(self._follow(day + 1).mapped("res_id")), {charge.paylink_id.id})
        self.assertEqual(len(self._charges()), 2)
        self.assertEqual((self.plan.state, self.link.line_ids.move_id.amount_residual), ("kept", 0))

    def test_declined(self):
        """It is not tried again: its link is sent, with the reason, and it has its days; the next part is charged."""
        charge = self._until_stored()
        self.token.demo_simulated_state = "error"
        before = self.env["mail.mail"].sudo().search([])
        for _time in range(2):
            self._send_charges(SECOND)
        mail = self.env["mail.mail"].sudo().search([]) - before
        part = self.plan.part_ids[1]
        self.assertEqual((charge.state, mail.res_id), ("error", part.link_id.id))
        for text in ("could not be charged", "40.00", part.link_id.url, charge.state_message):
            self.assertIn(text, f"{mail.subject} {mail.body_html}")
        for days in (1, NOTICE):
            self.assertFalse(self._follow(SECOND + days))
        self.assertEqual((len(self._charges()), self.plan.state), (1, "running"))
        with self.env.cr.savepoint() as savepoint:
            self._follow(SECOND + 4)
            self.assertEqual(self.plan.state, "broken")
            savepoint.rollback()
            self.env.invalidate_all()
        self.token.demo_simulated_state = "done"
        with self._on(SECOND + 2):
            self._pay(part.link_id)
        self._follow(THIRD - NOTICE)
        self._follow(THIRD)
        self._send_charges(THIRD)
        self.assertEqual((len(self._charges()), self.plan.state), (2, "kept"))

    def test_refused_for_good(self):
        """It is charged by nobody anymore, also if the plan has ended: all parts are asked for by links."""
        charge = self._sent_charge()
        charge.paylink_never_again = True
        with self.env.cr.savepoint() as savepoint:
            self.plan._end("ended", "")
            charge._set_error("Stolen")
            self.assertTrue(self.token.paylink_refused_at)
            savepoint.rollback()
            self.env.invalidate_all()
        charge._set_error("Stolen")
        self.assertTrue(self.token.paylink_refused_at)
        with self._on(SECOND + 2):
            self._pay(self.plan.part_ids[1].link_id)
        self.assertFalse(self._follow(THIRD - NOTICE))
        mails = self._follow(THIRD)
        self.assertEqual(mails.mapped("res_id"), self.plan.part_ids[2].link_id.ids)
        self.assertFalse(self.plan.token_id)

    def test_declined_where_the_customer_can_not_be_told(self):
        """(what has happened meanwhile) → whether an e-mail, or an SMS, asks for the part on the next day."""
        template = self.env.ref("paylink_addon.mail_template_plan_declined")

        def forget(link):
            self._forget_addresses()
            link.email = False

        for case, act, by_email in (
            ("link canceled", lambda link: link.sudo(False).action_cancel(), True),
            ("no template", lambda _link: template.unlink(), True),
            ("no address", forget, False),
        ):
            with self.subTest(case), self.env.cr.savepoint() as savepoint:
                charge, part = self._sent_charge(), self.plan.part_ids[1]
                act(charge.paylink_id)
                with self._on(SECOND):
                    charge._set_error("Too little money")
                self.assertFalse(part.told_at)
                mails = self._follow(SECOND + 1).filtered("email_to")
                self.assertEqual(mails.mapped("res_id"), part.link_id.ids if by_email else [])
                self.assertTrue(part.told_at)
                self.assertEqual(len(self._charges()), 1)
                savepoint.rollback()
                self.env.invalidate_all()

    def _sent_charge(self):
        """The charge of the second part, which the provider has not answered yet."""
        charge = self._until_stored()
        charge.write({"paylink_todo": False, "paylink_sent_at": "2026-04-18 10:00:00"})
        return charge

    def test_outcome_that_nobody_knows(self):
        """It is not tried again, nor asked for, until somebody has looked."""
        charge = self._until_stored()
        url = "https://api.example.com/charges"
        self.patch(type(self.env["payment.provider"]), "_build_request_url", lambda *_args, **_options: url)
        path = "odoo.addons.payment.models.payment_provider.requests.request"

        def ask(tx):
            tx._send_api_request("POST", "/charges")

        with (
            patch.object(type(charge), "_send_payment_request", ask),
            patch(path, side_effect=requests.exceptions.ReadTimeout()),
            mute_logger("odoo.addons.payment.models.payment_provider", "odoo.addons.paylink_addon"),
        ):
            self._send_charges(SECOND)
        self.assertEqual((charge.state, charge.paylink_answer), ("pending", "lost"))
        self.assertFalse(self._follow(SECOND + 10).filtered("email_to"))
        self.assertEqual((len(self._charges()), self.plan.state), (1, "running"))
        with self._on(SECOND + 10):
            charge.with_context(paylink_looked=self.manager.id)._set_error("Nothing came")
        self.assertTrue(self.plan.part_ids[1].told_at)

    def test_charge_that_can_not_be_stored(self):
        """The provider takes no such amount: the part is asked for at once."""
        self._agree()
        self._follow(SECOND - NOTICE)
        with patch.object(type(self.provider), "_paylink_refusal_text", lambda *_args: "Too little."):
            mail = self._follow(SECOND)
        self.assertEqual((self._charges().state, mail.res_id), ("error", self.plan.part_ids[1].link_id.id))
        self.assertFalse(self._follow(SECOND + 1))

    def test_part_of_which_no_charge_is_stored(self):
        """It is asked for at once, too."""
        self._agree()
        self._follow(SECOND - NOTICE)
        with patch.object(type(self.link), "_charge_values", lambda *_args: {}):
            mail = self._follow(SECOND)
        self.assertEqual((self._charges().ids, mail.res_id), ([], self.plan.part_ids[1].link_id.id))
        self.assertFalse(self._follow(SECOND + 1))

    # === WITHDRAWN === #

    def test_what_withdraws_a_stored_charge(self):
        """(what happens) → whether the part is asked for by its link on the next day."""
        objection = MultiDict({"reason": "amount"})
        for case, act, asked in (
            ("plan ended", lambda: self.plan._end("ended", ""), False),
            ("links wanted", self.link._stop_charges, True),
            ("method removed", lambda: self.token.write({"active": False}), True),
            ("method refused", lambda: self.token.write({"paylink_refused_at": "2026-01-01"}), True),
            ("objection", lambda: self.link._answer_in_turn("objection", objection), False),
            ("promise by hand", self._promise, False),
            ("transfer of all", lambda: self._pay_by_hand(120 - 40), False),
            ("transfer of the part", lambda: self._pay_by_hand(40), False),
            ("link canceled", lambda: self.plan.part_ids[1].link_id.sudo(False).action_cancel(), True),
        ):
            with self.subTest(case), self.env.cr.savepoint() as savepoint:
                charge = self._until_stored()
                with self._on(SECOND):
                    act()
                self._send_charges(SECOND)
                self.assertEqual((charge.state, charge.paylink_sent_at), ("cancel", False))
                self.assertNotIn("overtaken", str(self.link.activity_ids.mapped("paylink_key")))
                mails = self._follow(SECOND + 1)
                self.assertEqual(bool(mails.filtered(lambda mail: mail.model == "paylink.link")), asked)
                self.assertEqual(len(self._charges()), 1)
                savepoint.rollback()
                self.env.invalidate_all()

    def _promise(self):
        self.env["paylink.reminder.hold"].create(
            {
                "kind": "promise",
                "company_id": self.company.id,
                "partner_id": self.marie.id,
                "date_until": TODAY + timedelta(days=SECOND + 5),
            }
        )

    def _pay_by_hand(self, amount):
        wizard = self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=self.link.line_ids.move_id.ids
        )
        wizard.create({"amount": amount})._create_payments()

    def test_what_was_withdrawn_for_a_while_is_charged_later(self):
        charge = self._until_stored()
        with self._on(SECOND):
            self._promise()
        self._send_charges(SECOND)
        self._follow(SECOND + 5)
        self.assertEqual(charge.state, "cancel")
        self._follow(SECOND + 6)
        self._send_charges(SECOND + 6)
        self.assertEqual(self._charges().mapped("state"), ["cancel", "done"])

    def test_what_could_not_be_sent_for_long_is_announced_anew(self):
        charge = self._until_stored()
        self._send_charges(SECOND + 8)
        self.assertEqual((charge.state, charge.paylink_sent_at), ("cancel", False))
        self.assertEqual(self._follow(SECOND + 8).res_id, self.link.id)
        self._follow(SECOND + 8 + NOTICE)
        self._send_charges(SECOND + 8 + NOTICE + 7)
        self.assertEqual(self._charges().mapped("state"), ["cancel", "done"])

    def test_customer_can_not_pay_what_is_being_charged(self):
        self._until_stored()
        part = self.plan.part_ids[1].link_id
        self.assertEqual((part._page_view(), self.link._payable_amount() <= 80), ("progress", True))
        with self.assertRaises(UserError):
            self._attempt(part, 40)

    # === NOTICES === #

    def test_what_was_not_announced_is_not_charged(self):
        """(what happens before the notice, or after it) → what becomes of the part on its day."""
        template = self.env.ref("paylink_addon.mail_template_plan_charge")

        def turn(status):
            self.plan.part_ids[1].notice_message_id.notification_ids.notification_status = status

        def delete():
            self.plan.part_ids[1].notice_message_id.unlink()

        for case, before, after, expected in (
            ("nothing", None, None, "charged"),
            ("no template", template.unlink, None, "asked"),
            ("no address", self._forget_addresses, None, "by link"),
            ("bounced", None, lambda: turn("bounce"), "asked"),
            ("still in the outbox", None, lambda: turn("ready"), "asked"),
            ("taken out of it", None, lambda: turn("canceled"), "asked"),
            ("deleted", None, delete, "asked"),
            ("expired", None, lambda: self.token.write({"paylink_expires_on": TODAY}), "asked"),
            ("less is due", None, lambda: self._pay_by_hand(15), "less"),
            ("paid", None, lambda: self._pay_by_hand(40), "nothing"),
        ):
            with self.subTest(case), self.env.cr.savepoint() as savepoint:
                self._agree()
                if before:
                    before()
                told = self._follow(SECOND - NOTICE)
                self.assertEqual(bool(told), not before)
                if after:
                    after()
                mails, charges = self._follow(SECOND), self._charges()
                part = self.plan.part_ids[1]
                amounts = {"charged": [40], "less": [25]}.get(expected, [])
                self.assertEqual(charges.mapped("amount"), amounts)
                self.assertEqual(bool(part.told_at), expected in ("asked", "by link"))
                written = part.link_id.ids if expected == "asked" else []
                self.assertEqual(mails.filtered("email_to").mapped("res_id"), written)
                if case == "still in the outbox":  # what it says is not true anymore
                    self.assertEqual((told.state, told.mail_message_id.notification_ids.notification_status), GONE)
                savepoint.rollback()
                self.env.invalidate_all()

    def _forget_addresses(self):
        self.marie.email = self.link.email = False

    def test_late_notice(self):
        """Who agrees, or is told, late is charged so much later; what waits for long is announced anew."""
        with self._on(SECOND - 1):
            self._agree()
        self.assertTrue(self._follow(SECOND - 1))
        for days in (SECOND, SECOND + 1):
            self._follow(days)
            self.assertFalse(self._charges())
        self.assertTrue(self._follow(SECOND - 1 + NOTICE + 8))
        self.assertFalse(self._charges())
        self._follow(SECOND - 1 + NOTICE + 8 + NOTICE)
        self.assertEqual(self._charges().amount, 40)

    def test_notice_that_leaves_late(self):
        """The customer has the days before a charge from then on, and what leaves just now is not asked for as well."""
        self._agree()
        with self._on(SECOND - NOTICE):
            self.plan.with_company(self.company)._follow(TODAY + timedelta(days=SECOND - NOTICE))
            self.env.flush_all()
        part = self.plan.part_ids[1]
        with patch("odoo.addons.paylink_addon.models.messaging.mail_message.take_free", lambda rows: rows.browse()):
            self.assertFalse(self._follow(SECOND))  # after which it has left
        for days in (SECOND, SECOND + 1):
            self.assertFalse(self._follow(days) or self._charges() or part.told_at)
        self.assertEqual(part.charge_on, TODAY + timedelta(days=SECOND + 2))
        self._follow(SECOND + 2)
        self.assertEqual(self._charges().amount, 40)

    def test_notice_that_has_left_just_before(self):
        """(as what has not been seen to leave on the days before)"""
        self._agree()
        with self._on(SECOND - NOTICE):
            self.plan.with_company(self.company)._follow(TODAY + timedelta(days=SECOND - NOTICE))
            self.env.flush_all()
        self.plan.part_ids[1].notice_message_id.notification_ids.notification_status = "sent"
        self.assertFalse(self._follow(SECOND) or self._charges())
        self.assertFalse(self._follow(SECOND + 2))
        self.assertEqual(self._charges().amount, 40)

    def test_notice_that_holds_no_more(self):
        """It does not leave anymore."""
        new = self._saved(self.marie)
        for case, change in (
            ("links wanted", self.link._stop_charges),
            ("another method", lambda: self.plan._succeed_method(new, new.paylink_card_request_id)),
            ("ended", lambda: self.plan._end("ended", "")),
        ):
            with self.subTest(case), self.env.cr.savepoint() as savepoint:
                self._agree()
                told = self._follow(SECOND - NOTICE)
                told.mail_message_id.notification_ids.notification_status = "ready"
                change()
                self.assertEqual((told.state, told.mail_message_id.notification_ids.notification_status), GONE)
                savepoint.rollback()
                self.env.invalidate_all()

    def test_notice_of_a_part_that_is_open_again(self):
        """It tells what will be charged, although the next part was announced already; that one is announced anew."""
        self._agree()
        with self._on(2):
            self._pay_by_hand(40)
        self.assertIn("Part 3 of 3", self._follow(THIRD - NOTICE).body_html)
        with self._on(THIRD - NOTICE):
            self.env["account.payment"].search([], order="id desc", limit=1).move_id.line_ids.remove_move_reconcile()
        second, third = self.plan.part_ids[1:]
        notice = self._follow(THIRD - NOTICE + 1).body_html
        for text in ("Part 2 of 3", second.charge_on.strftime("%m/%d/%Y")):
            self.assertIn(text, notice)
        self.assertFalse(third.charge_on)

    def test_chargeback(self):
        """(what a bank says of a payment by the method, since that was agreed on) → whether charges go on."""
        lost = {"status": "lost", "reminders_resumed_at": "2026-03-20 10:00:00"}
        for case, values, before, goes_on in (
            ("open", {}, False, False),
            ("lost", lost, False, False),
            ("question", {"status": "warning_needs_response"}, False, True),
            ("won", {"status": "won"}, False, True),
            ("before", lost, True, True),
        ):
            with self.subTest(case), self.env.cr.savepoint() as savepoint:
                dispute = self._dispute(self._agree().paylink_id, **values)
                if before:
                    self.env.flush_all()
                    query = "UPDATE paylink_dispute SET create_date = '2020-01-01' WHERE id = %s"
                    self.env.cr.execute(query, dispute.ids)
                    self.env.invalidate_all()
                self._follow(5)
                self.assertEqual(bool(self.plan.token_id), goes_on)
                savepoint.rollback()
                self.env.invalidate_all()

    # === WHOSE === #

    def test_whose_method_becomes_the_plans(self):
        other = self._customer("Other", email="other@example.com")
        for case, token, kept in (
            ("the customer's", self.token, True),
            ("somebody else's", self._saved(other), False),
            ("refused", self._saved(self.marie, paylink_refused_at="2026-01-01"), False),
            ("expired", self._saved(self.marie, paylink_expires_on=TODAY - timedelta(days=1)), False),
        ):
            with self.subTest(case), self.env.cr.savepoint() as savepoint:
                self._agree(token=token)
                self.assertEqual(bool(self.plan.charged_to), kept)
                savepoint.rollback()
                self.env.invalidate_all()

    def test_what_was_ended_stays_ended(self):
        """However often, and however late, the outcome of the payment is reported."""
        tx = self._agree()
        self.link._stop_charges()
        tx._paylink_keep_for_plan()
        self.assertFalse(self.plan.token_id)
        self.assertTrue(self._time_line(self.link, "plan_by_links"))
        self.assertTrue(self._follow(SECOND))
        self.assertFalse(self._charges())

    def test_what_is_stopped_before_the_payment_has_arrived(self):
        """By whom it is stopped, or by an attempt that was given up: it is not agreed on anymore."""
        for case, act, state in (
            ("nobody", lambda _tx: None, "pending"),
            ("customer", lambda _tx: self.link._stop_charges(), "pending"),
            ("colleague", lambda _tx: self.plan.action_ask_by_links(), "authorized"),
            ("given up", lambda tx: tx._paylink_close("Too late"), "draft"),
            ("failed at first", lambda tx: (tx._set_error("No"), self.link._stop_charges()), "draft"),
        ):
            with self.subTest(case), self.env.cr.savepoint() as savepoint:
                first = self.link._link_of_plan("next")
                tx = self._attempt(first, token_id=self.token.id, paylink_for_later=True)
                tx.state = state
                self.assertEqual(tx.reference in (self.plan.charged_to or ""), state != "draft")
                act(tx)
                tx._set_done()
                self.env.invalidate_all()
                self.assertEqual(bool(self.plan.charged_to), case == "nobody")
                is_told = case in ("customer", "colleague")
                self.assertEqual(bool(self._time_line(self.link, "plan_by_links")), is_told)
                savepoint.rollback()
                self.env.invalidate_all()

    def test_method_that_expires_before_the_last_part(self):
        """(day, expiry) → whether it is to be replaced: as long as parts are charged to it after that."""
        self._agree()
        Token = self.env["payment.token"].sudo()
        for day, days, expected in ((0, 20, True), (0, 45, False), (45, 60, True), (45, 61, False)):
            with self.subTest(day=day, expires=days), self._on(day):
                self.token.paylink_expires_on = TODAY + timedelta(days=days)
                self.assertEqual(bool(Token._paylink_expiring(self.company)), expected)
        self.token.paylink_expires_on = TODAY + timedelta(days=20)
        self.link._stop_charges()
        self.assertFalse(Token._paylink_expiring(self.company))

    def test_method_that_is_replaced(self):
        """The parts are charged to the new one, if the page has said so; else they are asked for by links."""
        self._agree()
        for case, told in (("said", True), ("said, of one stored before", True), ("not said", False)):
            with self.subTest(case), self.env.cr.savepoint() as savepoint:
                self._follow(SECOND - NOTICE)
                replacing = {"template_id": self.update_template.id, "replaces_id": self.token.id, "lang": "en_US"}
                request = self._card_request(**replacing)
                words = request.sudo().with_context(lang="en_US")._consent_words()
                for day in ("04/18/2026", "05/18/2026"):
                    self.assertIn(f"40.00 on {day}", words)
                if not told:
                    self.patch(type(request), "_plans_of_replaced", lambda _request: {})
                if "before" in case:
                    new = self._store_card(self._card_request()).token_id
                    request.sudo()._agree("192.0.2.7")
                    request.sudo()._store(new)
                else:
                    new = self._store_card(request).token_id
                self.assertEqual((self.token.active, self.plan.token_id), (False, new if told else new.browse()))
                said = "".join(self._time_line(self.link, "plan_method").mapped("body"))
                self.assertEqual(request.name in said, told)
                self.assertEqual(bool(self._time_line(self.link, "plan_by_links")), not told)
                mails = self._follow(SECOND)
                self.assertEqual(mails.filtered("email_to").mapped("res_id") == self.link.ids, told)
                self._follow(SECOND + NOTICE)
                self.assertEqual(self._charges().token_id, new if told else new.browse())
                savepoint.rollback()
                self.env.invalidate_all()

    def test_earlier_part_that_is_open_again(self):
        """What was not agreed on is not charged: it is asked for, with what comes due."""
        tx = self._agree()
        with self._on(2):
            tx.payment_id.move_id.line_ids.remove_move_reconcile()
        mails = self._follow(3)
        self.assertEqual(mails.mapped("res_id"), self.plan.part_ids[0].link_id.ids)
        self.assertFalse(self._follow(4))
        self.assertFalse(self._charges())

    def test_who_has_links_sent_instead(self):
        """Whoever may change the link; the removal of a method tells what was charged to it."""
        owner, other = (self._user(login, "paylink_addon.group_paylink_user") for login in ("owner", "other"))
        self.link.user_id = owner
        self._agree()
        self.assertIn(self.link.name, self.token._paylink_uses(self.env)[-1])
        with self.assertRaises(AccessError):
            self.plan.with_user(other).action_ask_by_links()
        plan = self.plan.with_user(owner)
        self.assertIn("4321", plan.charged_to)
        plan.action_ask_by_links()
        self.assertFalse(plan.charged_to)
        with self.assertRaises(UserError):
            plan.action_ask_by_links()
