from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    paylink_fee_account_id = fields.Many2one(
        "account.account",
        string="Account for providers' fees",
        check_company=True,
        domain="[('account_type', 'in', ('expense', 'expense_direct_cost'))]",
        help="Where the fees of chargebacks are booked. Empty: the account of bank fees in the chart of accounts.",
    )

    paylink_lost_reminders = fields.Selection(
        [("lift", "When a person decides so"), ("auto", "By themselves")],
        string="Reminders after a lost chargeback",
        required=True,
        default="lift",
        help="When reminders ask again for what a customer's bank has taken back for good.",
    )

    def _paylink_fee_account(self):
        """The account for fees: the one chosen, while it is in use, else that of bank fees, where the chart of accounts
        has one.
        """
        self.ensure_one()
        if self.paylink_fee_account_id.active:
            return self.paylink_fee_account_id
        template = self.env["account.chart.template"].with_company(self)
        fees = template.ref("bank_fees_reco", raise_if_not_found=False)
        accounts = fees.sudo().line_ids.account_id if fees else self.env["account.account"]
        return accounts.filtered("active")[:1]
