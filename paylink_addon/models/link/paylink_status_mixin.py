from functools import partial

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ...const import LIVE_STATES, STATUSES

GROUP = "paylink_addon.group_paylink_user"


class PaylinkStatusMixin(models.AbstractModel):
    """Documents and customers show the newest collection link that asks for them: of those that are out, if any is.

    Nothing of it is stored on them: links change often, writing on an invoice recomputes it, and customers are shared
    by companies and users who may not see the same links. All is read from the links, for whole sets of records; the
    models tell which links are theirs by one hook, :meth:`_paylink_pairs_sql`.
    """

    _name = "paylink.status.mixin"
    _description = "Status of the Newest Collection Link"

    paylink_link_id = fields.Many2one(
        "paylink.link",
        string="Collection Link",
        compute="_compute_paylink",
        search="_search_paylink_link_id",
        groups=GROUP,
    )
    paylink_link_count = fields.Integer(string="Collection Links", compute="_compute_paylink", groups=GROUP)
    paylink_open_link_count = fields.Integer(string="Open Collection Links", compute="_compute_paylink", groups=GROUP)
    paylink_status = fields.Selection(
        STATUSES,
        string="Link Status",
        compute="_compute_paylink",
        search="_search_paylink_status",
        groups=GROUP,
    )
    paylink_status_detail = fields.Text(compute="_compute_paylink_status_detail", groups=GROUP)
    paylink_sent_at = fields.Datetime(string="Link sent on", compute="_compute_paylink", groups=GROUP)
    paylink_is_live = fields.Boolean(
        string="Link can be paid",
        compute="_compute_paylink",
        groups=GROUP,
        help="The newest link still asks for money.",
    )
    # The user may open the link: it may be a colleague's.
    paylink_is_readable = fields.Boolean(string="Link can be opened", compute="_compute_paylink", groups=GROUP)

    # === WHICH LINKS === #

    def _paylink_pairs_sql(self):
        """The links of each record: a query of ``(record_id, link_id, id)``; ``id`` tells equal pairs apart.

        :return: SQL, for ``self`` at least; for all records if ``self`` is empty: then a pair may come twice
        """
        raise NotImplementedError

    @api.model
    def _paylink_shown_sql(self):
        """Which link a record shows, of those in a group: what is out comes before drafts."""
        return SQL("COALESCE(max(link.id) FILTER (WHERE link.issued_at IS NOT NULL), max(link.id))")

    def _paylink_newest_sql(self):
        """A query of ``(record_id, status)``: the status of the newest link of every record that has one, once each.

        It is joined to the records. Then the database begins with what is rarest: the records, those links that have a
        status, or as many records as a page needs. Drafts are few, and found by an index of their own: which pair is
        the newest is seen without looking at the links, and more cheaply than one can be looked at.
        """
        self.env["paylink.link"].flush_model(["status", "issued_at"])
        drafts = SQL("SELECT draft.id FROM paylink_link draft WHERE draft.issued_at IS NULL")
        return SQL(
            """
            SELECT pair.record_id, link.status
              FROM (%(pairs)s) pair JOIN paylink_link link ON link.id = pair.link_id
             WHERE NOT EXISTS (
                   SELECT FROM (%(pairs)s) other
                    WHERE other.record_id = pair.record_id
                      AND (other.link_id NOT IN (%(drafts)s), other.link_id, other.id)
                        > (pair.link_id NOT IN (%(drafts)s), pair.link_id, pair.id))
            """,
            pairs=self.browse()._paylink_pairs_sql(),
            drafts=drafts,
        )

    # === COMPUTE METHODS === #

    @api.depends_context("uid", "allowed_company_ids")
    def _compute_paylink(self):
        """One query for all records; in sudo mode, as who may see that there is a link may see how it stands."""
        totals = self._paylink_totals()
        links = self.env["paylink.link"].browse(newest for newest, _count, _live in totals.values())
        readable = set(links._filtered_access("read").ids)
        links.sudo().fetch(["state", "status", "sent_at", "expires_at", "kind"])
        for record in self:
            newest, count, live = totals.get(record._origin.id, (False, 0, 0))
            link = links.browse(newest or ())
            record.paylink_link_id = link
            record.paylink_link_count = count
            record.paylink_open_link_count = live
            record.paylink_status = link.sudo().status
            record.paylink_sent_at = link.sudo().sent_at
            record.paylink_is_live = bool(link) and link.sudo()._is_live()
            record.paylink_is_readable = newest in readable

    @api.depends("paylink_status")
    @api.depends_context("uid", "allowed_company_ids", "lang", "tz")
    def _compute_paylink_status_detail(self):
        """Of the newest link, in sudo mode likewise."""
        for record in self:
            record.paylink_status_detail = record.paylink_link_id.sudo().status_detail

    def _paylink_totals(self):
        """The newest link, how many there are, and how many of them are live, by record id."""
        records = self._origin
        if not records:
            return {}
        self.env["paylink.link"].flush_model(["state", "issued_at", "expires_at"])
        query = SQL(
            """
            SELECT pair.record_id, %s, count(*),
                   count(*) FILTER (WHERE link.state IN %s AND COALESCE(link.expires_at > %s, TRUE))
              FROM (%s) pair JOIN paylink_link link ON link.id = pair.link_id
             WHERE pair.record_id IN %s
          GROUP BY pair.record_id
            """,
            self._paylink_shown_sql(),
            LIVE_STATES,
            fields.Datetime.now(),
            records._paylink_pairs_sql(),
            tuple(records.ids),
        )
        return {row[0]: row[1:] for row in self.env.execute_query(query)}

    def _search_paylink_link_id(self, operator, value):
        """By ids, or by conditions on the links that the user may see (never on others': a token could be guessed)."""
        pairs = self.browse()._paylink_pairs_sql()
        asked = partial(SQL, "(SELECT pair.record_id FROM (%s) pair WHERE pair.link_id IN %s)", pairs)
        if operator == "any":
            return Domain("id", "in", asked(self.env["paylink.link"]._search(value).subselect()))
        if operator != "in" or not all(isinstance(link_id, int) for link_id in value):
            return NotImplemented
        link_ids = tuple(link_id for link_id in value if link_id)
        domain = Domain("id", "in", asked(link_ids)) if link_ids else Domain.FALSE
        if False in value:
            domain |= Domain("id", "not in", SQL("(SELECT pair.record_id FROM (%s) pair)", pairs))
        return domain

    def _search_paylink_status(self, operator, value):
        if operator != "in":
            return NotImplemented
        statuses = tuple(status for status in value if status)
        if not statuses:
            return Domain("paylink_link_id", "=", False) if False in value else Domain.FALSE

        def is_one_of_them(model, alias, query):
            shown = model._field_to_sql(alias, "paylink_status", query)
            found = SQL("%s IN %s", shown, statuses)
            return SQL("(%s OR %s IS NULL)", found, shown) if False in value else found

        return Domain.custom(to_sql=is_one_of_them)

    def _field_to_sql(self, alias, field_expr, query=None):
        """Let people filter, group and sort by the status of the newest link, although it is not stored: one join."""
        if field_expr != "paylink_status" or query is None:
            return super()._field_to_sql(alias, field_expr, query)
        self._check_field_access(self._fields[field_expr], "read")
        newest = query.make_alias(alias, field_expr)
        query.add_join(
            "LEFT JOIN",
            newest,
            SQL("(%s)", self._paylink_newest_sql()),
            SQL("%s = %s", SQL.identifier(newest, "record_id"), SQL.identifier(alias, "id")),
        )
        return SQL.identifier(newest, "status")

    # === ACTIONS === #

    def action_paylink_send(self):
        """Open the wizard that sends collection links: for these documents, or to these customers."""
        return self.env["paylink.send"]._action_open(self)

    def action_paylink_open(self):
        """Open the newest link."""
        self.ensure_one()
        return self._paylink_newest()._get_records_action()

    def action_paylink_copy(self):
        """Copy the URL of the newest link."""
        self.ensure_one()
        return self._paylink_newest().action_copy()

    def _paylink_newest(self):
        self.check_access("read")
        link = self.paylink_link_id
        if not link:
            raise UserError(self.env._("No collection link has been made for %(name)s yet.", name=self.display_name))
        return link
