from odoo import api, fields, models

GROUP = "paylink_addon.group_paylink_user"


class AccountMove(models.Model):
    """Invoices show their reminders and what holds them up. Nothing of it is stored on them."""

    _inherit = "account.move"

    paylink_reminder_count = fields.Integer(
        string="Number of reminders", compute="_compute_paylink_reminders", groups=GROUP
    )
    paylink_promise_until = fields.Date(
        string="Promised until", compute="_compute_paylink_reminders", groups=GROUP, help="No reminders until then."
    )
    paylink_has_objection = fields.Boolean(string="Objection noted", compute="_compute_paylink_reminders", groups=GROUP)

    @api.depends_context("uid", "allowed_company_ids")
    def _compute_paylink_reminders(self):
        """Two queries for all; what holds up all of the customer holds up the invoice too."""
        Hold = self.env["paylink.reminder.hold"]
        counts = self.env["paylink.reminder"]._sent_counts("move_id", self)
        holds = Hold._standing([("move_id", "in", self.ids)], "move_id")
        customers = self.commercial_partner_id
        general = Hold._standing_of_customers(customers)
        for move in self:
            move.paylink_reminder_count = counts.get(move._origin, 0)
            promised, objected = holds.get(move._origin.id, (False, False))
            generally, all_objected = general.get(move.commercial_partner_id.id, (False, False))
            move.paylink_promise_until = max(filter(None, (promised, generally)), default=False)
            move.paylink_has_objection = objected or all_objected

    def action_paylink_view_reminders(self):
        """Show the reminders of the invoice."""
        self.ensure_one()
        self.check_access("read")
        return self.env["paylink.reminder"]._action_sent([("move_id", "=", self.id)])

    def action_paylink_promise(self):
        """Note until when the customer promises to pay this invoice."""
        self.ensure_one()
        return self.env["paylink.reminder.hold"]._action_new(
            "promise", move_id=self.id, partner_id=self.commercial_partner_id.id, company_id=self.company_id.id
        )

    def action_paylink_objection(self):
        """Note that the customer objects to this invoice."""
        self.ensure_one()
        return self.env["paylink.reminder.hold"]._action_new(
            "objection", move_id=self.id, partner_id=self.commercial_partner_id.id, company_id=self.company_id.id
        )

    def action_paylink_remind(self):
        """Open the dialog that sends a reminder of these invoices now."""
        return self.env["paylink.reminder.send"]._action_open(self)

    def action_paylink_look_up(self):
        """Show which rules will remind of the invoice, which not, and why."""
        self.ensure_one()
        return self.env["paylink.reminder.lookup"]._action_look_up(move_id=self.id)

    def action_paylink_attachments(self):
        """Choose which files go out with reminders of the invoice."""
        self.ensure_one()
        self.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Files sent with e-mails"),
            "res_model": "ir.attachment",
            "view_mode": "list",
            "views": [(self.env.ref("paylink_addon.ir_attachment_view_list").id, "list")],
            "target": "new",
            "domain": [("res_model", "=", self._name), ("res_id", "=", self.id)],
            "context": {"create": False},
        }

    def _paylink_without_pdf(self):
        """The invoices whose PDF can be made and has not been made yet."""
        if not self.env["paylink.link"]._can_make_pdf():
            return self.browse()
        return self.filtered(
            lambda move: move.is_sale_document() and move.state == "posted" and not move.invoice_pdf_report_id
        )
