from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from werkzeug.datastructures import MultiDict

from ...models.answer import paylink_answer_try
from ...tools import locks
from .answer_common import AnswerCommon


@tagged("post_install", "-at_install")
class TestAnswers(AnswerCommon):
    """What all answers have in common: who takes them, how many, who is told, and how they are taken back."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller = cls._user("seller", "paylink_addon.group_paylink_user", lang="fr_FR")
        cls.invoice = cls._invoice()
        cls.link = cls._link(cls.invoice, user_id=cls.seller.id)

    def _promise(self, link, days=5, **options):
        return self._send(link, "promise", date=self._day(link, days), **options)

    def test_page_leads_to_the_answers(self):
        """By one line under the button; what stands is told there, and nothing is asked of the database without it."""
        _response, page = self._page(self.link)
        [line] = page.xpath("//div[@id='pl-answers']//a")
        self.assertEqual(line.get("href"), f"/pay/{self.link.access_token}/answer")
        response, forms = self._page(self.link, "/answer?kind=promise")
        self._assert_nothing_leaks(response)
        self.assertNotIn("unsafe", response.headers["Content-Security-Policy"])
        self.assertEqual(forms.xpath("//details[@open]/@id"), ["pl-answer-promise"])
        with patch.object(type(self.env["paylink.answer"]), "_search", side_effect=AssertionError):
            self.assertEqual(self.link._page_answers(), [])

    def test_answer_is_told_and_shown(self):
        """On the timeline, to the owner, on link, invoice and customer, and on the page that it was given on."""
        with patch.object(type(self.env["mail.mail"]), "send_after_commit", side_effect=AssertionError):
            response = self._promise(self.link)  # who waits for no mail server
        self.assertEqual(response.status_code, 303)
        self.assertEqual(len(self._time_line(self.link, "promised")), 1)
        self.assertTrue(self.link.unread)
        day = self._day(self.link, 5)
        told = [
            ("model", "=", "paylink.link"),
            ("res_id", "=", self.link.id),
            ("message_type", "=", "user_notification"),
        ]
        self.assertEqual(self.env["mail.message"].sudo().search(told).notified_partner_ids, self.seller.partner_id)
        for record, names in (
            (self.link, ("answer_count", "last_answer")),
            (self.invoice, ("paylink_answer_count", "paylink_last_answer")),
            (self.marie, ("paylink_answer_count", "paylink_last_answer")),
        ):
            with self.subTest(record=record._name):
                count, text = (record.with_user(self.env.user)[name] for name in names)
                self.assertEqual(count, 1)
                self.assertIn(fields.Date.to_string(day)[:4], text)
        text = self._page(self.link)[1].get_element_by_id("pl-answers").text_content()
        self.assertIn(f"{day:%d/%m/%Y}", text)

    def test_what_matters_is_told_first(self):
        """On link, invoice and customer all that stands, an objection before what somebody did with the link."""
        self._send(self.link, "objection", reason="amount")
        self._promise(self.link)
        self._send(self.link, "forward", email="compta@cabinet.fr")
        expected = ["Objection", "Will pay", "sent to"]
        for record, name in (
            (self.link, "last_answer"),
            (self.invoice, "paylink_last_answer"),
            (self.marie, "paylink_last_answer"),
        ):
            told = record.with_user(self.env.user)[name].split(" · ")
            self.assertEqual([word for word, text in zip(expected, told, strict=True) if word in text], expected)
        for reason in ("not_received", "already_paid"):
            self._send(self.link, "objection", reason=reason)
        told = self.link.with_user(self.env.user).last_answer.split(" · ")
        self.assertEqual(["Objection" in text for text in told], [True, True, True, False])

    def test_looking_changes_nothing(self):
        """Scanners fetch addresses; other sites have browsers send forms."""
        date = self._day(self.link, 3)
        self._page(self.link, f"/answer/promise?date={date}")
        for foreign in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://other.example"}):
            self.assertEqual(self._promise(self.link, headers=foreign).status_code, 303)
        self.assertEqual(self.url_open("/pay/nobody/answer/promise", data={"date": date}).status_code, 404)
        self.assertEqual(self.url_open("/pay/nobody/answer").status_code, 404)
        self.assertEqual(self._send(self.link, "general", date=date).status_code, 303)
        self.assertFalse(self._answers(self.link))

    def test_what_cannot_be_paid_takes_no_answer(self):
        """Paid, canceled, expired: the page says which."""
        paid, over, gone = (self._link(self._invoice()) for _number in range(3))
        self._pay(paid)
        gone.action_cancel()
        over.sudo().expires_at = fields.Datetime.now() - timedelta(hours=1)
        for link in (paid, over, gone):
            for response in (self._promise(link), self._page(link, "/answer", allow_redirects=False)[0]):
                self.assertEqual(response.status_code, 303)
                self.assertIn(f"/pay/{link.access_token}?", response.headers["Location"])
        self.assertFalse(self._answers(paid | over | gone))
        with self.assertRaises(UserError):  # paid while the form was sent
            paid.sudo()._answer_in_turn("promise", MultiDict({"date": str(self._day(paid, 2))}))

    def test_answers_are_limited(self):
        """By link and kind, which staff can clear: whoever has the address as well leaves the customer other kinds."""
        answer = self.env["paylink.answer"].sudo()
        now = fields.Datetime.now()
        long_ago = now - timedelta(days=300)
        ways = ("lifted", "goes on", "replaced")
        for name, moment, count, way in (("an hour", now, 5, None), *(("ever", long_ago, 20, way) for way in ways)):
            link = self._link(self._invoice(), user_id=self.seller.id)
            with self.subTest(name, way=way):
                values = {"kind": "promise", "link_id": link.id, "answered_at": moment}
                answer.create([values] * (count - 1)).flush_recordset()
                self.assertEqual(self._promise(link, 20).status_code, 422)
                last = answer.create(values)
                last._pause("objection", link._paused_together())
                last.flush_recordset()
                response = self._promise(link)
                self.assertEqual(response.status_code, 429)
                self.assertIn('role="alert"', response.text)
                self.assertEqual(self._send(link, "objection", reason="amount").status_code, 303)
                if way == "lifted":
                    last.with_user(self.seller).action_lift()
                elif way == "goes on":
                    last.hold_ids.with_user(self.seller).action_lift()
                elif way == "replaced":
                    link.with_user(self.seller).action_replace_token()
                answer.flush_model()
                self.assertEqual(self._promise(link).status_code, 303 if way else 429)

    def test_objections_have_room(self):
        """For each of many documents; all else that was answered leaves that room."""
        rows = [{"kind": "objection", "link_id": self.link.id, "answered_at": "2026-01-01"}] * 30
        self.env["paylink.answer"].sudo().create(rows).flush_recordset()
        self.assertEqual(self._send(self.link, "objection", reason="amount").status_code, 303)

    def test_places_are_limited(self):
        """Forms that come from one place, for one customer: others share the place. It is forgotten after a day."""
        same, *others = (self._link(self._invoice()) for _number in range(3))
        other = self._link(self._invoice(self._customer("Parc", email="parc@example.com")))
        with patch.dict(paylink_answer_try.PLACES, {"network": 1}):
            self.assertEqual(self._promise(same, 20).status_code, 422, "Whatever was in it")
            self.assertEqual(self._promise(others[0]).status_code, 429)
            self.assertEqual(self._send(others[0], "objection", reason="amount").status_code, 303)
            self.assertEqual(self._promise(other).status_code, 303)
            tries = self.env["paylink.answer.try"].sudo().search([])
            self.assertEqual(len(tries), 3)
            tries[0].tried_at = fields.Datetime.now() - timedelta(days=2)
            self.env["paylink.answer.try"].sudo()._forget_old()
            self.assertEqual(len(tries.exists()), 2)

    def test_second_click_says_nothing_new(self):
        """Nor does a request that is sent again."""
        for _number in range(3):
            self.assertEqual(self._promise(self.link).status_code, 303)
        self.assertEqual(len(self._answers(self.link)), 1)
        self.assertEqual(len(self._holds(self.invoice)), 1)
        self.assertEqual(len(self._time_line(self.link, "promised")), 1)

    def test_second_click_of_what_ends_answers(self):
        """The second click has waited for the first one, after which the page takes no answer of this kind."""
        self.company.write({"paylink_plan_parts": 3, "paylink_plan_least": 1})
        said = MultiDict({"plan": self.link._plan_offers()[0].key})
        for _number in range(2):
            self.link.sudo()._answer_in_turn("plan", said)
        self.assertEqual(len(self._answers(self.link)), 1)
        self.assertFalse(self.link._may_answer("plan"))

    def test_one_answer_after_the_other(self):
        """Who waits for long for the turn is told so, and nothing is done; nobody waits for what another link does."""
        with patch.object(locks, "TURN", 0.05), self._busy(f"paylink_answer.{self.link.id}"):
            response = self._promise(self.link)
            self.assertEqual(self._promise(self._link(self._invoice())).status_code, 303)
        self.assertEqual(response.status_code, 429)
        self.assertFalse(self._answers(self.link))

    def test_customer_takes_it_back(self):
        """By a form that names it: what is another's, or of another kind, stays."""
        other = self._link(self._invoice())
        self._promise(self.link)
        self._promise(other)
        [answer], [foreign] = self._answers(self.link), self._answers(other)
        for kind, number in (
            ("promise", foreign.id),
            ("promise", ""),
            ("promise", "x"),
            ("promise", 10**30),
            ("objection", answer.id),
            ("nothing", answer.id),
        ):
            self.assertEqual(self._send(self.link, f"{kind}/undo", answer=number).status_code, 303)
        self._page(self.link, f"/answer/promise/undo?answer={answer.id}")
        self.assertFalse((answer | foreign).filtered("lifted_at"))
        for _number in range(2):
            self._send(self.link, "promise/undo", answer=answer.id)
        self.assertEqual((answer.state, foreign.state), ("lifted", "standing"))
        self.assertEqual(len(self._time_line(self.link, "answer_lifted")), 1)
        self.assertFalse(self._holds(self.invoice))

    def test_owner_takes_it_back(self):
        """Whoever may change the link; whoever lifts what it holds up takes it back with that."""
        everyone, colleague = self._people("everyone", "salesperson")
        self._promise(self.link)
        [answer] = self._answers(self.link)
        self.assertEqual(self.env["paylink.answer"].with_user(colleague).search([]), answer.browse())
        with self.assertRaises(AccessError):
            answer.with_user(colleague).action_lift()
        self.assertTrue(answer.with_user(everyone).can_lift)
        answer.with_user(self.seller).action_lift()
        self.assertEqual((answer.state, len(self._holds(self.invoice))), ("lifted", 0))
        with self.assertRaises(UserError):
            answer.with_user(self.seller).action_lift()
        other = self._link(self._invoice(), user_id=self.seller.id)
        self._promise(other)
        self._holds(other.line_ids.move_id).with_user(self.seller).action_lift()
        self.assertEqual(self._answers(other).state, "lifted")
        self.assertEqual(len(self._time_line(other, "answer_lifted")), 1)

    def test_paying_ends_it(self):
        """By the link or otherwise: what it is about is paid."""
        other = self._link(self._invoice(), user_id=self.seller.id)
        for link in (self.link, other):
            self._promise(link)
        self._pay(self.link)
        self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=other.line_ids.move_id.ids
        ).create({})._create_payments()
        self.assertEqual(self._answers(self.link | other).mapped("state"), ["kept", "kept"])
        self.assertFalse(self.link.last_answer)

    def test_answers_belong_to_a_company(self):
        """Managers of another company neither see nor find them."""
        stranger = self._user("stranger", "paylink_addon.group_payment_manager", company=self._other_company())
        self._promise(self.link)
        [answer] = self._answers(self.link)
        self.assertFalse(answer.with_user(stranger).search([]))
        with self.assertRaises(AccessError):
            answer.with_user(stranger).read(["text"])
        for values in ({"note": "x"}, {"link_id": self.link.id, "kind": "promise"}):
            with self.assertRaises(AccessError):
                answer.with_user(self.seller).create({"kind": "promise", "link_id": self.link.id, **values})
            with self.assertRaises(AccessError):
                answer.with_user(self.seller).write(values)
