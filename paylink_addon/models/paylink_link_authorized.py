from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_amount, format_datetime


class PaylinkLinkAuthorized(models.Model):
    """Money that is only reserved, or still on its way: what is shown of it, and what payment managers do with it."""

    _inherit = "paylink.link"

    amount_authorized = fields.Monetary(
        string="Authorized", compute="_compute_in_flight", help="Reserved for us: capture it to receive it."
    )
    amount_pending = fields.Monetary(
        string="On its way", compute="_compute_in_flight", help="The provider has not confirmed it yet."
    )
    capture_before = fields.Datetime(compute="_compute_in_flight")

    @api.depends("transaction_ids.state", "transaction_ids.amount")
    def _compute_in_flight(self):
        for link in self:
            transactions = link.sudo().transaction_ids
            authorized = transactions._paylink_authorized()
            pending = transactions._paylink_attempts()._paylink_in_flight() - authorized
            link.amount_authorized = authorized._paylink_authorized_amount()
            link.amount_pending = sum(pending.mapped("amount"))
            link.capture_before = min((tx._paylink_capture_before() for tx in authorized), default=False)

    # === ACTIONS === #

    def action_capture(self):
        """Capture what is authorized: by Odoo's wizard where a part can be captured, else at once."""
        transactions = self._authorized_as_manager()
        if any(tx.provider_id.support_manual_capture == "partial" for tx in transactions):
            return transactions.action_capture()
        return [tx._paylink_request("action_capture") for tx in transactions][-1]

    def action_void(self):
        """Release what is authorized: the customer is not charged, and may pay by the link again."""
        return [tx._paylink_request("action_void") for tx in self._authorized_as_manager()][-1]

    def action_refund(self):
        """Open the refund of one of the link's payments."""
        self.ensure_one()
        self.check_access("write")
        refundable = self.sudo().transaction_ids._paylink_refundable()
        if not refundable:
            raise UserError(self.env._("Nothing can be refunded: no payment is booked, or its provider can't refund."))
        refundable.sudo(False)._paylink_as_manager()
        return {
            "name": self.env._("Refund"),
            "type": "ir.actions.act_window",
            "res_model": "paylink.refund",
            "view_mode": "form",
            "target": "new",
            "context": {"default_link_id": self.id, "default_transaction_id": refundable[-1].id},
        }

    def _authorized_as_manager(self):
        self.ensure_one()
        self.check_access("write")
        transactions = self.sudo().transaction_ids._paylink_authorized()
        if not transactions:
            raise UserError(self.env._("%(name)s: no payment waits to be captured.", name=self.name))
        return transactions.sudo(False)._paylink_as_manager()

    # === BUSINESS METHODS === #

    def _announce_authorization(self, transaction):
        """Notify the owner, in the owner's language."""
        env = self._owner_env()
        self._notify_owner(
            subject=env._("%(name)s: a payment is authorized", name=self.name),
            body=env._(
                "%(partner)s authorized %(amount)s (%(name)s: %(documents)s). Capture it before %(date)s: later it may "
                "not be possible any more.",
                partner=self.partner_id.display_name,
                name=self.name,
                documents=self.documents_display,
                amount=format_amount(env, transaction.amount, transaction.currency_id),
                date=format_datetime(
                    env, transaction._paylink_capture_before(), tz=self._task_user().tz or self.company_id.paylink_tz
                ),
            ),
        )
