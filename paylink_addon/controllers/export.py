import logging

from odoo import SUPERUSER_ID, api, http
from odoo.http import Response, content_disposition, request
from odoo.modules.registry import Registry

from ..models.messaging.paylink_pdf_mixin import EXCEL
from ..tools import days, spreadsheet

_logger = logging.getLogger(__name__)


class PaylinkExport(http.Controller):
    @http.route("/paylink/export/<int:export_id>", type="http", auth="user", readonly=False)
    def export(self, export_id):
        """The Excel file of a dialog of this user, given out while it is made.

        The dialog is read where it was written, not from a copy of the database.
        """
        export = request.env["paylink.export"].search([("id", "=", export_id)])
        if not export:
            raise request.not_found()
        export._check_export()
        links, columns, domain = export._links(), export._chosen_columns(), export._domain()
        export._take_turn(request.env.cr)
        _note(export, columns, domain)
        name = request.env._("Collection links %(date)s", date=days.today(links._excel_timezone()).isoformat())
        headers = [
            ("Content-Type", EXCEL),
            ("Content-Disposition", content_disposition(f"{name}.xlsx")),
            ("Cache-Control", "no-store"),
            ("X-Accel-Buffering", "no"),
        ]
        return Response(_parts(export, columns.ids, list(domain)), headers=headers, direct_passthrough=True)

    @http.route("/paylink/export/file/<int:file_id>", type="http", auth="user", methods=["GET"])
    def export_file(self, file_id):
        """A file that a job has made for this user: its pieces, one after the other."""
        file = request.env["paylink.export.file"].search([("id", "=", file_id), ("state", "=", "ready")])
        may_export = request.env.user.has_group("base.group_allow_export")
        if not (file and may_export and file._is_within_rights()):
            raise request.not_found()
        _logger.info("User %d downloads Excel file %d of %d links", file.env.uid, file.id, file.count)
        day = days.day(file.create_date, days.known(request.env.user.tz, request.env.company.paylink_tz))
        name = request.env._("Collection links %(date)s", date=day.isoformat())
        headers = [
            ("Content-Type", EXCEL),
            ("Content-Disposition", content_disposition(f"{name}.xlsx")),
            ("Cache-Control", "no-store"),
        ]
        return Response(_pieces(request.env.cr.dbname, file.id), headers=headers, direct_passthrough=True)


def _note(export, columns, domain):
    """Who takes what out of the database, as Odoo notes its own exports (``web/controllers/export.py``)."""
    _logger.info(
        "User %d exported %d %r records from %s. Fields: %s. Domain: %s",
        export.env.uid,
        export.count,
        "paylink.link",
        request.httprequest.environ["REMOTE_ADDR"],
        ",".join(columns.mapped("code")),
        domain,
    )


def _parts(export, column_ids, domain):
    """The parts of the file, as they are made. The cursor of the request is closed by then: another one reads, in one
    snapshot. Nothing is read of the dialog anymore: a copy of the database may not have it yet.
    """
    env = export._links().env
    return _stream(env.cr.dbname, env.uid, dict(env.context), column_ids, domain)


def _stream(database, user_id, context, column_ids, domain):
    with Registry(database).cursor(readonly=True) as cr:
        env = api.Environment(cr, user_id, context)
        env["paylink.export"]._take_turn(cr)
        columns = env["paylink.export.column"].browse(column_ids)
        yield from spreadsheet.stream(env["paylink.link"]._excel_table(domain, columns))


def _pieces(database, file_id):
    """The right to the file was checked; the cursor of that request is closed by now."""
    with Registry(database).cursor(readonly=True) as cr:
        yield from api.Environment(cr, SUPERUSER_ID, {})["paylink.export.file"].browse(file_id)._parts()
