from odoo import api, fields, models


class PaylinkLastingMixin(models.AbstractModel):
    """A page that a customer (commercial partner) has for good, one in each company.

    Of customers that were merged one page goes on; the others stay as further addresses of the same page.
    """

    _name = "paylink.lasting.mixin"
    _inherit = ["paylink.request.mixin", "paylink.customer.mixin"]
    _description = "Lasting Page of a Customer"

    partner_id = fields.Many2one(ondelete="cascade")
    expires_at = fields.Datetime(default=False)
    is_merged = fields.Boolean(
        string="Further Address",
        readonly=True,
        copy=False,
        help="The page of a customer that was merged into this one: its address still works.",
    )

    _token_unique = models.UniqueIndex("(access_token)")
    _customer_unique = models.UniqueIndex("(partner_id, company_id) WHERE is_merged IS NOT TRUE")

    @api.model
    def _merge_customers(self, sources, target):
        """Of customers that become one: in each company one page goes on, and the others show the same.

        :param sources: customers that are about to be merged into ``target``
        """
        pages = self.search([("partner_id", "in", (sources | target).ids), ("is_merged", "=", False)])
        for same in pages.grouped("company_id").values():
            main = same.sorted(
                lambda page: (bool(page.cancelled_at), not page.issued_at, page.partner_id != target, page.id)
            )[:1]
            # One owner: who revokes the page closes all its addresses.
            ((same | same._with_further_addresses()) - main).write({"is_merged": True, "user_id": main.user_id.id})

    def _with_further_addresses(self):
        """These, and the other addresses of the same pages."""
        pages = self.sudo()
        domain = [("partner_id", "in", pages.partner_id.ids), ("company_id", "in", pages.company_id.ids)]
        known = {(page.partner_id, page.company_id) for page in pages}
        further = pages.search([*domain, ("id", "not in", pages.ids)])
        further = further.filtered(lambda page: (page.partner_id, page.company_id) in known)
        return (pages | further).with_env(self.env)
