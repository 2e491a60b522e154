from odoo import Command, api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools import LazyTranslate

from ...tools.addresses import usable_emails
from ...tools.locks import hold_and_touch
from ..stripe.const import STRIPE_CODE
from .paylink_payout import STRIPE, is_named
from .payment_transaction_transfer import TRANSFER

_lt = LazyTranslate(__name__)


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
        help="Where the fees go that banks have kept of customers' transfers. Empty: the account of bank fees.",
    )
    paylink_claim_days = fields.Integer(
        string="Days without reminders",
        default=5,
        help="How long reminders wait after a customer has said that a transfer is made.",
    )

    @api.constrains("paylink_interac_email")
    def _check_paylink_interac_email(self):
        """Money is sent there: one address, and a real one."""
        for company in self.filtered("paylink_interac_email"):
            if len(usable_emails(company.paylink_interac_email)) != 1:
                raise ValidationError(
                    self.env._("“%(value)s” is not an e-mail address: correct it.", value=company.paylink_interac_email)
                )

    # === TRANSFERS === #

    def _paylink_can_be_paid(self):
        """Also where customers can send Interac e-Transfers."""
        return super()._paylink_can_be_paid() or bool(self.country_code == "CA" and self.paylink_interac_email)

    def _paylink_bank_fee_account(self):
        """The account for what banks keep of transfers: the one chosen, while it is in use, else that of all fees."""
        own = self.paylink_bank_fee_account_id
        return own if own.active else self._paylink_fee_account()

    def _paylink_transfer_provider(self):
        """The provider that stands for transfers, in sudo mode; it is made when the first one is matched.

        Of two that both find none, the second one waits for the company, fails on what the first one has touched, and
        is run again.
        """
        self.ensure_one()
        Provider = self.env["payment.provider"].sudo()
        domain = [("code", "=", TRANSFER), ("company_id", "=", self.id)]
        if not (provider := Provider.search(domain, limit=1)):
            hold_and_touch(self)
            method = self.env.ref("payment.payment_method_bank_transfer")
            names = self.env["res.lang"]._paylink_translations(_lt("Bank Transfer"))
            provider = Provider.create(
                {
                    "name": next(iter(names.values())),
                    "code": TRANSFER,
                    "company_id": self.id,
                    "state": "disabled",
                    "payment_method_ids": [Command.set(method.ids)],
                }
            )
            for lang, name in names.items():
                provider.with_context(lang=lang).name = name
        return provider

    # === STRIPE === #

    def _paylink_has_unkept_stripe(self):
        """Whether money comes from a Stripe account that is not kept here: Odoo's own provider, or one more of ours."""
        domain = [("company_id", "=", self.id), ("state", "=", "enabled"), ("code", "in", ("stripe", STRIPE_CODE))]
        providers = self.env["payment.provider"].sudo().search(domain)
        return any(not provider._paylink_balance() for provider in providers)

    def _paylink_lines_from_stripe(self, since):
        """Lines of banks that name Stripe, and that somebody has reconciled with something else than a payout.

        :param since: of which day on
        """
        names = ("payment_ref", "ref", "partner_name")
        domain = Domain.OR(Domain(name, "ilike", STRIPE) for name in names) & Domain("company_id", "=", self.id)
        domain &= Domain("date", ">=", since) & Domain("is_reconciled", "=", True) & Domain("state", "=", "posted")
        lines = self.env["account.bank.statement.line"].search(domain)._paylink_of_banks()
        return lines.filtered(
            lambda line: is_named(line, STRIPE) and self.transfer_account_id not in line.move_id.line_ids.account_id
        )
