import re
from datetime import timedelta

from lxml import html
from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import HttpCase, freeze_time, tagged
from werkzeug.datastructures import MultiDict

from ...tools.money import in_parts
from ..reminder.reminder_common import TODAY
from .plan_common import PlanCommon


@tagged("post_install", "-at_install")
class TestPlanPageFor(PlanCommon, HttpCase):
    """Whom the pages of a plan and of its parts are for, what they lead to, and what can be said on them."""

    def _open(self, link, path="", **data):
        self.env.flush_all()
        answer = self.url_open(f"/pay/{link.access_token}{path}", data=data or None)
        self.env.invalidate_all()
        return answer

    # === ADDRESSES === #

    def test_replaced_address_leads_nowhere(self):
        """Whoever had one address of a plan knows those that it has led to: all of them are replaced at once."""
        for case, state, replaced in (
            ("the plan", "running", lambda link, _part: link),
            ("a part", "running", lambda _link, part: part),
            ("a plan that has ended", "ended", lambda link, _part: link),
        ):
            with self.subTest(case), self.env.cr.savepoint() as savepoint:
                link, plan = self._in_parts()
                first = link.sudo()._link_of_plan("next")
                self._pay(first)
                second = link.sudo()._link_of_plan("next")
                if state == "ended":
                    plan._end("ended", "")
                other = self._link(self._due_invoice(3))
                links = link | (first | second).sudo(False)
                before = links.mapped("access_token")
                second._note_answer("forward", "forwarded", email_to="accountant@example.com")
                kept = other.access_token
                replaced(link, second.sudo(False)).action_replace_token()
                self.assertFalse(set(before) & set(links.mapped("access_token")))
                self.assertEqual(other.access_token, kept)
                forwards = self.env["paylink.answer"].search([("link_id", "in", links.ids), ("kind", "=", "forward")])
                self.assertEqual(forwards.mapped("state"), ["lifted"])
                savepoint.rollback()
                self.env.invalidate_all()

    def test_part_of_a_plan_that_has_ended_leads_to_what_is_due(self):
        """The address that was sent with a part is no dead end; that of a paid part is its receipt."""
        link, plan = self._in_parts()
        first = link.sudo()._link_of_plan("next")
        self._pay(first)
        second = link.sudo()._link_of_plan("next")
        plan._end("broken", "")
        self.assertEqual(second.state, "cancelled")
        answer = self._open(second)
        self.assertEqual(answer.status_code, 200)
        self.assertIn('data-view="pay"', answer.text)
        self.assertIn("80,00", answer.text)
        self.assertIn('data-view="paid"', self._open(first).text)

    # === WHAT CAN BE SAID === #

    def test_something_is_wrong_with_what_is_paid_in_parts(self):
        """Said and taken back on the page of the plan."""
        link = self._in_parts()[0]
        self.assertIn("/answer?kind=objection", self._open(link).text)
        self.assertIn("pl-answer-objection", self._open(link, "/answer").text)
        self._open(link, "/answer/objection", reason="amount", note="")
        [said] = self.env["paylink.answer"].search([("link_id", "=", link.id), ("kind", "=", "objection")])
        self.assertIn(f'name="answer" value="{said.id}"', self._open(link).text)
        self._open(link, "/answer/objection/undo", answer=said.id)
        self.assertEqual(said.state, "lifted")

    def test_what_was_said_before(self):
        """An objection stands on the page of the plan; what was promised is agreed on anew; the choice is the page."""
        link = self._link(self._due_invoice(10, amount=120)).sudo()
        said = {"date": str(TODAY + timedelta(days=9))}
        link._answer_in_turn("promise", MultiDict(said))
        link._answer_in_turn("objection", MultiDict({"reason": "amount"}))
        link._answer_in_turn("plan", MultiDict({"plan": link._plan_offers()[1].key}))
        answers = self.env["paylink.answer"].search([("link_id", "=", link.id)]).grouped("kind")
        states = {kind: answer.state for kind, answer in answers.items()}
        self.assertEqual(states, {"promise": "lifted", "objection": "standing", "plan": "standing"})
        page = self._open(link).text
        self.assertEqual(page.count('name="answer"'), 1)
        self.assertIn(f'name="answer" value="{answers["objection"].id}"', page)
        self.assertNotIn(answers["plan"]._of_kind("page_text", self.env), page)

    def test_way_to_the_payment_that_is_under_way(self):
        link = self._in_parts()[0].sudo()
        first = link._link_of_plan("next")
        self.assertNotIn(f"/pay/{first.access_token}", self._open(link).text)
        stamps = [self._stamp(link)]
        attempt = self._attempt(first)
        attempt._set_pending()
        page = self._open(link).text
        self.assertIn(f"/pay/{first.access_token}", page)
        self.assertIn("/answer?kind=objection", page)
        self.assertEqual(link.plan_id._part_rows()[0]["progress"], "in_progress")
        self.assertEqual(link._link_of_plan("all"), link)
        stamps.append(self._stamp(link))
        attempt._set_done()
        attempt._post_process()
        self.assertEqual(link._link_of_plan("1"), link)  # what is shown there is paid
        self.assertEqual(len({*stamps, self._stamp(link)}), 3)

    def _stamp(self, link):
        """What the page of a plan stands for: it is what it is told when it asks again."""
        [stamp] = re.findall('data-stamp="([^"]*)"', self._open(link).text)
        self.assertEqual(self._open(link, "/status").json()["stamp"], stamp)
        return stamp

    def test_statement_of_who_pays_in_parts(self):
        """Neither late nor asked for there: it leads to the plan; whoever had the statement loses both addresses."""
        link = self._in_parts()[0]
        self._due_invoice(5, amount=50)
        statement = self.env["paylink.statement"]._for_customers(link.partner_id)
        statement._activate()
        [section] = statement.sudo()._page_sections()
        found = {row["value"]: (row["ticked"], row["overdue"], row["agreed_url"]) for row in section["rows"]}
        path = f"/pay/{link.access_token}"
        self.assertEqual(found, {120: (False, False, path), 50: (True, True, False)})
        self.assertIn("50", section["now"])
        self.assertIn(f'href="{path}"', self.url_open(f"/account/{statement.access_token}").text)
        rows = statement._file_values()["sections"][0]["rows"]
        self.assertEqual({row["value"]: row["status"] for row in rows}, {120: "Paid in parts", 50: "Overdue"})
        statement.action_revoke()
        self.assertNotIn(link.access_token, path)

    # === WHAT IS OFFERED === #

    def test_who_has_not_kept_a_plan_is_offered_none(self):
        """Whatever link of the documents it is; staff may agree on another one, and time passes."""
        for state, offered in (("broken", False), ("ended", False), ("kept", True)):
            with self.subTest(state), self.env.cr.savepoint() as savepoint:
                link, plan = self._in_parts()
                plan._end(state, "")
                other = self._link(link.line_ids.move_id)
                for own in (link, other):
                    self.assertEqual(bool(own.sudo()._plan_offers()), offered)
                if not offered:
                    with self.assertRaisesRegex(UserError, "contact us"):
                        link.sudo()._choose_plan(f"3-120.0-{TODAY}")
                    with freeze_time(TODAY + timedelta(days=61)):
                        self.assertTrue(link.sudo()._plan_offers())
                self.assertFalse(link.sudo()._plan_problem())
                link.sudo()._agree_on_plan([(TODAY, 60.0), (TODAY + timedelta(days=30), 60.0)])
                self.assertTrue(link.sudo().is_in_parts)
                savepoint.rollback()
                self.env.invalidate_all()

    def test_refusal_names_the_documents_of_the_page_alone(self):
        own, foreign = self._due_invoice(10), self._due_invoice(5)
        both, link = self._link(own | foreign), self._link(own)
        both.sudo()._choose_plan(both.sudo()._plan_offers()[0].key)
        answer = self._open(link, "/answer/plan", plan="x")
        self.assertEqual(answer.status_code, 422)
        self.assertIn(own.name, answer.text)
        self.assertNotIn(foreign.name, answer.text)

    def test_choice_that_has_changed_meanwhile_says_so(self):
        link = self._link(self._due_invoice(10, amount=120)).sudo()
        for key, text in ((f"3-130.0-{TODAY}", "changed"), ("", "Choose one")):
            with self.subTest(key), self.assertRaisesRegex(UserError, text):
                link._choose_plan(key)

    # === STEPS OF CURRENCIES === #

    def test_parts_in_the_steps_of_the_currency(self):
        for currency, rounding, amount, expected in (
            ("TWD", 1, 100, [34, 33, 33]),
            ("HUF", 1, 1000, [334, 333, 333]),
            ("CHF", 0.05, 100, [33.4, 33.3, 33.3]),
            ("CHF", 0.05, 0.1, [0.1, 0, 0]),
            ("KWD", 0.001, 10, [3.34, 3.33, 3.33]),
            ("UGX", 5, 100, [40, 30, 30]),
        ):
            with self.subTest(currency=currency, amount=amount):
                self.assertEqual(in_parts(amount, 3, currency, rounding), expected)

    def test_plan_in_a_currency_of_coarse_steps_ends(self):
        """Paid part by part, it is kept: the last one asks for what is left, and for nothing more."""
        self.company.paylink_plan_least = 0
        self.provider.sudo().available_currency_ids = [fields.Command.clear()]
        for name, rounding, expected in (("TWD", 1, [34, 33, 33]), ("CHF", 0.05, [33.4, 33.3, 33.3])):
            with self.subTest(name):
                currency = self.env.ref(f"base.{name}")
                currency.write({"active": True, "rounding": rounding})
                link, plan = self._in_parts(amount=100, currency_id=currency.id)
                self.assertEqual(plan.part_ids.mapped("amount"), expected)
                self.assertEqual(plan.part_ids[-1].amount_after, 0)
                asked = []
                for _number in expected:
                    own = link.sudo()._link_of_plan("next")
                    asked.append(own.amount_due)
                    self._pay(own)
                self.assertEqual((asked, plan.state), (expected, "kept"))


@tagged("post_install", "-at_install")
class TestPlanPage(PlanCommon, HttpCase):
    """What the customer sees and does."""

    def test_page_shows_the_plan_and_pays_its_parts(self):
        """Chosen among the answers, then shown on the page of the link."""
        link = self._link(self._due_invoice(10, amount=120))
        form = html.fromstring(self.url_open(f"/pay/{link.access_token}/answer").text)
        keys = form.xpath("//details[@id='pl-answer-plan']//input[@name='plan']/@value")
        self.assertEqual(len(keys), 3)
        led_to = []
        for said in (keys[1], keys[1], keys[0]):
            data = {"plan": said}
            answer = self.url_open(f"/pay/{link.access_token}/answer/plan", data=data, allow_redirects=False)
            self.assertEqual(answer.status_code, 303)
            led_to.append(answer.headers["Location"].rpartition("/")[2].partition("?")[0])
        first = link.sudo().plan_id.part_ids[0].link_id.access_token  # who has chosen pays it at once
        self.assertEqual(led_to, [first] * 3)
        self.env.invalidate_all()
        plan = self.env["paylink.plan"].search([("link_id", "=", link.id)])
        self.assertEqual(len(plan.part_ids), 3)
        self.assertEqual(len(self._time_line(link, "plan_made")), 1)
        self.assertIn("120.00", link.line_ids.move_id.paylink_last_answer)
        page = self.url_open(f"/pay/{link.access_token}")
        self.assertEqual(page.status_code, 200)
        self.assertEqual(page.text.count("40,00"), 4)
        for what, amount in (("1", 40), ("all", 120), ("2", 120), ("junk", 120)):
            with self.subTest(what=what):
                answer = self.url_open(f"/pay/{link.access_token}/plan", data={"what": what}, allow_redirects=False)
                self.assertEqual(answer.status_code, 303)
                token = answer.headers["Location"].rpartition("/")[2].partition("?")[0]
                self.assertEqual(self.env["paylink.link"]._find_by_token(token).amount_due, amount)
        self.assertEqual(len(plan.part_ids.link_id), 2)
        part = self.url_open(f"/pay/{plan.part_ids[0].link_id.access_token}")
        self.assertIn(link.access_token, part.text)
        self.assertNotIn("pl-tag-danger", part.text)  # the invoice is not late as long as the plan runs
