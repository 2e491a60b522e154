from functools import partial

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, format_amount, str2bool

from ...const import Task
from ...tools.locks import hold_and_touch


class PaymentTransaction(models.Model):
    """What follows on the order when a deposit is paid: Odoo's own rules, once per payment."""

    _inherit = "payment.transaction"

    def _paylink_deposits(self):
        return self.filtered(lambda tx: tx.paylink_id.kind == "deposit")

    def _paylink_of_order(self):
        """Those whose order is still the one that was paid."""
        return self.filtered(
            lambda tx: tx.sale_order_ids == tx.paylink_id.sale_order_id and tx.paylink_id._fits_order()
        )

    # === MONEY ON ITS WAY === #

    @api.model
    def _paylink_coming_sources(self, items, links, orders):
        """Of orders, and of the invoices made of them.

        The planner needs longer for those invoices than all the rest of the customer's page takes: they are left out
        where there are none.
        """
        sources = super()._paylink_coming_sources(items, links, orders)
        if items is None and links is None:
            sources.append(self._paylink_coming_on_orders_sql())
        if orders is None and links is None and (items is None or items.sudo().move_id._paylink_are_of_orders()):
            sources.append(self._paylink_coming_on_invoices_sql())
        return sources

    @api.model
    def _paylink_coming_on_orders_sql(self):
        """What is paid of orders themselves: by deposits on them that still belong to them, and in Odoo's portal."""
        return SQL(
            """
            SELECT tx.id AS transaction_id, deposit.link_id, NULL::integer AS move_id, NULL::integer AS item_id,
                   deposit.order_id, TRUE AS is_direct
              FROM (%s) deposit
              JOIN moving tx ON tx.paylink_id = deposit.link_id
         UNION ALL
            SELECT tx.id, NULL, NULL, NULL, rel.sale_order_id, TRUE
              FROM sale_order_transaction_rel rel
              JOIN moving tx ON tx.id = rel.transaction_id
             WHERE tx.paylink_id IS NULL
            """,
            self.env["paylink.link"]._belonging_sql(),
        )

    @api.model
    def _paylink_coming_on_invoices_sql(self):
        """What deposits bring for the invoices of their orders, which take it once it is booked."""
        return SQL(
            """
            SELECT DISTINCT tx.id AS transaction_id, deposit.link_id, item.move_id, item.id AS item_id,
                   deposit.order_id, FALSE AS is_direct
              FROM (%s) deposit
              JOIN moving tx ON tx.paylink_id = deposit.link_id
              JOIN sale_order_line line ON line.order_id = deposit.order_id
              JOIN sale_order_line_invoice_rel rel ON rel.order_line_id = line.id
              JOIN account_move_line made ON made.id = rel.invoice_line_id
              JOIN account_move move ON move.id = made.move_id AND move.move_type != 'out_refund'
              JOIN account_move_line item ON item.move_id = move.id AND item.display_type = 'payment_term'
            """,
            self.env["paylink.link"]._belonging_sql(),
        )

    @api.model
    def _paylink_about_sql(self, items=None, orders=None, *, may_ask=False):
        """Also about orders: these, or those that the documents of ``items`` were made of."""
        about = super()._paylink_about_sql(items=items, may_ask=may_ask)
        if may_ask and orders is None and not items.move_id._paylink_are_of_orders():
            return about
        self.env["paylink.link"].flush_model(["sale_order_id"])
        if orders is not None:
            which = tuple(orders.ids) or (0,)
        else:
            which = SQL(
                """(SELECT line.order_id
                      FROM account_move_line made
                      JOIN sale_order_line_invoice_rel rel ON rel.invoice_line_id = made.id
                      JOIN sale_order_line line ON line.id = rel.order_line_id
                     WHERE made.move_id IN %s)""",
                tuple(items.move_id.ids) or (0,),
            )
        return [
            *about,
            SQL("tx.paylink_id IN (SELECT id FROM paylink_link WHERE sale_order_id IN %s)", which),
            SQL("tx.id IN (SELECT transaction_id FROM sale_order_transaction_rel WHERE sale_order_id IN %s)", which),
        ]

    # === SETTLED ANOTHER WAY === #

    def _paylink_pays_order(self):
        """Whether it is an attempt in Odoo's portal to pay one order, and no invoice."""
        return not self.paylink_id and not self.invoice_ids and len(self.sale_order_ids) == 1

    def _paylink_due_now(self):
        """Of an order: what is left to pay of it."""
        if not self._paylink_pays_order():
            return super()._paylink_due_now()
        order = self.sale_order_ids
        if order.currency_id != self.currency_id:
            return None
        payer = order.partner_invoice_id.commercial_partner_id
        is_its_own = order.state != "cancel" and payer == self.partner_id.commercial_partner_id
        return order._paylink_outstanding() if is_its_own else 0.0

    def _paylink_payable(self):
        if not self._paylink_pays_order():
            return super()._paylink_payable()
        due, order = self._paylink_due_now(), self.sale_order_ids
        return due and due - sum(amount for _link, amount in order._paylink_coming().get(order.id, ()))

    def _paylink_tell_overtaken(self):
        """Who has authorized a deposit of which nothing is due is a task already: ``paylink.link._end_deposits``."""
        if self.state == "authorized" and self._paylink_deposits() and not self._paylink_due_now():
            return None
        return super()._paylink_tell_overtaken()

    def _paylink_looked_after(self):
        """An order's, too."""
        if self._paylink_pays_order():
            return self.sale_order_ids, self.sale_order_ids.user_id
        return super()._paylink_looked_after()

    @api.model
    def _paylink_suspects_sql(self):
        """Of orders: all."""
        return SQL(
            """
            %(others)s
             UNION ALL
            SELECT tx.id
              FROM payment_transaction tx
         LEFT JOIN paylink_link link ON link.id = tx.paylink_id
         LEFT JOIN sale_order_transaction_rel rel ON rel.transaction_id = tx.id
             WHERE tx.state = 'draft'
               AND (link.sale_order_id IS NOT NULL OR (rel.sale_order_id IS NOT NULL AND tx.id IN %(portal)s))
            """,
            others=super()._paylink_suspects_sql(),
            portal=self._paylink_portal_drafts_sql(),
        )

    # === ON THE ORDER === #

    def _paylink_documents(self):
        """Who pays an order in Odoo's portal pays what it asks for."""
        documents = super()._paylink_documents()
        if documents or self.paylink_id:
            return documents
        return [(order.name, order.amount_total) for order in self.sale_order_ids]

    def _paylink_set_size(self):
        """With automatic invoices one: Odoo renders and sends them while it books, and whoever waits for the same rows
        waits for that.
        """
        automatic = self.env["ir.config_parameter"].sudo().get_param("sale.automatic_invoice")
        return 1 if str2bool(automatic, False) else super()._paylink_set_size()

    def _paylink_ready(self):
        """What belongs to an order waits for its invoice."""
        return super()._paylink_ready().filtered(lambda tx: not tx.sale_order_ids)

    def _create_child_transaction(self, amount, is_refund=False, **custom_create_values):
        """A captured part of a deposit confirms and invoices the order, as the whole would."""
        if not is_refund and self._paylink_deposits():
            custom_create_values.setdefault("sale_order_ids", [fields.Command.set(self.sale_order_ids.ids)])
        return super()._create_child_transaction(amount, is_refund=is_refund, **custom_create_values)

    def _paylink_claim(self):
        """Two payments of one order are booked one after the other: the second sees what the first has invoiced."""
        hold_and_touch(self._paylink_deposits().sale_order_ids)
        return super()._paylink_claim()

    def _paylink_booking_context(self, ready):
        """The orders of deposits are told by us."""
        told = self._paylink_deposits().sale_order_ids.ids
        return super()._paylink_booking_context(ready) | {"paylink_told_order_ids": told}

    def _paylink_after_booking(self, new, unbooked):
        """What is left of the orders may not be what other links ask for anymore."""
        result = super()._paylink_after_booking(new, unbooked)
        orders = self.sale_order_ids | self.paylink_id.sale_order_id
        orders._paylink_end_links()
        orders._paylink_rivals()._paylink_reconsider()
        return result

    def _check_amount_and_confirm_order(self):
        """Odoo's own prepayment rule; an order that still has to be signed is confirmed by its signature.

        If Odoo refuses, the money is booked all the same.
        """
        deposits = self._paylink_deposits()
        confirmed = super(PaymentTransaction, self - deposits)._check_amount_and_confirm_order()
        for tx in deposits._paylink_of_order().filtered(lambda tx: not tx.sale_order_ids._has_to_be_signed()):
            confirmed |= tx._paylink_on_order(super(PaymentTransaction, tx)._check_amount_and_confirm_order) or (
                confirmed.browse()
            )
        return confirmed

    def _invoice_sale_orders(self):
        """With automatic invoices: once for each payment, and only for what it brings.

        So it is for payments in the customer portal of orders that deposits were received for, too.
        """
        deposits = self._paylink_deposits()
        beside = (self - deposits)._paylink_received().filtered(lambda tx: not tx.payment_id)
        beside = beside.filtered(lambda tx: tx.sale_order_ids._paylink_deposit_payments())
        result = super(PaymentTransaction, self - deposits - beside)._invoice_sale_orders()
        for tx in beside:
            super(PaymentTransaction, tx.with_context(paylink_received=tx.amount))._invoice_sale_orders()
        for tx in deposits._paylink_received()._paylink_of_order().filtered(lambda tx: not tx.payment_id):
            payment = tx.with_context(paylink_received=tx.amount)
            tx._paylink_on_order(super(PaymentTransaction, payment)._invoice_sale_orders)
        self._paylink_date_invoices()
        return result

    def _paylink_date_invoices(self):
        """What is invoiced because it was paid bears the day of the payment, which its taxes are due with."""
        for tx in self._paylink_received():
            for invoice in tx.invoice_ids.filtered(lambda move: move.state == "draft" and not move.invoice_date):
                moved_on = tx._paylink_moved_on()
                invoice.invoice_date = tx.company_id._paylink_open_day(moved_on, invoice.journal_id, has_tax=True)

    def _paylink_order_note(self):
        """What the order's chatter says of a payment or refund."""
        self.ensure_one()
        env = self.company_id._paylink_env()
        values = {
            "amount": format_amount(env, abs(self.amount), self.currency_id),
            "link": self.paylink_id._get_html_link(),
        }
        if self.operation == "refund":
            return env._("%(amount)s of the deposit %(link)s has been refunded.", **values)
        return env._("Deposit received: %(amount)s by collection link %(link)s.", **values)

    def _paylink_on_order(self, step):
        """Call what Odoo does with the order; if that is refused, undo it and give the owner of the link a task."""
        self.ensure_one()
        try:
            with self.env.cr.savepoint():
                return step()
        except UserError as error:
            self.env.invalidate_all()
            texts = partial(self._paylink_not_confirmed_texts, str(error))
            self.paylink_id._give_task(Task.DEPOSIT_NOT_CONFIRMED, texts)
            return None

    def _paylink_not_confirmed_texts(self, reason, env):
        order = self.paylink_id.sale_order_id.name
        return env._("%(order)s was paid, but could not be confirmed or invoiced", order=order), env._(
            "The deposit is booked. Confirm or invoice the order by hand. The reason: %(reason)s", reason=reason
        )
