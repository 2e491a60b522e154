from odoo import http
from odoo.http import request

from odoo.addons.portal.controllers.portal import CustomerPortal, pager

PER_PAGE = 20


class PaylinkPortal(CustomerPortal):
    """Portal users see the links that ask them, or their company, for money."""

    def _paylink_domain(self):
        partner = request.env.user.partner_id.commercial_partner_id
        return [("partner_id", "child_of", partner.id), ("issued_at", "!=", False)]

    def _prepare_home_portal_values(self, counters):
        """Count the links to pay."""
        values = super()._prepare_home_portal_values(counters)
        if "paylink_count" in counters:
            Link = request.env["paylink.link"]
            values["paylink_count"] = Link.search_count(self._paylink_domain()) if Link.has_access("read") else 0
        return values

    @http.route(["/my/payment_links", "/my/payment_links/page/<int:page>"], type="http", auth="user", website=True)
    def portal_my_payment_links(self, page=1, **_params):
        """The customer's links, newest first."""
        Link = request.env["paylink.link"]
        domain = self._paylink_domain()
        pages = pager(url="/my/payment_links", total=Link.search_count(domain), page=page, step=PER_PAGE)
        # What a link shows of its items and payments is shown to whoever may read the link.
        links = Link.search(domain, limit=PER_PAGE, offset=pages["offset"]).sudo()
        return request.render(
            "paylink_addon.portal_my_payment_links",
            {
                "links": links._portal_rows(),
                "page_name": "payment_links",
                "pager": pages,
                "default_url": "/my/payment_links",
            },
        )
