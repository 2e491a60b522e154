from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, LazyTranslate, format_amount, format_date, str2bool

from ...const import Task
from ...tools import days
from ...tools.access import openable
from ...tools.locks import hold_and_touch
from ..messaging.paylink_life_mixin import BATCH

_lt = LazyTranslate(__name__)


class PaylinkLink(models.Model):
    """Kind *deposit*: part or all of one sales order, never more than what nobody has paid or been invoiced of it.

    Its hooks are described at :class:`paylink.link`.
    """

    _inherit = "paylink.link"

    # Without orders the money is what a free amount is: the customer's credit.
    kind = fields.Selection(
        selection_add=[("deposit", "Deposit on an order"), ("free",)], ondelete={"deposit": "set default"}
    )
    sale_order_id = fields.Many2one(
        "sale.order", string="Order", readonly=True, index="btree_not_null", ondelete="set null", check_company=True
    )
    can_open_order = fields.Boolean(compute="_compute_can_open_order", help="The order is the user's to see.")
    # Made by us alone, and what the customer gets: nobody else reads or changes it.
    order_pdf = fields.Binary(
        string="PDF of the Order", attachment=True, copy=False, readonly=True, groups="base.group_system"
    )

    # === COMPUTE METHODS === #

    @api.depends("sale_order_id")
    @api.depends_context("uid", "allowed_company_ids")
    def _compute_can_open_order(self):
        allowed = openable(self, "sale_order_id")
        for link in self:
            link.can_open_order = link in allowed

    def _state_depends(self):
        return [*super()._state_depends(), "sale_order_id.state", "sale_order_id.amount_total"]

    # === THE ORDER === #

    def _fits_order(self):
        """Whether the order can still be paid by this link."""
        return self._belongs_to_order() and self.sudo().sale_order_id.state != "cancel"

    def _belongs_to_order(self):
        """Whether the order is still what the customer was asked to pay: it may have been changed or given away."""
        self.ensure_one()
        order = self.sudo().sale_order_id
        return (
            bool(order)
            and order.currency_id == self.currency_id
            and order.company_id == self.company_id
            and order.partner_invoice_id.commercial_partner_id == self.partner_id.commercial_partner_id
        )

    @api.model
    def _belonging_sql(self):
        """A query of ``(link_id, order_id)``: the deposits that :meth:`_belongs_to_order` is true of."""
        self.flush_model(["sale_order_id", "partner_id", "currency_id", "company_id"])
        self.env["res.partner"].flush_model(["commercial_partner_id"])
        self.env["sale.order"].flush_model(["partner_invoice_id", "currency_id", "company_id"])
        return SQL(
            """
            SELECT link.id AS link_id, so.id AS order_id
              FROM paylink_link link
              JOIN sale_order so ON so.id = link.sale_order_id
                                AND so.currency_id = link.currency_id
                                AND so.company_id = link.company_id
              JOIN res_partner payer ON payer.id = link.partner_id
              JOIN res_partner customer ON customer.id = so.partner_invoice_id
                                       AND customer.commercial_partner_id = payer.commercial_partner_id
            """
        )

    # === WHAT IS DUE === #

    def _due_deposit(self):
        """What has not been received of the deposit, and at most what is left of the order."""
        ceilings = self.sale_order_id._paylink_ceilings()
        return {
            link.id: min(link.amount - link._received_amount(), ceilings[link.sale_order_id.id])
            if link._fits_order()
            else 0.0
            for link in self
        }

    def _payable_deposit(self, due, coming):
        """What others pay of the order leaves the link what it asks for, as long as both are below the ceiling."""
        ceiling = sum(self.sale_order_id._paylink_ceilings().values())
        return min(due - coming.own, ceiling - coming.own - coming.others)

    def _coming_rows_sql_deposit(self):
        """What is on its way for the order; what is confirmed lowers its ceiling already."""
        return self.sale_order_id._paylink_coming_sql()

    def _documents_stand_deposit(self):
        """A deposit stands as long as its order does."""
        return self._fits_order()

    def _paid_documents_deposit(self):
        """The invoices of the order."""
        return self.sale_order_id.invoice_ids if self._belongs_to_order() else self.env["account.move"]

    # === MAKING === #

    @api.model
    def _create_deposits(self, vals_list):
        """Make deposit links, in one batch. What may be asked is checked with the orders locked.

        :param list vals_list: values with ``sale_order_id`` and ``amount``
        :raises UserError: if an order can't be asked for that
        """
        orders = self.env["sale.order"].browse({vals["sale_order_id"] for vals in vals_list})
        orders.check_access("read")
        hold_and_touch(orders)
        askable = orders._paylink_askable()
        prepared = []
        for vals in vals_list:
            order = orders.browse(vals["sale_order_id"])
            if problem := order._paylink_deposit_problem(vals["amount"], askable[order.id]):
                raise UserError(problem)
            askable[order.id] -= vals["amount"]
            prepared.append(vals | order._paylink_deposit_values(vals.get("expires_at", False)))
        return self._create_for_user(prepared)

    def _hold_renewal_deposit(self):
        hold_and_touch(self.sale_order_id)

    def _renewal_amount_deposit(self):
        """A new deposit asks for what no other link of the order asks for."""
        order = self.sale_order_id
        if not self._belongs_to_order():
            raise UserError(
                self.env._(
                    "%(link)s can't be renewed: its order was deleted, or its customer or currency has changed. Ask "
                    "for a new deposit on the order.",
                    link=self.name,
                )
            )
        amount = min(self.amount - self.sudo()._received_amount(), order._paylink_askable().get(order.id, 0.0))
        if problem := order._paylink_deposit_problem(amount, amount):
            raise UserError(problem)
        return amount

    def _latest_expiry_deposit(self, expires_at):
        return self.sale_order_id._paylink_expires_at(expires_at)

    # === ENDING === #

    def _is_expired_deposit(self):
        """A deposit on a quotation ends with it, also before the job that says so has run."""
        order = self.sudo().sale_order_id
        return self._is_expired_general() or (bool(order) and order._paylink_is_expired())

    @api.model
    def _expire_early_deposit(self):
        """Deposits expire with their quotations: at the end of that day, where the company is."""
        domain = [
            ("kind", "=", "deposit"),
            ("state", "in", ("open", "failed")),
            ("sale_order_id.state", "in", ("draft", "sent")),
            ("sale_order_id.validity_date", "<", days.today(days.EARLIEST)),
            "|",
            ("expires_at", "=", False),
            ("expires_at", ">", fields.Datetime.now()),
        ]
        return self.env["paylink.job.mixin"]._each(self.search(domain), lambda links: links._expire_early(), size=BATCH)

    def _expire_early(self):
        ended = self.filtered(lambda link: link._is_expired())
        ended._close_attempts(_lt("The quotation expired."))
        ended.expires_at = fields.Datetime.now()
        ended._log_events("expired")

    def _end_deposits(self, reason):
        """Cancel live deposits that can't be paid anymore; who has authorized money is somebody's task.

        :param reason: what the timeline says: see :func:`~..tools.texts.said`
        """
        authorized = self.filtered("amount_authorized")
        (self - authorized)._cancel(reason)
        for link in authorized:
            link._give_task(Task.DEPOSIT_AUTHORIZED, link._authorized_texts)

    def _authorized_texts(self, env):
        return env._("Capture or release an authorized deposit"), env._(
            "%(order)s can no longer be paid, but %(name)s has an authorized payment: capture or release it.",
            order=self.sale_order_id.name,
            name=self.name,
        )

    def _report_left_behind(self):
        """Give the owner the task to look after a paid deposit that its order does not take."""
        if self._belongs_to_order():
            self._give_task(Task.DEPOSIT_CANCELLED, self._cancelled_texts)
        else:
            self._give_task(Task.DEPOSIT_FOREIGN, self._foreign_texts)

    def _cancelled_texts(self, env):
        values = self._left_behind_facts(env)
        return env._("%(order)s was canceled after its deposit had been paid", **values), env._(
            "%(order)s was canceled after %(partner)s had paid %(amount)s. What no invoice has used of it is an open "
            "credit of the customer: refund it, or use it for another document.",
            **values,
        )

    def _foreign_texts(self, env):
        values = self._left_behind_facts(env)
        return env._("The deposit on %(order)s no longer counts", **values), env._(
            "The customer or the currency of %(order)s was changed after %(partner)s had paid %(amount)s. It is an "
            "open credit of that customer: refund it, or use it for another document.",
            **values,
        )

    def _left_behind_facts(self, env):
        return {
            "order": self.sale_order_id.name,
            "partner": self.partner_id.display_name,
            "amount": format_amount(env, self._paid_amount(), self.currency_id),
        }

    # === TASKS === #

    def _stands_for(self, other):
        """Also another deposit on the same order."""
        return super()._stands_for(other) or bool(self.sale_order_id and self.sale_order_id == other.sale_order_id)

    def _paylink_done_deposit_authorized(self, _task):
        return not self.amount_authorized

    def _paylink_done_deposit_not_confirmed(self, _task):
        order = self.sale_order_id
        invoices = str2bool(self.env["ir.config_parameter"].sudo().get_param("sale.automatic_invoice") or "", False)
        return order.state not in ("draft", "sent") and (order.state != "sale" or not invoices or order.invoice_ids)

    def _paylink_done_deposit_cancelled(self, _task):
        return self._fits_order() or not self._is_left_over()

    def _paylink_done_deposit_foreign(self, _task):
        return self._belongs_to_order() or not self._is_left_over()

    def _is_left_over(self):
        """Whether something of what was paid is still the customer's: neither refunded nor used."""
        payments = self.transaction_ids._paylink_received().payment_id
        unknown = payments.filtered(lambda payment: not payment.move_id)
        used = not unknown and not any(payment._paylink_open_credit() for payment in payments)
        return bool(self._paid_amount()) and not used

    # === PAYING === #

    def _contested_rows_deposit(self):
        """Payers of deposits fight for their order."""
        return [self.sudo().sale_order_id]

    def _open_drafts_deposit(self):
        """Attempts on other deposits of the order are given up only if they would exceed what is left below the
        ceiling.
        """
        drafts = self.env["payment.transaction"]
        ceilings, coming = self.sale_order_id._paylink_ceilings(), self.sale_order_id._paylink_coming()
        for link in self:
            order = link.sale_order_id
            on_its_way = sum(amount for _link, amount in coming.get(order.id, ()))
            left = ceilings.get(order.id, 0.0) - on_its_way - link._payable_amount()
            open_drafts = (link.transaction_ids | order.transaction_ids)._paylink_closable()
            drafts |= open_drafts.filtered(lambda tx, link=link, left=left: tx.paylink_id == link or tx.amount > left)
        return drafts

    def _attempt_documents_deposit(self):
        """Odoo confirms and invoices the order of a transaction that names it."""
        return {"sale_order_ids": [fields.Command.set(self.sale_order_id.ids)]}

    def _closed_reason_deposit(self):
        """Once nothing can be asked as a deposit, *settled* if the order is paid, else ``invoiced``.

        Also after the link was cancelled for that.
        """
        order = self.sale_order_id
        if not order:
            return self._closed_reason_general()
        if not self._fits_order():
            return "cancelled"
        if order.state == "sale" and not order._paylink_ceilings()[order.id]:
            return "settled" if order.currency_id.compare_amounts(order._paylink_outstanding(), 0) <= 0 else "invoiced"
        return self._closed_reason_general()

    # === THE BOOKS === #

    def _settle_deposit(self, transaction):
        """Settle the invoice that Odoo has made of the payment, else what was invoiced of the order meanwhile.

        What is left is the customer's open credit; the next invoice of the order takes it: see ``account.move._post``.
        """
        invoices = transaction.invoice_ids or self.sale_order_id.invoice_ids
        items = invoices.filtered(lambda move: move.state == "posted")._paylink_open_items()
        return self._settle_items(items.filtered(lambda item: item.balance > 0 and self._fits(item)), transaction)

    def _excess_deposit(self, transaction):
        """An open credit is what a deposit is to be, unless the order was overpaid."""
        credit = self._excess_general(transaction)
        if not self._fits_order():
            return credit
        return min(credit, max(-self.sale_order_id._paylink_balance_to_invoice(), 0.0))

    def _document_notes_deposit(self, transaction):
        """On the order, too."""
        notes = self._document_notes_general(transaction)
        if self.sale_order_id:
            notes.append((self.sale_order_id, transaction._paylink_order_note()))
        return notes

    # === WHAT PEOPLE READ === #

    @api.model
    def _page_fields(self):
        return (*super()._page_fields(), "sale_order_id")

    def _documents_text_deposit(self, language, lines):
        """Say which order the deposit is for."""
        if not self.sale_order_id:
            return self._documents_text_general(language, lines)
        return language._("the deposit on order %(name)s", name=self.sudo().sale_order_id.name)

    def _page_subject_deposit(self):
        if not self.sale_order_id:
            return self._page_subject_general()
        return self.env._("Deposit on order %(name)s", name=self.sale_order_id.name)

    def _page_extras_deposit(self):
        return {"order": self._page_order(), "invoices": self._page_invoices()}

    def _page_order(self):
        """The order as its customer knows it, ready to print, or ``False``."""
        order = self.sale_order_id
        if not self._fits_order():
            return False
        settled = order._paylink_settled()
        return {
            "name": order.name,
            "date": format_date(self.env, self._day(order.date_order)),
            "total": self._amount_text(order.amount_total),
            "settled": self._amount_text(settled) if settled > 0 else False,
            "left": self._amount_text(order._paylink_outstanding()),
            "url": f"/pay/{self.access_token}/order" if self._has_order_pdf() else False,
        }

    def _page_invoices(self):
        """What is asked for by invoice instead of by this link: the open invoices, with the links that this customer
        has for them.
        """
        if self._closed_reason() != "invoiced":
            return []
        invoices = self.sale_order_id.invoice_ids.filtered("paylink_can_send")
        links = self._links_of_invoices(invoices)
        tokens = {move: link.access_token for move, link in links.items() if link.partner_id == self.partner_id}
        return [{"name": move.name, "url": move in tokens and f"/pay/{tokens[move]}"} for move in invoices]

    # === THE PDF === #

    def _has_order_pdf(self):
        """Whether the customer may open the order."""
        customer = self.sale_order_id.partner_id.commercial_partner_id
        return self.kind == "deposit" and self._fits_order() and customer == self.partner_id.commercial_partner_id

    def _order_pdf(self):
        """The PDF of the order.

        :return: ``{filename, content_type, content}``; ``False`` while another request makes it; ``None`` if the link
            has none
        """
        if not self._has_order_pdf():
            return None
        order = self.sale_order_id
        return self._keep_pdf(
            "order_pdf",
            self._order_version(),
            lambda: self._render_report("sale.action_report_saleorder", order, order.name),
        )

    def _order_version(self):
        """What changes whenever the order does."""
        order = self.sale_order_id
        dates = [order.write_date, *order.order_line.mapped("write_date")]
        return f"{self.lang} {order.state} {len(order.order_line)} {max(dates)}"
