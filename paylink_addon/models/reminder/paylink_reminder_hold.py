from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, format_date

# So often within so many days the word of a customer who has made a transfer pauses the reminders of an invoice.
MOST_PAUSES, LATELY = 2, timedelta(days=60)
# What is about all of a customer, and about a link.
OF_ALL = Domain("move_id", "=", False) & Domain("link_id", "=", False)
OF_LINK = SQL("hold.move_id IS NULL AND hold.link_id IS NOT NULL")


class PaylinkReminderHold(models.Model):
    """Why somebody is not reminded for a while: a promise to pay until a day, or an objection until it is settled.

    For one invoice, or for all of a customer; by what was said on the page of a link also for what the link asks for
    besides invoices. A promise that is over needs no care: reminders go on by themselves, with the latest
    one that it has held up.
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
    link_id = fields.Many2one(
        "paylink.link",
        string="Link of the Announcement",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="cascade",
        help="The collection link on whose page the customer has said so. Without an invoice, only what this link asks "
        "for besides invoices is on hold.",
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

    @api.depends("kind", "partner_id", "move_id", "link_id", "date_until")
    def _compute_display_name(self):
        labels = dict(self._fields["kind"]._description_selection(self.env))
        for hold in self:
            # The number of a document, or of a colleague's link, tells nothing else of it.
            of = hold.sudo().move_id.name or hold.sudo().link_id.name or hold.partner_id.display_name
            names = [labels.get(hold.kind), of]
            hold.display_name = " – ".join(filter(None, names))

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """All of a customer is the commercial entity's."""
        holds = super().create([self._of_commercial_entity(vals) for vals in vals_list])
        holds._check_readable()
        holds._tell()
        return holds

    def copy_data(self, default=None):
        """Without its link it would hold up all of the customer."""
        if any(hold.link_id and not hold.move_id for hold in self):
            raise UserError(self.env._("An announced transfer can't be duplicated: note a promise to pay instead."))
        return super().copy_data(default)

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
        theirs = self.sudo().filtered(lambda hold: hold._is_about() and hold.user_id != self.env.user).sudo(False)
        moves, links = theirs.sudo().move_id.sudo(False), theirs.sudo().link_id.sudo(False)
        readable = {*moves._filtered_access("read"), *links._filtered_access("read")}
        forbidden = theirs.filtered(lambda hold: hold.sudo()._is_about() not in readable)
        return (forbidden, lambda: self.env["ir.rule"]._make_access_error(operation, forbidden)) if forbidden else None

    @api.model
    def _search(self, domain, *args, bypass_access=False, **options):
        """Nor find it."""
        if not self.env.su and not bypass_access and not self._sees_all():
            found = OF_ALL | Domain("user_id", "=", self.env.uid)
            for name, others in (("move_id", Domain.TRUE), ("link_id", Domain("move_id", "=", False))):
                About = self.env[self._fields[name].comodel_name]
                if About.has_access("read"):
                    found |= Domain(name, "in", About._search([])) & others
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
        self._lift()
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    # === BUSINESS METHODS === #

    def _lift(self):
        for company, holds in self.grouped("company_id").items():
            yesterday = company._paylink_today() - timedelta(days=1)
            ends = holds.grouped(lambda hold, last=yesterday: min(hold.date_until or last, last))
            for end, alike in ends.items():
                alike.write({"active": False, "date_until": end})

    def _is_about(self):
        """The document, or the link, that is on hold; none: all of the customer."""
        self.ensure_one()
        return self.move_id or self.link_id

    @api.model
    def _standing_of_customers(self, customers):
        """What holds up all that these customers owe: see :meth:`_standing`."""
        return self._standing(Domain("partner_id", "in", customers.ids) & OF_ALL, "partner_id")

    @api.model
    def _standing(self, domain, field):
        """What holds up reminders today: ``(promised until, objected)`` by id of what ``field`` names.

        In sudo mode, as everyone who sees an invoice may know; for the companies that the user has chosen.
        """
        return self.sudo()._standing_seen(domain, field)

    @api.model
    def _standing_of_documents(self, customers):
        """What holds up single documents of these customers, and what else their links ask for: see :meth:`_standing`;
        what the user may see of it.
        """
        return self._standing_seen(Domain("partner_id", "in", customers.ids) & ~OF_ALL, "partner_id")

    @api.model
    def _standing_seen(self, domain, field):
        """As :meth:`_standing`, of what the user may see."""
        running = Domain(domain) & self._running_domain(self.env.companies)
        rows = self._read_group(running, [field, "kind"], ["date_until:max"])
        found = {}
        for record, kind, until in rows:
            promised, objected = found.get(record.id, (False, False))
            found[record.id] = (until, objected) if kind == "promise" else (promised, True)
        return found

    @api.model
    def _standing_sql(self, kind, company, date):
        """Queries of what is on hold on ``date``: the ids of customers, with all they owe, and of documents."""
        holds = self._running_sql(kind, company, date)
        moves = SQL("SELECT hold.move_id %s AND hold.move_id IS NOT NULL", holds)
        if kind == "promise":
            moves = SQL("%s UNION %s", moves, self.env["paylink.bank.match"]._arrived_sql(company, date))
        return SQL("SELECT hold.partner_id %s AND hold.move_id IS NULL AND hold.link_id IS NULL", holds), moves

    @api.model
    def _standing_links_sql(self, kind, company, date):
        """Queries of what is on hold besides on ``date``: the ids of links, and of the items that they ask for which
        are of no invoice.
        """
        links = SQL("SELECT hold.link_id %s AND %s", self._running_sql(kind, company, date), OF_LINK)
        items = SQL(
            """SELECT line.move_line_id FROM paylink_link_line line
                WHERE line.link_id IN (%s) AND line.is_invoice IS NOT TRUE AND line.move_line_id IS NOT NULL""",
            links,
        )
        return links, items

    @api.model
    def _running_sql(self, kind, company, date):
        return SQL(
            """FROM paylink_reminder_hold hold
               WHERE hold.kind = %s AND hold.active AND hold.company_id = %s
                 AND (hold.date_until IS NULL OR hold.date_until >= %s)""",
            kind,
            company.id,
            date,
        )

    @api.model
    def _pauses_by_transfers(self, records):
        """Of documents or links: until when an announced transfer pauses them, by record, and which it may not pause
        anymore, as such have paused them often enough lately.
        """
        name = "link_id" if records._name == "paylink.link" else "move_id"
        since = fields.Datetime.now() - LATELY
        domain = [(name, "in", records.ids), ("by_transfer", "=", True), ("create_date", ">=", since)]
        holds = self.with_context(active_test=False).search(domain)
        own = holds.filtered(lambda hold: hold._is_about()._name == records._name).grouped(name)
        running = {one: some.filtered(lambda hold: hold.active and not hold.is_over) for one, some in own.items()}
        paused = {one: max(some.mapped("date_until")) for one, some in running.items() if some}
        return paused, records.filtered(lambda one: len(own.get(one, ())) >= MOST_PAUSES)

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
        """Note it on the invoice or the customer, where colleagues look; in sets, however many there are."""
        told = {}
        for hold in self:
            record, env = hold._is_about() or hold.partner_id, hold.company_id._paylink_env()
            text = env._("Objection noted: no reminders.")
            if hold.kind == "promise":
                text = env._("Promise to pay: no reminders until %(date)s.", date=format_date(env, hold.date_until))
            bodies = told.setdefault(record._name, {})
            bodies[record.id] = " ".join(filter(None, [bodies.get(record.id), text, hold.note]))
        for name, bodies in told.items():
            records = self.env[name].sudo().browse(bodies)
            records._message_log_batch(bodies=bodies, author_id=self.env.user.partner_id.id)

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
