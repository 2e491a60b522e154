"""Stage of ``paylink.link``: what is asked once is counted once."""

from odoo import api, fields, models

from ...const import LIVE_STATES, STAFF

OF_PARTS = ("amount", "amount_paid", "amount_taken_back", "state")


class PaylinkLinkAsked(models.Model):
    """The same money may be asked for by several links: that of a payment plan and those of its parts, one that was
    renewed and the new one, one on whose page all installments were chosen and that for those. Sums of what was asked
    take ``amount_asked`` of each; figures count them as one, with ``counted_with_id``.
    """

    _inherit = "paylink.link"

    plan_ids = fields.One2many("paylink.plan", "link_id", string="Payment Plans", readonly=True, groups=STAFF)
    amount_asked = fields.Monetary(
        string="Asked",
        compute="_compute_amount_asked",
        store=True,
        copy=False,
        help="Each amount is counted once: without what other links ask for in its place, those of the parts of a "
        "payment plan or one that replaces this one.",
        groups=STAFF,
    )
    amount_besides = fields.Monetary(
        string="Due besides Items",
        compute="_compute_amount_besides",
        store=True,
        copy=False,
        aggregator=None,
        help="What is due of a link that asks for no items: a deposit, another amount.",
        groups=STAFF,
    )
    counted_with_id = fields.Many2one(
        "paylink.link",
        string="Counted with",
        compute="_compute_counted_with_id",
        store=True,
        copy=False,
        recursive=True,
        index="btree_not_null",
        help="The link with which figures count this one, as both ask for the same.",
        groups=STAFF,
    )

    @api.depends(
        *("plan_part_id.plan_id.link_id.counted_with_id", "widened_from_id.counted_with_id"),
        *("issued_at", "paid_at"),
        *("renewal_ids.issued_at", "renewal_ids.counted_with_id"),
        *("renewed_from_id.renewal_ids.issued_at", "renewed_from_id.renewal_ids.counted_with_id"),
    )
    def _compute_counted_with_id(self):
        for link in self:
            own = link.sudo() if link.issued_at else link.browse()  # nothing depends on a draft
            other = own.plan_part_id.plan_id.link_id or own.widened_from_id or own._asked_anew()
            link.counted_with_id = other.counted_with_id or other

    @api.depends(
        *("amount", "amount_paid", "amount_taken_back", "issued_at", "paid_at", "state"),
        *("plan_part_id.amount", "plan_part_id.link_id", "plan_ids.part_ids.amount"),
        *(f"plan_ids.part_ids.asked_by_ids.{name}" for name in OF_PARTS),
        *("renewal_ids.amount", "renewal_ids.issued_at"),
        *("renewed_from_id.renewal_ids.amount", "renewed_from_id.renewal_ids.issued_at"),
        *("widened_from_id", "widened_ids.amount_paid", "widened_ids.amount_taken_back"),
    )
    def _compute_amount_asked(self):
        for link in self:
            asked = link.sudo()._derive_asked() if link.issued_at else link.amount
            link.amount_asked = link.currency_id.round(max(asked, 0.0))

    @api.depends(
        lambda self: [
            *self._state_depends(),
            *("sale_order_id.order_line.untaxed_amount_invoiced", "sale_order_id.transaction_ids.is_post_processed"),
        ]
    )
    def _compute_amount_besides(self):
        """Stored, for open items: what of a deposit was invoiced meanwhile is asked for by the invoice."""
        others = self.filtered(lambda link: link.kind != "open_items")
        (self - others).amount_besides = 0.0
        due = others._due_amounts()
        for link in others:
            link.amount_besides = due.get(link.id, 0.0)

    def _asked_anew(self):
        """The newest link that asks for what this one did not bring: made from it or, once more, from the same one."""
        again = self.renewed_from_id.renewal_ids if not self.paid_at else self.browse()
        newer = (self.renewal_ids | again).filtered(lambda link: link.issued_at and link.id > self._origin.id)
        return newer.sorted("id")[-1:] if self._origin else self.browse()

    def _derive_asked(self):
        """What this link asks for and no other, in sudo mode; less than zero if others ask for more."""
        if self.plan_part_id:
            return self._asked_by_part()
        brought = self._brought()
        if self.widened_from_id and not brought:
            return 0.0  # what was asked for is what the customer could have added to
        asked = self.amount - self._asked_anew().amount
        asked -= sum(part._asked_by_part() for part in self.plan_ids.part_ids.asked_by_ids)
        return min(asked, brought) if any(link._brought() for link in self.widened_ids) else asked

    def _asked_by_part(self):
        """Of the link of a part: what it has brought; as long as it can be paid, its part at least."""
        part = self.plan_part_id
        waits = part.link_id == self and self.state in LIVE_STATES
        return max(self._brought(), min(self.amount, part.amount) if waits else 0.0)

    def _brought(self):
        """What was paid by this link, whether it was refunded or not."""
        return self.amount_paid - self.amount_taken_back
