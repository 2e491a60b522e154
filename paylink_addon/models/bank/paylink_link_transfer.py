"""Stage of ``paylink.link``: how it is paid by transfer: what the page shows, and what customers say there."""

import re
from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ...tools import creditor_reference
from ...tools.addresses import usable_emails
from ...tools.client_values import LARGEST_NUMBER

# How often a customer may say of one link that a transfer is made.
MOST_CLAIMS = 5
LONGEST_TEXT = 40
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
        """With the address for Interac e-Transfers, where the company has one, and what the customer has announced."""
        values = super()._transfer_values()
        interac = self._interac_address()
        if not values and not interac:
            return False
        values = values or {"account": False, "has_qr": False, "reference": self._transfer_reference()}
        claim = self.transfer_claim_date
        return values | {
            "interac": interac,
            "claimed_on": claim and format_date(self.env, claim),
            "claimed": claim and self._amount_text(self.transfer_claim_amount),
            "may_claim": self._may_claim_transfer(),
            "today": self._today(),
        }

    def _interac_address(self):
        """Where Interac e-Transfers go: money in Canadian dollars, of companies in Canada."""
        is_canadian = self.currency_id.name == "CAD" and self.company_id.country_code == "CA"
        addresses = usable_emails(self.company_id.paylink_interac_email or "")
        return is_canadian and addresses and addresses[0]

    # === WHAT THE CUSTOMER SAYS === #

    def _may_claim_transfer(self):
        return self.transfer_claim_count < MOST_CLAIMS

    def _claim_transfer(self, date, amount):
        """Note that the customer has made a transfer. Nothing is booked by that, and nothing is paid.

        :param date: as a form sends it: anything
        :param amount: likewise
        :raises UserError: with a text for the customer
        """
        self.ensure_one()
        self._wait_and_hold()
        if not self._may_claim_transfer():
            raise UserError(self.env._("You have told us about transfers several times already: please contact us."))
        values = {
            "transfer_claim_date": self._claimed_day(date),
            "transfer_claim_amount": self._claimed_amount(amount),
            "transfer_claim_count": self.transfer_claim_count + 1,
        }
        self.sudo().write(values)
        self._tell_claim()
        self._after_claim()

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
        typed = self._typed_amounts(bare)
        if len(typed) != 1 or not 0 < typed[0] < LARGEST_NUMBER:
            raise UserError(self.env._("Enter the amount of your transfer, without separating thousands."))
        return typed[0]

    def _tell_claim(self):
        """On the timeline, and to the owner, each in their language."""
        link = self.sudo()
        link._log_events("transfer_claimed", {link.id: link._claim_text(link.company_id._paylink_env())})
        env = link._owner_env()
        subject = env._("%(partner)s has announced a transfer", partner=link.partner_id.display_name)
        link._notify_owner(subject=subject, body=link._claim_text(env))

    def _claim_text(self, env):
        return env._(
            "Transfer of %(amount)s on %(date)s, as the customer says. It is paid once the bank shows it.",
            amount=self._amount_text(self.transfer_claim_amount, env),
            date=format_date(env, self.transfer_claim_date),
        )

    def _after_claim(self):
        """Hook: what follows when a customer has said that a transfer is made. Here: nothing."""

    def _claim_ends_on(self):
        """The last day on which nobody is asked again because a transfer was announced."""
        pause = timedelta(days=min(max(self.company_id.paylink_claim_days, 0), LONGEST_PAUSE))
        return min(self.transfer_claim_date, self._today()) + pause
