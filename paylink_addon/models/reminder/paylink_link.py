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

    def _after_claim(self):
        """Nobody is reminded of what is on its way, as the customer says: a promise to pay, until some days later.

        Whoever says so again and again pauses nothing: see ``paylink.reminder.hold._paused_by_transfers``.
        """
        result = super()._after_claim()
        link = self.sudo()
        until = link._claim_ends_on()
        if until < link.company_id._paylink_today():
            return result
        env, Hold = link.company_id._paylink_env(), link.env["paylink.reminder.hold"]
        moves = link.line_ids.filtered("is_invoice").move_id
        Hold.create(
            [
                {
                    "kind": "promise",
                    "company_id": link.company_id.id,
                    "move_id": move.id,
                    "date_until": until,
                    "by_transfer": True,
                    "note": env._("A transfer was announced on the payment page."),
                }
                for move in moves - Hold._paused_by_transfers(moves)
            ]
        )
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
