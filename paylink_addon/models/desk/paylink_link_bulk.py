"""Stage of ``paylink.link``: what people do with many links at once."""

from odoo import models

from ...const import LIVE_STATES


class PaylinkLinkBulk(models.Model):
    """What ``paylink.bulk`` does, each by two hooks that have its name.

    ``_left_out_<action>()``: why links are left out, as ``{id: reason}``, in the user's language, without their names,
    and in as many queries, however many links there are. ``_bulk_<action>(dialog)``: do it with all of these links.
    Where there is ``_ahead_<action>(dialog)``, it does before what may commit.
    """

    _inherit = "paylink.link"

    # === ACTIONS === #

    def action_bulk_cancel(self):
        """Ask whether these are to be canceled, and say which can't be."""
        return self.env["paylink.bulk"]._action_ask("cancel", self)

    def action_bulk_send(self):
        """Ask whether these are to be sent (again), and say which can't be."""
        return self.env["paylink.bulk"]._action_ask("send", self)

    def action_bulk_read(self):
        """Mark the user's own of these as read, and say which are not."""
        return self.env["paylink.bulk"]._action_do("read", self)

    def action_consolidate(self):
        """Say, as a payment manager, that the money of these has come, and say of which that can't be said."""
        self._check_payment_manager()
        return self.env["paylink.bulk"]._action_do("consolidate", self)

    def action_undo_consolidation(self):
        """Ask why these are not consolidated after all, and say which are not, or by the bank."""
        self._check_payment_manager()
        return self.env["paylink.bulk"]._action_ask("undo", self)

    def _why_left_out(self, *rules):
        """The first rule that holds for each link: ``{id: reason}``.

        :param rules: ``(reason, function of a link)``; where the function returns a text, that is the reason
        """
        reasons = {}
        for link in self:
            found = ((reason, rule(link)) for reason, rule in rules)
            reason = next((said if isinstance(said, str) else reason for reason, said in found if said), None)
            if reason:
                reasons[link.id] = reason
        return reasons

    # === CANCEL === #

    def _left_out_cancel(self):
        authorized = (self | self._live_widened()).filtered("amount_authorized")
        return self._why_left_out(
            (self.env._("Canceled already"), lambda link: link.state == "cancelled"),
            (self.env._("Paid: refund it instead"), lambda link: link.state == "paid"),
            (self.env._("Expired: nobody can pay by it anymore"), lambda link: link.state == "expired"),
            (
                self.env._("A colleague's: only its owner, or a payment manager, can cancel it"),
                lambda link: not link.can_cancel,
            ),
            (self.env._("Being canceled: waiting for the provider's answer"), lambda link: link.cancel_requested_at),
            (
                self.env._("An authorized payment has to be released first: open the link and cancel it there"),
                lambda link: link in authorized or link._live_widened() & authorized,
            ),
        )

    def _bulk_cancel(self, _dialog):
        """What could not be closed at once is closed by the jobs that do so."""
        (self | self._live_widened()).filtered(lambda link: not link.cancelled_at)._cancel()

    # === SEND === #

    def _left_out_send(self):
        unaskable = self.filtered(lambda link: link.state in ("draft", *LIVE_STATES))._unaskable()
        texts = {
            "settled": self.env._("Nothing is due anymore"),
            "registered": self.env._("A payment is registered, and on its way"),
        }
        return self._why_left_out(
            (self.env._("Paid already"), lambda link: link.state == "paid"),
            (
                self.env._("Expired or canceled: open the link, where “Send again” makes a new one"),
                lambda link: link.is_over,
            ),
            (self.env._("A payment is in progress"), lambda link: link.state == "pending"),
            (self.env._("Paid in parts: each is sent on its day"), lambda link: link._is_sent_in_parts()),
            ("", lambda link: texts.get(unaskable.get(link.id))),
            (
                self.env._("No way to send it is chosen: open the link and choose e-mail or SMS"),
                lambda link: not (link.send_email or link.send_sms),
            ),
            (
                "",
                lambda link: self._recipient_problem(  # the contact need not be the user's to read
                    link.sudo().partner_id, link.email, link.phone, link.send_email, link.send_sms
                ),
            ),
        )

    def _ahead_send(self, dialog):
        """Make the PDFs that are attached, which show these links: so these are out first."""
        attached = self.filtered(lambda link: link.send_email and link.attach_pdf)
        failed = dialog._in_halves(attached, lambda links, _dialog: links._open_to_customers())
        attached.filtered(lambda link: link.id not in failed)._make_missing_pdfs()

    def _bulk_send(self, _dialog):
        """Through Odoo's outboxes, as a single one is sent."""
        self._send_out()

    # === MARK AS READ === #

    def _left_out_read(self):
        return self._why_left_out(
            (self.env._("A colleague's: only its owner can mark it as read"), lambda link: not link.is_mine),
            (self.env._("Read already"), lambda link: not link.unread),
        )

    def _bulk_read(self, _dialog):
        self.action_mark_read()
