from odoo import fields, models


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

    def _replaced_texts(self, env):
        return env._("Send a collection link again"), env._(
            "The statement page of %(partner)s was revoked. It had led to %(name)s, whose address was therefore "
            "replaced: the one that you had sent does not work anymore.",
            partner=self.partner_id.display_name,
            name=self.name,
        )

    def _widened_values(self):
        return super()._widened_values() | {"statement_id": self.statement_id.id}

    def _attempts_since(self, since):
        """Who tries card after card is stopped on all links of one statement together."""
        statement = self.sudo().statement_id
        if not statement:
            return super()._attempts_since(since)
        domain = [
            ("paylink_id.statement_id", "=", statement.id),
            ("create_date", ">=", since),
            ("operation", "!=", "refund"),
        ]
        return self.env["payment.transaction"].sudo().search(domain)
