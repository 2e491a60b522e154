from odoo import api, fields, models

from odoo.addons.sms.tools.sms_api import SmsApi

# Odoo's providers by which nobody pays at once.
NO_PROVIDERS = ("none", "custom")
SETTINGS = "paylink_addon.paylink_config_action"


class ResCompany(models.Model):
    """What has to be set up before customers can pay, and whether it is: nothing of that is stored."""

    _inherit = "res.company"

    paylink_checklist = fields.Boolean(
        string="Set-up checklist",
        default=True,
        help="Administrators see above the payments what is left to set up, until all of it is.",
    )

    # === ACTIONS === #

    @api.model
    def action_paylink_hide_checklist(self):
        """Show it no more to the administrators of the user's company; the settings bring it back."""
        self.env.company.paylink_checklist = False
        return True

    # === BUSINESS METHODS === #

    @api.model
    def paylink_set_up_steps(self):
        """What the user, an administrator, sees above the payments of the company.

        :return: a list of dicts: ``name``, ``title``, ``text`` (what is to be done), ``button``, ``action`` (to which
            that leads) and ``is_done``; empty, if there is nothing to show
        """
        company = self.env.company
        if not company.paylink_checklist or not self.env.user.has_group("base.group_system"):
            return []
        steps = [
            step | {"is_done": getattr(company, f"_paylink_has_{step['name']}")()}
            for step in company._paylink_set_up_list()
        ]
        return [] if all(step["is_done"] for step in steps) else steps

    def _paylink_set_up_list(self):
        """All steps, in the order in which they are done; ``_paylink_has_<name>`` says whether one is."""
        return [
            {
                "name": "provider",
                "title": self.env._("Payments online"),
                "text": self.env._("Enable a payment provider and publish it, so that customers can pay by card."),
                "button": self.env._("Choose a provider"),
                "action": "payment.action_payment_provider",
            },
            {
                "name": "bank_account",
                "title": self.env._("Transfers"),
                "text": self.env._(
                    "Enter your bank account (in Europe, its IBAN), so that customers can pay by transfer."
                ),
                "button": self.env._("Enter the account"),
                "action": self._paylink_bank_account_action(),
            },
            {
                "name": "templates",
                "title": self.env._("Texts"),
                "text": self.env._("The template of e-mails or of SMS was deleted: choose others."),
                "button": self.env._("Choose templates"),
                "action": SETTINGS,
            },
            {
                "name": "sms",
                "title": self.env._("SMS"),
                "text": self.env._("Register for SMS and buy credits, so that links can be sent to mobile phones."),
                "button": self.env._("Set up SMS"),
                "action": "iap.iap_account_action",
            },
            {
                "name": "reminders",
                "title": self.env._("Reminders"),
                "text": self.env._(
                    "Make a reminder rule and switch reminders on, so that late customers are reminded."
                ),
                "button": self.env._("Reminder rules"),
                "action": "paylink_addon.paylink_reminder_rule_action",
            },
        ]

    def _paylink_bank_account_action(self):
        """Odoo's dialog for an account and its journal, for who may open it; the settings have the account, too."""
        if self.env.user.has_group("account.group_account_manager"):
            return self.setting_init_bank_account_action()
        return SETTINGS

    def _paylink_has_provider(self):
        """One in test mode takes no money."""
        Provider = self.env["payment.provider"].sudo()
        domain = [("state", "=", "enabled"), ("is_published", "=", True), ("code", "not in", NO_PROVIDERS)]
        return bool(Provider.search_count([*Provider._check_company_domain(self), *domain], limit=1))

    def _paylink_has_bank_account(self):
        return bool(self._paylink_bank_account())

    def _paylink_has_templates(self):
        return bool(self._paylink_mail_template() and self._paylink_sms_template())

    def _paylink_has_sms(self):
        """Whether Odoo's service had credits when somebody last looked, or another one sends the messages."""
        if self._get_sms_api_class() is not SmsApi:
            return True
        of_company = ("company_ids", "in", [False, *self.ids])
        domain = [("service_name", "=", "sms"), ("state", "=", "registered"), of_company]
        return any(map(_has_credits, self.env["iap.account"].sudo().search(domain).mapped("balance")))

    def _paylink_has_reminders(self):
        domain = [("company_id", "=", self.id)]
        return self.paylink_reminders and bool(self.env["paylink.reminder.rule"].sudo().search_count(domain, limit=1))


def _has_credits(balance):
    """Whether a ``balance`` as Odoo writes it (``12.5 Credits``) is more than nothing."""
    number = (balance or "").split(" ")[0]
    return number.replace(".", "", 1).isdecimal() and float(number) > 0
