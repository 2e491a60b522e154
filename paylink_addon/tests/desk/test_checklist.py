from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import tagged

from ..common import PaylinkCommon


@tagged("post_install", "-at_install")
class TestChecklist(PaylinkCommon):
    """What is left to set up, as administrators see it above the payments."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = cls._user("admin.too", "base.group_system", lang="fr_FR")
        cls.env["paylink.reminder.rule"].search([("company_id", "=", cls.company.id)]).active = False
        cls.env["iap.account"].search([("service_name", "=", "sms")]).unlink()

    def _steps(self, user=None):
        self.env.flush_all()
        self.env.invalidate_all()
        return self.env["res.company"].with_user(user or self.admin).paylink_set_up_steps()

    def _done(self):
        return {step["name"] for step in self._steps() if step["is_done"]}

    def _nothing(self):
        """A company that has just been made."""
        self.env["payment.provider"].search([]).is_published = False
        self.company.paylink_reminders = False
        self.company.partner_id.bank_ids.active = False
        self.env.ref("paylink_addon.sms_template_link").unlink()

    def _enable_provider(self):
        """As one that takes money; the one for tests is not to be."""
        self.env.flush_all()
        self.env.cr.execute("UPDATE payment_provider SET state = 'enabled' WHERE id = %s", [self.provider.id])
        self.env.invalidate_all()

    def _account(self, **values):
        """What Odoo's service for SMS has said."""
        service = self.env["iap.service"].search([("technical_name", "=", "sms")], limit=1)
        return self.env["iap.account"].create({"service_id": service.id, **values})

    def test_each_step_ticks_itself(self):
        """Each from what there is, and back again when it is gone."""
        self._nothing()
        self.assertEqual(self._done(), set())
        template = self.env["sms.template"].create(
            {"name": "Own", "model_id": self.env["ir.model"]._get_id("paylink.link"), "body": "Pay"}
        )
        rule = self.env["paylink.reminder.rule"].create(
            {"name": "Rule", "company_id": self.company.id, "step_ids": [Command.create({"days": 5})]}
        )
        account = self._account(state="registered", balance="0 Credits")
        self.provider.is_published = True
        self.assertEqual((self.provider.state, self._done()), ("test", set()), "nobody's money comes in test mode")
        self.provider.is_published = False
        self._enable_provider()
        steps = [
            ("provider", lambda is_on: self.provider.write({"is_published": is_on})),
            ("bank_account", lambda is_on: self.bank_account.write({"active": is_on})),
            ("templates", lambda is_on: self.company.write({"paylink_sms_template_id": is_on and template.id})),
            ("sms", lambda is_on: account.write({"balance": "7.5 Credits" if is_on else "0.0 Credits"})),
            ("reminders", lambda is_on: self.company.write({"paylink_reminders": is_on})),
        ]
        self.assertEqual([name for name, _act in steps], [step["name"] for step in self._steps()])
        for name, act in steps:
            with self.subTest(name):
                act(True)
                self.assertEqual(self._done(), {name})
                act(False)
                self.assertEqual(self._done(), set())
        for _name, act in steps:
            act(True)
        self.assertEqual(self._steps(), [])
        rule.active = False
        self.assertEqual(self._done(), {"provider", "bank_account", "templates", "sms"})

    def test_steps_lead_somewhere(self):
        for step in self._steps():
            with self.subTest(step["name"]):
                action = step["action"]
                if isinstance(action, str):
                    self.env["ir.actions.actions"].with_user(self.admin)._for_xml_id(action)
                    model = self.env.ref(action).res_model
                else:
                    model = action["res_model"]
                self.assertTrue(self.env[model].with_user(self.admin).has_access("create"), model)
        manager = self._user("manager.too", "base.group_system,account.group_account_manager")
        actions = {step["name"]: step["action"] for step in self._steps(manager)}
        self.assertEqual(actions["bank_account"]["res_model"], "account.setup.bank.manual.config")

    def test_it_is_hidden_for_a_company_and_brought_back(self):
        """By administrators only; nobody else sees it."""
        other = self.env["res.company"].create({"name": "Other"})
        self.admin.company_ids = [Command.link(other.id)]
        manager = self._user("manager", "paylink_addon.group_payment_manager")
        self.assertEqual(self._steps(manager), [])
        with self.assertRaises(AccessError):
            self.env["res.company"].with_user(manager).action_paylink_hide_checklist()
        companies = self.env["res.company"].with_user(self.admin)
        self.assertTrue(self._steps())
        companies.action_paylink_hide_checklist()
        self.assertEqual(self._steps(), [])
        self.assertTrue(companies.with_company(other).paylink_set_up_steps())
        self.env["res.config.settings"].with_user(self.admin).create({"paylink_checklist": True}).execute()
        self.assertTrue(self._steps())
