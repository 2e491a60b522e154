"""Stage of ``paylink.link``: who proves to read the customer's e-mail address pays with what the customer has saved.

The address of a link is passed on: it is no proof of anything. Nor are the addresses that the link was sent to.
"""

from odoo import api, models
from odoo.tools import LazyTranslate, hmac

from ...tools.addresses import BadAddress, split_emails, usable_emails

_lt = LazyTranslate(__name__)


class PaylinkLinkSaved(models.Model):
    """Callers have checked the token; everything is in sudo mode."""

    _inherit = "paylink.link"

    def _payment_form_values(self, money, chosen, payer=None, option=None):
        """Also whether the page offers to prove it: where customers can save something, whether this one has or not."""
        values = super()._payment_form_values(money, chosen, payer, option)
        ids, Provider = self._option_ids(money, chosen.amount), self.env["payment.provider"]
        can_save = any(one.may_save for one in Provider._paylink_known_offers(money.options, *ids, True))
        return values | {"saved_offered": can_save and not self._may_save(payer)}

    # === PROVING === #

    def _address_on_file(self):
        """The one e-mail address that the contact has; nothing where there is none, or several: nobody knows then
        whose of them the saved methods are.
        """
        self.ensure_one()
        partner = self.partner_id
        try:
            found = split_emails(partner.email) if partner.active else []
        except BadAddress:
            found = []
        return found[0] if len(found) == 1 else ""

    def _send_code(self, ip):
        """Send a code to the address on file. Whether there is one, and whether anything is saved, nobody is told.

        :param str ip: where from
        :return: the ticket for the form, or ``False``: too many were asked for
        """
        address = self._address_on_file()
        ticket = self.env["paylink.card.code"]._send(self, address, {}, ip, person=self.partner_id)
        if ticket:
            nowhere = _lt("The contact has no e-mail address, or several: none was sent.")
            self._log_events("code_sent", {} if address else {self.id: nowhere})
        return ticket

    def _take_code(self, ticket, code):
        """Whether this is the code that was sent to the address that is on file still. It is used up.

        :param ticket: as it came: anything
        :param code: likewise
        """
        found = self.env["paylink.card.code"]._prove(self, ticket, code)
        is_right = bool(found) and found.email == self._address_on_file()
        found._forget()
        if is_right:
            self._log_events("code_taken")
        return is_right

    def _proof(self):
        """What was proved by a code: it is no proof of another contact, of another address of theirs, or for another
        link; what is chosen on the page of this one to be paid by another one counts as this.
        """
        address = self._address_on_file()
        facts = f"{self._proved_id()} {self.partner_id.id} {address}"
        return hmac(self.env(su=True), "paylink.link.proof", facts) if address else None

    def _proved_id(self):
        return (self.widened_from_id or self).id

    # === WHAT FOLLOWS === #

    @api.model
    def _payment_steps(self):
        return [*super()._payment_steps(), self._tell_owners_of_methods]

    @api.model
    def _tell_owners_of_methods(self, transactions):
        """Who owns what was charged to whoever had a code is told, if the receipt goes elsewhere."""
        used = transactions.filtered("paylink_by_code")
        template = used and self.env.ref("paylink_addon.mail_template_saved_used", raise_if_not_found=False)
        if not template:  # nobody wants them to be told
            return
        addresses = {tx.paylink_id.id: tx.paylink_id._untold_owner(tx) for tx in used}
        untold = used.filtered(lambda tx: addresses[tx.paylink_id.id])
        for lang, paid in untold.grouped(lambda tx: tx.token_id.partner_id._paylink_lang()).items():
            links = paid.paylink_id._read_in(lang).with_context(paylink_told_ids=paid._ids)
            links._create_emails(
                links._prepare_emails(
                    template.with_env(links.env(su=True)),
                    email_to=addresses,
                    layout="paylink_addon.mail_layout_receipt",
                    event="method_told",
                    transactions={tx.paylink_id.id: tx for tx in paid},
                )
            )

    def _untold_owner(self, transaction):
        """Where the owner of the charged method is told, as text; nothing where the receipt goes there."""
        told = split_emails(self._receipt_addresses()) if self._receipt_promise() == "email" else []
        return ", ".join({*usable_emails(transaction.token_id.partner_id.email)} - {*told})
