"""Stage of ``paylink.link``: what its lists show, filter and group by."""

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, format_amount, format_datetime

from ...const import LIVE_STATES, STAFF
from ..link.paylink_link_attempt import OF_CUSTOMERS

CHANNELS = [
    ("email", "E-mail"),
    ("sms", "SMS"),
    ("email_sms", "E-mail and SMS"),
    ("reminder", "Reminder"),
    ("page", "Customer's page"),
    ("autopay", "Automatic payment"),
    ("copied", "Copied, or passed on by hand"),
]
# From which amount on, in the link's own currency; groups are in the order of the keys.
AMOUNT_RANGES = [
    ("a", "Less than 100"),
    ("b", "100 to 500"),
    ("c", "500 to 1,000"),
    ("d", "1,000 to 5,000"),
    ("e", "5,000 and more"),
]
RANGE_STARTS = [("e", 5000), ("d", 1000), ("c", 500), ("b", 100)]
# As calendars show the statuses: the colors of ``status_field.js``, so light that dark letters are read on them.
STATUS_COLORS = {
    "#8fd6a3": ("paid", "settled"),
    "#f3a1a8": ("interrupted", "chargeback", "lost"),
    "#ffcf70": ("in_progress", "partly_paid", "partly_refunded"),
    "#8fd5e3": ("not_opened", "opened"),
}
OTHER_COLOR = "#cfcfcf"
# More documents than this are counted.
NAMES = 3


class PaylinkLinkLists(models.Model):
    """All that is filtered and grouped by is stored, or made SQL: lists are as fast with 100,000 links."""

    _inherit = "paylink.link"

    channel = fields.Selection(
        CHANNELS,
        compute="_compute_channel",
        store=True,
        index="btree_not_null",
        copy=False,
        help="How the customer got the link.",
        groups=STAFF,
    )
    amount_range = fields.Selection(AMOUNT_RANGES, compute="_compute_amount_range", store=True, groups=STAFF)
    due_on = fields.Date(
        string="Oldest Due Date",
        compute="_compute_due_on",
        store=True,
        index="btree_not_null",
        copy=False,
        help="When the oldest of the items that are still open was, or is, due; of a payment plan, the next part.",
        groups=STAFF,
    )
    is_late = fields.Boolean(
        string="Overdue",
        compute="_compute_is_late",
        search="_search_is_late",
        help="It waits for money that was due before today.",
        groups=STAFF,
    )
    expires_on = fields.Date(
        string="Day of Expiry",
        compute="_compute_expires_on",
        store=True,
        copy=False,
        help="For the customer.",
        groups=STAFF,
    )
    last_provider_id = fields.Many2one(
        "payment.provider",
        string="Provider",
        compute="_compute_payment_way",
        store=True,
        index="btree_not_null",
        copy=False,
        help="Of the payment, or else of the last attempt.",
        groups=STAFF,
    )
    # Who looks for one by its name need not be allowed to read it.
    last_provider_name = fields.Char(string="Name of the Provider", related="last_provider_id.name", groups=STAFF)
    last_method_id = fields.Many2one(
        "payment.method",
        string="Payment Method",
        compute="_compute_payment_way",
        store=True,
        index="btree_not_null",
        copy=False,
        help="Of the payment, or else of the last attempt.",
        groups=STAFF,
    )
    attempt_display = fields.Char(string="Attempts (text)", compute="_compute_attempt_display", groups=STAFF)
    attempt_detail = fields.Text(
        string="What became of each attempt",
        compute="_compute_attempt_detail",
        help="Each attempt, and why it failed.",
        groups=STAFF,
    )
    calendar_title = fields.Char(compute="_compute_calendar", groups=STAFF)
    calendar_documents = fields.Char(
        string="Documents on the Calendar",
        compute="_compute_calendar_documents",
        help="What lists say in the words of each customer takes too long for a month.",
        groups=STAFF,
    )
    calendar_color = fields.Char(compute="_compute_calendar", groups=STAFF)

    # === VIEWS === #

    @api.model
    def _get_view(self, view_id=None, view_type="form", **options):
        """On a phone cards stand below each other: there is no room for columns beside each other."""
        arch, view = super()._get_view(view_id, view_type, **options)
        if view_type == "kanban" and options.get("mobile"):
            arch.attrib.pop("default_group_by", None)
        return arch, view

    # === COMPUTE METHODS === #

    @api.depends(
        *("send_email", "send_sms", "sent_at", "issued_at"),
        *("by_reminder", "by_autopay", "statement_id", "widened_from_id"),
    )
    def _compute_channel(self):
        for channel, links in self.grouped(lambda link: link._derive_channel()).items():
            links.channel = channel

    def _derive_channel(self):
        """The way on which the customer got it; of a draft, none."""
        by_email, by_sms = (self.sent_at and sent for sent in (self.send_email, self.send_sms))
        rules = (
            ("reminder", self.by_reminder),
            ("autopay", self.by_autopay and not self.sent_at),
            ("page", self.sudo().statement_id or self.sudo().widened_from_id),
            ("email_sms", by_email and by_sms),
            ("email", by_email),
            ("sms", by_sms),
            ("copied", self.issued_at),
        )
        return next((channel for channel, holds in rules if holds), False)

    @api.depends("amount")
    def _compute_amount_range(self):
        ranges = self.grouped(lambda link: next((key for key, start in RANGE_STARTS if link.amount >= start), "a"))
        for key, links in ranges.items():
            links.amount_range = key

    @api.depends(
        *("line_ids.date_due", "line_ids.amount", "line_ids.move_line_id.amount_residual"),
        "line_ids.move_line_id.parent_state",
        *("plan_id.state", "plan_part_id"),
    )
    def _compute_due_on(self):
        for day, links in self.sudo().grouped(lambda link: link._agreed_day() or link._oldest_day()).items():
            links.due_on = day

    def _oldest_day(self):
        """The day of a credit is none on which something was, or is, due."""
        lines = self.line_ids._standing()
        lines = lines.filtered(lambda line: line.amount > 0) or lines
        still_open = lines.filtered(lambda line: line.move_line_id and not line.move_line_id.reconciled)
        return min(filter(None, (still_open or lines).mapped("date_due")), default=False)

    @api.depends("expires_at", "partner_id", "company_id")
    def _compute_expires_on(self):
        days_ = self.grouped(lambda link: link.sudo()._day(link.expires_at) if link.expires_at else False)
        for day, links in days_.items():
            links.expires_on = day

    @api.depends("due_on", "state", "company_id")
    def _compute_is_late(self):
        for link in self:
            today = link.company_id.sudo()._paylink_today()
            link.is_late = bool(link.state in LIVE_STATES and link.due_on and link.due_on < today)

    def _search_is_late(self, operator, value):
        if operator != "in":
            return NotImplemented
        days = self.env.companies.sudo().grouped(lambda company: company._paylink_today())
        late = Domain.OR(Domain("company_id", "in", own.ids) & Domain("due_on", "<", day) for day, own in days.items())
        overdue = Domain("state", "in", LIVE_STATES) & late
        sides = {True: overdue, False: ~overdue}
        return Domain.OR(sides[bool(side)] for side in set(value))

    def _field_to_sql(self, alias, field_expr, query=None):
        """Let people group and sort by what the day alone changes."""
        if field_expr != "is_late":
            return super()._field_to_sql(alias, field_expr, query)
        self._check_field_access(self._fields[field_expr], "read")
        days = self.env.companies.sudo().grouped(lambda company: company._paylink_today())
        company, due, state = (SQL.identifier(alias, name) for name in ("company_id", "due_on", "state"))
        late = SQL(" OR ").join(
            SQL("%s IN %s AND %s < %s", company, tuple(own.ids), due, day) for day, own in days.items()
        )
        return SQL("(%s IN %s AND COALESCE(%s, FALSE))", state, LIVE_STATES, late)

    @api.depends("transaction_ids.state", "transaction_ids.provider_id", "transaction_ids.payment_method_id")
    def _compute_payment_way(self):
        tried = self.sudo().filtered("transaction_ids")
        (self.sudo() - tried).update({"last_provider_id": False, "last_method_id": False})
        for link in tried:
            payment = link._shown_payment()
            link.last_provider_id = payment.provider_id
            link.last_method_id = payment.payment_method_id

    def _shown_payment(self):
        """The payment that stands, or is on its way; else the last attempt."""
        attempts = self.transaction_ids._paylink_attempts().sorted("id")
        done = attempts.filtered(lambda tx: tx.state == "done")
        return (done or attempts._paylink_in_flight() or attempts)[-1:]

    # === WHAT BECAME OF EACH ATTEMPT === #

    @api.depends("attempt_count", "failed_count", "paid_at", "amount_paid")
    @api.depends_context("lang")
    def _compute_attempt_display(self):
        for link in self:
            link.attempt_display = link._attempt_text()

    def _attempt_text(self):
        """At which attempt it was paid; until then, how many have failed."""
        count = self.attempt_count
        if self.paid_at and self.amount_paid and count > 1:
            known = {2: self.env._("paid at the 2nd attempt"), 3: self.env._("paid at the 3rd attempt")}
            return known.get(count) or self.env._("paid at attempt %(count)s", count=count)
        if not self.failed_count:
            return False
        return self.env._("failed attempts: %(count)s", count=self.failed_count)

    @api.depends("attempt_count", "failed_count", "state")
    @api.depends_context("lang", "tz")
    def _compute_attempt_detail(self):
        """On a provider's page several cards may have been tried in one attempt: as many lines as are counted."""
        tried = self.filtered("attempt_count")
        outcomes = dict(self.attempt_ids._fields["outcome"]._description_selection(self.env))
        for link in self:
            attempts = (link & tried).sudo().attempt_ids.filtered(lambda one: one.outcome in OF_CUSTOMERS)
            tries = attempts._tries()
            lines = (self._try_text(moment, outcomes[outcome], reason) for _one, moment, outcome, reason in tries)
            link.attempt_detail = "\n".join(lines) or False

    def _try_text(self, moment, what, reason):
        label = f"{format_datetime(self.env, moment, dt_format='short')} · {what}"
        return self.env._("%(label)s: %(text)s", label=label, text=reason) if reason else label

    # === CALENDAR === #

    @api.depends("partner_id", "amount", "currency_id", "status")
    def _compute_calendar(self):
        colors = {status: color for color, statuses in STATUS_COLORS.items() for status in statuses}
        for link in self:
            amount = format_amount(self.env, link.amount, link.currency_id)
            link.calendar_title = f"{link.sudo().partner_id.display_name} · {amount}"
            link.calendar_color = colors.get(link.status, OTHER_COLOR)

    @api.depends(
        *("line_ids.name", "line_ids.amount", "line_ids.move_line_id.parent_state"),
        *("sale_order_id", "reference"),
    )
    def _compute_calendar_documents(self):
        """As :meth:`_documents_text` names them: once, not what was canceled, nor credits beside debts."""
        for link in self:
            lines = link.sudo().line_ids._standing()
            lines = lines.filtered(lambda line: line.amount > 0) or lines
            names = list(dict.fromkeys(filter(None, lines.mapped("name"))))
            more = f" +{len(names) - NAMES}" if len(names) > NAMES else ""
            text = ", ".join(names[:NAMES]) + more
            link.calendar_documents = text or link.sudo().sale_order_id.name or link.reference
