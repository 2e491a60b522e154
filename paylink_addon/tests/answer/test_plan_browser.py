from odoo.tests import tagged

from ..browser_common import PhoneCommon


@tagged("post_install", "-at_install")
class TestPlanBrowser(PhoneCommon):
    """On a French phone, without scripts: chosen, and the first part is to be paid."""

    def test_chosen_on_a_phone(self):
        self.company.paylink_plan_parts = 3
        invoice = self._invoice(amount=120)
        link = self._link(invoice)
        with self._browse(f"/pay/{link.access_token}", scripts=False) as evaluate:
            evaluate("document.querySelector('#pl-answers a[href$=\"/answer\"]').click()")
            self._wait(evaluate, "document.querySelector('#pl-answer-plan')")
            evaluate("document.querySelector('#pl-answer-plan summary').click()")
            evaluate("document.querySelectorAll('#pl-answer-plan input[name=plan]')[1].click()")
            evaluate("document.querySelector('#pl-answer-plan button').click()")
            self._wait(evaluate, "document.querySelector('main[data-view=pay]')")
            self.assertIn("40,00", evaluate("document.querySelector('main').textContent"))
            evaluate(f"document.querySelector('a[href$=\"/{link.access_token}\"]').click()")
            self._wait(evaluate, "document.querySelector('#pl-parts-title')")
            self.assertIn("120,00", evaluate("document.querySelector('h1').textContent"))
            self.assertEqual(evaluate("document.querySelectorAll('#pl-parts-title ~ ul li').length"), 3)
            button = 'document.querySelector(\'form[action$="/plan"] button[value="1"]\')'
            self.assertIn("40,00", evaluate(f"{button}.textContent"))
            self.assertLess(evaluate(f"{button}.getBoundingClientRect().bottom"), 844)
            self.assertTrue(evaluate("document.documentElement.scrollWidth <= 390"))
            evaluate(f"{button}.click()")
            self._wait(evaluate, "document.querySelector('main[data-view=pay]')")
            self.assertIn("40,00", evaluate("document.querySelector('main').textContent"))
        plan = link.sudo().plan_id
        attempt = self._attempt(plan.part_ids[0].link_id)
        attempt._set_pending()
        self.env.flush_all()
        with self._browse(f"/pay/{link.access_token}") as evaluate:
            self._wait(evaluate, "!document.querySelector('#pl-following').hidden")
            attempt._set_done()
            attempt._post_process()
            self.env.flush_all()
            self._wait(evaluate, "document.querySelector('main:not([data-waiting]) button[value=\"2\"]')")
        self.assertEqual((plan.state, plan.part_ids.mapped("amount")), ("running", [40, 40, 40]))
        self.assertEqual(plan.hold_ids.filtered("active").move_id, invoice)
