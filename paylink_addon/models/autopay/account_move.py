from operator import itemgetter

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import format_date

GROUP = "paylink_addon.group_paylink_user"


class AccountMove(models.Model):
    """Invoices show what automatic payment has in mind with them, and are charged or skipped by hand."""

    _inherit = "account.move"

    paylink_autopay_plan = fields.Char(
        string="Automatic payment",
        compute="_compute_paylink_autopay",
        groups=GROUP,
        help="When it will be charged, or why not.",
    )
    paylink_autopay_skipped = fields.Boolean(compute="_compute_paylink_autopay", groups=GROUP)
    paylink_autopay_known = fields.Boolean("History", compute="_compute_paylink_autopay", groups=GROUP)
    paylink_can_charge = fields.Boolean(compute="_compute_paylink_autopay", groups=GROUP)

    # === COMPUTE METHODS === #

    @api.depends("state", "amount_residual", "partner_id")
    @api.depends_context("uid", "lang", "company")
    def _compute_paylink_autopay(self):
        """What the rules of each company have in mind with its invoices."""
        self.paylink_autopay_plan = False
        self.paylink_autopay_skipped = self.paylink_autopay_known = self.paylink_can_charge = False
        asked = self._origin.filtered(
            lambda move: move.state == "posted" and move.is_sale_document(include_receipts=True)
        )
        rows = self.env["paylink.autopay.item"].sudo().search([("move_id", "in", asked.ids)])
        known, skipped = rows.move_id, rows.filtered("is_skipped").move_id
        for company, moves in asked.grouped("company_id").items():
            texts = moves._paylink_autopay_texts(company)
            for move in self.filtered(lambda move, moves=moves: move._origin in moves):
                customer = move.sudo().commercial_partner_id.with_company(company)
                token = customer.paylink_token_id
                usable = token._paylink_autopay_usable() and token._paylink_is_of(customer, company)
                move.paylink_autopay_plan = texts.get(move._origin.id, False)
                move.paylink_autopay_known = move._origin in known
                move.paylink_autopay_skipped = move._origin in skipped
                move.paylink_can_charge = bool(usable and move.amount_residual and move.paylink_can_send)

    def _paylink_autopay_texts(self, company):
        """What is planned of each, or why it is not charged, by id: of customers who have automatic payment."""
        on = self.filtered(lambda move: move.sudo().commercial_partner_id.with_company(company).paylink_autopay)
        items = on._paylink_open_items()
        if not items:
            return {}
        if not company.sudo().paylink_autopay:
            return dict.fromkeys(on.ids, self.env._("Automatic payments are off."))
        rules = self.env["paylink.autopay.rule"].sudo().with_company(company).search([("company_id", "=", company.id)])
        charged, left = rules._foresee_items(company._paylink_today(), items.ids)
        found = dict.fromkeys(items.move_id.ids, self.env._("No rule charges it."))
        wanted = set(items.ids)
        texts = [
            (plan.due.day, plan.due, self._paylink_reason_text(rules.browse(plan.due.rule_id), reason))
            for plan, reason in left
        ]
        for day, charge in charged:
            shares = charge.shares()
            texts += [
                (day, due, self._paylink_plan_text(day, charge, due, shares[due.item_id]))
                for due in charge.dues
                if due.item_id in wanted
            ]
        # Of installments, the next one.
        return found | {due.move_id: text for _day, due, text in sorted(texts, key=itemgetter(0), reverse=True)}

    def _paylink_plan_text(self, day, charge, due, share):
        """:param float share: how much of the charge is for ``due``, less credits"""
        if not share:
            return self._paylink_reason_text(self.env["paylink.autopay.rule"].sudo().browse(charge.rule_id), "covered")
        item = self.env["account.move.line"].sudo().browse(due.item_id)
        return self.env._(
            "Planned on %(date)s: %(amount)s, %(method)s",
            date=format_date(self.env, day),
            amount=item._paylink_amount_text(self.env, share),
            method=self.env["payment.token"].sudo().browse(charge.token_id).display_name,
        )

    def _paylink_reason_text(self, rule, reason):
        return self.env._("Not charged automatically. %(reason)s", reason=rule._reason_text(reason))

    # === ACTIONS === #

    def action_paylink_autopay_skip(self):
        """Do not charge these invoices automatically."""
        return self._paylink_skip_autopay(True)

    def action_paylink_autopay_resume(self):
        """Let the rules charge them again."""
        return self._paylink_skip_autopay(False)

    def _paylink_skip_autopay(self, is_skipped):
        if not self.env.user.has_group(GROUP):
            raise AccessError(self.env._("You need the right to send collection links: ask an administrator."))
        self.check_access("read")
        self.env["paylink.autopay.item"]._of_items(self._paylink_open_items())._skip(is_skipped)
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def action_paylink_charge_now(self):
        """Open the dialog that charges what is open of this invoice to the customer's default method, at once, whatever
        the rules say: it shows how much, to which method and what for.

        :raises UserError: it can't be charged now, and why
        """
        self.ensure_one()
        self.check_access("read")
        token = self.sudo().commercial_partner_id.with_company(self.company_id).paylink_token_id.sudo(False)
        items = self._paylink_open_items()
        self._paylink_check_chargeable(token, items)
        token._paylink_check_manage()
        if items._paylink_in_flight():
            raise UserError(self.env._("%(name)s: a payment is in progress.", name=self.name))
        action = self.env["paylink.profile.charge"]._action_open(token)
        return action | {"context": action["context"] | {"paylink_item_ids": items.ids}}

    def _paylink_check_chargeable(self, token, items):
        """:raises UserError: why it can't be charged"""
        problem = False
        if self.company_id not in self.env.companies or not self.paylink_can_send or not items:
            problem = self.env._("Nothing is due on %(name)s.", name=self.name)
        elif not token._paylink_autopay_usable() or not token._paylink_is_of(
            self.commercial_partner_id, self.company_id
        ):
            problem = self.env._(
                "%(partner)s has stored no payment method that can be charged: request a card.",
                partner=self.commercial_partner_id.display_name,
            )
        elif items._paylink_charged_back():
            problem = self.env._("%(name)s: the customer's bank has taken a payment back.", name=self.name)
        if problem:
            raise UserError(problem)

    def action_paylink_view_autopay(self):
        """Show what automatic payment has done with the invoice."""
        self.ensure_one()
        self.check_access("read")
        self.env["paylink.autopay.item"].check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id("paylink_addon.paylink_autopay_item_action")
        return action | {"domain": [("move_id", "=", self.id)]}
