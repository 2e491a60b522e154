from odoo import api, fields, models
from odoo.exceptions import AccessError, ConcurrencyError, UserError
from odoo.tools import clean_context
from psycopg2.errors import UniqueViolation

from ...const import ACCOUNT_PATH, LIVE_STATES, Task


class PaylinkStatement(models.Model):
    """The durable page on which a customer sees all that is open with a company, and pays what it ticks.

    There is one per customer (commercial partner) and company. Revoked, its URL is dead for ever: sent again, the
    statement gets another one. Clients only read it: all that changes it are the actions here.
    """

    _name = "paylink.statement"
    _inherit = "paylink.lasting.mixin"
    _description = "Statement Page of a Customer"
    _order = "id desc"
    _rec_name = "partner_id"
    _page_path = ACCOUNT_PATH

    state = fields.Selection(
        [("active", "Active"), ("revoked", "Revoked")], compute="_compute_state", help="Whether the page can be used."
    )
    can_revoke = fields.Boolean(compute="_compute_can_revoke")
    amount_display = fields.Char(string="Due now", compute="_compute_displays")
    document_count = fields.Integer(string="Open Items", compute="_compute_displays")
    link_ids = fields.One2many("paylink.link", "statement_id", string="Collection Links", readonly=True)
    shown_link_ids = fields.Many2many(
        "paylink.link",
        "paylink_statement_shown_link_rel",
        string="Links of colleagues that it has led to",
        readonly=True,
        copy=False,
        groups="base.group_system",
    )

    # === COMPUTE METHODS === #

    @api.depends("is_mine")
    @api.depends_context("uid")
    def _compute_can_revoke(self):
        sees_all = self.env.user.has_group("paylink_addon.group_paylink_all")
        for statement in self:
            statement.can_revoke = sees_all or statement.is_mine

    @api.depends("cancelled_at")
    def _compute_state(self):
        for statement in self:
            statement.state = "revoked" if statement.cancelled_at else "active"

    @api.depends_context("uid", "allowed_company_ids")
    def _compute_displays(self):
        """What the reader may see of it; what the customer is sent, and its page, are made in sudo mode: all."""
        items_by_statement = self._open_items()
        for statement in self:
            items = items_by_statement[statement.id]
            due = items._paylink_due(statement._today())
            language = self.env(context=dict(self.env.context, lang=statement.lang))
            statement.document_count = len(items)
            totals = {
                currency: sum(due[item.id] for item in group)
                for currency, group in items._paylink_left().grouped("currency_id").items()
            }
            totals = totals or {statement.company_id.currency_id: 0.0}
            statement.amount_display = " + ".join(
                statement._amount_text(total, currency, language) for currency, total in totals.items()
            )

    # === ACTIONS === #

    def action_send(self):
        """Send the statements by e-mail (again)."""
        self._check_rights()
        self._send_statements()
        return self._action_tell_sent()

    def action_copy(self):
        """Return the URL to the client, which copies it."""
        self.ensure_one()
        self._check_rights()
        if self.state == "revoked":
            raise UserError(self.env._("This page was revoked: send the statement again to give it a new address."))
        self._activate()
        return {"type": "ir.actions.client", "tag": "paylink_addon.copy", "params": {"text": self.url}}

    def action_open_page(self):
        """Open the customer's page in a new tab."""
        self.action_copy()
        return {"type": "ir.actions.act_url", "url": self.url, "target": "new"}

    def action_revoke(self):
        """Close the pages, and the links they have led to: their addresses do not open anything anymore.

        Where an authorized amount has to be released, this commits (see ``paylink.link.action_cancel``): what has no
        need of the provider is done before. Called again, it ends what could not be released.
        """
        self._check_rights()
        if foreign := self.filtered(lambda statement: not statement.can_revoke):
            raise AccessError(
                self.env._(
                    "Only its owner, %(owner)s, can revoke the page of %(name)s.",
                    name=foreign[0].display_name,
                    owner=foreign[0].sudo().user_id.name or "-",
                )
            )
        pages = self._with_further_addresses()
        live = pages.filtered(lambda statement: not statement.cancelled_at)
        live.sudo().cancelled_at = fields.Datetime.now()
        live._log_events("cancelled")
        live.sudo()._replace_addresses()
        pages.sudo()._cancel_links()
        return True

    def action_view_account(self):
        """Show the open items of the customer."""
        self.ensure_one()
        return self.partner_id.action_paylink_account()

    # === BUSINESS METHODS === #

    def _open_items(self):
        """The open items of each statement's customer that the reader may see, in sudo mode, by id of statement.

        A contact that became part of another company has no account of its own anymore: its page shows nothing.
        """
        statements = self.sudo()
        customers = statements.partner_id.filtered(lambda partner: partner == partner.commercial_partner_id)
        items = customers.sudo(self.env.su)._paylink_open_items(statements.company_id)
        items._paylink_fetch()
        groups = items.grouped(lambda item: (item.company_id.id, item.partner_id.commercial_partner_id.id))
        return {
            statement.id: groups.get((statement.company_id.id, statement.partner_id.id), items.browse())
            for statement in statements
        }

    @api.model
    def _for_customers(self, partners):
        """The statements of these customers in the current company; those that are missing are made.

        :param partners: ``res.partner`` that the user must be able to read
        """
        partners._paylink_check_asking()
        customers = partners.commercial_partner_id
        company, customers = self.env.company, customers.sudo()
        statements = self.sudo().search(
            [("partner_id", "in", customers.ids), ("company_id", "=", company.id), ("is_merged", "=", False)]
        )
        missing = customers - statements.partner_id
        try:
            with self.env.cr.savepoint():
                made = statements.with_context(
                    clean_context(self.env.context), mail_create_nolog=True, mail_create_nosubscribe=True
                ).create(
                    [
                        {"name": partner.name or "/", "partner_id": partner.id, "company_id": company.id}
                        for partner in missing
                    ]
                )
        except UniqueViolation as error:  # made by somebody else meanwhile: run again, to find them
            raise ConcurrencyError(str(error)) from error
        return (statements | made).with_env(self.env)

    def _check_rights(self):
        self.check_access("read")
        self.partner_id.check_access("read")

    def _replace_addresses(self):
        """Whoever had the page has the addresses of the links it has led to: they end with it.

        Links that somebody had sent are theirs: the customer has to be told of the new addresses.
        """
        made, shown = self.link_ids, self._shown_links()
        (made | shown)._replace_token()
        for link in (shown - made).filtered(lambda link: link.state in LIVE_STATES):
            link._give_task(Task.ADDRESS_REPLACED, link._replaced_texts)
        self.shown_link_ids = False

    def _shown_links(self):
        """Hook: the links that others had sent, whose addresses the page has shown."""
        return self.shown_link_ids

    def _cancel_links(self):
        """Cancel the links that were made on the page: last those of which a provider has to release something."""
        made = self.link_ids.filtered(lambda link: link.state in LIVE_STATES and not link.cancel_requested_at)
        authorized = made.filtered("amount_authorized")
        (made - authorized).action_cancel()
        refusals = []
        for link in authorized:
            try:
                link.action_cancel()
            except UserError as error:
                refusals.append(str(error))
        if refusals:
            raise UserError("\n".join(refusals))

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
            values = {"email": partner.email, "phone": partner.phone, "lang": partner._paylink_lang(statement.lang)}
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
