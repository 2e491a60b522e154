from datetime import date, timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

# More than any company allows its customers.
MOST_PARTS, MOST_YEARS = 36, 3


class PaylinkPlanMake(models.TransientModel):
    """Agrees on a payment plan with a customer, of a link or an invoice: proposed as the page proposes it, and changed
    at will; beyond what the company allows its customers by payment managers only.
    """

    _name = "paylink.plan.make"
    _inherit = "paylink.send.mixin"
    _description = "Payment in Parts"
    _dialog_size = "large"

    partner_id = fields.Many2one("res.partner", string="Customer", compute="_compute_source")
    currency_id = fields.Many2one("res.currency", compute="_compute_source")
    amount = fields.Monetary(string="Due", compute="_compute_source")
    problem = fields.Char(compute="_compute_source")
    warning = fields.Text(compute="_compute_source")
    count = fields.Integer(string="Number of parts", default=3, required=True)
    date_first = fields.Date(
        string="First part on",
        compute="_compute_date_first",
        precompute=True,
        store=True,
        readonly=False,
        required=True,
    )
    line_ids = fields.One2many(
        "paylink.plan.make.line",
        "wizard_id",
        string="Parts",
        compute="_compute_line_ids",
        store=True,
        readonly=False,
    )
    amount_left = fields.Monetary(string="Not in a part yet", compute="_compute_amount_left")

    # === COMPUTE METHODS === #

    @api.depends("source_model", "source_ids")
    def _compute_source(self):
        for wizard in self:
            items, link = wizard._items(), wizard._known_link()
            wizard.partner_id = link.partner_id or wizard._sources()[:1].partner_id
            wizard.currency_id = items.currency_id[:1] or wizard.env.company.currency_id
            wizard.amount = link.sudo()._plan_total() if link else wizard._total(items)
            wizard.warning = "\n".join(wizard._warnings(link, items))
            wizard.problem = link._plan_problem() if link else not items and wizard.env._("Nothing is due here.")
            wizard.problem = wizard.problem or wizard._setting_problem(items.company_id)

    @api.model
    def _total(self, items):
        """What a new link of these asks for in parts: see ``paylink.link._plan_total``."""
        return sum((items._paylink_left() or items)._paylink_due(date.max).values())

    def _warnings(self, link, items):
        """What the user should know, and may leave aside: that colleagues ask for this, that nobody can be written to.

        :param link: the known one, or none
        """
        texts = [*self.env["paylink.link"]._colleagues_texts({self.id: items}).values()]
        partner, asked = self.partner_id, link.sudo() or self.partner_id
        if partner and self._reach(partner, asked.email or partner.email, asked.phone, True, True).problem:
            text = self.env._(
                "%(name)s has neither an e-mail address nor a mobile number: you get a task to call when a part is "
                "due.",
                name=partner.display_name,
            )
            texts.append(text)
        return texts

    @api.depends("source_model", "source_ids")
    def _compute_date_first(self):
        """Today, by the customer's clock, as days are checked by it."""
        for wizard in self:
            source = wizard._sources()[:1]
            wizard.date_first = source.partner_id._paylink_today(source.company_id or wizard.env.company)

    @api.depends("count", "date_first", "amount", "currency_id")
    def _compute_line_ids(self):
        for wizard in self:
            link, parts = wizard.env["paylink.link"].new({"currency_id": wizard.currency_id.id}), ()
            if 0 < wizard.count <= MOST_PARTS and wizard.amount > 0 and wizard.date_first:
                parts = link._plan_parts(wizard.amount, wizard.count, wizard.date_first)
            lines = [Command.create({"date_due": day, "amount": amount}) for day, amount in parts]
            wizard.line_ids = [Command.clear(), *lines]

    @api.depends("line_ids.amount", "amount")
    def _compute_amount_left(self):
        for wizard in self:
            wizard.amount_left = wizard.amount - sum(wizard.line_ids.mapped("amount"))

    # === SOURCES === #

    @api.model
    def _source_models(self):
        return ["paylink.link", "account.move"]

    def _items(self):
        """What is paid in parts, in sudo mode."""
        source = self._sources()[:1]
        if source._name == "paylink.link":
            return source.sudo().line_ids.move_line_id
        return source.filtered("paylink_can_send")._paylink_open_items()

    def _known_link(self):
        """The link that was selected, or one of the user's that asks for just that."""
        source = self._sources()[:1]
        if source._name == "paylink.link":
            return source
        items = self._items()
        live = self.env["paylink.link"]._live_links_by_items(items)
        links = self.env["paylink.link"].union(*(link for link, ids in live.items() if ids == set(items.ids)))
        own = links.sudo(False)._filtered_access("write") - links.sudo(False)._foreign()
        return own.filtered(lambda link: not link.is_limited)[:1]

    # === ACTIONS === #

    def action_make(self):
        """Make the plan, and tell the customer. A second click waits, and finds that it is paid in parts already."""
        self.ensure_one()
        link = self._known_link() or self._new_link()
        link._check_own()
        link.sudo()._wait_and_hold()
        if not link._is_live() or link.kind != "open_items" or link.is_limited:
            raise UserError(self.env._("Only what is due of documents, all of it, can be paid in parts."))
        parts = [(line.date_due, line.amount) for line in self.line_ids.sorted("date_due")]
        self._check_parts(link.sudo(), parts)
        plan = link.sudo()._agree_on_plan(parts)
        return plan.sudo(False)._get_records_action()

    def _new_link(self):
        """The link of an invoice that none of the user's asks for yet."""
        items = self._items()
        if not items:
            raise UserError(self.env._("Nothing is due here at the moment."))
        values = self.env["paylink.send.line"]._group_origin(items)
        link = self.env["paylink.link"]._create_for_items([({"partner_id": values["partner_id"]}, items)])
        link._issue()
        return link

    def _check_parts(self, link, parts):
        """:raises UserError: these are no parts of what is due, and why"""
        self._check_days(link, [day for day, _amount in parts])
        currency, amounts, total = link.currency_id, [amount for _day, amount in parts], link._plan_total()
        if any(currency.compare_amounts(amount, 0) <= 0 for amount in amounts):
            raise UserError(self.env._("Each part must be more than zero."))
        if currency.compare_amounts(sum(amounts), total):
            text = self.env._("The parts must add up to what is due: %(amount)s.", amount=link._amount_text(total))
            raise UserError(text)
        if not self.env.user.has_group("paylink_addon.group_payment_manager"):
            self._check_bounds(link, parts)

    def _setting_problem(self, company):
        """Why the user can agree on no plan at all, or ``False``."""
        if company.paylink_plan_parts or self.env.user.has_group("paylink_addon.group_payment_manager"):
            return False
        return self.env._("The settings allow no payment in parts: ask a payment manager to agree on it.")

    def _check_days(self, link, days):
        today = link._today()
        if len(days) < 2 or len(set(days)) < len(days) or min(days) < today:
            raise UserError(self.env._("Enter two parts or more, each with a day of its own, from today on."))
        if len(days) > MOST_PARTS or max(days) > fields.Date.add(today, years=MOST_YEARS):
            most = {"count": MOST_PARTS, "years": MOST_YEARS}
            text = self.env._("Enter at most %(count)s parts, the last one within %(years)s years.", **most)
            raise UserError(text)

    def _check_bounds(self, link, parts):
        company = link.company_id
        least, last = link._least_part(), link._today() + timedelta(days=company.paylink_plan_days)
        is_small = any(link.currency_id.compare_amounts(amount, least) < 0 for _day, amount in parts)
        if len(parts) > company.paylink_plan_parts or is_small or parts[-1][0] > last:
            raise UserError(
                self.env._(
                    "The settings allow at most %(count)s parts, of %(least)s or more, within %(days)s days: ask a "
                    "payment manager to agree on something else.",
                    count=company.paylink_plan_parts,
                    least=link._amount_text(least),
                    days=company.paylink_plan_days,
                )
            )
