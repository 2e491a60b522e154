from markupsafe import Markup
from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import format_amount


class PaylinkLink(models.Model):
    _inherit = "paylink.link"

    lead_id = fields.Many2one(
        "crm.lead",
        string="Opportunity",
        index="btree_not_null",
        ondelete="set null",
        groups="sales_team.group_sale_salesman",
        help="The opportunity from which the payment was asked for.",
    )

    @api.constrains("lead_id", "company_id")
    def _check_lead(self):
        for link in self.sudo():
            if link.lead_id.company_id and link.lead_id.company_id != link.company_id:
                raise ValidationError(
                    self.env._(
                        "“%(lead)s” belongs to another company than its payment %(link)s.",
                        lead=link.lead_id.name,
                        link=link.name,
                    )
                )

    @api.model
    def _log_steps(self):
        """The opportunity, too, tells what has been paid, or given back."""
        return [*super()._log_steps(), self._log_on_leads, self._tag_leads]

    @api.model
    def _log_on_leads(self, transactions):
        """A line for each payment, and for each refund, on the opportunity it was asked for."""
        texts = {
            lead.id: Markup("<br/>").join(self._lead_note(tx) for tx in own)
            for lead, own in transactions.sudo().grouped(lambda tx: tx.paylink_id.lead_id).items()
            if lead
        }
        leads = self.env["crm.lead"].sudo().browse(texts)
        leads._message_log_batch(texts, author_id=self.env.ref("base.partner_root").id)

    @api.model
    def _lead_note(self, transaction):
        """What the opportunity's chatter says of a payment or refund, in the language of the company."""
        env = transaction.company_id._paylink_env()
        values = {
            "amount": format_amount(env, abs(transaction.amount), transaction.currency_id),
            "link": transaction.paylink_id._get_html_link(),
        }
        if transaction.operation == "refund":
            return env._("%(amount)s was refunded (%(link)s).", **values)
        return env._("%(amount)s was paid (%(link)s).", **values)

    @api.model
    def _tag_leads(self, transactions):
        """An opportunity whose payment is complete is tagged; where the tag was deleted, nobody wants it."""
        leads = transactions.sudo().paylink_id.filtered(lambda link: link.state == "paid").lead_id
        if tag := self.env.ref("paylink_addon_crm.crm_tag_paid", raise_if_not_found=False):
            leads.tag_ids |= tag
