from odoo import api, fields, models


class PaylinkLinkLine(models.Model):
    """One open receivable item that a link settles. It keeps its name and amount of that day.

    The item is gone while its document, reset to draft, is being changed: what then happens to the line is told by
    :meth:`paylink.link._follow_documents`.
    """

    _name = "paylink.link.line"
    _inherit = ["paylink.guard.mixin"]
    _description = "Item of a Collection Link"
    _order = "date_due, id"

    link_id = fields.Many2one("paylink.link", required=True, index=True, ondelete="cascade")
    # Clients make no lines: these can be written because Odoo computes for each new line what can't.
    company_id = fields.Many2one(
        "res.company", compute="_compute_document", store=True, readonly=False, precompute=True
    )
    currency_id = fields.Many2one(related="link_id.currency_id")
    move_line_id = fields.Many2one(
        "account.move.line", string="Journal Item", readonly=True, index=True, ondelete="set null"
    )
    move_id = fields.Many2one(
        "account.move",
        string="Document",
        compute="_compute_document",
        store=True,
        readonly=False,
        precompute=True,
        index=True,
        ondelete="cascade",
    )
    is_whole = fields.Boolean(
        string="Whole Document",
        readonly=True,
        help="The link asks for all that is due on the document, and follows its changes.",
    )
    is_invoice = fields.Boolean(readonly=True, help="The customer can open this document.")
    name = fields.Char(string="Number", readonly=True)
    date = fields.Date(readonly=True)
    date_due = fields.Date(string="Due Date", readonly=True)
    amount = fields.Monetary(string="Due at creation", readonly=True)
    amount_residual = fields.Monetary(string="Open now", compute="_compute_amount_residual", compute_sudo=True)
    is_overdue = fields.Boolean(compute="_compute_amount_residual", compute_sudo=True)

    @api.depends("move_line_id")
    def _compute_document(self):
        """The document, and whose it is, stay known when the item has been deleted."""
        for line in self:
            item = line.move_line_id
            line.move_id = item.move_id or line.move_id
            line.company_id = item.company_id or line.company_id

    @api.model
    def _complete(self, vals_list):
        """The same of many at once."""
        items = self.env["account.move.line"].sudo().browse(vals["move_line_id"] for vals in vals_list)
        for vals, item in zip(vals_list, items, strict=True):
            vals |= {"move_id": item.move_id.id, "company_id": item.company_id.id}

    def _compute_amount_residual(self):
        due = self._due()
        for line in self:
            line.amount_residual = due[line.id]
            line.is_overdue = line.amount_residual > 0 and line.move_line_id._paylink_days_late() > 0

    def _due(self, date=None):
        """What is open of the items, by id of the line: nothing of what is gone.

        :param date: see ``account.move.line._paylink_due``
        """
        due = self.move_line_id._paylink_due(date)
        return {line.id: due.get(line.move_line_id.id, 0.0) for line in self}

    def _not_canceled(self):
        """Those whose documents were not canceled."""
        canceled = {
            line.id
            for line in self.sudo()
            if (line.move_line_id.parent_state if line.move_line_id else line.move_id.state) == "cancel"
        }
        return self.filtered(lambda line: line.id not in canceled)

    def _standing(self):
        """The same: what a link asks for, and tells of; where everything was canceled, all of it."""
        return self._not_canceled() or self

    def _customer_name(self, env):
        """What the customer calls the item, in the language of ``env``; when it is gone, what it was called."""
        self.ensure_one()
        return self.sudo().move_line_id._paylink_customer_name(self.name, env)

    def _successor_values(self):
        """The values of the same item on a link that replaces this one."""
        self.ensure_one()
        return self.move_line_id._paylink_line_values()[0] | {"is_whole": self.is_whole}

    # === CHANGED DOCUMENTS === #

    def _add_items(self, items, values):
        """Make lines for those of ``items`` that their links, made for whole documents, do not ask for yet."""
        wholes = self.filtered("is_whole").grouped(lambda line: (line.link_id, line.move_id))
        self.create(
            [
                values[item.id] | {"link_id": link.id, "is_whole": True}
                for (link, move), lines in wholes.items()
                for item in items
                if item.move_id == move and item not in lines.move_line_id and link._fits(item)
            ]
        )

    def _refresh(self, values):
        """Take over what the customer knows the item by, and what is open of it, from the changed document."""
        if not values["amount"]:
            values = values | {"amount": self.amount}  # paid already: what was asked then
        changed = {name: value for name, value in values.items() if name != "move_line_id" and self[name] != value}
        if changed:
            self.write(changed)

    # === THE PDF === #

    def _has_pdf(self):
        """Whether the customer may open the document: a posted invoice that is still this customer's."""
        self.ensure_one()
        item = self.move_line_id
        return self.is_invoice and item.parent_state == "posted" and self.link_id._is_customers(item)
