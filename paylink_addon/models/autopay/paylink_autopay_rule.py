import re

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

# How far into the future a plan may reach.
MAX_DAYS = 3650


class PaylinkAutopayRule(models.Model):
    """Which open items are charged to the stored method of customers who have automatic payment, and when.

    How its fields narrow down what is charged is told in ``paylink.rule.mixin`` and in
    ``paylink_autopay_rule_filters.py``.
    """

    _name = "paylink.autopay.rule"
    _inherit = ["paylink.rule.mixin", "paylink.guard.mixin", "mail.thread", "mail.activity.mixin"]
    _description = "Autopay Rule"
    _order = "sequence, id"
    _check_company_auto = True
    _switch_name = "paylink_autopay"

    moment = fields.Selection(
        [
            ("posting", "As soon as it is posted"),
            ("before", "Before the due date"),
            ("on", "On the due date"),
            ("after", "After the due date"),
        ],
        string="Charge",
        required=True,
        default="on",
    )
    days = fields.Integer(default=0, help="Days before or after the due date.")
    notice_days = fields.Integer(
        string="Notice",
        default=3,
        help="How many days before the charge the customer is told of it by e-mail, with an address to object. "
        "0: no notice.",
    )
    grouping = fields.Selection(
        [("customer", "One charge for all that is due"), ("document", "One charge per invoice")],
        string="Number of charges",
        required=True,
        default="customer",
    )
    amount_max = fields.Monetary(string="Amount at most", help="0: no limit.")
    ignore_before = fields.Date(default=lambda self: self.env.company._paylink_today())
    user_id = fields.Many2one(
        "res.users",
        string="Responsible",
        default=lambda self: self.env.user,
        help="Owns the collection links of the charges, and gets the tasks.",
    )
    # === WHEN IT IS DECLINED === #

    retry_funds = fields.Char(
        string="Not enough money", default="3, 7, 14", help="Days until the next try, after each. Empty: no other try."
    )
    retry_technical = fields.Char(
        string="Technical problem", default="1, 2, 3", help="Days until the next try, after each. Empty: no other try."
    )
    retry_other = fields.Char(
        string="Other reasons", default="3, 7", help="Days until the next try, after each. Empty: no other try."
    )
    at_end = fields.Selection(
        [
            ("link", "Send a collection link"),
            ("reminder", "Leave it to the reminder rules"),
            ("task", "Give the responsible a task"),
        ],
        string="In the end",
        required=True,
        default="link",
    )
    is_everything = fields.Boolean(compute="_compute_is_everything")

    _days_in_bounds = models.Constraint(
        "CHECK(days BETWEEN 0 AND 3650 AND notice_days BETWEEN 0 AND 90)",
        "Enter days from 0 to 3650, and a notice of at most 90 days.",
    )
    _amount_max_positive = models.Constraint("CHECK(amount_max >= 0)", "The amount can't be negative.")

    # === CONSTRAINTS === #

    @api.constrains("retry_funds", "retry_technical", "retry_other")
    def _check_plans(self):
        for rule in self:
            for name in ("retry_funds", "retry_technical", "retry_other"):
                rule._plan(name)

    @api.constrains("amount_min", "amount_max")
    def _check_amounts(self):
        for rule in self:
            if rule.amount_max and rule.amount_max < rule.amount_min:
                raise ValidationError(self.env._("“Amount at most” is less than “Amount at least”: nothing would fit."))

    # === COMPUTE METHODS === #

    @api.depends(
        *("customer_mode", "memo_mode", "ignore_before", "all_terms", "amount_min", "amount_max"),
        *("journal_ids", "salesperson_ids"),
    )
    def _compute_is_everything(self):
        for rule in self:
            narrowed = rule.customer_mode == "only" or rule.memo_mode != "off" or not rule.all_terms
            narrowed = narrowed or rule.ignore_before or rule.amount_min or rule.amount_max
            rule.is_everything = not narrowed and not rule.journal_ids and not rule.salesperson_ids

    # === ACTIONS === #

    @api.model
    def _check_manager(self):
        if not self.env.user.has_group("paylink_addon.group_payment_manager"):
            raise AccessError(
                self.env._("Only payment managers can start automatic payments, and switch them on and off.")
            )

    def action_run_now(self):
        """Let the job charge what is due now, for the user's company."""
        self._check_manager()
        if not self.env.company.paylink_autopay:
            raise UserError(self.env._("Automatic payments are off: switch them on first."))
        self.env["paylink.job.mixin"]._wake("paylink_addon.ir_cron_paylink_autopay")
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {"type": "success", "message": self.env._("What is due today is being charged.")},
        }

    # === WHO === #

    def _responsible(self):
        """Who gets the tasks of these rules: an administrator where nobody does."""
        return self.user_id.filtered("active") or self.env.company._paylink_administrator()

    def _template_texts(self, env):
        return env._("Automatic payments can't be announced: the e-mail was deleted"), env._(
            "The rule “%(rule)s” tells customers before they are charged, and the template of that e-mail was deleted: "
            "nothing is charged. Update Paylink under Apps to have it back, or set the rule's notice to 0 days.",
            rule=self.with_env(env).name,
        )

    def _paylink_done_autopay_template(self, _task):
        """What it keeps from being charged is announced, or has become somebody else's business."""
        rows = self.env["paylink.autopay.item"].sudo()
        return not rows.search_count([("rule_id", "=", self.id), ("left_out", "=", "template")], limit=1)

    # === PLANS === #

    def _offset(self):
        """How many days after the due date it is charged; negative: before. ``None``: as soon as it is posted."""
        return {"posting": None, "before": -self.days, "on": 0, "after": self.days}[self.moment]

    def _plan(self, name):
        """The days of a plan of further tries.

        :param str name: of the field
        :raises ValidationError: they are no numbers of days
        """
        parts = [part for part in re.split(r"[,;\s]+", self[name] or "") if part]
        found = [int(part) for part in parts if part.isascii() and part.isdigit() and 0 < int(part) <= MAX_DAYS]
        if len(found) != len(parts):
            label = self._fields[name]._description_string(self.env)
            raise ValidationError(
                self.env._("“%(field)s”: enter days, such as 3, 7, 14. Each is at least 1.", field=label)
            )
        return found

    def _retry_after(self, kind, tries):
        """In how many days to try again, or ``False``: not anymore.

        :param str kind: see ``payment.transaction._paylink_decline_kind``
        :param int tries: how often it was tried
        """
        if not self or kind not in ("funds", "technical", "other"):
            return False
        plan = self._plan(f"retry_{kind}")
        return plan[tries - 1] if tries <= len(plan) else False
