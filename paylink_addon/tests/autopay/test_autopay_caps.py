from datetime import date

from freezegun import freeze_time
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged

from ...tools import days
from .autopay_common import AutopayCommon


@tagged("post_install", "-at_install")
class TestAutopayCaps(AutopayCommon):
    """How much is charged at once: groups, credits, limits; and who says it."""

    def _amounts(self, rule):
        """The charges of today as ``(amount, number of debts, number of credits)``, and the reasons of the others."""
        charges, others = rule._charges(rule._pick(self.today), self.today)
        found = [(charge.total(), len(charge.dues), len(charge.credits)) for charge in charges]
        return found, sorted(set(others.values()))

    def test_credits_and_groups(self):
        """Credits pay first what is due first, and nobody is charged for what they cover."""
        for grouping, debts, credit, expected, why in (
            ("customer", [100, 60], 0, [(160, 2, 0)], []),
            ("document", [100, 60], 0, [(100, 1, 0), (60, 1, 0)], []),
            ("customer", [100, 60], 30, [(130, 2, 1)], []),
            ("document", [100, 60], 30, [(70, 1, 1), (60, 1, 0)], []),
            ("document", [100, 60], 150, [(10, 2, 1)], []),
            ("document", [100, 60], 160, [], ["covered"]),
            ("customer", [100, 60], 500, [], ["covered"]),
        ):
            with self.subTest(grouping=grouping, debts=debts, credit=credit), self.env.cr.savepoint() as savepoint:
                rule = self._rule(grouping=grouping)
                for number, amount in enumerate(debts):
                    self._due_invoice(amount=amount, late=5 - number)
                if credit:
                    self._invoice(amount=credit, move_type="out_refund")
                self.assertEqual(self._amounts(rule), (expected, why))
                savepoint.rollback()
            self.env.invalidate_all()

    def test_limits(self):
        """Per charge and per month; what is in progress counts, what has failed does not."""
        customer = self.marie.with_company(self.company)
        rule = self._rule(grouping="document")
        for number in range(3):
            self._due_invoice(amount=100, late=3 - number)
        customer.write({"paylink_autopay_has_month_cap": True, "paylink_autopay_month_cap": 250})
        self.assertEqual(self._amounts(rule), ([(100, 1, 0), (100, 1, 0)], ["month_cap"]))
        charged = self._run_rules()
        self.assertEqual(len(charged), 2)
        self.assertEqual(self._amounts(rule), ([], ["month_cap"]))
        charged[0]._set_error("No.")
        customer.paylink_autopay_month_cap = 210
        self.assertEqual(self._amounts(rule), ([(100, 1, 0)], []))
        rule.grouping = "customer"
        customer.write({"paylink_autopay_has_cap": True, "paylink_autopay_cap": 150})
        self._due_invoice(amount=100)
        self.assertEqual(self._amounts(rule), ([(100, 1, 0)], ["month_cap"]))

    def test_limit_in_another_currency(self):
        """It is measured at the rate of the invoice, when it is picked and when it is sent."""
        today = self.today
        cad = self.setup_other_currency("CAD", rates=[("2020-01-01", 1.25), (today, 1.0)])
        self._rule()
        self.marie.with_company(self.company).write({"paylink_autopay_has_cap": True, "paylink_autopay_cap": 1000})
        self._due_invoice(amount=1100, currency_id=cad.id)
        (charged,) = self._run_rules()
        self._run_cron("ir_cron_paylink_send")
        self.assertEqual(charged.state, "done")

    def test_month_of_a_limit(self):
        """The company's, whose books and rules it is: not the customer's, for whom it is another month already."""
        self.company.paylink_tz = "Europe/Paris"
        customer = self.marie.with_company(self.company)
        customer.write({"paylink_autopay_has_month_cap": True, "paylink_autopay_month_cap": 150})
        rule = self._rule(grouping="document")
        for zone, moment, february, march in (
            ("Pacific/Noumea", "2026-02-28 22:40:00", 50, 150),  # 23:40 in Paris
            ("America/Montreal", "2026-02-28 23:20:00", 50, 50),  # 00:20 in Paris
        ):
            with self.subTest(zone), self.env.cr.savepoint() as savepoint, freeze_time(moment):
                self.patch(self.env.cr, "_now", days.now())
                self.marie.tz = zone
                day = self.company._paylink_today()
                self._invoice(invoice_date=day, invoice_date_due=day)
                charges, _others = rule._charges(rule._pick(day), day)
                self.assertEqual(len(rule._charge(charges)), 1)
                left = [customer._paylink_autopay_month_left(date(2026, month, 28))[self.marie.id] for month in (2, 3)]
                self.assertEqual(left, [february, march])
                savepoint.rollback()
            self.env.invalidate_all()

    def test_limit_of_a_parent_company(self):
        """What a subsidiary is charged counts for its own limit, not for that of its parent; a contact's counts."""
        self._rule()
        daughter = self._customer("Daughter", email="daughter@example.com", parent_id=self.marie.id, is_company=True)
        contact = self._customer("Contact", email="contact@example.com", parent_id=self.marie.id)
        self._profile(daughter)
        customers = (self.marie | daughter).with_company(self.company)
        customers.write({"paylink_autopay_has_month_cap": True, "paylink_autopay_month_cap": 250})
        self._due_invoice(daughter)
        self._due_invoice(contact, amount=60)
        self.assertEqual(len(self._run_rules()), 2)
        left = customers._paylink_autopay_month_left(self.today)
        self.assertEqual(left, {self.marie.id: 190, daughter.id: 150})

    def test_bad_limits(self):
        """A limit of nothing, or less, is refused; without a limit it does not matter."""
        for values in (
            {"paylink_autopay_has_cap": True},
            {"paylink_autopay_has_cap": True, "paylink_autopay_cap": -5},
            {"paylink_autopay_has_month_cap": True, "paylink_autopay_month_cap": 0},
        ):
            with self.subTest(values), self.assertRaises(ValidationError):
                self.marie.write(values)
        self.marie.write({"paylink_autopay_has_cap": False, "paylink_autopay_cap": 0})

    def test_who_switches(self):
        """Whoever may use collection links; contacts' editors and portal users do not."""
        editor = self._user("editor", "base.group_user,base.group_partner_manager")
        seller = self._user("seller", "base.group_partner_manager,paylink_addon.group_paylink_user")
        with self.assertRaises(AccessError):
            self.marie.with_user(editor).paylink_autopay = False
        self.marie.with_user(editor).phone = "+33639981235"
        self.marie.with_user(seller).paylink_autopay = False
        self.assertFalse(self.marie.paylink_autopay)

    def test_rules_are_managers(self):
        """Users read them; the switch, the run and the rules themselves are payment managers'."""
        seller, rule = self._user("seller", "paylink_addon.group_paylink_user"), self._rule()
        self.assertTrue(rule.with_user(seller).name)
        for method in ("action_switch_on", "action_switch_off", "action_run_now", "action_duplicate", "action_delete"):
            with self.subTest(method), self.assertRaises(AccessError):
                getattr(rule.with_user(seller), method)()
        managed = rule.with_user(self.manager).with_company(self.company)
        Rules = managed.browse()
        self.assertEqual(Rules.rules_status(), {"is_off": False, "is_running": False, "can_switch": True})
        managed.action_switch_off()
        self.assertTrue(rule.is_off)
        self.assertTrue(Rules.rules_status()["is_off"])
        self.assertFalse(Rules.with_user(seller).rules_status()["can_switch"])
        copy = self.env["paylink.autopay.rule"].browse(managed.action_duplicate()["res_id"])
        self.assertFalse(copy.active)
        managed.action_delete()
        self.assertFalse(rule.exists())
        with self.assertRaises(AccessError):
            self._row(self._due_invoice()).with_user(self.manager).create({"is_skipped": True})

    def test_rules_that_can_not_be_meant(self):
        for values in (
            {"retry_funds": "3, x"},
            {"retry_other": "0"},
            {"retry_technical": "-1"},
            {"amount_min": 10, "amount_max": 5},
            {"customer_mode": "only"},
            {"memo_mode": "include"},
        ):
            with self.subTest(values), self.assertRaises(ValidationError):
                self._rule(**values)
        self.assertTrue(self._rule().is_everything)
        self.assertFalse(self._rule(ignore_before=self.today).is_everything)
        self.assertFalse(self.env["paylink.autopay.rule"].create({"name": "New"}).is_everything)
