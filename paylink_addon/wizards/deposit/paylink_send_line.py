from odoo import api, models

from ..link.paylink_send_line import Existing


class PaylinkSendLine(models.TransientModel):
    _inherit = "paylink.send.line"

    @api.model
    def _groups(self, wizard):
        """The orders to ask for, by key. Those of which nothing can be asked are left out."""
        if wizard.source_model != "sale.order":
            return super()._groups(wizard)
        orders = wizard._sources().filtered(lambda order: order.company_id in wizard.env.companies)
        askable = orders._paylink_askable()
        existing = self._open_deposits(orders)
        return {
            f"order-{order.id}": order
            for order in orders
            if existing.get(order) or not order._paylink_deposit_problem(askable[order.id], askable[order.id])
        }

    @api.model
    def _prepare_lines(self, wizard):
        """A line for each order: what is proposed, or why nothing can be asked."""
        if wizard.source_model != "sale.order":
            return super()._prepare_lines(wizard)
        orders = wizard._sources()
        groups = self._groups(wizard)
        askable = orders._paylink_askable()
        existing = self._existing_links(groups)
        return [self._deposit_values(order, askable[order.id], existing) for order in orders]

    @api.model
    def _deposit_values(self, order, askable, existing):
        """The values of the line of one order.

        :param float askable: what can still be asked of it
        :param dict existing: see :meth:`_existing_links`
        """
        key = f"order-{order.id}"
        found = existing.get(key)
        again = found and found.cover == "same"
        amount = found.link._due_amounts()[found.link.id] if again else order._paylink_default_deposit(askable)
        return (
            self._partner_values(order.sudo().partner_invoice_id)
            | {
                "key": key,
                "company_id": order.company_id.id,
                "currency_id": order.currency_id.id,
                "documents": order.name,
                "document_count": 1,
                "amount": amount,
                "blocked": False if again else self._why_no_deposit(order, askable),
            }
            | (found.line_values() if found else {})
        )

    @api.model
    def _why_no_deposit(self, order, askable):
        if order.company_id not in self.env.companies:
            return self.env._("It belongs to another company: switch to it.")
        return order._paylink_deposit_problem(askable, askable)

    # === OPEN DEPOSITS === #

    @api.model
    def _open_deposits(self, orders):
        """The newest live deposit of each order that the user may read."""
        links = self.env["paylink.link"].search([("sale_order_id", "in", orders.ids)], order="id")
        due = links._due_amounts()
        waiting = links.filtered(lambda link: link._is_live() and link.state != "pending" and due[link.id])
        return {link.sale_order_id: link for link in waiting}

    @api.model
    def _existing_links(self, groups):
        """An open deposit is sent again by default only where nothing more can be asked of its order."""
        orders = next(iter(groups.values()), self.env["account.move.line"])
        if orders._name != "sale.order":
            return super()._existing_links(groups)
        orders = orders.union(*groups.values())
        askable, links = orders._paylink_askable(), self._open_deposits(orders)
        covers = {True: "same", False: "part"}
        return {
            key: Existing(links[order], covers[not askable[order.id]])
            if order in links
            else Existing(self.env["paylink.link"])
            for key, order in groups.items()
        }

    def _reuses_other(self):
        """Whether an open deposit is sent again as it is, instead of a new one."""
        return bool(self.existing_link_id and self._wants_again())

    def _deposit_link_values(self):
        """What is particular to the deposit of this line."""
        order_id = int(self.key.partition("-")[2])
        amount = self.wizard_id.amount if self.wizard_id._only_line() == self else self.amount
        orders = self.wizard_id._sources()
        return self._link_values() | {
            "sale_order_id": orders.filtered(lambda order: order.id == order_id).id,
            "reference": self.documents,
            "amount": amount,
        }
