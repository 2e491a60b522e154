from lxml import etree
from odoo import Command
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import Form, tagged

from .reminder_common import ReminderCommon

MODEL = "paylink.reminder.message"


@tagged("post_install", "-at_install")
class TestReminderManagers(ReminderCommon):
    """What payment managers need for their job, and no more: the switch, the texts, the provider's messages."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls._user("only.manager", "paylink_addon.group_payment_manager")
        cls.colleague = cls._user("colleague", "paylink_addon.group_paylink_all")

    # === THE SWITCH === #

    def test_managers_switch_reminders(self):
        other = self._other_company()
        Rule = self.env["paylink.reminder.rule"].with_user(self.manager).with_company(self.company)
        rule = self._rule().with_user(self.manager)
        theirs = self._rule(company_id=other.id).with_user(self.manager)
        for records, method, is_on in (
            (rule, "off", False),
            (Rule, "on", True),
            (Rule, "off", False),
            (rule, "on", True),
        ):
            with self.subTest(method=method, count=len(records)):
                getattr(records, f"action_switch_{method}")()
                self.assertEqual(self.company.paylink_reminders, is_on)
                self.assertEqual(rule.is_off, not is_on)
                self.assertEqual(Rule.rules_status(), {"is_off": not is_on, "is_running": False, "can_switch": True})
        for do in (
            theirs.action_switch_on,
            rule.with_user(self.colleague).action_switch_off,
            rule.with_user(self.colleague).action_run_now,
        ):
            with self.assertRaises(AccessError):
                do()
        self.assertEqual((self.company.paylink_reminders, other.paylink_reminders), (True, False))
        self.assertFalse(Rule.with_user(self.colleague).rules_status()["can_switch"])

    def test_managers_without_invoicing_make_rules(self):
        journal, term = self.company_data["default_journal_sale"], self.env.ref("account.account_payment_term_30days")
        rule = self._rule(journal_ids=journal.ids, term_ids=term.ids, all_terms=False, salesperson_ids=self.manager.ids)
        rule.partner_ids = self.john
        with Form(rule.with_user(self.manager)) as form:
            form.name = "Renamed"
        self.assertEqual(rule.name, "Renamed")
        self.assertTrue(rule.with_user(self.manager).journal_ids.display_name)

    def test_run_is_told_until_it_is_done(self):
        Rule = self.env["paylink.reminder.rule"].with_user(self.manager).with_company(self.company)
        Rule.action_run_now()
        self.assertTrue(Rule.rules_status()["is_running"])
        self._run_cron("ir_cron_paylink_remind")
        self.assertFalse(Rule.rules_status()["is_running"])

    # === THE TEXTS === #

    def _supplied(self):
        Step = self.env["paylink.reminder.step"]
        for kind, field in (("mail", "body_html"), ("sms", "body")):
            for template in Step._supplied_templates(kind).values():
                yield template, field

    def test_managers_write_the_texts(self):
        """All that is supplied, in each language, and their own."""
        for template, field in self._supplied():
            mine = template.with_user(self.manager)
            for lang in ("en_US", "fr_FR"):
                with self.subTest(template=template.name, lang=lang):
                    text = mine.with_context(lang=lang)[field]
                    mine.with_context(lang=lang)[field] = f"{text} {{{{ object.total_display }}}} Merci."
                    self.assertIn("Merci.", template.with_context(lang=lang)[field])
        for model, field in (("mail.template", "body_html"), ("sms.template", "body")):
            new = self.env[model].with_user(self.manager)
            new.create({"name": "Own", "model_id": self.env["ir.model"]._get_id(MODEL), field: "Hello"}).unlink()

    def test_no_text_runs_code(self):
        for template, field in self._supplied():
            code = "{{ object.env }}" if field == "body" else '<p t-out="object.sudo().env.user.password"/>'
            with self.subTest(template.name), self.assertRaises(AccessError), self.env.cr.savepoint():
                template.with_user(self.manager)[field] = code
            break_out = {"lang": "{{ object.env.user.lang }}"}
            with self.subTest(template.name), self.assertRaises(AccessError), self.env.cr.savepoint():
                template.with_user(self.manager).write(break_out)

    def test_other_templates_stay_whose_they_are(self):
        link_model = self.env["ir.model"]._get_id("paylink.link")
        file = self.env["ir.attachment"].create(
            {"name": "secret.pdf", "raw": b"x", "res_model": "ir.cron", "res_id": 1}
        )
        for kind in ("mail", "sms"):
            ours = self.env.ref(f"paylink_addon.{kind}_template_reminder_after_1")
            links = self.env.ref(f"paylink_addon.{kind}_template_link")
            own = ours.copy()
            self._rule().step_ids[0].write({f"{kind}_template_id": own.id})
            cases = {
                "of links": (AccessError, links.with_user(self.manager), {"name": "Mine"}),
                "by a colleague": (AccessError, ours.with_user(self.colleague), {"name": "Mine"}),
                "supplied": (ValidationError, ours.with_user(self.manager), {"model_id": link_model}),
                "used": (ValidationError, own, {"model_id": link_model}),
            }
            if kind == "mail":
                secret = {"attachment_ids": [Command.set(file.ids)]}
                cases["file"] = (AccessError, ours.with_user(self.manager), secret)
            for name, (error, template, values) in cases.items():
                with self.subTest(kind=kind, case=name), self.assertRaises(error), self.env.cr.savepoint():
                    template.write(values)
                    self.env.flush_all()
        new = {"name": "New", "model_id": link_model, "body": "Hello"}
        with self.assertRaises(AccessError):
            self.env["sms.template"].with_user(self.manager).create(new)

    def test_placeholders_are_told_where_texts_are_written(self):
        ours = {
            name
            for name in self.env[MODEL].mail_allowed_qweb_expressions()
            if name.endswith("_display") or name in ("object.url", "object.days_overdue")
        }
        self.assertIn("object.reminded_display", ours)
        for model in ("mail.template", "sms.template"):
            arch = etree.fromstring(self.env[model].with_user(self.manager).get_view(view_type="form")["arch"])
            with self.subTest(model):
                self.assertLessEqual(ours, set(arch.xpath("//code/text()")))

    # === THE PROVIDER'S MESSAGES === #

    def _event(self, provider):
        values = {"provider_id": provider.id, "event_id": f"evt_{provider.id}", "type": "charge.refunded"}
        values |= {"object_key": "pi_1", "payload": {"object": {"client_secret": "pi_1_secret_2"}}, "state": "failed"}
        return self.env["paylink.event"].sudo().create(values)

    def test_managers_read_the_messages_of_their_company(self):
        """As screens do; not the data, which has secrets. Nobody else reads any."""
        ours, theirs = self._event(self.provider), self._event(self._demo_provider(self._other_company()))
        Event = self.env["paylink.event"].with_user(self.manager).with_company(self.company)
        self.assertEqual(Event.search([("id", "in", (ours | theirs).ids)]), ours)
        for view_type in ("list", "form", "search"):
            arch = Event.get_view(view_type=view_type)["arch"]
            with self.subTest(view_type):
                self.assertNotIn("payload", arch)
                self.assertNotIn("action_handle_again", arch)
        fields = etree.fromstring(Event.get_view(view_type="form")["arch"]).xpath("//field/@name")
        spec = {name: {"fields": {"display_name": {}}} if name.endswith("_id") else {} for name in fields}
        spec = {name: {} if name in ("event_id", "object_id") else value for name, value in spec.items()}
        (read,) = ours.with_env(Event.env).web_read(spec)
        self.assertEqual(read["provider_id"]["display_name"], self.provider.display_name)
        groups = Event.web_read_group([], ["provider_id", "state"], ["__count"])["groups"]
        self.assertEqual(len(groups), 1)
        for name in ("payload", "payload_display"):
            with self.subTest(name), self.assertRaises(AccessError):
                ours.with_env(Event.env).read([name])
        for do in (ours.with_env(Event.env).action_handle_again, lambda: Event.browse(theirs.id).read(["type"])):
            with self.assertRaises(AccessError):
                do()
        with self.assertRaises(AccessError):
            self.env["paylink.event"].with_user(self.colleague).search([])

    def test_menus_of_managers(self):
        visible = self.env["ir.ui.menu"].with_user(self.manager)._visible_menu_ids()
        names = {"paylink_event_menu": True, "paylink_config_menu": False, "paylink_menu_mails": False}
        names |= {"paylink_reminder_mail_template_menu": True, "paylink_reminder_sms_template_menu": True}
        for name, expected in names.items():
            with self.subTest(name):
                self.assertEqual(self.env.ref(f"paylink_addon.{name}").id in visible, expected)
