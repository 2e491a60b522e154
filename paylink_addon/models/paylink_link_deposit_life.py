from datetime import datetime, time, timedelta

import pytz
from odoo import api, fields, models
from odoo.exceptions import UserError

from ..const import LIVE_STATES

# What says who pays an order, and in which currency: changed, nobody may pay it by the links of before.
PAYER_FIELDS = {"partner_id", "partner_invoice_id", "pricelist_id", "company_id"}


class PaylinkLinkDepositLife(models.Model):
    """How deposits are made, made anew, and ended with their orders."""

    _inherit = "paylink.link"

    # === MAKING === #

    @api.model
    def _create_deposits(self, vals_list):
        """Make deposit links, in one batch. What may be asked is checked with the orders locked.

        :param list vals_list: values with ``sale_order_id`` and ``amount``
        :raises UserError: if an order can't be asked for that
        """
        orders = self.env["sale.order"].browse({vals["sale_order_id"] for vals in vals_list})
        orders.check_access("read")
        orders._paylink_lock()
        askable = orders._paylink_askable()
        prepared = []
        for vals in vals_list:
            order = orders.browse(vals["sale_order_id"])
            if problem := order._paylink_deposit_problem(vals["amount"], askable[order.id]):
                raise UserError(problem)
            askable[order.id] -= vals["amount"]
            prepared.append(vals | order._paylink_deposit_values(vals.get("expires_at", False)))
        return self._create_for_user(prepared)

    def _renew(self):
        """A new deposit asks for what no other link of the order asks for."""
        if self.kind != "deposit":
            return super()._renew()
        order = self.sale_order_id
        order._paylink_lock()
        if not self._belongs_to_order():
            raise UserError(
                self.env._(
                    "%(link)s can't be made anew: its order was deleted, or has another customer or currency now. Ask "
                    "for a new deposit on the order.",
                    link=self.name,
                )
            )
        amount = min(self.amount - self.amount_paid, order._paylink_askable().get(order.id, 0.0))
        if problem := order._paylink_deposit_problem(amount, amount):
            raise UserError(problem)
        link = super()._renew()
        link.write({"amount": amount} | {"expires_at": order._paylink_expires_at(link.expires_at)})
        return link

    # === ENDING === #

    def _is_live(self):
        """Whether the link asks for money now."""
        self.ensure_one()
        return self.state in LIVE_STATES and not self._is_expired()

    def _is_expired(self):
        """A deposit on a quotation ends with it, also before the job that says so has run."""
        order = self.sudo().sale_order_id
        return super()._is_expired() or (self.kind == "deposit" and bool(order) and order._paylink_is_expired())

    def _end_deposits(self, reason):
        """Cancel live deposits that can't be paid any more; who has authorized money is somebody's task.

        :param str reason: what the time line says
        """
        authorized = self.filtered("amount_authorized")
        (self - authorized)._cancel(reason)
        for link in authorized:
            env = link._owner_env()
            link._schedule(
                env._("Capture or release an authorized deposit"),
                env._(
                    "%(order)s can't be paid any more, but a payment of %(name)s is authorized: capture or release it.",
                    order=link.sale_order_id.name,
                    name=link.name,
                ),
            )

    def _left_behind_texts(self, env):
        """The task about a paid deposit that its order does not take: summary and note, in the language of ``env``."""
        values = {
            "order": self.sale_order_id.name,
            "partner": self.partner_id.display_name,
            "amount": self.currency_id.format(self.amount_paid - self.amount_refunded),
        }
        if self._belongs_to_order():
            return (
                env._("%(order)s was cancelled, its deposit was paid", **values),
                env._(
                    "%(order)s was cancelled after %(partner)s had paid %(amount)s. What no invoice has taken of it is "
                    "an open credit of that customer: refund it, or use it for another document.",
                    **values,
                ),
            )
        return (
            env._("The deposit on %(order)s is not counted any more", **values),
            env._(
                "The customer or the currency of %(order)s was changed after %(partner)s had paid %(amount)s. It "
                "is an open credit of that customer: refund it, or use it for another document.",
                **values,
            ),
        )

    @api.model
    def _cron_expire(self, limit=500):
        """Deposits expire with their quotations: at the end of that day, which for some is an hour of today's."""
        domain = [
            ("kind", "=", "deposit"),
            ("state", "in", ("open", "failed")),
            ("sale_order_id.state", "in", ("draft", "sent")),
            ("sale_order_id.validity_date", "<=", fields.Date.today()),
            "|",
            ("expires_at", "=", False),
            ("expires_at", ">", fields.Datetime.now()),
        ]
        ended = self.search(domain).filtered(lambda link: link._is_expired())[:limit]
        ended._close_attempts(self.env._("The quotation expired."))
        ended.expires_at = fields.Datetime.now()
        ended._log_events("expired")
        return super()._cron_expire(limit=limit)


class SaleOrder(models.Model):
    _inherit = "sale.order"

    # === MAKING === #

    def _paylink_deposit_problem(self, amount, askable):
        """Why a deposit of ``amount`` can't be asked for, or ``False``.

        :param float amount: in the order's currency
        :param float askable: see :meth:`_paylink_askable`
        """
        self.ensure_one()
        order = self.sudo()
        name = order.name
        if order.state == "cancel":
            return self.env._("%(order)s is cancelled: nothing can be asked for it.", order=name)
        if order._paylink_is_expired():
            return self.env._("The quotation %(order)s has expired: extend its validity first.", order=name)
        if order.currency_id.compare_amounts(askable, 0) <= 0:
            return self.env._("%(order)s: all of it is paid, invoiced or asked for already.", order=name)
        if order.currency_id.compare_amounts(amount, 0) <= 0:
            return self.env._("Give the amount to ask for: it must be more than zero.")
        if order.currency_id.compare_amounts(amount, askable) > 0:
            return self.env._(
                "No more than %(amount)s can be asked for %(order)s: the rest is paid, invoiced or asked for already.",
                amount=order.currency_id.format(askable),
                order=name,
            )
        return False

    def _paylink_deposit_values(self, expires_at):
        """The values of a deposit link that follow from its order: no client chooses them."""
        self.ensure_one()
        order = self.sudo()
        return {
            "kind": "deposit",
            "sale_order_id": order.id,
            "company_id": order.company_id.id,
            "currency_id": order.currency_id.id,
            "partner_id": order.partner_invoice_id.id,
            "expires_at": order._paylink_expires_at(expires_at),
        }

    def _paylink_expires_at(self, expires_at):
        """The link of a quotation lasts no longer than the quotation: until the end of that day, where we are."""
        self.ensure_one()
        if self.state not in ("draft", "sent") or not self.validity_date:
            return expires_at
        zone = pytz.timezone(self.company_id.paylink_tz or "UTC")
        midnight = zone.localize(datetime.combine(self.validity_date + timedelta(days=1), time()))
        end = midnight.astimezone(pytz.utc).replace(tzinfo=None)
        return min(expires_at, end) if expires_at else end

    def _paylink_is_expired(self):
        """Whether it is a quotation that is over where we are: Odoo's own mark goes by the day in Greenwich."""
        end = self._paylink_expires_at(False)
        return bool(end) and end <= fields.Datetime.now()

    def _paylink_default_deposit(self, askable):
        """What to propose: what Odoo's prepayment rule still wants, else all that can be asked.

        :param float askable: see :meth:`_paylink_askable`
        """
        self.ensure_one()
        order = self.sudo()
        asked = order._paylink_rooms()[order.id] - askable  # by other links
        missing = order._get_prepayment_required_amount() - order.amount_paid - asked
        wanted = missing if order.state in ("draft", "sent") and missing > 0 else askable
        return order.currency_id.round(min(wanted, askable))

    # === ENDING === #

    def write(self, vals):
        """An order that is cancelled, or becomes another customer's or another currency's, closes its links."""
        result = super().write(vals)
        if vals.get("state") == "cancel" or PAYER_FIELDS & set(vals):
            self._paylink_end_links()
            self._paylink_report_left_behind()
        return result

    def _paylink_end_links(self):
        """Close the live links of orders that are cancelled, or of which nothing is left to be asked as a deposit."""
        links = self.sudo().paylink_link_ids.filtered(lambda link: link.state in LIVE_STATES)
        if not links:
            return
        cancelled = links.filtered(lambda link: link.sale_order_id.state == "cancel")
        changed = (links - cancelled).filtered(lambda link: not link._fits_order())
        cancelled._end_deposits(self.env._("The order was cancelled."))
        changed._end_deposits(self.env._("The customer or the currency of the order was changed."))
        links -= cancelled | changed
        due = links._due_amounts()
        over = links.filtered(lambda link: not due[link.id])
        # Those of which a part was paid are paid now; see _compute_state.
        self.env.add_to_compute(over._fields["state"], over)
        over._recompute_recordset(["state"])
        waiting = over.filtered(lambda link: link.state in LIVE_STATES and not link.amount_pending)
        waiting._end_deposits(self.env._("The order is paid or invoiced: nothing is left to be paid as a deposit."))

    def _paylink_report_left_behind(self):
        """What was paid stays a credit of who paid it; somebody has to know that no order takes it."""
        links = self.sudo().paylink_link_ids.filtered(lambda link: link.amount_paid > link.amount_refunded)
        for link in links.filtered(lambda link: not link._fits_order()):
            link._schedule(*link._left_behind_texts(link._owner_env()))

    @api.ondelete(at_uninstall=False)
    def _paylink_unlink_unpaid(self):
        """A quotation whose deposit was paid is kept; other links end with it."""
        links = self.sudo().paylink_link_ids
        if paid := links.filtered(lambda link: link.amount_paid or link.amount_pending or link.amount_authorized):
            raise UserError(
                self.env._(
                    "A deposit on %(order)s was paid (%(link)s): keep the order.",
                    order=paid[0].sale_order_id.name,
                    link=paid[0].name,
                )
            )
        links.filtered(lambda link: link.state in LIVE_STATES)._cancel(self.env._("The order was deleted."))
