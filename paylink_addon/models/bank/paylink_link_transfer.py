"""Stage of ``paylink.link``: how it is paid by transfer: what the page shows, and what customers announce."""

import re
from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import UserError

from ...tools import creditor_reference
from ...tools.addresses import usable_emails
from ...tools.bank_matching import CLAIM_EARLY
from ...tools.client_values import LARGEST_NUMBER
from ...tools.texts import typed

# How often a customer may say of one link that a transfer is made.
MOST_CLAIMS = 5
LONGEST_TEXT = 40
# Fewer letters and digits of an account tell nothing.
LEAST_ACCOUNT = 4
# How long ago, or ahead, that may have been.
LONGEST_AGO, LONGEST_AHEAD = timedelta(days=60), timedelta(days=10)
# For so many days at most, whatever the company has set.
LONGEST_PAUSE = 60


class PaylinkLinkTransfer(models.Model):
    """The transfer's reference and addresses on the customer's page; callers have checked the token."""

    _inherit = "paylink.link"

    # === WHAT THE PAGE SHOWS === #

    def _transfer_reference(self):
        """A structured one (ISO 11649), which banks pass on, and check, as it is."""
        return creditor_reference.written(self.transfer_reference)

    def _transfer_values(self):
        """With the address for Interac e-Transfers, where the company has one."""
        values = super()._transfer_values()
        interac = self._interac_address()
        if not values and not interac:
            return False
        values = values or {"account": False, "has_qr": False, "reference": self._transfer_reference()}
        return values | {"interac": interac}

    def _interac_address(self):
        """Where Interac e-Transfers go: money in Canadian dollars, of companies in Canada."""
        is_canadian = self.currency_id.name == "CAD" and self.company_id.country_code == "CA"
        addresses = usable_emails(self.company_id.paylink_interac_email or "")
        return is_canadian and addresses and addresses[0]

    # === WHAT THE CUSTOMER SAYS === #

    def _may_claim_transfer(self):
        return self.transfer_claim_count < MOST_CLAIMS

    def _claim_transfer(self, date, amount, account=None):
        """Note that the customer has made a transfer. Nothing is booked by that, and nothing is paid.

        :param date: as a form sends it: anything
        :param amount: likewise
        :param account: from which account, if the customer says it; likewise
        :raises UserError: with a text for the customer
        """
        self.ensure_one()
        self._wait_and_hold()
        if not self._may_claim_transfer():
            raise UserError(self.env._("You have told us about transfers several times already: please contact us."))
        values = {
            "transfer_claim_date": self._claimed_day(date),
            "transfer_claim_amount": self._claimed_amount(amount),
            "transfer_claim_account": self._claimed_account(account),
            "transfer_claim_count": self.transfer_claim_count + 1,
        }
        self.sudo().write(values)
        self._after_claim()

    def _claim_has_come(self):
        """Whether the bank has shown as much as was announced: then there is nothing to say of it anymore."""
        claimed, day = self.transfer_claim_amount, self.transfer_claim_date
        if not day:
            return False
        first = day + timedelta(days=CLAIM_EARLY)
        come = max(self._come_by_transfer(first), self._come_by_hand(first))
        return self.currency_id.compare_amounts(come, claimed) >= 0

    def _come_by_transfer(self, first):
        """How much the bank's lines have brought that were matched with the link, of that day and later."""
        received = self.transaction_ids.filtered(
            lambda tx: tx.state == "done" and not tx.paylink_withdrawn_at and tx.paylink_match_id
        )
        return sum(received.filtered(lambda tx: tx.paylink_match_id.line_date >= first).mapped("amount"))

    def _come_by_hand(self, first):
        """Likewise what somebody has reconciled with what the link asks for: lines of the bank, registered payments."""
        partials = self.line_ids.move_line_id.matched_credit_ids.filtered(
            lambda partial: (
                (move := partial.credit_move_id.move_id).move_type == "entry"
                and move.state == "posted"
                and move.date >= first
                and not move.origin_payment_id.payment_transaction_id
            )
        )
        return sum(partials.mapped("debit_amount_currency"))

    # === WHAT WAS A MISTAKE === #

    def action_withdraw_claim(self):
        """Take back what the customer has announced, as the customer says, or as is plain: reminders go on."""
        self.check_access("write")
        if not all(self.mapped("transfer_claim_date")):
            raise UserError(self.env._("No transfer is announced: reload the page."))
        for link in self:
            link._withdraw_claim()
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def _withdraw_claim(self):
        link = self.sudo()
        if link.transfer_claim_date:
            link.write({"transfer_claim_date": False, "transfer_claim_amount": 0, "transfer_claim_account": False})
            link._after_claim_withdrawn()

    def _after_claim_withdrawn(self):
        """Hook: what follows when an announced transfer turns out to be none. Here: nothing."""

    def _claimed_day(self, text):
        try:
            day = fields.Date.to_date(text)
        except (TypeError, ValueError):
            day = None
        today = self._today()
        if not day or not today - LONGEST_AGO <= day <= today + LONGEST_AHEAD:
            raise UserError(self.env._("Enter the day of your transfer: it lies some weeks back at most."))
        return day

    def _claimed_amount(self, text):
        # The page proposes what is due as it shows it, with the currency's sign.
        bare = re.sub(r"^[^\d-]+|\D+$", "", text[:LONGEST_TEXT]) if isinstance(text, str) else ""
        amounts = self._typed_amounts(bare)
        if len(amounts) != 1 or not 0 < amounts[0] < LARGEST_NUMBER:
            raise UserError(self.env._("Enter the amount of your transfer, without separating thousands."))
        return amounts[0]

    @staticmethod
    def _claimed_account(text):
        """The end of a number, as banks show it: letters and digits alone; what can't be one is left aside."""
        number = "".join(filter(str.isalnum, creditor_reference.plain(typed(text, LONGEST_TEXT))))
        return number if len(number) >= LEAST_ACCOUNT else False

    def _after_claim(self):
        """Hook: what follows when a customer has said that a transfer is made. Here: nothing."""

    def _claim_pauses_until(self):
        """Hook: the last day on which nobody is asked again for anything that the link asks for, as transfers were
        announced; ``False`` where somebody may be. Here: nobody promises anything.
        """
        return False

    def _claim_ends_on(self):
        """The last day on which nobody is asked again because a transfer was announced: so long after it was made, or
        will be.
        """
        days_after = min(max(self.company_id.paylink_claim_days, 0), LONGEST_PAUSE)
        if not days_after:  # the word of a customer counts for nothing
            return min(self.transfer_claim_date, self._today())
        last = self._today() + timedelta(days=LONGEST_PAUSE)
        return min(self.transfer_claim_date + timedelta(days=days_after), last)
