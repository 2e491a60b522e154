from datetime import timedelta

from lxml import html
from odoo.tests import freeze_time, tagged

from ..link.pay_common import PayCommon
from ..reminder.reminder_common import TODAY
from ..stripe.stripe_common import StripeCommon
from .plan_common import PlanCommon
from .plan_stored_common import NOTICE, SECOND, THIRD, PlanStoredCommon


@tagged("post_install", "-at_install")
class TestPlanStoredPage(PlanStoredCommon, PayCommon):
    """What customers agree on, see and stop on their pages, without scripts."""

    def _login(self, partner):
        user = partner.user_ids or self._create_new_portal_user(login=f"portal{partner.id}", partner_id=partner.id)
        self.authenticate(user.login, user.login)

    def _part_page(self):
        first = self.link._link_of_plan("next")
        self.env.flush_all()
        return first, self._get(first, "?lang=en_US").text

    def test_agreed_with_a_saved_method(self):
        """Its owner is asked, and says so, or not; then the plan's page tells it, and stops it."""
        self._login(self.marie)
        first, page = self._part_page()
        for text in ("charge the later parts", "40.00", "04/18/2026", "05/18/2026"):
            self.assertIn(text, page)
        with self.env.cr.savepoint() as savepoint:
            self._send_form(first, option=f"token-{self.token.id}")
            self.env.invalidate_all()
            self.assertEqual((first.transaction_ids.state, self.plan.token_id.ids), ("done", []))
            savepoint.rollback()
            self.env.invalidate_all()
        self._send_form(first, option=f"token-{self.token.id}", save="1")
        self.env.invalidate_all()
        self.assertEqual((first.transaction_ids.state, self.plan.token_id), ("done", self.token))
        first.transaction_ids._post_process()
        said = self._time_line(self.link, "plan_method").body
        for text in ("40.00 on 04/18/2026", "Logged in"):
            self.assertIn(text, said)
        self.authenticate(None, None)
        page = self._get(self.link, "?lang=en_US").text
        self.assertIn("are charged to the payment method", page)
        self.assertNotIn("4321", page)
        (form,) = html.fromstring(page).xpath("//form[contains(@action, '/plan/stop')]")
        self._get(self.link, "/plan/stop")
        self._stop(form.action, headers={"Sec-Fetch-Site": "cross-site"})
        self.assertTrue(self.plan.token_id)
        for _click in range(2):
            self.assertEqual(self._stop(form.action).status_code, 303)
        self.assertFalse(self.plan.token_id)
        self.assertIn("when you pay the next part", self._get(self.link, "?lang=en_US").text)

    def _stop(self, path, **options):
        answer = self.url_open(path, data={"x": "1"}, allow_redirects=False, **options)
        self.env.invalidate_all()
        return answer

    def test_agreed_with_a_new_method(self):
        """On the page with its fields the same is said; a link that is no part's asks for nothing."""
        self._login(self.marie)
        first, _page = self._part_page()
        option = f"?lang=en_US&method={self.provider.id}-{self.payment_method_id}"
        page = self._get(first, option).text
        self.assertIn("the later parts are charged to it", page)
        self.assertIn(f'"/pay/{first.access_token}/transaction?later=1"', page)
        for query in ("", "?later=1"):
            answer = self._transaction(first, query, tokenization_requested=True)
            tx = self.env["payment.transaction"].sudo().search([("reference", "=", answer["reference"])])
            self.assertEqual(tx.paylink_for_later, bool(query))
        data = {"reference": tx.reference, "payment_details": "1234", "simulated_state": "done"}
        tx._process("demo", data)
        self.assertEqual(self.plan.charged_to, tx.token_id.display_name)
        other = self._link(self._invoice(self.marie))
        self.env.flush_all()
        self.assertNotIn("later parts", self._get(other, "?lang=en_US").text)
        self._transaction(other, tokenization_requested=True)
        self.env.invalidate_all()
        self.assertFalse(other.sudo().transaction_ids.paylink_for_later)

    def test_page_that_did_not_say_it(self):
        """Charges that are stopped meanwhile do not go on because of what it calls saving a method; what is stopped
        while the payment is pending says so.
        """
        self._login(self.marie)
        self._agree()
        second, page = self._part_page()
        self.assertNotIn("charge the later parts", page)
        (form,) = html.fromstring(page).xpath("//form[contains(@class, 'pl-pay')]")
        self.link._stop_charges()
        self.env.flush_all()
        data = {**dict(form.form_values()), "option": f"token-{self.token.id}", "save": "1"}
        self.url_open(form.action, data=data, allow_redirects=False)
        self.env.invalidate_all()
        tx = second.transaction_ids
        self.assertEqual((tx.state, tx.paylink_for_later, self.plan.token_id.ids), ("done", False, []))
        tx.write({"paylink_for_later": True, "state": "pending"})
        self.env.flush_all()
        (form,) = html.fromstring(self._get(self.link, "?lang=en_US").text).xpath("//form[contains(@action, 'stop')]")
        self._stop(form.action)
        self.assertFalse(tx.paylink_for_later)

    def test_who_is_asked(self):
        """Nobody but the customer, who may prove it by a code; the last part has none after it."""
        firm = self._customer("Firm", is_company=True)
        self.marie.parent_id = firm
        paul = self._customer("Paul", parent_id=firm.id, email="paul@example.com")
        for partner in (None, paul):
            with self.subTest(partner=partner and partner.name):
                self._login(partner) if partner else self.authenticate(None, None)
                first, page = self._part_page()
                self.assertNotIn("charge the later parts to it", page)
                self.assertIn("show first that it is you", page)
                self._transaction(first, tokenization_requested=True)
                self.env.invalidate_all()
                self.assertFalse(any(first.transaction_ids.mapped("paylink_for_later")))
        self._login(self.marie)
        last = self.link._link_of_plan("all")
        self.env.flush_all()
        self.assertNotIn("later parts", self._get(last, "?lang=en_US").text)


@tagged("post_install", "-at_install")
class TestPlanStoredAtStripe(PlanCommon, StripeCommon):
    """A card that was saved on Stripe's page: charged without its owner, or asked for where the bank wants them."""

    def test_from_the_page_to_the_charges(self):
        """The second part is charged, once, whatever is reported twice; for the third the bank wants the customer."""
        link, plan = self._in_parts()
        first = link.sudo()._link_of_plan("next")
        tx = self.pay_on_page(first, tokenize=True, paylink_for_later=True)
        self.assertEqual((first.state, plan.token_id, bool(tx.token_id)), ("paid", tx.token_id, True))
        charge = self._charged(plan, SECOND)
        self.assertEqual((charge.state, plan.part_ids[1].progress), ("done", "paid"))
        self.fake.set_outcome(plan.token_id.provider_ref, "authentication_required")
        charge = self._charged(plan, THIRD)
        self.assertEqual((charge.state, charge.paylink_action_needed), ("error", True))
        asked = charge.paylink_id
        self.assertEqual((asked.state, asked._page_view(), bool(plan.part_ids[2].told_at)), ("failed", "pay", True))
        self.assertIn(asked.url, self._customer_mails(asked).body_html)
        self.assertEqual(len(self.requests("POST", "/v1/payment_intents")), 2)
        self.pay_on_page(asked)
        self.assertEqual((plan.state, link.line_ids.move_id.amount_residual), ("kept", 0))

    def _charged(self, plan, days):
        """What has become of the part of this day; the jobs run twice."""
        for day in (days - NOTICE, days, days):
            self._follow(day)
        with freeze_time(f"{TODAY + timedelta(days=days)} 10:00:00"):
            for _time in range(2):
                self.send_waiting()
                self.apply_events()
        return plan.part_ids.filtered(lambda part: part.is_tried)[-1:].link_id.transaction_ids
