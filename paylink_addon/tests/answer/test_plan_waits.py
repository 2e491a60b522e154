from datetime import timedelta
from unittest.mock import patch

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import freeze_time, tagged
from odoo.tools import mute_logger
from werkzeug.datastructures import MultiDict

from ..reminder.reminder_common import TODAY
from .plan_common import PlanCommon

JOB_LOGGER = "odoo.addons.paylink_addon.models.messaging.paylink_job_mixin"


@tagged("post_install", "-at_install")
class TestPlanWaits(PlanCommon):
    """What people do by hand while a plan runs, what it waits for, and what fails."""

    # === BY HAND === #

    def _sent(self, link):
        """What the customer gets as somebody sends the link again: of which link it is."""
        before = self.env["mail.mail"].sudo().search([])
        told = link.action_send()["params"]["message"]
        mails = (self.env["mail.mail"].sudo().search([]) - before).filtered("email_to")
        self.assertIn(mails.email_to, told)
        return self.env["paylink.link"].browse(mails.mapped("res_id"))

    def test_link_that_is_sent_again(self):
        """What is asked for now: the part, else what was agreed on; not while it is being paid, nor to nowhere."""
        link = self._in_parts()[0]
        first = link.sudo()._link_of_plan("next")
        link.sudo().is_address_new = True
        self.assertEqual((self._sent(link), link.is_address_new), (first.sudo(False), False))
        attempt = self._attempt(first)
        attempt._set_pending()
        with self.assertRaisesRegex(UserError, "in progress"):
            link.action_send()
        attempt._set_done()
        attempt._post_process()
        self.assertEqual(self._sent(link), link)
        self.assertIn("40", self._customer_mails(link)[:1].body_html)
        link.write({"email": False, "phone": False})
        link.partner_id.write({"email": False, "phone": False})
        with self.assertRaisesRegex(UserError, "no address"):
            link.action_send()
        link.write({"email": "old@example.com"})
        self._follow(31)
        link.write({"email": "new@example.com"})
        self._sent(link)
        self.assertEqual(link.sudo()._link_of_plan("next").email, "new@example.com", "The old one was wrong, say")

    def test_asked_for_by_hand(self):
        """By a reminder, or by another link: the dialog says that the plan asks for it already."""
        link, plan = self._in_parts()
        invoice = link.line_ids.move_id
        values = {"source_model": "account.move", "source_ids": invoice.ids}
        dialog = self.env["paylink.reminder.send"].create(values)
        for asking in (dialog, self._wizard(invoice).line_ids):
            self.assertIn("in parts", asking.warning)
        plan.action_end()
        self.env.invalidate_all()
        for asking in (dialog, self._wizard(invoice).line_ids):
            self.assertNotIn("in parts", asking.warning or "")

    def _hold(self, link, kind, **values):
        self.env["paylink.reminder.hold"].create({"kind": kind, "move_id": link.line_ids.move_id.id, **values})

    def _announce(self, link):
        link.sudo()._claim_transfer(str(TODAY), "40")

    def test_what_the_job_waits_for(self):
        """(what speaks against it) → the plan after each day: nobody is asked, and nothing is missed, meanwhile."""
        soon, at_last, never = TODAY + timedelta(days=4), ["running", "running", "broken"], ["running"] * 3
        for case, what, expected in (
            ("changed", lambda link: link.line_ids.move_id.button_draft(), never),
            ("canceled", lambda link: link.line_ids.move_id.button_cancel(), ["ended"] * 3),
            ("objection", lambda link: self._hold(link, "objection"), never),
            ("objection until a day", lambda link: self._hold(link, "objection", date_until=soon), at_last),
            (
                "objection to everything",
                lambda link: self._hold(link, "objection", move_id=False, partner_id=link.partner_id.id),
                never,
            ),
            ("announced transfer", lambda link: self._announce(link._link_of_plan("next")), at_last),
            ("transfer of all", lambda link: self._announce(link._link_of_plan("all")), at_last),
            ("transfer by another link", lambda link: self._announce(self._link(link.line_ids.move_id)), at_last),
            ("promise noted by hand", lambda link: self._hold(link, "promise", date_until=soon), at_last),
            ("nothing", lambda _link: None, ["running", "broken", "broken"]),
        ):
            with self.subTest(case), self.env.cr.savepoint() as savepoint:
                link, plan = self._in_parts()
                what(link.sudo())
                found = []
                for days in (3, 6, 31):
                    self._follow(days)
                    found.append(plan.state)
                self.assertEqual(found, expected)
                if expected[-1] == "running":
                    self.assertFalse(plan.part_ids[1].told_at)
                    self.assertGreaterEqual(min(plan.hold_ids.mapped("date_until")), TODAY + timedelta(days=34))
                savepoint.rollback()
                self.env.invalidate_all()

    def test_transfers_announced_again_and_again(self):
        """They put off a plan as often as reminders."""
        _link, plan = self._in_parts()
        first = plan.link_id.sudo()._link_of_plan("next")
        for days in (0, 6, 12):
            with freeze_time(f"{TODAY + timedelta(days=days)} 10:00:00"):
                first._claim_transfer(str(TODAY + timedelta(days=days)), "40")
        last = 6 + self.company.paylink_claim_days + self.company.paylink_plan_grace_days
        for days, state in ((last, "running"), (last + 1, "broken")):
            self._follow(days)
            self.assertEqual(plan.state, state)

    def test_documents_that_are_settled_hold_up_nothing(self):
        """(what is said of one of two documents, what settles that) → the plan goes on for the other."""

        def objects(link, line):
            answer = link._note_answer("objection", "objected", reason="amount", line_ids=line.ids)
            answer._pause("objection", link._paused_together(line))

        def is_credited(line):
            note = self._invoice(amount=60, move_type="out_refund", invoice_date=TODAY)
            self._items(note | line.move_id).reconcile()

        def is_canceled(line):
            line.move_id.button_draft()
            line.move_id.button_cancel()

        def by_hand(_link, line):
            self.env["paylink.reminder.hold"].create({"kind": "objection", "move_id": line.move_id.id})

        for case, say, settle in (
            ("credited", objects, is_credited),
            ("canceled", objects, is_canceled),
            ("noted by hand", by_hand, is_credited),
        ):
            with self.subTest(case), self.env.cr.savepoint() as savepoint:
                invoice, wrong = self._due_invoice(10, amount=120), self._due_invoice(10, amount=60)
                link = self._link(invoice | wrong).sudo()
                plan = link._choose_plan(link._plan_offers()[1].key)
                line = link.line_ids.filtered(lambda one, wrong=wrong: one.move_id == wrong)
                say(link, line)
                self.assertFalse(self._follow(20))
                settle(line)
                [mail] = self._follow(31)
                part = self.env["paylink.link"].browse(mail.res_id)
                self.assertEqual((plan.state, part.amount_due, part.sudo().line_ids.move_id), ("running", 60, invoice))
                self._pay(link._link_of_plan("all"))
                self._follow(32)
                self.assertEqual((plan.state, link.state), ("kept", "paid"))
                savepoint.rollback()
                self.env.invalidate_all()

    def test_objection_on_the_page_of_a_part(self):
        """(by which link it was said) → it stands once that is paid, until nothing of the document is due."""
        halves = [Command.create({"value": "percent", "value_amount": 50, "nb_days": days}) for days in (0, 30)]
        terms = self.env["account.payment.term"].create({"name": "Halves", "line_ids": halves})

        def asking_for(items, **values):
            link = self.env["paylink.link"]._create_for_items([(values, items)], partner_id=self.marie.id)
            link._issue()
            return link

        def installment():
            invoice = self._invoice(amount=120, invoice_date=TODAY, invoice_payment_term_id=terms.id)
            return asking_for(self._items(invoice)[0])

        for case, make in (
            ("part of a plan", lambda: self._in_parts()[0].sudo()._link_of_plan("next")),
            ("installment", installment),
            ("chosen amount", lambda: asking_for(self._items(self._due_invoice(10)), amount=40, is_limited=True)),
        ):
            with self.subTest(case), self.env.cr.savepoint() as savepoint:
                link = make().sudo()
                invoice = link.line_ids.move_id
                answer = link._note_answer("objection", "objected", reason="amount", line_ids=link.line_ids.ids)
                answer._pause("objection", link._paused_together())
                self._pay(link)
                answer._keep()
                self.assertEqual((link.state, answer.state, answer.hold_ids.active), ("paid", "standing", True))
                note = self._invoice(amount=invoice.amount_residual, move_type="out_refund", invoice_date=TODAY)
                self._items(note | invoice).reconcile()
                answer._keep()
                self.env.invalidate_all()
                self.assertEqual((answer.state, len(answer.hold_ids)), ("kept", 0))
                savepoint.rollback()
                self.env.invalidate_all()

    def test_part_whose_message_did_not_arrive(self):
        """(what became of it) → nothing is missed; a colleague is told of what came back, and sends it again."""
        for status, tasks in (("bounce", 1), ("exception", 1), ("ready", 0)):
            with self.subTest(status), self.env.cr.savepoint() as savepoint:
                _link, plan = self._in_parts()
                self._pay(plan.link_id.sudo()._link_of_plan("next"))
                [mail] = self._follow(31)
                notification = mail.mail_message_id.notification_ids
                part = plan.part_ids[1].link_id
                for days in (32, 40):
                    notification.notification_status = status
                    self._follow(days)
                notification.notification_status = status
                found = part.activity_ids.filtered(lambda task: task.paylink_key == "plan_unreached")
                self.assertEqual((plan.state, len(found)), ("running", tasks))
                with freeze_time(f"{TODAY + timedelta(days=41)} 10:00:00"):
                    part.sudo(False).action_send()
                    self.env.cr.flush()
                self.assertFalse(found.exists())
                self._follow(44)
                self.assertEqual(plan.state, "running")
                self._follow(45)
                self.assertEqual(plan.state, "broken")
                savepoint.rollback()
                self.env.invalidate_all()

    def test_part_that_is_open_again_is_asked_for_anew(self):
        """A bank, or somebody, takes a part back: (case) → asked for on which days; the plan ends some days later."""

        for case, act in (("chargeback", self._dispute), ("undone", lambda _first: None)):
            with self.subTest(case), self.env.cr.savepoint() as savepoint:
                link, plan = self._in_parts()
                first = link.sudo()._link_of_plan("next")
                payment = self._pay(first).payment_id
                self._follow(1)
                dispute = act(first)
                payment.move_id.line_ids.remove_move_reconcile()
                days = 10
                if dispute:
                    self.assertFalse(self._follow(days))
                    self.assertEqual(plan.state, "running")
                    dispute.status = "won"
                    days = 20
                mails = self._follow(days)
                again = plan.part_ids[0].link_id
                self.assertEqual((plan.state, mails.mapped("res_id"), again.amount_due), ("running", again.ids, 40))
                self.assertFalse(self._follow(days + 3))
                self.assertEqual((plan.state, again != first), ("running", True))
                self._follow(days + 4)
                self.assertEqual(plan.state, "broken")
                savepoint.rollback()
                self.env.invalidate_all()

    def test_link_of_a_part_that_somebody_cancels(self):
        """The part is asked for by another one, and not missed before."""
        link, plan = self._in_parts()
        first = link.sudo()._link_of_plan("next")
        first.action_cancel()
        mails = self._follow(10)
        self.assertEqual((plan.state, mails.mapped("res_id")), ("running", plan.part_ids[0].link_id.ids))
        self.assertNotEqual(plan.part_ids[0].link_id, first)

    def test_who_ends_it(self):
        """Whoever may change the link; not who sees own links only."""
        owner, other = (self._user(login, "paylink_addon.group_paylink_user") for login in ("owner", "other"))
        link, plan = self._in_parts()
        first = link.sudo()._link_of_plan("next")
        link.sudo().user_id = owner
        self.assertFalse(self.env["paylink.plan"].with_user(other).search([]))
        with self.assertRaises(AccessError):
            plan.with_user(other).action_end()
        first.user_id = other  # who sees the part, and not the plan
        self.assertEqual([first.with_user(user).can_view_plan for user in (owner, other, self.manager)], [1, 0, 1])
        self.assertEqual([link.with_user(user).can_view_plan for user in (owner, self.manager)], [1, 1])
        with self.assertRaises(AccessError):
            first.with_user(other).action_view_plan()
        self.assertTrue(plan.with_user(owner).can_end)
        plan.with_user(owner).action_end()
        self.assertEqual((plan.state, first.state), ("ended", "cancelled"))
        self.assertFalse(plan.hold_ids.filtered("active"))
        with self.assertRaises(UserError):
            plan.with_user(owner).action_end()

    def test_what_else_ends_it(self):
        """The link, the promise, and the answer of the customer."""
        for case, end in (
            ("link", lambda link, _plan: link.action_cancel()),
            ("hold", lambda _link, plan: plan.hold_ids.action_lift()),
            ("hold of one document", lambda _link, plan: plan.hold_ids[0].action_lift()),
            ("hold deleted", lambda _link, plan: plan.hold_ids[0].unlink()),
            (
                "answer",
                lambda link, _plan: self.env["paylink.answer"].search([("link_id", "=", link.id)]).action_lift(),
            ),
        ):
            with self.subTest(case), self.env.cr.savepoint() as savepoint:
                link = self._link(self._due_invoice(10, amount=120) | self._due_invoice(10, amount=60))
                key = link.sudo()._plan_offers()[1].key
                link.sudo()._answer_in_turn("plan", MultiDict({"plan": key}))
                plan = link.sudo().plan_id
                self.assertEqual(plan.state, "running")
                end(link, plan.sudo(False))
                self.assertEqual(plan.state, "ended")
                self.assertFalse(plan.hold_ids.filtered("active"))
                savepoint.rollback()
                self.env.invalidate_all()

    def test_promise_is_not_changed_behind_the_back_of_the_customer(self):
        """It is lifted, or stands: neither for less time, nor for another document."""
        link, plan = self._in_parts()
        other = self._due_invoice(10)
        hold = plan.sudo(False).hold_ids
        for values in ({"date_until": TODAY}, {"move_id": other.id}, {"kind": "objection"}):
            with self.subTest(values=values), self.assertRaisesRegex(UserError, "lift it"):
                hold.write(values)
        hold.note = "They have called"
        self.assertEqual((hold.move_id, plan.state), (link.line_ids.move_id, "running"))

    def _answer_of(self, link):
        return self.env["paylink.answer"].search([("link_id", "=", link.id)])

    # === THE JOB === #

    def test_what_fails_keeps_nobody_from_the_rest(self):
        """It is undone as a whole, told, and tried again; nobody is written to twice."""
        plans = self.env["paylink.plan"]
        for number in range(3):
            customer = self._customer(f"Customer {number}", email=f"c{number}@example.com", lang="fr_FR")
            plans |= self._in_parts(partner=customer)[1]
        for plan in plans:
            self._pay(plan.sudo().link_id._link_of_plan("next"))
        Part, bad = type(self.env["paylink.plan.part"]), plans[1].id
        ask = Part._ask

        def fail(parts):
            ask(parts)
            if bad in parts.plan_id.ids:
                raise ValueError("No")

        with freeze_time(f"{TODAY + timedelta(days=31)} 10:00:00"), mute_logger(JOB_LOGGER):
            with patch.object(Part, "_ask", fail):
                self._run_cron("ir_cron_paylink_follow_plans")
                self._run_cron("ir_cron_paylink_follow_plans")
            seconds = [plan.part_ids[1] for plan in plans]
            self.assertEqual([bool(part.told_at) for part in seconds], [True, False, True])
            self.assertEqual([len(self._customer_mails(part.link_id)) for part in seconds], [1, 0, 1])
            self.assertTrue(plans[1].link_id.activity_ids)
            self._run_cron("ir_cron_paylink_follow_plans")
        self.assertEqual([len(self._customer_mails(part.link_id)) for part in seconds], [1, 1, 1])
        self.assertFalse(plans[1].link_id.activity_ids)

    def test_only_in_the_hours_of_the_company(self):
        """Of one that is archived there are none."""
        link, plan = self._in_parts()
        self._pay(link.sudo()._link_of_plan("next"))
        holiday = self._holiday(self.company.resource_calendar_id)
        with freeze_time(f"{TODAY + timedelta(days=31)} 10:00:00"):
            self._run_cron("ir_cron_paylink_follow_plans")
            self.assertFalse(plan.part_ids[1].told_at)
            holiday.unlink()
            self.env.flush_all()
            self.env.cr.execute("UPDATE res_company SET active = false WHERE id = %s", [self.company.id])
            self.env.invalidate_all()
            self._run_cron("ir_cron_paylink_follow_plans")
        self.assertFalse(plan.part_ids[1].told_at)
