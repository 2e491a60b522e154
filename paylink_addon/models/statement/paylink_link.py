from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import UserError


class PaylinkLink(models.Model):
    """Links that customers made themselves, on their statement page."""

    _inherit = "paylink.link"

    statement_id = fields.Many2one(
        "paylink.statement",
        string="Statement Page",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="The customer made this link on the statement page.",
    )

    def _check_attempts(self):
        """Who tries card after card is stopped on all links of one statement together."""
        super()._check_attempts()
        statement = self.sudo().statement_id
        if not statement:
            return
        since = fields.Datetime.now() - timedelta(hours=1)
        recent = (
            self.env["payment.transaction"]
            .sudo()
            .search(
                [
                    ("paylink_id.statement_id", "=", statement.id),
                    ("create_date", ">=", since),
                    ("operation", "!=", "refund"),
                ]
            )
        )
        if len(recent) + sum(recent.mapped("paylink_decline_count")) >= statement._max_attempts():
            raise UserError(self.env._("Too many attempts: wait an hour, or pay by transfer."))
