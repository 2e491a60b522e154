from odoo import api, fields, models


class PaylinkLink(models.Model):
    _inherit = "paylink.link"

    by_reminder = fields.Boolean(
        readonly=True, copy=False, help="Made for a reminder: rules for unpaid links do not apply to it."
    )
    reminder_count = fields.Integer(string="Number of reminders", compute="_compute_reminder_count")

    @api.depends_context("uid", "allowed_company_ids")
    def _compute_reminder_count(self):
        """How many messages had the link; one query for all."""
        counts = {}
        Message = self.env["paylink.reminder.message"]
        for link, count in Message._read_group([("link_ids", "in", self.ids)], ["link_ids"], ["__count"]):
            counts[link.id] = count
        for link in self:
            link.reminder_count = counts.get(link.id, 0)

    # === ANNOUNCED TRANSFERS === #
    # Nobody is reminded of what is on its way, as the customer says: a promise to pay, until some days later. Whoever
    # says so again and again pauses nothing: see ``paylink.reminder.hold._pauses_by_transfers``.

    def _claim_pauses_until(self):
        """Of several promises the one that ends first; no word of it where something is not on hold."""
        days = []
        for records in self._paused_together():
            paused = self.env["paylink.reminder.hold"].sudo()._pauses_by_transfers(records)[0]
            days += [paused.get(one, False) for one in records]
        return min(days) if all(days) else super()._claim_pauses_until()

    def _after_claim(self):
        result = super()._after_claim()
        link = self.sudo()
        until = link._claim_ends_on()
        if until < link.company_id._paylink_today():
            return result
        Hold = link.env["paylink.reminder.hold"]
        shared = {
            "kind": "promise",
            "company_id": link.company_id.id,
            "link_id": link.id,
            "date_until": until,
            "by_transfer": True,
            "note": link.company_id._paylink_env()._("A transfer was announced on the payment page."),
            "user_id": link._task_users().id,
        }
        vals_list = []
        for records in link._paused_together():
            paused, spent = Hold._pauses_by_transfers(records)
            vals_list += [shared | link._paused_values(one) for one in records - spent if one not in paused]
        Hold.create(vals_list)
        return result

    def _paused_together(self, lines=None):
        """The invoices that the link asks for, and the link itself, where it asks for something else.

        :param lines: of these lines only
        """
        lines = self.line_ids if lines is None else lines
        moves = lines.filtered("is_invoice").move_id
        is_only_invoices = moves and all(lines.mapped("is_invoice"))
        return [moves] if is_only_invoices else [moves, self]

    def _paused_values(self, record):
        """What a promise says of one of them."""
        if record == self:
            return {"partner_id": self.partner_id.commercial_partner_id.id}
        return {"move_id": record.id}

    def _after_claim_withdrawn(self):
        """Reminders go on."""
        result = super()._after_claim_withdrawn()
        holds = self.env["paylink.reminder.hold"].sudo()
        holds.search([("link_id", "=", self.id), ("by_transfer", "=", True)])._lift()
        return result

    def action_view_reminders(self):
        """Show the messages that had the link."""
        self.ensure_one()
        self.check_access("read")
        messages = self.env["paylink.reminder.message"].search([("link_ids", "in", self.ids)])
        return messages._get_records_action(name=self.env._("Reminders"))

    def action_remind(self):
        """Open the dialog that sends a reminder of these links now."""
        return self.env["paylink.reminder.send"]._action_open(self)
