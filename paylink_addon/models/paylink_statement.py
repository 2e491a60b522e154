from odoo import api, fields, models
from odoo.exceptions import AccessError, ConcurrencyError, UserError
from odoo.tools import SQL, format_amount
from psycopg2.errors import UniqueViolation

from ..const import LIVE_STATES


class PaylinkStatement(models.Model):
    """The durable page on which a customer sees all that is open with a company, and pays what it ticks.

    There is one per customer (commercial partner) and company. Revoked, its URL is dead for ever: sent again, the
    statement gets another one. Clients only read it: all that changes it are the actions here.
    """

    _name = "paylink.statement"
    _inherit = ["paylink.request.mixin"]
    _description = "Statement Page of a Customer"
    _order = "id desc"
    _rec_name = "partner_id"
    _page_path = "/account"
    _page_fields = (
        "name",
        "access_token",
        "company_id",
        "partner_id",
        "lang",
        "issued_at",
        "cancelled_at",
        "opened_at",
    )

    partner_id = fields.Many2one(ondelete="cascade")
    expires_at = fields.Datetime(default=False)
    state = fields.Selection(
        [("active", "Active"), ("revoked", "Revoked")], compute="_compute_state", help="Whether the page can be used."
    )
    amount_display = fields.Char(string="Due now", compute="_compute_displays", compute_sudo=True)
    document_count = fields.Integer(string="Open Items", compute="_compute_displays", compute_sudo=True)
    link_ids = fields.One2many("paylink.link", "statement_id", string="Collection Links")

    _token_unique = models.UniqueIndex("(access_token)")
    _customer_unique = models.UniqueIndex("(partner_id, company_id)")

    # === COMPUTE METHODS === #

    @api.depends("cancelled_at")
    def _compute_state(self):
        for statement in self:
            statement.state = "revoked" if statement.cancelled_at else "active"

    def _compute_displays(self):
        items_by_statement = self._open_items()
        due = self.env["account.move.line"].union(*items_by_statement.values())._paylink_due()
        for statement in self:
            items = items_by_statement[statement.id]
            language = self.env(context=dict(self.env.context, lang=statement.lang))
            statement.document_count = len(items)
            totals = {
                currency: sum(due[item.id] for item in group)
                for currency, group in items.grouped("currency_id").items()
            }
            totals = totals or {statement.company_id.currency_id: 0.0}
            statement.amount_display = " + ".join(
                format_amount(language, total, currency) for currency, total in totals.items()
            )

    def _open_items(self):
        """The open items of each statement's customer, in sudo mode, by id of statement.

        A contact that became part of another company has no account of its own any more: its page shows nothing.
        """
        statements = self.sudo()
        items = statements.partner_id._paylink_open_items(statements.company_id)
        groups = items.grouped(lambda item: (item.company_id.id, item.partner_id.commercial_partner_id.id))
        return {
            statement.id: groups.get((statement.company_id.id, statement.partner_id.id), items.browse())
            for statement in statements
        }

    # === BUSINESS METHODS === #

    @api.model
    def _for_customers(self, partners):
        """The statements of these customers in the current company; those that are missing are made.

        :param partners: ``res.partner`` that the user must be able to read
        """
        if not self.env.su and not self.env.user.has_group("paylink_addon.group_paylink_user"):
            raise AccessError(self.env._("You need the right to send collection links: ask an administrator."))
        partners.check_access("read")
        company, customers = self.env.company, partners.sudo().commercial_partner_id
        statements = self.sudo().search([("partner_id", "in", customers.ids), ("company_id", "=", company.id)])
        missing = customers - statements.partner_id
        try:
            with self.env.cr.savepoint():
                made = statements.with_context(mail_create_nolog=True, mail_create_nosubscribe=True).create(
                    [
                        {"name": partner.name or "/", "partner_id": partner.id, "company_id": company.id}
                        for partner in missing
                    ]
                )
        except UniqueViolation as error:  # made by somebody else meanwhile: run again, to find them
            raise ConcurrencyError(str(error)) from error
        return (statements | made).with_env(self.env)

    def _activate(self):
        """Make the URLs usable; what was revoked gets a new one, as whoever has the old one must not come back."""
        for statement in self.sudo():
            if statement.cancelled_at:
                statement.write({"access_token": self._new_token(), "cancelled_at": False, "opened_at": False})
            if not statement.issued_at:
                statement.issued_at = fields.Datetime.now()

    def _update_addresses(self):
        """Take over the addresses and the language of the customers: statements last, addresses change."""
        for statement in self.sudo():
            partner = statement.partner_id
            values = {"email": partner.email, "phone": partner.phone, "lang": partner.lang or statement.lang}
            statement.write({name: value for name, value in values.items() if statement[name] != value})

    def _send_statements(self, template=None):
        """Queue the e-mails, in batch.

        :param template: ``mail.template`` of this model, default ours
        """
        self._update_addresses()
        self._activate()
        template = template or self.env.ref("paylink_addon.mail_template_statement")
        # The customer's items are read for it, which the user need not have the right to.
        self.sudo()._queue_messages(mail_template=template.sudo())

    def _prepare_emails(self, template, *args, **options):
        """Our e-mails have a layout of their own."""
        return super()._prepare_emails(template, *args, **{"layout": "paylink_addon.mail_layout_statement", **options})

    @api.model
    def mail_allowed_qweb_expressions(self):
        """What anyone may write in a template of this model; it is rendered without running code."""
        return (
            *super().mail_allowed_qweb_expressions(),
            "object.url",
            "object.amount_display",
            "object.document_count",
            "object.company_id.name",
            "object.company_id.phone",
            "object.company_id.email",
            "object.partner_id.display_name",
        )

    # === ACTIONS === #

    def _check_rights(self):
        self.check_access("read")
        self.partner_id.check_access("read")

    def action_send(self):
        """Send the statements by e-mail (again)."""
        self._check_rights()
        self._send_statements()
        return True

    def action_copy(self):
        """Return the URL to the client, which copies it."""
        self.ensure_one()
        self._check_rights()
        if self.state == "revoked":
            raise UserError(self.env._("This page was revoked: send the statement again, it gets a new address."))
        self._activate()
        return {"type": "ir.actions.client", "tag": "paylink_addon.copy", "params": {"text": self.url}}

    def action_open_page(self):
        """Open the customer's page in a new tab."""
        self.action_copy()
        return {"type": "ir.actions.act_url", "url": self.url, "target": "new"}

    def action_revoke(self):
        """Close the pages, and the links made on them: their addresses do not open anything any more.

        Where an authorized amount has to be released first, this commits (see ``paylink.link.action_cancel``).
        """
        self._check_rights()
        foreign = self.filtered(lambda statement: statement.user_id != self.env.user)
        if foreign and not self.env.user.has_group("paylink_addon.group_paylink_all"):
            raise AccessError(
                self.env._(
                    "Only the owner can revoke the page of %(name)s: it is %(owner)s.",
                    name=foreign[0].display_name,
                    owner=foreign[0].sudo().user_id.name or "-",
                )
            )
        live = self.filtered(lambda statement: not statement.cancelled_at)
        live.sudo().cancelled_at = fields.Datetime.now()
        live._log_events("cancelled")
        live.sudo()._cancel_links()
        return True

    def _cancel_links(self):
        """Whoever had the page has the addresses of the links made on it, too: they end with it."""
        self.link_ids.filtered(lambda link: link.state in LIVE_STATES and not link.cancel_requested_at).action_cancel()

    def action_view_account(self):
        """Show the open items of the customer."""
        self.ensure_one()
        return self.partner_id.action_paylink_account()

    def _lock(self):
        """Wait for, then hold, the row; who has waited is run again with fresh data (see ``paylink.link._lock``)."""
        self.env.flush_all()
        self.env.cr.execute(SQL("UPDATE paylink_statement SET write_date = write_date WHERE id IN %s", tuple(self.ids)))
        self.env.invalidate_all()
