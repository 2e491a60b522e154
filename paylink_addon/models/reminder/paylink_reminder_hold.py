from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, format_date

# So often within so many days the word of a customer who has made a transfer pauses the reminders of an invoice.
MOST_PAUSES, LATELY = 2, timedelta(days=60)


class PaylinkReminderHold(models.Model):
    """Why somebody is not reminded for a while: a promise to pay until a day, or an objection until it is settled.

    For one invoice, or for all of a customer. A promise that is over needs no care: reminders go on by themselves, with
    the latest one that it has held up.
    """

    _name = "paylink.reminder.hold"
    _inherit = ["paylink.guard.mixin", "paylink.customer.mixin", "mail.thread"]
    _description = "Promise to Pay or Objection"
    _order = "id desc"
    _check_company_auto = True

    kind = fields.Selection(
        [("promise", "Promise to pay"), ("objection", "Objection")], required=True, default="promise", string="Type"
    )
    active = fields.Boolean(default=True, help="Off: lifted, reminders go on.")
    company_id = fields.Many2one("res.company", required=True, index=True, default=lambda self: self.env.company)
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        required=True,
        index=True,
        compute="_compute_partner_id",
        store=True,
        readonly=False,
        precompute=True,
        ondelete="cascade",
    )
    move_id = fields.Many2one(
        "account.move",
        string="Invoice",
        index="btree_not_null",
        check_company=True,
        ondelete="cascade",
        domain="[('move_type', 'in', ('out_invoice', 'out_receipt')), ('state', '=', 'posted')]",
        help="Empty: everything of the customer.",
    )
    date_until = fields.Date(string="Until", help="The last day without reminders.")
    note = fields.Char(help="What was said, and by whom.")
    by_transfer = fields.Boolean(
        string="Announced Transfer", readonly=True, copy=False, help="The customer has announced it on the page."
    )
    user_id = fields.Many2one(
        "res.users", string="Noted by", default=lambda self: self.env.user, readonly=True, copy=False
    )
    is_over = fields.Boolean(compute="_compute_is_over")
    can_change = fields.Boolean(compute="_compute_can_change")
    can_lift = fields.Boolean(compute="_compute_can_change")

    _promise_has_date = models.Constraint(
        "CHECK(kind <> 'promise' OR date_until IS NOT NULL)", "Until when does the customer promise to pay?"
    )

    # === CONSTRAINTS === #

    @api.constrains("date_until", "kind")
    def _check_date(self):
        for hold in self:
            if hold.kind == "promise" and hold.active and hold.is_over:
                raise ValidationError(self.env._("The promise lies in the past: give a later day."))

    @api.constrains("move_id", "partner_id")
    def _check_customer(self):
        for hold in self:
            move = hold.move_id
            if move and move.sudo().commercial_partner_id != hold.partner_id:
                raise ValidationError(
                    self.env._("%(invoice)s is not an invoice of this customer.", invoice=move.display_name)
                )

    # === COMPUTE METHODS === #

    @api.depends("move_id")
    def _compute_partner_id(self):
        for hold in self:
            hold.partner_id = hold.move_id.sudo().commercial_partner_id or hold.partner_id.commercial_partner_id

    @api.depends("date_until", "company_id")
    def _compute_is_over(self):
        for hold in self:
            hold.is_over = bool(hold.date_until and hold.date_until < hold.company_id._paylink_today())

    @api.depends("active", "is_over", "user_id")
    @api.depends_context("uid")
    def _compute_can_change(self):
        """Whether it is the user's to change (see the record rules), and to lift: it stands."""
        new = self.filtered(lambda hold: not hold.id)
        allowed = new | (self - new)._filtered_access("write")
        for hold in self:
            hold.can_change = hold in allowed
            hold.can_lift = hold in allowed - new and hold.active and not hold.is_over

    @api.depends("kind", "partner_id", "move_id", "date_until")
    def _compute_display_name(self):
        labels = dict(self._fields["kind"]._description_selection(self.env))
        for hold in self:
            names = [labels.get(hold.kind), hold.move_id.name or hold.partner_id.display_name]
            hold.display_name = " – ".join(filter(None, names))

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """All of a customer is the commercial entity's."""
        holds = super().create([self._of_commercial_entity(vals) for vals in vals_list])
        holds._check_readable()
        holds._tell()
        return holds

    def write(self, vals):
        """Likewise; only who has noted it, or sees all payments, changes or lifts it (see the record rules)."""
        result = super().write(self._of_commercial_entity(vals))
        if {"move_id", "partner_id"} & set(vals):
            self._check_readable()
        return result

    # === WHO SEES THEM === #
    # Who sees own payments only sees those of documents that they may read, besides their own; of customers, see
    # ``paylink.customer.mixin``.

    def _check_access(self, operation):
        """Who may not read the invoice may not read this either."""
        if refused := super()._check_access(operation):
            return refused
        if self._sees_all():
            return None
        theirs = self.sudo().filtered(lambda hold: hold.move_id and hold.user_id != self.env.user).sudo(False)
        moves = theirs.sudo().move_id.sudo(False)
        readable = moves._filtered_access("read")
        forbidden = theirs.filtered(lambda hold: hold.sudo().move_id not in readable)
        return (forbidden, lambda: self.env["ir.rule"]._make_access_error(operation, forbidden)) if forbidden else None

    @api.model
    def _search(self, domain, *args, bypass_access=False, **options):
        """Nor find it."""
        if not self.env.su and not bypass_access and not self._sees_all():
            Move = self.env["account.move"]
            found = Domain("move_id", "=", False) | Domain("user_id", "=", self.env.uid)
            if Move.has_access("read"):
                found |= Domain("move_id", "in", Move._search([]))
            domain = Domain(domain) & found
        return super()._search(domain, *args, bypass_access=bypass_access, **options)

    def _sees_all(self):
        return self.env.user.has_group("paylink_addon.group_paylink_all")

    # === ACTIONS === #

    @api.model
    def _action_open(self):
        """The list: own ones at first, for who sees own payments only."""
        action = self.env["ir.actions.act_window"]._for_xml_id("paylink_addon.paylink_reminder_hold_action")
        return action | {"context": {} if self._sees_all() else {"search_default_mine": 1}}

    def action_lift(self):
        """End it today: reminders go on."""
        self.check_access("write")
        if any(not hold.active for hold in self):
            raise UserError(self.env._("It has been lifted already."))
        for hold in self:
            yesterday = hold.company_id._paylink_today() - timedelta(days=1)
            hold.write({"active": False, "date_until": min(hold.date_until or yesterday, yesterday)})
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    # === BUSINESS METHODS === #

    @api.model
    def _standing(self, domain, field):
        """What holds up reminders today: ``(promised until, objected)`` by id of what ``field`` names.

        In sudo mode, as everyone who sees an invoice may know; for the companies that the user has chosen.
        """
        rows = self.sudo()._read_group(
            Domain(domain) & self._running_domain(self.env.companies),
            [field, "kind"],
            ["date_until:max"],
        )
        found = {}
        for record, kind, until in rows:
            promised, objected = found.get(record.id, (False, False))
            found[record.id] = (until, objected) if kind == "promise" else (promised, True)
        return found

    @api.model
    def _standing_sql(self, kind, company, date):
        """Queries of what is on hold on ``date``: the ids of customers, with all they owe, and of documents."""
        holds = SQL(
            """FROM paylink_reminder_hold hold
               WHERE hold.kind = %s AND hold.active AND hold.company_id = %s
                 AND (hold.date_until IS NULL OR hold.date_until >= %s)""",
            kind,
            company.id,
            date,
        )
        moves = SQL("SELECT hold.move_id %s AND hold.move_id IS NOT NULL", holds)
        if kind == "promise":
            moves = SQL("%s UNION %s", moves, self.env["paylink.bank.match"]._arrived_sql(company, date))
        return SQL("SELECT hold.partner_id %s AND hold.move_id IS NULL", holds), moves

    @api.model
    def _paused_by_transfers(self, moves):
        """Those of ``moves`` that an announced transfer pauses now, or that such have paused often enough lately."""
        since = fields.Datetime.now() - LATELY
        domain = [("move_id", "in", moves.ids), ("by_transfer", "=", True), ("create_date", ">=", since)]
        holds = self.with_context(active_test=False).search(domain)
        return moves.filtered(
            lambda move: (
                len(own := holds.filtered(lambda hold: hold.move_id == move)) >= MOST_PAUSES
                or any(hold.active and not hold.is_over for hold in own)
            )
        )

    @api.model
    def _running_domain(self, companies):
        """Those of ``companies`` that are not over on their own day."""
        lasting = Domain("date_until", "=", False)
        return Domain.OR(
            Domain("company_id", "in", alike.ids) & (lasting | Domain("date_until", ">=", today))
            for today, alike in companies.grouped(lambda company: company._paylink_today()).items()
        )

    @api.model
    def _action_new(self, kind, **defaults):
        """The dialog that notes a promise or an objection."""
        self.check_access("create")
        return {
            "type": "ir.actions.act_window",
            "name": dict(self._fields["kind"]._description_selection(self.env))[kind],
            "res_model": self._name,
            "view_mode": "form",
            "views": [(self.env.ref("paylink_addon.paylink_reminder_hold_view_dialog").id, "form")],
            "target": "new",
            "context": {"default_kind": kind, **{f"default_{name}": value for name, value in defaults.items()}},
        }

    def _tell(self):
        """Note it on the invoice or the customer, where colleagues look."""
        for hold in self:
            record, env = hold.move_id or hold.partner_id, hold.company_id._paylink_env()
            text = env._("Objection noted: no reminders.")
            if hold.kind == "promise":
                text = env._("Promise to pay: no reminders until %(date)s.", date=format_date(env, hold.date_until))
            record.sudo()._message_log(body=f"{text} {hold.note or ''}".strip(), author_id=self.env.user.partner_id.id)

    # === HELPERS === #

    @api.model
    def _of_commercial_entity(self, vals):
        self._check_values(vals)
        if partner_id := vals.get("partner_id"):
            vals = vals | {"partner_id": self.env["res.partner"].browse(partner_id).commercial_partner_id.id}
        return vals

    def _check_readable(self):
        """Nobody leaves notes on what is hidden from them."""
        for records in filter(None, (self.move_id, self.partner_id)):
            records.check_access("read")
