from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    paylink_interac_email = fields.Char(
        string="Address for Interac e-Transfers",
        help="Offered in Canada to customers who pay by transfer: the e-mail address to which they send the money.",
    )
    paylink_bank_fee_limit = fields.Monetary(
        string="Bank fees up to",
        help="A transfer that is short by no more than this is proposed as a full payment, less the fees of a bank.",
    )
    paylink_bank_fee_account_id = fields.Many2one(
        "account.account",
        string="Account of Bank Fees",
        check_company=True,
        domain="[('account_type', 'in', ('expense', 'expense_direct_cost'))]",
        help="Where the fees go that banks have kept of customers' transfers.",
    )
    paylink_claim_days = fields.Integer(
        string="Days without reminders",
        default=5,
        help="How long reminders wait after a customer has said that a transfer is made.",
    )
