from functools import partial

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL, format_datetime

from ...const import PAY_PATH, STATES, STATUSES
from ...tools.hooks import hook_name, named_hook

# What is zero as long as nobody has tried to pay a link.
UNTRIED = ("amount_paid", "amount_refunded", "amount_taken_back", "amount_kept", "attempt_count", "failed_count")


class PaylinkLink(models.Model):
    """A request for money with a durable URL of its own.

    What it asks for is told by its *kind*, a set of hooks that are found by their names: ``_<hook>_<kind>``, and where
    a kind has none ``_<hook>_general``. A module adds a kind by extending the selection and defining the hooks in
    which it differs; it overrides nothing. These are all of them (see :meth:`_of_kind`, :meth:`_by_kind`,
    :meth:`_for_each_kind`):

    What is asked for
        ``amount_problem()``: why the amount asked can't be asked for, as a text, or ``False``.
            General: it must be more than zero.
        ``due()``, of links of one kind: what is due now by link id, not rounded, less than zero if too much has come.
            General: the amount asked, less what has been received.
        ``coming_rows_sql()``: a query of ``(money_id, link_id, amount)``, what is on its way for the same thing.
            General: for the items of the link, or by it where it has none.
        ``may_come_sql()``: an expression, whether there may be any of that. General: of items, by what is on its way.
        ``payable(due, coming)``: what of ``due`` may be paid now, not rounded, less than zero if nothing.
            General: less what is on its way, a ``Coming``.
        ``due_now(payable)``: what of ``payable`` is asked for at first, and the lines that it is for.
            General: all of it.
        ``documents_stand()``: whether what is asked for can be settled; while it is changed it can't.
            General: yes.
        ``is_expired()``: whether its time is over. General: by its own date.
        ``expire_early()``, for the kind: end the links whose time is over before their own date says so, a part of a
            job (``paylink.job.mixin``). General: there are none.
        ``renewal_amount()``: what a successor asks for; it raises a ``UserError`` where there can be none. General:
            what is due.
        ``hold_renewal()``: hold what decides on it. General: nothing.
        ``latest_expiry(expires_at)``: until when it may last, if it is to last until then. General: until then.
        ``paid_documents()``: the documents that its payments are for; what else uses them takes them away from it.
            General: those of its items.

    Paying
        ``contested_rows()``, of links of one kind: a list of record sets, what two payers of the same thing fight for.
            General: the items.
        ``open_drafts()``, of links of one kind: unfinished attempts, by anybody, to pay the same thing.
            General: of the items.
        ``attempt_documents()``: the values of a transaction that say which documents it pays. General: the invoices.
        ``closed_reason()``: why the page takes no payment. General: see the method.

    The books, and who is told
        ``settle(transaction)``: how a payment is booked: values of the ``account.payment``, and the items
            (``account.move.line``) that it is reconciled with. General: as an open credit of the customer.
        ``after_booking(transactions)``, of links of one kind: what is booked along with these, or neither is.
            General: nothing.
        ``excess(transaction)``: what of a booked payment is more than was asked for (major units).
            General: what is left open of it.
        ``excess_text(env, transaction, amount)``: where it is, and what to do with it.
            General: an open credit of the customer.
        ``document_notes(transaction)``: ``[(record, text), …]``, what is logged on documents of a payment or refund.
            General: on the invoices.

    What people read
        ``documents_text(language, lines)``: what is paid, as part of a sentence. General: the names of the documents.
        ``page_subject()``: what the link is for, where it names no documents. General: its reference.
        ``receipt_rows(received)``: what these payments have paid, on the receipt: see ``_receipt_row``. General: its
            items, else its subject.
        ``page_extras()``: further values of the customer's page. General: none.
    """

    _name = "paylink.link"
    _inherit = ["paylink.life.mixin", "paylink.pdf.mixin", "paylink.server.mixin"]
    _description = "Collection Link"
    _order = "id desc"
    _page_path = PAY_PATH
    _frozen_fields = frozenset(
        {
            "partner_id",
            "company_id",
            "currency_id",
            "amount",
            "reference",
            "allow_partial",
            "line_ids",
            "bank_account_id",
        }
    )
    _not_for_filters = ("access_token", "state")  # people read the status

    kind = fields.Selection(
        [("open_items", "Open items"), ("free", "Free amount")], required=True, default="free", readonly=True
    )
    line_ids = fields.One2many("paylink.link.line", "link_id", string="Items", copy=False)
    reference = fields.Char(help="A number that the customer recognizes, such as a contract or an invoice number.")
    currency_id = fields.Many2one("res.currency", required=True, default=lambda self: self.env.company.currency_id)
    amount = fields.Monetary(
        string="Amount asked",
        aggregator=None,
        help="What was due when the link was made or its documents last changed, or less if a smaller amount was "
        "chosen.",
    )
    is_limited = fields.Boolean(
        string="Only a part", help="The link asks for its own amount only, although more is due.", readonly=True
    )
    in_installments = fields.Boolean(
        default=True,
        readonly=True,
        help="Of invoices in installments what is due now is asked for; the customer may pay all of it.",
    )
    allow_partial = fields.Boolean(
        string="Customer may pay a part", compute="_compute_allow_partial", store=True, readonly=False, precompute=True
    )
    amount_due = fields.Monetary(
        string="Due now", compute="_compute_amount_due", help="What is still due at this moment."
    )
    bank_account_id = fields.Many2one(
        "res.partner.bank",
        check_company=True,
        compute="_compute_bank_account_id",
        store=True,
        readonly=False,
        precompute=True,
        domain="[('partner_id', '=', company_partner_id)]",
        help="The account to which customers can transfer the money.",
    )
    company_partner_id = fields.Many2one(related="company_id.partner_id", string="Company Contact")
    mail_template_id = fields.Many2one(
        "mail.template", string="E-mail Template", readonly=True, copy=False, help="Of the e-mail that was sent last."
    )
    transaction_ids = fields.One2many(
        "payment.transaction", "paylink_id", string="Transactions", readonly=True, copy=False
    )
    attempt_ids = fields.One2many(
        "paylink.link.attempt", "link_id", string="Payments and Attempts", readonly=True, copy=False
    )
    renewed_from_id = fields.Many2one(
        "paylink.link", string="Replaces", readonly=True, copy=False, index="btree_not_null"
    )
    renewal_ids = fields.One2many("paylink.link", "renewed_from_id", string="Replaced by", readonly=True)
    state = fields.Selection(
        STATES,
        compute="_compute_state",
        store=True,
        index=True,
        copy=False,
        help="Follows from the payments, the expiry and the owner's actions.",
    )
    status = fields.Selection(
        STATUSES, compute="_compute_state", store=True, index=True, copy=False, group_expand="_expand_statuses"
    )
    status_detail = fields.Text(
        compute="_compute_status_detail", help="What else is known: it shows when the status is pointed at."
    )
    amount_paid = fields.Monetary(string="Paid", compute="_compute_state", store=True, copy=False)
    amount_refunded = fields.Monetary(string="Refunded", compute="_compute_state", store=True, copy=False)
    amount_taken_back = fields.Monetary(
        string="Taken back by the bank", compute="_compute_state", store=True, copy=False
    )
    amount_kept = fields.Monetary(
        string="Received",
        compute="_compute_state",
        store=True,
        copy=False,
        help="What was paid, less what was refunded or taken back by the customer's bank.",
    )
    attempt_count = fields.Integer(string="Attempts", compute="_compute_state", store=True, copy=False)
    failed_count = fields.Integer(
        string="Failed Attempts",
        compute="_compute_state",
        store=True,
        copy=False,
        help="Attempts that were refused or that the customer gave up.",
    )
    paid_at = fields.Datetime(string="Paid on", compute="_compute_state", store=True, copy=False)
    settled_elsewhere = fields.Boolean(
        string="Settled another way",
        compute="_compute_state",
        store=True,
        copy=False,
        help="Nothing is due anymore, although it was not paid by this link.",
    )
    settlement_display = fields.Char(string="Settled by", compute="_compute_settlement_display", compute_sudo=True)
    # What the templates of messages say, in the customer's language.
    amount_display = fields.Char(string="Amount (text)", compute="_compute_displays")
    documents_display = fields.Char(string="Documents (text)", compute="_compute_displays")
    due_date_display = fields.Char(string="Due date (text)", compute="_compute_displays")
    expires_display = fields.Char(string="Expiry (text)", compute="_compute_displays")
    last_payment_display = fields.Char(string="Last payment (text)", compute="_compute_displays")
    last_refund_display = fields.Char(string="Last refund (text)", compute="_compute_displays")
    company_display = fields.Char(string="Company (short text)", compute="_compute_sms_displays")
    purpose_display = fields.Char(
        string="Documents (short text)",
        compute="_compute_sms_displays",
        help="In parentheses, after a space; empty where an SMS has no room for it.",
    )

    _token_unique = models.UniqueIndex("(access_token)")
    _partner_state_index = models.Index("(partner_id, state)")
    _unissued_index = models.Index("(id) WHERE issued_at IS NULL")
    _company_name_index = models.Index("(company_id, name)")

    def init(self):
        """These begin as zero in the database itself: a new link is not written a second time for it."""
        for name in UNTRIED:
            query = SQL("ALTER TABLE paylink_link ALTER COLUMN %s SET DEFAULT 0", SQL.identifier(name))
            self.env.cr.execute(query)

    # === CONSTRAINTS === #

    @api.constrains("kind", "amount", "currency_id", "company_id")
    def _check_amount(self):
        for link in self:
            if problem := link._of_kind("amount_problem"):
                raise ValidationError(problem)

    def _amount_problem_general(self):
        if self.currency_id.compare_amounts(self.amount, 0) <= 0:
            return self.env._("Enter the amount to ask for: it must be more than zero.")
        return False

    def _amount_problem_open_items(self):
        """What is due of the items is asked for, whatever it was once."""
        return False

    @api.constrains("line_ids", "currency_id", "company_id")
    def _check_lines(self):
        for link in self.sudo():
            expected = link.company_id.id, link.currency_id.id
            items = link.line_ids.move_line_id
            if any((item.company_id.id, item.currency_id.id) != expected for item in items):
                raise ValidationError(
                    self.env._("All items of a link must be in its company and currency: make one link per currency.")
                )

    @api.constrains("bank_account_id", "company_id")
    def _check_bank_account(self):
        """Customers are offered the company's own accounts only."""
        for link in self.sudo():
            if link.bank_account_id and link.bank_account_id.partner_id != link.company_id.partner_id:
                raise ValidationError(
                    self.env._(
                        "%(account)s is not an account of %(company)s: choose one of its own.",
                        account=link.bank_account_id.acc_number,
                        company=link.company_id.name,
                    )
                )

    # === COMPUTE METHODS === #

    @api.depends("company_id")
    def _compute_allow_partial(self):
        for link in self:
            link.allow_partial = link.company_id.paylink_allow_partial

    @api.depends("company_id")
    def _compute_bank_account_id(self):
        for link in self:
            link.bank_account_id = link.company_id._paylink_bank_account()

    def _state_depends(self):
        """Hook: the fields that :meth:`_compute_state` depends on."""
        return [
            "transaction_ids.state",
            "transaction_ids.amount",
            "transaction_ids.paylink_decline_count",
            "transaction_ids.is_post_processed",
            "transaction_ids.payment_id",
            "transaction_ids.paylink_abandoned",
            "transaction_ids.paylink_released",
            "amount",
            "is_limited",
            "kind",
            "line_ids.move_line_id.amount_residual_currency",
            "line_ids.move_line_id.parent_state",
            "issued_at",
            "opened_at",
            "expires_at",
            "cancelled_at",
        ]

    @api.depends(lambda self: self._state_depends())
    def _compute_state(self):
        """The one place where state, status and what belongs to them are derived; what is alike is set together."""
        due, now = self._due_amounts(), fields.Datetime.now()
        tried = self.filtered(lambda link: link.sudo().transaction_ids)
        (self - tried).filtered(lambda link: any(link[name] for name in UNTRIED)).update(dict.fromkeys(UNTRIED, 0))
        settled = self.filtered(
            lambda link: (
                link.currency_id.compare_amounts(due.get(link.id, link.amount), 0) <= 0 and link._documents_stand()
            )
        )
        for link in tried:
            link._sum_up(link in settled, now)
        elsewhere = settled.filtered(lambda link: link.amount_paid <= link.amount_taken_back and link.line_ids)
        elsewhere.settled_elsewhere = True
        (self - elsewhere).settled_elsewhere = False
        for state, links in self.grouped(lambda link: link._derive_state(now)).items():
            links.state = state
        for status, links in self.grouped(lambda link: link._derive_status()).items():
            links.status = status

    def _sum_up(self, nothing_due, now):
        """What has become of the attempts to pay, and when that has paid the link."""
        transactions = self.sudo().transaction_ids
        attempts = transactions._paylink_attempts()
        self.amount_paid = sum(transactions._paylink_received().mapped("amount"))
        self.amount_refunded = -sum(transactions._paylink_refunds().mapped("amount"))
        self.amount_taken_back = transactions._paylink_taken_back_amount()
        self.attempt_count = attempts._paylink_try_count()
        self.failed_count = attempts._paylink_failure_count()
        kept = self.amount_paid - self.amount_taken_back
        self.amount_kept = kept - self.amount_refunded
        if not nothing_due and self._is_unpaid_again():
            self.paid_at = False
        elif nothing_due and kept > 0 and not self.paid_at:
            self.paid_at = self._moment_of_payment(kept) or now

    def _moment_of_payment(self, kept):
        """When the payments moved that leave nothing due; nothing, where something else has settled the rest.

        :param float kept: what the payments have brought and kept
        """
        received = self.sudo().transaction_ids._paylink_received()
        if self.currency_id.compare_amounts(kept, self.amount) < 0:  # a discount, or the last of several parts
            received = received.filtered(lambda tx: not tx.is_post_processed or tx.paylink_untold)
        return max(filter(None, received.mapped("paylink_moved_at")), default=None)

    def _derive_state(self, now):
        """The state that the attempts and the link's own dates lead to.

        A payment is final, whatever happens to the documents later, and whatever is refunded; but not what the
        customer's bank has taken back for good: that is due again.
        """
        self.ensure_one()
        attempts = self.sudo().transaction_ids._paylink_attempts()
        last = attempts and attempts.sorted("id")[-1:]
        rules = (
            ("paid", self.paid_at),
            ("cancelled", self.cancelled_at),
            ("draft", not self.issued_at),
            ("paid", self.settled_elsewhere),
            ("pending", attempts and attempts._paylink_in_flight()),
            ("expired", self.expires_at and self.expires_at <= now),
            ("failed", last and (last.state == "draft" or last._paylink_failed())),
        )
        return next((state for state, holds in rules if holds), "open")

    def _derive_status(self):
        """What people read: the state, whether the page was opened, the customer is about to pay, and what became of
        the money.

        Money received, or lost again, counts for more than a failed attempt to pay the rest: the number of those is
        told beside it.
        """
        self.ensure_one()
        if self.state == "paid":
            return self._derive_paid_status()
        if self.state in ("open", "failed", "expired") and (status := self._derive_tried_status()):
            return status
        if self.state == "open":
            return "opened" if self.opened_at else "not_opened"
        return {"pending": "in_progress", "failed": "interrupted"}.get(self.state, self.state)

    def _derive_tried_status(self):
        """What people read of attempts to pay a link of which something is due, if that is more than its state."""
        transactions, is_usable = self.sudo().transaction_ids, self.state in ("open", "failed")
        if not transactions:
            return False
        if is_usable and transactions._paylink_at_provider():
            return "in_progress"
        if self._is_lost():
            return "lost"
        return is_usable and self.currency_id.compare_amounts(self.amount_kept, 0) > 0 and "partly_paid"

    def _derive_paid_status(self):
        """What people read of a link of which nothing is due.

        What was paid too much and given back is no refund of what was asked for.
        """
        compare = self.currency_id.compare_amounts
        rules = (
            ("chargeback", self._is_contested()),
            ("lost", self._is_lost_for_now()),
            ("settled", self.settled_elsewhere),
            ("refunded", self.amount_refunded and compare(self.amount_kept, 0) <= 0),
            ("partly_refunded", self.amount_refunded and compare(self.amount_kept, self._needed_amount()) < 0),
        )
        return next((status for status, holds in rules if holds), "paid")

    def _needed_amount(self):
        """What was needed of what was paid: less than was asked for, if something else has paid a part of it."""
        used = sum(self.sudo()._paid_shares().values())
        return min(used, self.amount) if used else self.amount

    def _is_contested(self):
        """Hook: whether a customer's bank has taken a payment back, or may, and it is not decided yet."""
        return False

    def _is_lost(self):
        """Hook: whether a customer's bank has taken a payment back for good."""
        return False

    def _is_lost_for_now(self):
        """Hook: whether what a bank has taken back for good is due, although not by this link."""
        return False

    def _is_unpaid_again(self):
        """Hook: whether what had paid the link has turned out to be no payment of it."""
        return self._is_lost()

    @api.depends("line_ids.move_line_id.amount_residual_currency", "amount", "transaction_ids.state")
    def _compute_amount_due(self):
        due = self._due_amounts()
        for link in self:
            link.amount_due = due.get(link.id, 0.0)

    @api.depends("status", "sent_at", "opened_at", "attempt_count", "failed_count", "amount_paid", "amount_refunded")
    @api.depends_context("lang", "tz")
    def _compute_status_detail(self):
        for link in self:
            link.status_detail = "\n".join(filter(None, link._status_lines()))

    def _status_lines(self):
        """What is known beside the status, in the order in which it happened, as texts; some are empty."""
        self.ensure_one()
        moments = ("sent_at", "opened_at", "paid_at", "expires_at")
        sums = ("amount_paid", "amount_refunded", "amount_taken_back")
        delivery = dict(self._fields["delivery_state"]._description_selection(self.env))
        failed = self.failed_count and self.env._("failed: %(count)s", count=self.failed_count)
        attempts = self.attempt_count and self.env._("Attempts: %(count)s", count=self.attempt_count)
        return [
            *(self._status_line(name, format_datetime(self.env, self[name])) for name in moments[:2] if self[name]),
            delivery.get(self.delivery_state) if self.delivery_state in ("queued", "failed") else "",
            self.delivery_error,
            ", ".join(filter(None, (attempts, failed))),
            *(self._status_line(name, format_datetime(self.env, self[name])) for name in moments[2:] if self[name]),
            *(self._status_line(name, self._amount_text(self[name])) for name in sums if self[name]),
            self._status_line("settlement_display", self.settlement_display)
            if self.settled_elsewhere and self.status != "lost"
            else "",
        ]

    def _status_line(self, name, text):
        label = self._fields[name]._description_string(self.env)
        return self.env._("%(label)s: %(text)s", label=label, text=text)

    def _compute_settlement_display(self):
        """The entries (payments, credit notes) that settled the items."""
        for link in self:
            items = link.line_ids.move_line_id
            partials = items.matched_credit_ids.credit_move_id | items.matched_debit_ids.debit_move_id
            link.settlement_display = ", ".join((partials - items).move_id.mapped("name"))

    @api.depends_context("paylink_told_ids", "paylink_reader_lang")
    def _compute_displays(self):
        self._fill_displays()

    @api.depends_context("paylink_told_ids", "paylink_reader_lang")
    def _compute_sms_displays(self):
        self._fill_sms_displays()

    @api.model
    def _expand_statuses(self, values, _domain):
        """Groups stand in the order in which a link goes through them; none of what there is nothing of."""
        return [status for status, _label in STATUSES if status in values]

    # === CRUD METHODS === #

    @api.model
    def _complete(self, vals_list):
        """Number the links per company: one query for each, however many links; give them what is the company's."""
        by_company = {}
        for vals in vals_list:
            by_company.setdefault(vals.get("company_id") or self.env.company.id, []).append(vals)
        for company_id, values in by_company.items():
            company = self.env["res.company"].browse(company_id).sudo()
            unnamed = [vals for vals in values if vals.get("name", "/") == "/"]
            for vals, name in zip(unnamed, unnamed and company._paylink_next_names(len(unnamed)), strict=True):
                vals["name"] = name
            # As they would be computed, link by link.
            account = company._paylink_bank_account()
            for vals in values:
                vals.setdefault("allow_partial", company.paylink_allow_partial)
                vals.setdefault("bank_account_id", account.id)

    # === KINDS === #

    def _of_kind(self, hook, *args):
        """What ``hook`` is for the kind of this link. The hooks are listed in the model's docstring."""
        return named_hook(self, hook, self.kind)(*args)

    def _by_kind(self, hook, *args):
        """Call a hook of links of one kind, for links of several: once for all those for which it is the same.

        :return: the list of what it returned
        """
        methods = {kind: hook_name(self, hook, kind) for kind in set(self.mapped("kind"))}
        groups = self.grouped(lambda link: methods[link.kind])
        return [getattr(links, method)(*args) for method, links in groups.items()]

    @api.model
    def _for_each_kind(self, hook, *args):
        """A hook of the kinds themselves, for no link: a function for each kind that there is."""
        kinds = self._fields["kind"].get_values(self.env)
        methods = dict.fromkeys(hook_name(self, hook, kind) for kind in kinds)
        return [partial(getattr(self, method), *args) for method in methods]
