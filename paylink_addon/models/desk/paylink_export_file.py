import logging
from dataclasses import asdict
from datetime import timedelta

from markupsafe import Markup
from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ...tools.spreadsheet import Packer, join
from ...tools.texts import reason
from .paylink_link import Sums

_logger = logging.getLogger(__name__)
# So many cells at a time: some seconds. What has to be computed counts more.
STEP_CELLS = 200_000
# For so long a file is kept.
KEPT = timedelta(days=7)
SKELETON = "rest"


class PaylinkExportFile(models.Model):
    """An Excel file of many links, which a job makes in steps: no request of a browser lasts so long.

    Each step reads the next links and keeps a piece of the file; put together, as it is downloaded, the pieces are the
    file. It holds what its user may see, and is theirs alone. What is changed while it is made is in it as it was when
    its step came; links that were made since it was asked for are not.
    """

    _name = "paylink.export.file"
    _inherit = "paylink.guard.mixin"
    _description = "Excel File of Collection Links"
    _order = "id desc"
    _rec_name = "create_date"

    user_id = fields.Many2one("res.users", required=True, readonly=True, index=True, ondelete="cascade")
    state = fields.Selection(
        [("waiting", "Being made"), ("ready", "Complete"), ("failed", "Failed")],
        required=True,
        default="waiting",
        readonly=True,
    )
    count = fields.Integer(string="Links", readonly=True)
    done = fields.Integer(string="Written", readonly=True)
    progress = fields.Float(compute="_compute_progress", help="In percent.")
    error = fields.Char(string="Why it failed", readonly=True)
    filter_domain = fields.Json(readonly=True, groups="base.group_system")
    settings = fields.Json(readonly=True, groups="base.group_system", help="Language, time zone and companies.")
    rights = fields.Json(readonly=True, groups="base.group_system", help="Companies and groups of the user.")
    column_ids = fields.Many2many("paylink.export.column", readonly=True)
    packer = fields.Json(readonly=True, groups="base.group_system", help="How far it is: see Packer.")
    sums = fields.Json(readonly=True, groups="base.group_system")
    months = fields.Json(
        readonly=True, groups="base.group_system", help="The second sheet, of the links written so far."
    )
    last_id = fields.Integer(readonly=True, groups="base.group_system", help="The last link that is written.")
    pieces = fields.Binary(attachment=True, readonly=True, groups="base.group_system")

    _waiting_unique = models.UniqueIndex(
        "(user_id) WHERE state = 'waiting'",
        "Another file is being made. Please wait until it is complete, then export this one.",
    )

    _waiting_index = models.Index("(id) WHERE state = 'waiting'")

    # === COMPUTE METHODS === #

    @api.depends("done", "count", "state")
    def _compute_progress(self):
        for file in self:
            file.progress = 100.0 if file.state == "ready" else 100.0 * file.done / max(file.count, 1)

    # === ACTIONS === #

    def action_download(self):
        """Give out the file."""
        self._check_ready()
        url = f"/paylink/export/file/{self.id}"
        return {"type": "ir.actions.client", "tag": "paylink_addon.download", "params": {"url": url}}

    def action_drop(self):
        """The user does without the file, made or not: another one can be asked for. A step that is just made of it
        ends before; the job then finds nothing to go on with.
        """
        self.check_access("read")
        self.sudo().unlink()
        return {"type": "ir.actions.act_window_close"}

    def _check_ready(self):
        self.check_access("read")
        self.ensure_one()
        if self.state != "ready":
            raise UserError(self.env._("The file is not ready: wait until it is, or export again."))
        if not self._is_within_rights():
            raise UserError(self.env._("Your rights have changed since this file was made: export again."))

    def _is_within_rights(self):
        """Whether the user may still see all that they could see when the file was asked for."""
        now, then = self._rights(), self.sudo().rights or {}
        return all(set(then.get(name, ())) <= set(ids) for name, ids in now.items())

    @api.model
    def _rights(self):
        user = self.env.user
        return {"companies": user.company_ids.ids, "groups": user.sudo().all_group_ids.ids}

    # === MAKING === #

    @api.model
    def _ask_for(self, links, domain, columns):
        """Have the file of these links made.

        :param links: no links yet: their model, in the language and the companies of the list
        :raises UserError: the user has another one made
        """
        if self.sudo().search_count([("user_id", "=", self.env.uid), ("state", "=", "waiting")], limit=1):
            raise UserError(
                self.env._("Another file is being made. Please wait until it is complete, then export this one.")
            )
        newest = links.search(domain, order="id desc", limit=1)
        context = links.env.context
        made = self.sudo().create(
            {
                "user_id": self.env.uid,
                "count": links.search_count(domain),
                "filter_domain": list(domain),
                "settings": {
                    name: context[name] for name in ("lang", "tz", "allowed_company_ids") if context.get(name)
                },
                "rights": self._rights(),
                "column_ids": [fields.Command.set(columns.ids)],
                "last_id": newest.id + 1,
            }
        )
        self.env["paylink.job.mixin"]._wake("paylink_addon.ir_cron_paylink_export")
        return made.with_env(self.env)

    @api.model
    def _cron_make(self):
        """Make the files that wait, a step of each in turn."""
        job = self.env["paylink.job.mixin"]
        before = None
        while waiting := self.search([("state", "=", "waiting")], order="id"):
            now = [(file.id, file.last_id, file.done) for file in waiting]
            if now == before:  # others hold them
                return
            before = now
            if not job._each(waiting, lambda files: files._make_step(), tell=self._tell_failed):
                return

    def _make_step(self):
        """Write the next links, or what comes after the last one."""
        self.ensure_one()
        links, columns = self._links()
        links._excel_flush()
        domain = Domain(self.filter_domain or []) & Domain("id", "<", self.last_id)
        sums = self._sums()
        packer = self._begin(links, columns) if not self.packer else Packer(**self.packer)
        ids = []
        piece = packer.add(links._excel_columns(columns), self._step(links, domain, columns, sums, ids))
        self._keep(piece, str(self.done))
        self.sums = {name: {str(index): amount for index, amount in own.items()} for name, own in sums.items()}
        self._add_months(links, ids)
        self.done += len(ids)
        self.last_id = min(ids, default=0)
        if not ids:
            self._finish(links, columns, sums, packer)
        self.packer = asdict(packer)

    def _step(self, links, domain, columns, sums, ids):
        """Yield the rows of the next links, and note their ids."""
        size = max(STEP_CELLS // sum(column._weight() for column in columns), 1)
        for found, rows in links._excel_batches(domain, columns, limit=size):
            ids += found
            yield sums.add(rows)

    def _begin(self, links, columns):
        """What comes before the rows."""
        packer, piece = Packer.begin(self._sheet(links, columns, Sums()))
        self._keep(piece, "begin")
        return packer

    def _finish(self, links, columns, sums, packer):
        """What comes after the rows: the file is ready."""
        self.packer = asdict(packer)
        piece, skeleton = packer.end(self._sheet(links, columns, sums))
        self._keep(piece, "end")
        self._keep(skeleton, SKELETON)
        self.state = "ready"
        self._notify()

    def _sheet(self, links, columns, sums):
        """The table, without its rows. The first step decides on the currencies."""
        known = self.packer["currencies"] if self.packer else None
        domain = Domain(self.filter_domain or [])
        groups = [] if known else links._read_group(domain, ["currency_id"])
        currencies = links.env["res.currency"].browse(currency.id for (currency,) in groups)
        count, months = self.done if known else self.count, self._months()
        table = links._excel_frame(columns, (), sums, currencies, count, lambda: links._shown_months(months))
        if known:
            table.currencies = known
        return table

    def _links(self):
        """No links yet: their model, as the user has asked for them, and the columns that they may read."""
        env = self.with_user(self.user_id).with_context(**(self.settings or {})).env
        return env["paylink.link"], self.column_ids.with_env(env).sorted()._readable()

    def _sums(self):
        sums = Sums()
        for name, own in (self.sums or {}).items():
            sums[name].update({int(index): amount for index, amount in own.items()})
        return sums

    def _months(self):
        return {tuple(key): amounts for *key, amounts in self.months or ()}

    def _add_months(self, links, ids):
        """Of the links that are written, as they are now: both sheets are of the same links."""
        months = self._months()
        for key, amounts in links._months_of([("id", "in", ids)]).items():
            months[key] = [sum(pair) for pair in zip(months.get(key, (0, 0.0, 0.0)), amounts, strict=True)]
        self.months = [[*key, amounts] for key, amounts in months.items()]

    def _keep(self, content, name):
        self.env["ir.attachment"].create(
            {
                "name": name,
                "raw": content,
                "mimetype": "application/octet-stream",
                "res_model": self._name,
                "res_field": "pieces",
                "res_id": self.id,
            }
        )

    def _kept(self):
        """The attachments of the file in their order; the rest of the file comes last."""
        domain = [("res_model", "=", self._name), ("res_field", "=", "pieces"), ("res_id", "=", self.id)]
        return self.env["ir.attachment"].sudo().search(domain, order="id")

    def _parts(self):
        """Yield the parts of the file, as it is downloaded: one piece of it in memory at a time."""
        *pieces, rest = self._kept()
        packer = Packer(**self.sudo().packer)
        yield from join(packer, self._content(rest), map(self._content, pieces))

    @api.model
    def _content(self, piece):
        """What is kept in one piece; by itself: who reads one of a set has Odoo read them all."""
        content = piece.with_prefetch().raw
        piece.invalidate_recordset()
        return content

    # === TELLING === #

    def _notify(self):
        """Tell the user, in their language, that the file is ready, or that there will be none."""
        env = self.with_user(self.user_id).with_context(lang=self.user_id.lang).env
        is_ready = self.state == "ready"
        title = env._("Your Excel file is ready") if is_ready else env._("Your Excel file could not be made")
        link = Markup('<a href="/paylink/export/file/%s">%s</a>') % (self.id, env._("Download"))
        days_left = env._("It is kept for %(count)s days.", count=KEPT.days)
        body = Markup("<p>%s</p>") % (Markup("%s %s") % (link, days_left) if is_ready else self.error)
        partner = self.user_id.partner_id
        self.env["mail.thread"].message_notify(partner_ids=partner.ids, subject=title, body=body)
        level = "success" if is_ready else "danger"
        self.user_id._bus_send("simple_notification", {"title": title, "message": "", "type": level, "sticky": True})

    @api.model
    def _tell_failed(self, file, error):
        """The user has to know; who looks after the server finds it in its log."""
        _logger.error("Excel file %s could not be made", file.id, exc_info=error)
        file.write({"state": "failed", "error": reason(error)})
        file._kept().unlink()
        file._notify()

    # === CLEANING UP === #

    @api.autovacuum
    def _gc_files(self):
        """Files are not kept for long: they can be made again. Those of users that were deleted are gone already."""
        self.search([("create_date", "<", fields.Datetime.now() - KEPT)]).unlink()
        there = self._search([("create_date", "!=", False)])
        left = [("res_model", "=", self._name), ("res_field", "=", "pieces"), ("res_id", "not in", there)]
        self.env["ir.attachment"].sudo().search(left).unlink()
