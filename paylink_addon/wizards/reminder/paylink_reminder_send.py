from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, groupby

from ...models.reminder.paylink_reminder_rule import TONES
from ...models.reminder.paylink_reminder_rule_pick import Pick
from ...tools.left_out import as_html, by_reason


class Chosen(NamedTuple):
    """What is reminded of: ``items`` and ``links``, in sudo mode. ``left``: why not of the rest of what was selected,
    by record; ``warning``: what speaks against it nevertheless, a text or ``False``.
    """

    items: object
    links: object
    left: dict
    warning: str | bool


class Prepared(NamedTuple):
    """The messages that can be sent, as pairs of a draft and its day; the rest as in :class:`Chosen`."""

    ready: list
    left: dict
    warning: str | bool


class PaylinkReminderSend(models.TransientModel):
    """Sends a reminder now: of invoices, of all that a customer owes by today, of collection links.

    Of several, what rules would not remind of is left out: what the customer objects to, has promised to pay, or has
    had taken back by the bank. Of one, that is a warning. What was left out, and why, is said before and after.
    """

    _name = "paylink.reminder.send"
    _inherit = "paylink.send.mixin"
    _description = "Send a Reminder Now"
    _most = 1000

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
    # What was left out, once the others are reminded: pairs of a reason and names. The database sorts keys of objects.
    left_names = fields.Json(readonly=True)
    summary = fields.Char(compute="_compute_summary")

    # === COMPUTE METHODS === #

    @api.depends("tone", "source_ids")
    def _compute_templates(self):
        Step = self.env["paylink.reminder.step"]
        for wizard in self:
            items, links, *_others = wizard._choose()
            key = (wizard._moment(items, links), wizard.tone)
            wizard.mail_template_id = Step._supplied_templates("mail").get(key)
            wizard.sms_template_id = Step._supplied_templates("sms").get(key)

    @api.depends(
        *("mail_template_id", "sms_template_id", "send_email", "send_sms"),
        *("include_link", "tone", "source_ids", "is_sent"),
    )
    def _compute_preview(self):
        Message = self.env["paylink.reminder.message"].sudo()
        for wizard in self:
            ready, left, warning = Prepared([], {}, False) if wizard.is_sent else wizard._prepare()
            texts = Message._preview(*ready[0]) if ready else {}
            wizard.subject, wizard.body = texts.get("email", (False, False))
            wizard.sms_body = texts.get("sms", False)
            wizard.message_count = sum(len(draft.channels) for draft, _today in ready)
            wizard.recipient = wizard._recipient_text(ready)
            wizard.problem = not wizard.is_sent and wizard._problem_text(ready, left)
            wizard.warning = warning
            groups = dict((wizard.left_names or ()) if wizard.is_sent else wizard._left_groups(left))
            wizard.left_out = as_html(self.env, groups, {name: name for names in groups.values() for name in names})

    @api.depends("is_sent")
    @api.depends_context("lang")
    def _compute_summary(self):
        for wizard in self:
            count = len(wizard.sudo().message_ids)
            one = self.env._("The reminder is on its way: it is in the list of reminders.")
            several = self.env._("Reminders on their way: %(count)s. They are in the list of reminders.", count=count)
            wizard.summary = several if count > 1 else one

    # === ACTIONS === #

    def action_send(self):
        """Make and queue the messages, and say so: where something was left out in the dialog, which stays. A second
        click finds the work done.
        """
        self._send_once()
        if self.left_names:
            name = self.env._("Send a reminder now")
            return self._get_records_action(name=name, target="new", context={"dialog_size": self._dialog_size})
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.summary,
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    # === WHAT IT IS ABOUT === #

    @api.model
    def _source_models(self):
        return ["account.move", "res.partner", "paylink.link", *super()._source_models()]

    def _choose(self):
        """What to remind of.

        :rtype: Chosen
        """
        sources = self._sources()
        items, links = self._of_source("due", sources)
        items = items._paylink_owed()
        items -= items._paylink_in_flight()
        left, held = self._of_source("left_out", sources, items, links), self._held_up(items, links)
        if len(sources) == 1 and len(held) == len(items) + len(links):
            return Chosen(items, links, left, " ".join(dict.fromkeys(held.values())) or False)
        items, links = (records.filtered(lambda record: record not in held) for records in (items, links))
        return Chosen(items, links, held | left, False)

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

    # === WHAT IS LEFT OUT === #
    # Why there is no reminder of what was selected, by record: of what is not due, by the model of what was selected.

    @api.model
    def _left_out_general(self, _sources, _items, _links):
        return {}

    def _left_out_paylink_link(self, links, _items, reminded):
        texts = {
            "draft": self.env._("Not sent yet: send it instead"),
            "paid": self._paid_text(),
            "expired": self.env._("Expired"),
            "cancelled": self.env._("Canceled"),
        }
        in_parts, busy = self.env._("Paid in parts"), self._idle_text(True)
        left = links.sudo() - reminded
        return {link: texts.get(link.state) or (in_parts if link._is_sent_in_parts() else busy) for link in left}

    def _left_out_account_move(self, moves, items, _links):
        left = moves.sudo() - items.move_id
        busy = left._paylink_open_items()._paylink_in_flight().move_id
        return {move: self._idle_text(move in busy) for move in left}

    def _left_out_res_partner(self, partners, items, _links):
        owing = items.partner_id.commercial_partner_id
        left = partners.filtered(lambda partner: partner.commercial_partner_id not in owing)
        busy = left._paylink_open_items(self.env.companies)._paylink_in_flight().partner_id.commercial_partner_id
        return {partner: self._idle_text(partner.commercial_partner_id in busy) for partner in left}

    def _idle_text(self, is_busy):
        return self.env._("A payment is in progress") if is_busy else self.env._("Nothing is due")

    def _paid_text(self):
        return self.env._("Paid already")

    def _covered_text(self):
        return self.env._("Covered by the customer's credits, or asked for by another one")

    def _held_up(self, items, links):
        """Why rules would not remind of these, by record: of those that chargebacks, objections, promises or what else
        was agreed on hold up, or for which money has come, as it seems. The worst comes first.
        """
        asked = items | links.line_ids.move_line_id
        taken_back, agreed, arrived = asked._paylink_charged_back(), self._agreed_texts(asked), self._arrived(asked)
        objected, promised = (self._on_hold(kind, items, links) for kind in ("objection", "promise"))
        found = []
        for record in (*items, *links):
            is_link = record._name == "paylink.link"
            own = record.line_ids.move_line_id if is_link else record
            reasons = (
                (own & taken_back or (is_link and record.has_chargeback))
                and self.env._("The bank has taken the payment back, or may."),
                record in objected and self.env._("The customer objects to it."),
                next(filter(None, map(agreed.get, own)), None),
                own & arrived and self.env._("A payment is in progress."),
                record in promised and self.env._("The customer has promised to pay."),
            )
            found += [(rank, record, reason) for rank, reason in enumerate(reasons) if reason][:1]
        found.sort(key=lambda one: one[0])
        return {record: reason for _rank, record, reason in found}

    @api.model
    def _agreed_texts(self, _items):
        """Hook: what was agreed on of some of these items that speaks against reminding of them, by item."""
        return {}

    @api.model
    def _arrived(self, items):
        """Those of items for whose documents money has come, as it seems: somebody has to decide on it."""
        Match, found = self.env["paylink.bank.match"].sudo(), items.browse()
        self.env.flush_all()
        for company, own in items.grouped("company_id").items():
            arrived = Match._arrived_sql(company, company._paylink_today())
            query = SQL("SELECT move_id FROM (%s) found WHERE move_id IN %s", arrived, own.move_id._ids)
            moves = {row[0] for row in self.env.execute_query(query)}
            found |= own.filtered(lambda item, moves=moves: item.move_id.id in moves)
        return found

    @api.model
    def _on_hold(self, kind, items, links):
        """Those of items and links that holds of a ``kind`` keep rules from, each by those of its company: a set."""
        Rule = self.env["paylink.reminder.rule"]
        return {
            record
            for records in (items, links)
            for company, own in records.grouped("company_id").items()
            for record in Rule._on_hold(kind, company, own)
        }

    # === NAMES === #

    def _left_groups(self, left):
        """What was left out: pairs of a reason and what people call the records. Several may have one name."""
        names = {}
        for model, records in groupby(left, lambda record: record._name):
            names |= self._of_source("names", self.env[model].sudo().browse(record.id for record in records))
        return [(reason, [names[record] for record in records]) for reason, records in by_reason(left).items()]

    # What people call records, by record: with the customer, whom their lists name, too.

    @api.model
    def _names_account_move_line(self, items):
        labels = items._paylink_labels()
        return {item: f"{labels[item.id]} {item.partner_id.display_name}" for item in items}

    @api.model
    def _names_account_move(self, moves):
        return {move: f"{move.name or move.display_name} {move.partner_id.display_name}" for move in moves}

    @api.model
    def _names_paylink_link(self, links):
        return {link: f"{link.name} {link.partner_id.display_name}" for link in links}

    @api.model
    def _names_res_partner(self, partners):
        return {partner: partner.display_name for partner in partners}

    # === TEXTS THAT FIT === #

    def _moment(self, items, links):
        """The supplied text that fits: by what is due first."""
        if links and not items:
            return "link"
        late = max((item._paylink_days_late() for item in items), default=0)
        return "after" if late > 0 else "on" if late == 0 else "before"

    # === DRAFTS === #

    def _prepare(self):
        """The messages that can be sent, and what is left out.

        :rtype: Prepared
        """
        items, links, left, warning = self._choose()
        drafts = self._drafts(items, links)
        hidden = self._hidden_people([draft for draft, _today in drafts])
        labels, ready = self._reason_labels(), []
        reasons = dict.fromkeys((*items, *links), self._covered_text())
        for draft, today in drafts:
            is_hidden = not hidden.isdisjoint(draft.people.ids)
            reason = self.env._("Its contact is hidden from you") if is_hidden else labels.get(draft.reason)
            ready += [] if reason else [(draft, today)]
            reasons |= dict.fromkeys(reasons.keys() & set(draft.records), reason)
        left = left | {record: reason for record, reason in reasons.items() if reason}
        return Prepared(ready, left, warning)

    def _reason_labels(self):
        """Why messages reach nobody, as people read it, by :attr:`Draft.reason`."""
        return dict(self.env["paylink.reminder"]._fields["reason"]._description_selection(self.env))

    def _drafts(self, items, links):
        """The messages as they would be, each with its day."""
        found = []
        for company in items.company_id | links.company_id:
            today = company._paylink_today()
            rule, step = self._manual_rule(company, items, links)
            picks = [*self._item_picks(items, company), *self._link_picks(links, company)]
            picks.sort(key=lambda pick: pick.customer_id)
            message = self.env["paylink.reminder.message"].sudo().with_company(company)
            found += [(draft, today) for draft in message._compose(picks, today, {0: rule}, {0: step})]
        return found

    def _hidden_people(self, drafts):
        """The ids of contacts who are hidden from the user: nobody writes to them, nor sees their addresses.

        :raises AccessError: there is a message to nobody else
        """
        people = self.env["res.partner"].browse({id_ for draft in drafts for id_ in draft.people.ids})
        hidden = set((people - people._filtered_access("read")).ids)
        if drafts and not any(hidden.isdisjoint(draft.people.ids) for draft in drafts):
            people.check_access("read")
        return hidden

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

    def _problem_text(self, ready, left):
        """Why nothing can be sent, or ``False``."""
        if not self.send_email and not self.send_sms:
            return self.env._("Choose how to send: e-mail, SMS or both.")
        if ready:
            return False
        reasons, no_address = set(left.values()), self._reason_labels()["address"]
        is_one = len(self.source_ids or ()) < 2
        if reasons == {no_address} or (is_one and no_address in reasons):
            return self.env._("The customer has no address to send it to: add one.")
        nothing = {self._idle_text(True), self._idle_text(False), self._paid_text(), self._covered_text()}
        if reasons - nothing if is_one else reasons:
            return self.env._("There is nothing to send: all that you have selected is left out.")
        return self.env._(
            "There is nothing to remind of: it is paid, being paid, or covered by the customer's credits."
        )

    # === SENDING === #

    def _send_ahead(self):
        """Make the PDFs that are missing, if they are to be attached to an e-mail."""
        if self.problem or not self.attach_pdf or not self.send_email:
            return
        wanted = (draft.moves for draft, _today in self._prepare().ready if "email" in draft.channels)
        for move in self.env["account.move"].sudo().union(*wanted)._paylink_without_pdf():
            self.env["paylink.link"].sudo()._make_pdf(move)

    def _send(self):
        if self.problem:
            raise UserError(self.problem)
        prepared = self._prepare()
        Message = self.env["paylink.reminder.message"].sudo()
        for (_company, today), pairs in groupby(prepared.ready, lambda pair: (pair[0].rule.company_id, pair[1])):
            made = Message._deliver([draft for draft, _today in pairs], today, automatic=False)
            self.sudo().message_ids |= made
        self.sudo().left_names = self._left_groups(prepared.left)
