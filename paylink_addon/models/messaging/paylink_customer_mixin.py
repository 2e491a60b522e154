from odoo import api, models
from odoo.fields import Domain


class PaylinkCustomerMixin(models.AbstractModel):
    """What is known of a customer, for everybody who may read the customer: it tells the name, the addresses, the sums.

    Odoo's record rules can't say so: in them everything is readable.
    """

    _name = "paylink.customer.mixin"
    _description = "For Who May Read the Customer"
    # Whether there are records of no customer, which tell of nobody.
    _customer_may_be_missing = False

    def _check_access(self, operation):
        """Who may not read the customer may not read this either."""
        if refused := super()._check_access(operation):
            return refused
        customers = self.sudo().partner_id.sudo(False)
        hidden = customers - customers._filtered_access("read")
        if not hidden:
            return None
        forbidden = self.filtered(lambda record: record.sudo().partner_id in hidden)
        return forbidden, lambda: self.env["ir.rule"]._make_access_error(operation, forbidden)

    @api.model
    def _search(self, domain, *args, bypass_access=False, **options):
        """Nor find it."""
        if not self.env.su and not bypass_access:
            customers = self.env["res.partner"].with_context(active_test=False)._search([])
            theirs = Domain("partner_id", "in", customers)
            if self._customer_may_be_missing:
                theirs |= Domain("partner_id", "=", False)
            domain = Domain(domain) & theirs
        return super()._search(domain, *args, bypass_access=bypass_access, **options)
