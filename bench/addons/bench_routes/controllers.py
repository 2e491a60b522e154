from odoo import http


class BenchRoutes(http.Controller):
    @http.route("/bench/empty", type="http", methods=["POST"], auth="public", csrf=False, save_session=False)
    def empty(self):
        """What Odoo itself needs for a request."""
        return ""
