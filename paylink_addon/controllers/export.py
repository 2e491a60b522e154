from odoo import api, http
from odoo.http import Response, content_disposition, request
from odoo.modules.registry import Registry

from ..tools import days, spreadsheet

EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class PaylinkExport(http.Controller):
    @http.route("/paylink/export/<int:export_id>", type="http", auth="user", readonly=True)
    def export(self, export_id):
        """The Excel file of a dialog of this user, given out while it is made."""
        export = request.env["paylink.export"].search([("id", "=", export_id)])
        if not export:
            raise request.not_found()
        export._check_export()
        today = days.today(request.env["paylink.link"]._excel_timezone())
        name = request.env._("Collection links %(date)s", date=today.isoformat())
        headers = [
            ("Content-Type", EXCEL),
            ("Content-Disposition", content_disposition(f"{name}.xlsx")),
            ("Cache-Control", "no-store"),
            ("X-Accel-Buffering", "no"),
        ]
        env = request.env
        parts = _parts(env.cr.dbname, env.uid, dict(env.context), export.id)
        return Response(parts, headers=headers, direct_passthrough=True)


def _parts(database, user_id, context, export_id):
    """Yield the parts of the file. The cursor of the request is closed by then: another one reads, in one snapshot."""
    with Registry(database).cursor(readonly=True) as cr:
        table = api.Environment(cr, user_id, context)["paylink.export"].browse(export_id)._as_table()
        yield from spreadsheet.stream(table)
