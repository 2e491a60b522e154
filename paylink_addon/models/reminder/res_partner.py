from odoo import api, fields, models
from odoo.tools import email_normalize

GROUP = "paylink_addon.group_paylink_user"


class ResPartner(models.Model):
    _inherit = "res.partner"

    paylink_gets_reminders = fields.Boolean(
        string="Contact for reminders", help="Gets the customer's reminders, if the rule says so."
    )
    paylink_reminder_count = fields.Integer(
        string="Number of reminders", compute="_compute_paylink_reminders", groups=GROUP
    )
    paylink_promise_until = fields.Date(
        string="Promised until",
        compute="_compute_paylink_reminders",
        groups=GROUP,
        help="No reminders until then, of all that is owed or of single documents: the latest day.",
    )
    paylink_has_objection = fields.Boolean(string="Objection noted", compute="_compute_paylink_reminders", groups=GROUP)

    @api.depends_context("uid", "allowed_company_ids")
    def _compute_paylink_reminders(self):
        """Three queries for all: the reminders the user may see, and what is on hold, of customers they may read: all
        that they owe, or documents that the user may read.
        """
        customers = self.commercial_partner_id._filtered_access("read")
        counts = self.env["paylink.reminder"]._sent_counts("customer_id", customers)
        Hold = self.env["paylink.reminder.hold"]
        holds = Hold._standing_of_customers(customers), Hold._standing_of_documents(customers)
        for partner in self:
            customer = partner.commercial_partner_id
            partner.paylink_reminder_count = counts.get(customer, 0)
            found = [some.get(customer.id, (False, False)) for some in holds]
            partner.paylink_promise_until = max(filter(None, (until for until, _objected in found)), default=False)
            partner.paylink_has_objection = any(objected for _until, objected in found)

    def write(self, vals):
        """An address that is corrected has not bounced."""
        if "email" in vals and "message_bounce" not in vals:
            address = email_normalize(vals["email"], strict=False)
            corrected = self.filtered(lambda partner: partner.message_bounce and partner.email_normalized != address)
            corrected.message_bounce = 0
        return super().write(vals)

    def action_paylink_view_reminders(self):
        """Show the reminders of the customer."""
        self.ensure_one()
        self.check_access("read")
        return self.env["paylink.reminder"]._action_sent([("customer_id", "=", self.commercial_partner_id.id)])

    def action_paylink_promise(self):
        """Note until when the customer promises to pay everything."""
        return self.env["paylink.reminder.hold"]._action_new("promise", partner_id=self.commercial_partner_id.id)

    def action_paylink_objection(self):
        """Note that the customer objects to what is due."""
        return self.env["paylink.reminder.hold"]._action_new("objection", partner_id=self.commercial_partner_id.id)

    def action_paylink_remind(self):
        """Open the dialog that sends a reminder of all that is due now."""
        return self.env["paylink.reminder.send"]._action_open(self)

    def action_paylink_look_up(self):
        """Show which rules will remind the customer, which not, and why."""
        self.ensure_one()
        return self.env["paylink.reminder.lookup"]._action_look_up(partner_id=self.commercial_partner_id.id)

    # === TASKS === #

    def _paylink_ends_tasks_by(self):
        return super()._paylink_ends_tasks_by() | {"email", "phone", "message_bounce", "country_id"}

    def _paylink_task_subjects(self):
        """Customers, whose contacts have addresses."""
        return [*super()._paylink_task_subjects(), self.commercial_partner_id]

    def _paylink_done_reminder_address(self, _task):
        """Each reminder that could not be sent for want of an address has one now, or nothing to ask for."""
        rows = self.env["paylink.reminder"].search([("customer_id", "=", self.id), ("reason", "=", "address")])
        return all(not draft.reason for draft in rows._drafts())

    def _paylink_done_reminder_undelivered(self, _task):
        """What was not delivered went to addresses that are not used anymore, or is paid."""
        messages = self.env["paylink.reminder.message"].search(
            [("customer_id", "=", self.id), ("is_reported", "=", True)]
        )
        return not any(message._still_lacks_an_address() for message in messages)

    def _paylink_done_reminder_error(self, _task):
        """Runs that go well end it, too; who owes nothing is in none."""
        owed = [("partner_id", "child_of", self.id), ("account_type", "=", "asset_receivable"), ("balance", ">", 0)]
        return not self.env["account.move.line"].search_count(
            [*owed, ("parent_state", "=", "posted"), ("reconciled", "=", False)], limit=1
        )
