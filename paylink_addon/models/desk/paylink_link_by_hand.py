"""Stage of ``paylink.link``: consolidated by hand, and not anymore."""

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import format_date, format_datetime

from ...const import STAFF

MANAGER = "paylink_addon.group_payment_manager"
# Statuses of paid links that have no money anymore.
GONE = ("refunded", "chargeback")


class PaylinkLinkByHand(models.Model):
    """A payment manager says that the money of a link has come, beside what the bank shows (subject ``bank``).

    Neither overwrites the other: what is said by hand has fields of its own, and ``consolidated`` follows from both.
    """

    _inherit = "paylink.link"

    consolidated_by_id = fields.Many2one(
        "res.users",
        string="Consolidated by",
        readonly=True,
        compute="_compute_by_hand",
        store=True,
        copy=False,
        groups=STAFF,
    )
    consolidated_at = fields.Datetime(
        string="Consolidated by hand on",
        readonly=True,
        compute="_compute_by_hand",
        store=True,
        copy=False,
        groups=STAFF,
    )
    # Of which payment that was said: of another one it is not true.
    consolidated_payment_at = fields.Datetime(
        string="Payment Consolidated by hand",
        readonly=True,
        compute="_compute_by_hand",
        store=True,
        copy=False,
        groups=STAFF,
    )
    consolidated_display = fields.Char(
        string="Consolidated by (text)", compute="_compute_consolidated_display", groups=STAFF
    )

    # === COMPUTE METHODS === #

    def _consolidated_depends(self):
        return [*super()._consolidated_depends(), "consolidated_at"]

    def _is_consolidated_otherwise(self):
        return bool(self.consolidated_at)

    @api.depends("state", "paid_at")
    def _compute_by_hand(self):
        """What was said of money that has gone is not said of what comes after it, whichever way that comes."""
        names = ("consolidated_at", "consolidated_by_id", "consolidated_payment_at")
        links = self.sudo()
        stands = links.filtered(lambda link: link.state == "paid" and link.consolidated_payment_at == link.paid_at)
        (links - stands).update(dict.fromkeys(names, False))
        for link in stands:
            link.update({name: link[name] for name in names})

    @api.depends("is_at_bank", "consolidated_on", "consolidated_at", "consolidated_by_id", "consolidated")
    @api.depends_context("lang", "tz")
    def _compute_consolidated_display(self):
        """By the bank, by hand, or both, and when."""
        for link in self:
            link.consolidated_display = " · ".join(
                filter(None, (link.consolidated and link._consolidated_texts()) or ())
            )

    def _consolidated_texts(self):
        by_hand = self._is_consolidated_otherwise() and self.env._(
            "By %(name)s on %(date)s",
            name=self.sudo().consolidated_by_id.name,
            date=format_datetime(self.env, self.consolidated_at, dt_format="short"),
        )
        by_bank = self.is_at_bank and self.env._(
            "By the bank on %(date)s", date=format_date(self.env, self.consolidated_on)
        )
        return by_bank, by_hand

    # === CONSOLIDATE === #

    def _check_payment_manager(self):
        if not self.env.su and not self.env.user.has_group(MANAGER):
            raise AccessError(self.env._("Only payment managers can consolidate payments, or undo that."))

    def _left_out_consolidate(self):
        self._check_payment_manager()
        return self._why_left_out(
            (self.env._("Not paid"), lambda link: link.state != "paid"),
            (
                self.env._("Its money is gone: refunded, or taken back by the customer's bank"),
                lambda link: link.status in GONE,
            ),
            (self.env._("The bank shows its money already"), lambda link: link.is_at_bank),
            (self.env._("Consolidated by hand already"), lambda link: link.consolidated),
        )

    def _bulk_consolidate(self, _dialog):
        now = fields.Datetime.now()
        for paid_at, links in self.sudo().grouped("paid_at").items():
            links.write(
                {"consolidated_at": now, "consolidated_by_id": self.env.uid, "consolidated_payment_at": paid_at}
            )
        self._log_events("consolidated")

    # === UNDO === #

    def _left_out_undo(self):
        self._check_payment_manager()
        return self._why_left_out(
            (self.env._("Not consolidated"), lambda link: not link.consolidated),
            (
                self.env._("The bank shows its money: undo the reconciliation of the bank's line instead"),
                lambda link: not link._is_consolidated_otherwise(),
            ),
        )

    def _bulk_undo(self, dialog):
        """What the bank shows stays consolidated by the bank; the timeline keeps the reason."""
        self.sudo().write({"consolidated_at": False, "consolidated_by_id": False, "consolidated_payment_at": False})
        self._log_events("not_consolidated", dict.fromkeys(self.ids, dialog.reason))
