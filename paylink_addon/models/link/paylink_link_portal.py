"""Stage of ``paylink.link``: what customers read of their links in Odoo's portal."""

from odoo import models

from ...const import LIVE_STATES


class PaylinkLinkPortal(models.Model):
    """The rows of the portal: what is due, where each link stands, and whether it can be paid."""

    _inherit = "paylink.link"

    def _portal_rows(self):
        """The links as their customer reads them in the portal, in the language of the context."""
        links = self._for_page()
        due, items = links._due_amounts(), links.line_ids.move_line_id
        left = items - items._paylink_in_flight()
        rows = []
        for link in links:
            own = link.line_ids._standing().move_line_id
            rows.append(link._portal_row(due[link.id], is_busy=bool(own) and not own & left))
        return rows

    def _portal_row(self, due, is_busy):
        """:param bool is_busy: all that it asks for is being paid in another way"""
        is_live, is_expired = self.state in LIVE_STATES, self._is_expired()
        return {
            "name": self.name,
            "documents": self._documents_text(self.env, self.line_ids),
            "due": self._amount_text(self._proposal(due)[0]) if is_live else "",
            "asked": self._amount_text(self.amount),
            "expires": self._expiry_text(self.env) if is_live else "",
            "status": self._portal_status(due, is_busy),
            "payable": self.state in ("open", "failed") and not is_expired and due > 0 and not is_busy,
            "url": f"/pay/{self.access_token}",
        }

    def _portal_status(self, due, is_busy):
        """Where the link stands, as its customer would say: a text and its color."""
        self.ensure_one()
        settled = self.settled_elsewhere or (self.state in ("open", "failed") and not due)
        expired = self.state in ("open", "failed") and self._is_expired()
        running = not self.amount_paid and self._running()
        rules = (
            ("in_progress", running),
            ("settled", settled),
            ("expired", expired),
            ("in_progress", is_busy and self.state in LIVE_STATES),
        )
        is_waiting = self.status == "in_progress" and self.state != "pending"  # at a provider's page, or here
        own = self.state if is_waiting else self._page_status()
        status = next((status for status, holds in rules if holds), own)
        texts = {
            "settled": (self.env._("Settled another way"), "success"),
            "paid": (self.env._("Paid"), "success"),
            "partly_refunded": (self.env._("Partly refunded"), "success"),
            "refunded": (self.env._("Refunded"), "secondary"),
            "lost": (self.env._("Taken back by your bank: to pay"), "danger"),
            "partly_paid": (self.env._("Partly paid"), "warning"),
            "in_progress": (self.env._("Payment in progress"), "warning"),
            "interrupted": (self.env._("Payment failed: try again"), "danger"),
            "expired": (self.env._("Expired"), "secondary"),
            "cancelled": (self.env._("Canceled"), "secondary"),
        }
        return texts.get(status, (self.env._("To pay"), "info"))
