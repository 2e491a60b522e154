from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError

GROUP = "paylink_addon.group_paylink_user"


class ResPartner(models.Model):
    _name = "res.partner"
    _inherit = ["res.partner", "paylink.ending.mixin"]

    paylink_token_id = fields.Many2one(
        "payment.token",
        string="Default Payment Profile",
        company_dependent=True,
        index="btree_not_null",
        readonly=True,
        copy=False,
        groups=GROUP,
        help="The stored method that is proposed, and charged by rules.",
    )
    paylink_profile_count = fields.Integer(
        string="Payment Profiles", compute="_compute_paylink_profile_count", groups=GROUP
    )

    @api.constrains("active")
    def _check_paylink_newcomer(self):
        """The contact that stands for new customers is never offered."""
        restored = self.filtered("active")
        if restored and self.env["res.company"].sudo().search_count(
            [("paylink_newcomer_id", "in", restored.ids)], limit=1
        ):
            raise ValidationError(
                self.env._("This contact stands for new customers who have stored a payment method: it stays archived.")
            )

    @api.constrains("paylink_token_id")
    def _check_paylink_token(self):
        """What is charged by default is the customer's own, in the company that charges it."""
        for partner in self:
            token = partner.sudo().paylink_token_id
            if token and not token._paylink_is_of(partner.commercial_partner_id, self.env.company):
                raise ValidationError(
                    self.env._(
                        "%(method)s is not a payment profile of %(partner)s in %(company)s: choose one of theirs.",
                        method=token.display_name,
                        partner=partner.display_name,
                        company=self.env.company.name,
                    )
                )

    # === CRUD METHODS === #

    def write(self, vals):
        """Who leaves a company takes along what they have stored: the company's debts are not charged to it anymore."""
        result = super().write(vals)
        if {"parent_id", "is_company"} & vals.keys():
            self._paylink_drop_foreign_defaults()
        return result

    def _can_be_edited_by_current_customer(self, **kwargs):
        """Not by colleagues in the portal, if the contact has saved something: a code sent to its e-mail address lets
        pay with it.
        """
        if not super()._can_be_edited_by_current_customer(**kwargs):
            return False
        if self == self._get_current_partner(**kwargs):
            return True
        return not self.env["payment.token"].sudo().search_count([("partner_id", "=", self.id)], limit=1)

    def _paylink_drop_foreign_defaults(self):
        """No customer relies on what these, or contacts of theirs, have stored as another customer's."""
        Token = self.env["payment.token"].sudo().with_context(active_test=False)
        for company, tokens in Token.search([("partner_id", "child_of", self.ids)]).grouped("company_id").items():
            customers = self.sudo().with_company(company).with_context(active_test=False)
            customers = customers.search([("paylink_token_id", "in", tokens.ids)])
            foreign = customers.filtered(lambda customer: customer.paylink_token_id._paylink_customer() != customer)
            foreign.paylink_token_id = False

    @api.depends_context("uid", "allowed_company_ids")
    def _compute_paylink_profile_count(self):
        """What the customer has stored, and the contacts below: usable methods in the user's companies."""
        domain = [("partner_id", "child_of", self.ids), ("company_id", "in", self.env.companies.ids)]
        tokens = self.env["payment.token"].sudo().search_fetch(domain, ["partner_id"])
        for partner in self:
            below = tokens.filtered(lambda token, partner=partner: partner in token.partner_id._paylink_above())
            partner.paylink_profile_count = len(below)

    def _paylink_above(self):
        """The contact and those it belongs to."""
        found = contact = self
        while contact := contact.parent_id:
            found |= contact
        return found

    def action_paylink_request_card(self):
        """Open the dialog that asks these customers to store a payment method."""
        return self.env["paylink.card.send"]._action_open(self)

    def action_paylink_view_profiles(self):
        """Show the methods that the customer has stored."""
        self.ensure_one()
        self.check_access("read")
        if not self.env.user.has_group(GROUP):
            raise AccessError(self.env._("You need the right to send collection links: ask an administrator."))
        action = self.env["ir.actions.act_window"]._for_xml_id("paylink_addon.paylink_profile_action")
        return action | {
            "name": self.env._("Payment Profiles of %(name)s", name=self.display_name),
            "domain": [("partner_id", "child_of", self.id), ("company_id", "in", self.env.companies.ids)],
            "context": {"active_test": False},
        }

    # === TASKS === #

    def _paylink_ends_tasks_by(self):
        return super()._paylink_ends_tasks_by() | {"paylink_token_id"}

    def _paylink_task_subjects(self):
        """Also the methods that were relied on before."""
        Token = self.env["payment.token"].with_context(active_test=False)
        removed = Token.search([("partner_id", "child_of", self.commercial_partner_id.ids), ("active", "=", False)])
        return [*super()._paylink_task_subjects(), removed]

    def _paylink_done_profile_expires(self, _task):
        """No card that was told of expires soon."""
        Token = self.env["payment.token"]
        tokens = Token.search([("partner_id", "child_of", self.id), ("paylink_expires_on", "!=", False)])
        return not any(Token._paylink_expiring(company, self) for company in tokens.company_id)
