import json

import psycopg2
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain

from ...tools.locks import take_long_slot, take_name
from ...tools.spreadsheet import MAX_ROWS

# Beside the links: the header, and a total for each currency.
ROOM = MAX_ROWS - 200
# More cells take longer than a request may last where the client is slow: a job makes the file.
CELLS_AT_ONCE = 600_000


class PaylinkExport(models.TransientModel):
    """The links of a list as an Excel file, with the columns that the user chooses."""

    _name = "paylink.export"
    _inherit = "paylink.dialog.mixin"
    _description = "Export of Collection Links to Excel"
    _open_to_clients = frozenset({"domain"})

    domain = fields.Char(required=True, default="[]", help="The filter of the list, as JSON.")
    companies = fields.Json(
        readonly=True,
        default=lambda self: self.env.companies.ids,
        help="Those that the list shows; who downloads the file says none, and would get what all companies have.",
    )
    count = fields.Integer(string="Links", compute="_compute_count")
    is_chosen = fields.Boolean(compute="_compute_count", help="They were ticked, not all that the list shows.")
    file_count = fields.Integer(string="Files", compute="_compute_file_count")
    column_ids = fields.Many2many(
        "paylink.export.column", string="Columns", default=lambda self: self._default_columns()
    )

    @api.model
    def default_get(self, fields_list):
        """The filter of the list from which the dialog is opened."""
        values = super().default_get(fields_list)
        if "domain" in fields_list:
            values["domain"] = json.dumps(self._chosen_domain(), default=str)
        return values

    @api.model
    def _chosen_domain(self):
        """The ticked links; where there are more than a list hands over at once, or none, those of its filter."""
        context = self.env.context
        active_ids = context.get("active_ids") if context.get("active_model") == "paylink.link" else None
        if active_ids and (len(active_ids) < self._most_from_lists() or "active_domain" not in context):
            return [["id", "in", active_ids]]
        return context.get("paylink_export_domain") or context.get("active_domain") or []

    @api.model
    def _default_columns(self):
        """Those that the user chose last."""
        columns = self.env["paylink.export.column"].search([("code", "!=", False)])._readable()
        chosen = self.env["res.users.settings"]._find_or_create_for_user(self.env.user).paylink_export_columns
        return columns.filtered(lambda column: column.code in chosen if chosen else column.is_default)

    @api.depends("domain", "companies")
    def _compute_count(self):
        for wizard in self:
            domain = wizard._domain()
            wizard.count = wizard._links().search_count(domain)
            leaves = [(condition.field_expr, condition.operator) for condition in domain.iter_conditions()]
            wizard.is_chosen = leaves == [("id", "in")]

    @api.depends_context("uid")
    def _compute_file_count(self):
        self.file_count = self.env["paylink.export.file"].search_count([])

    def _links(self):
        """No links yet: their model, in the companies of the list; Odoo checks that the user (still) has them."""
        return self.env["paylink.link"].with_context(allowed_company_ids=self.companies)

    def _domain(self):
        """The filter as a domain.

        :raises UserError: where it is none
        """
        self.ensure_one()
        try:
            domain = Domain(json.loads(self.domain or "[]"))
            with self.env.cr.savepoint():
                self._links().search_count(domain, limit=1)
        except (ValueError, TypeError, KeyError, psycopg2.DataError, psycopg2.ProgrammingError) as error:
            raise UserError(
                self.env._("The filter of the list can't be read. Close this window, filter again, and export again.")
            ) from error
        return domain

    # === ACTIONS === #

    def action_export(self):
        """Give out the file, and remember the columns."""
        self._check_export()
        settings = self.env["res.users.settings"]._find_or_create_for_user(self.env.user)
        settings.sudo().paylink_export_columns = self.column_ids.mapped("code")
        if self._is_long():
            return self._make_later()
        self._take_turn(self.env.cr)
        url = f"/paylink/export/{self.id}"
        return {"type": "ir.actions.client", "tag": "paylink_addon.download", "params": {"url": url}}

    def _is_long(self):
        """Whether a job has to make the file."""
        return self.count * sum(column._weight() for column in self._chosen_columns()) > CELLS_AT_ONCE

    def _make_later(self):
        """Have a job make the file, and show how far it is."""
        file = self.env["paylink.export.file"]._ask_for(self._links(), self._domain(), self._chosen_columns())
        return file._get_records_action(name=self.env._("Export to Excel"), target="new")

    def action_view_files(self):
        """The files that were made for the user lately, or are being made."""
        return self.env["ir.actions.act_window"]._for_xml_id("paylink_addon.paylink_export_file_action")

    def _check_export(self):
        """Raise unless the user may export, and there is something that fits."""
        self.ensure_one()
        if not self.env.user.has_group("base.group_allow_export"):
            raise AccessError(self.env._("You are not allowed to export: ask an administrator."))
        if not self.column_ids:
            raise UserError(self.env._("Choose at least one column."))
        if not self.count:
            raise UserError(self.env._("There is nothing to export: no link fits the filter of the list."))
        if self.count > ROOM:
            raise UserError(
                self.env._(
                    "Excel holds %(limit)s rows, and these are %(count)s: narrow the filter, by year for example.",
                    limit=ROOM,
                    count=self.count,
                )
            )

    def _take_turn(self, cr):
        """Have this user make one file at a time, and all of them leave the workers to who pays.

        :param cr: whose transaction ends with the file
        :raises UserError: where that is not so now
        """
        if not (take_name(cr, f"paylink.export.of.{self.env.uid}") and take_long_slot(cr, "paylink.export")):
            raise UserError(
                self.env._("Another file is being made. Please wait until it is complete, then export this one.")
            )

    def _chosen_columns(self):
        return self.column_ids.sorted()._readable()

    def _as_table(self):
        """What the file shows: see ``paylink.link._excel_table``."""
        self._check_export()
        return self._links()._excel_table(self._domain(), self._chosen_columns())
