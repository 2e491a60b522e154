from odoo import api, fields, models
from odoo.exceptions import UserError

from ...models.reminder.paylink_reminder_rule import TONES
from ...models.reminder.paylink_reminder_rule_pick import Pick
from ...tools.left_out import as_html, by_reason


class PaylinkReminderSend(models.TransientModel):
    """Sends a reminder now: of invoices, of all that a customer owes by today, of collection links."""

    _name = "paylink.reminder.send"
    _inherit = "paylink.send.mixin"
    _description = "Send a Reminder Now"

    tone = fields.Selection(TONES, required=True, default="1")
    send_email = fields.Boolean(string="E-mail", default=True)
    send_sms = fields.Boolean(string="SMS")
    mail_template_id = fields.Many2one(
        "mail.template",
        string="E-mail Template",
        domain=[("model", "=", "paylink.reminder.message")],
        compute="_compute_templates",
        store=True,
        readonly=False,
    )
    sms_template_id = fields.Many2one(
        "sms.template",
        string="SMS Template",
        domain=[("model", "=", "paylink.reminder.message")],
        compute="_compute_templates",
        store=True,
        readonly=False,
    )
    include_link = fields.Boolean(string="Collection link", default=True)
    attach_pdf = fields.Boolean(string="Attach the invoice PDF")
    message_count = fields.Integer(string="Number of messages", compute="_compute_preview")
    warning = fields.Char(compute="_compute_preview")
    problem = fields.Char(compute="_compute_preview")
    left_out = fields.Html(compute="_compute_preview", sanitize=False)
    recipient = fields.Char(string="Sent to", compute="_compute_preview")
    subject = fields.Char(compute="_compute_preview")
    body = fields.Html(string="Content", compute="_compute_preview", sanitize=False)
    sms_body = fields.Text(string="SMS text", compute="_compute_preview")
    message_ids = fields.Many2many("paylink.reminder.message", readonly=True)

    # === COMPUTE METHODS === #

    @api.depends("tone", "source_ids")
    def _compute_templates(self):
        Step = self.env["paylink.reminder.step"]
        for wizard in self:
            key = (wizard._moment(*wizard._due_items()), wizard.tone)
            wizard.mail_template_id = Step._supplied_templates("mail").get(key)
            wizard.sms_template_id = Step._supplied_templates("sms").get(key)

    @api.depends("mail_template_id", "sms_template_id", "send_email", "send_sms", "include_link", "tone", "source_ids")
    def _compute_preview(self):
        Message = self.env["paylink.reminder.message"].sudo()
        for wizard in self:
            drafts = [(draft, today) for found, today in wizard._drafts() for draft in found]
            reachable = [(draft, today) for draft, today in drafts if not draft.reason]
            texts = Message._preview(*reachable[0]) if reachable else {}
            wizard.subject, wizard.body = texts.get("email", (False, False))
            wizard.sms_body = texts.get("sms", False)
            wizard.message_count = sum(len(draft.channels) for draft, _today in reachable)
            wizard.recipient = wizard._recipient_text(reachable)
            wizard.problem = wizard._problem_text(drafts, reachable)
            wizard.warning = wizard._warning_text([draft for draft, _today in reachable])
            wizard.left_out = wizard._left_out_text([draft for draft, _today in drafts if draft.reason])

    # === ACTIONS === #

    def action_send(self):
        """Make and queue the messages, and say so. A second click finds the work done."""
        self._send_once()
        count = len(self.sudo().message_ids)
        one = self.env._("The reminder is on its way: it is in the list of reminders.")
        several = self.env._("Reminders on their way: %(count)s. They are in the list of reminders.", count=count)
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": several if count > 1 else one,
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    # === WHAT IT IS ABOUT === #

    @api.model
    def _source_models(self):
        return ["account.move", "res.partner", "paylink.link", *super()._source_models()]

    def _due_items(self):
        """The items to remind of, in sudo mode, and the links."""
        items, links = self._of_source("due", self._sources())
        items = items._paylink_owed()
        return items - items._paylink_in_flight(), links

    def _due_paylink_link(self, links):
        waiting = links.sudo().filtered(lambda link: link.state in ("open", "failed") and not link._is_sent_in_parts())
        busy = waiting.line_ids.move_line_id._paylink_in_flight()
        waiting = waiting.filtered(lambda link: not link.line_ids.move_line_id & busy)
        return self.env["account.move.line"].sudo(), waiting

    def _due_res_partner(self, partners):
        items = partners._paylink_open_items(self.env.companies)
        return items.filtered(lambda item: item._paylink_days_late() >= 0), self.env["paylink.link"].sudo()

    def _due_account_move(self, moves):
        items = self._due_first(moves.filtered(lambda move: move.company_id in self.env.companies))
        return items, self.env["paylink.link"].sudo()

    def _due_first(self, moves):
        """What is open of invoices: the installments that are due, of those where none is, all."""
        items = moves._paylink_open_items()
        due = items.filtered(lambda item: item._paylink_days_late() >= 0)
        return items.filtered(lambda item: item in due or item.move_id not in due.move_id)

    @api.model
    def _left_out_general(self, _sources):
        return {}

    def _left_out_paylink_link(self, links):
        """Why there is no reminder of links, by their names."""
        reminded = self._due_paylink_link(links)[1]
        texts = {
            "draft": self.env._("Not sent yet: send it instead"),
            "paid": self.env._("Paid already"),
            "expired": self.env._("Expired"),
            "cancelled": self.env._("Canceled"),
        }
        in_parts, busy = self.env._("Paid in parts"), self.env._("A payment is in progress")
        return {
            f"{link.name} {link.partner_id.display_name}": texts.get(link.state)
            or (in_parts if link._is_sent_in_parts() else busy)
            for link in links.sudo() - reminded
        }

    def _moment(self, items, links):
        """The supplied text that fits: by what is due first."""
        if links and not items:
            return "link"
        late = max((item._paylink_days_late() for item in items), default=0)
        return "after" if late > 0 else "on" if late == 0 else "before"

    # === DRAFTS === #

    def _drafts(self):
        """The messages as they would be, by company."""
        items, links = self._due_items()
        found = []
        for company in items.company_id | links.company_id:
            today = company._paylink_today()
            rule, step = self._manual_rule(company, items, links)
            picks = [*self._item_picks(items, company), *self._link_picks(links, company)]
            picks.sort(key=lambda pick: pick.customer_id)
            message = self.env["paylink.reminder.message"].sudo().with_company(company)
            drafts = message._compose(picks, today, {0: rule}, {0: step})
            self._check_people(drafts)
            found.append((drafts, today))
        return found

    def _check_people(self, drafts):
        """Nobody writes to contacts that are hidden from them, nor sees their addresses."""
        people = self.env["res.partner"].browse({id_ for draft in drafts for id_ in draft.people.ids})
        people.check_access("read")

    def _manual_rule(self, company, items, links):
        """A rule and its day that are not stored: what the wizard says."""
        moment = self._moment(items, links)
        rule = (
            self.env["paylink.reminder.rule"]
            .sudo()
            .new(
                {
                    "name": self.env._("Sent by hand"),
                    "company_id": company.id,
                    "kind": "link" if moment == "link" else "invoice",
                    "condition": "after" if moment == "link" else moment,
                    "user_id": self.env.uid,
                    "grouping": "customer",
                    "recipient": "invoice",
                    "use_other_channel": False,
                    "include_link": self.include_link,
                    "link_days": 30,
                    "attach_pdf": self.attach_pdf,
                }
            )
        )
        step = (
            self.env["paylink.reminder.step"]
            .sudo()
            .new(
                {
                    "days": 0,
                    "tone": self.tone,
                    "mail_template_id": self.mail_template_id.id if self.send_email else False,
                    "sms_template_id": self.sms_template_id.id if self.send_sms else False,
                }
            )
        )
        return rule, step

    def _item_picks(self, items, company):
        Rule = self.env["paylink.reminder.rule"]
        return [
            Pick(*Rule._pick_values(item), 0, 0) for item in items if item.company_id == company and item.partner_id
        ]

    def _link_picks(self, links, company):
        return [
            Pick(link.partner_id.commercial_partner_id.id, None, link.id, None, link.currency_id.id, 0.0, 0, 0)
            for link in links
            if link.company_id == company
        ]

    # === WHAT THE DIALOG SAYS === #

    def _recipient_text(self, drafts):
        addresses = [
            draft.emails if channel == "email" else draft.phone
            for draft, _today in drafts
            for channel in draft.channels
        ]
        return ", ".join(addresses[:3]) + (f" +{len(addresses) - 3}" if len(addresses) > 3 else "")

    def _problem_text(self, drafts, reachable):
        """Why nothing can be sent, or ``False``."""
        if not self.send_email and not self.send_sms:
            return self.env._("Choose how to send: e-mail, SMS or both.")
        if not drafts:
            return self.env._(
                "There is nothing to remind of: it is paid, being paid, or covered by the customer's credits."
            )
        return not reachable and self.env._("The customer has no address to send it to: add one.")

    def _left_out_text(self, unreachable):
        """What is left out, and why: of what was selected, and of the messages that reach nobody."""
        reasons = self._of_source("left_out", self._sources())
        labels = dict(self.env["paylink.reminder"]._fields["reason"]._description_selection(self.env))
        reasons |= {draft.customer.display_name: labels.get(draft.reason, draft.reason) for draft in unreachable}
        return as_html(self.env, by_reason(reasons), {name: name for name in reasons})

    def _warning_text(self, drafts):
        """What speaks against it: chargebacks, objections and promises."""
        Hold = self.env["paylink.reminder.hold"]
        customers = self.env["res.partner"].union(*(draft.customer for draft in drafts))
        links = self.env["paylink.link"].union(*(draft.links for draft in drafts))
        items = self.env["account.move.line"].sudo()
        items = items.union(*(draft.items | draft.links.line_ids.move_line_id for draft in drafts))
        standing = [
            *Hold._standing_of_customers(customers).values(),
            *Hold._standing([("move_id", "in", items.move_id.ids)], "move_id").values(),
            *Hold._standing([("link_id", "in", links.ids), ("move_id", "=", False)], "link_id").values(),
        ]
        if items._paylink_charged_back():
            return self.env._("The bank has taken the payment back, or may.")
        if any(objected for _until, objected in standing):
            return self.env._("The customer objects to it.")
        return any(until for until, _objected in standing) and self.env._("The customer has promised to pay.")

    # === SENDING === #

    def _send_ahead(self):
        """Make the PDFs that are missing, if they are to be attached to an e-mail."""
        if self.problem or not self.attach_pdf or not self.send_email:
            return
        drafts = [draft for found, _today in self._drafts() for draft in found]
        wanted = (draft.moves for draft in drafts if not draft.reason and "email" in draft.channels)
        for move in self.env["account.move"].sudo().union(*wanted)._paylink_without_pdf():
            self.env["paylink.link"].sudo()._make_pdf(move)

    def _send(self):
        if self.problem:
            raise UserError(self.problem)
        for drafts, today in self._drafts():
            addressed = [draft for draft in drafts if not draft.reason]
            made = self.env["paylink.reminder.message"].sudo()._deliver(addressed, today, automatic=False)
            self.sudo().message_ids |= made
