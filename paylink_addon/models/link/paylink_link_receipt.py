"""Stage of ``paylink.link``: the receipt of what was paid by it."""

import hashlib

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

# So many documents are named on a receipt; of more it tells how many there are, and their sums.
MOST_ROWS = 500


class PaylinkLinkReceipt(models.Model):
    """Of all payments of a link together, and of each by itself: what it was for, and what has gone back since.

    Whoever asks for values or a PDF has checked the right to the link, or its token; they are made in sudo mode.
    """

    _inherit = "paylink.link"

    # Made by us alone, and what the customer gets: nobody else reads or changes it.
    receipt_pdf = fields.Binary(
        string="PDF of the Receipt", attachment=True, copy=False, readonly=True, groups="base.group_system"
    )

    # === PRINTING === #

    def action_print_receipt(self):
        """The receipt, as a PDF."""
        self._paylink_receipts()
        return self.env.ref("paylink_addon.report_receipt").report_action(self)

    def _paylink_receipts(self):
        """What the receipts of these links say, in the languages of their customers, for who may read the links.

        :rtype: list
        :raises UserError: nothing has been paid by one of them
        """
        self.check_access("read")
        links = self.sudo()
        if unpaid := links.filtered(lambda link: not link.transaction_ids._paylink_received()):
            raise UserError(
                self.env._(
                    "There is no receipt of %(names)s: nothing has been paid yet.",
                    names=", ".join(unpaid.mapped("name")),
                )
            )
        return [link.with_context(lang=link.lang)._receipt_values() for link in links]

    def _receipt_pdf(self):
        """The receipt of all payments: see :meth:`_keep_pdf`."""
        link = self.with_context(lang=self.lang)
        name = link.env._("Receipt %(name)s", name=self.name)
        return self._keep_pdf(
            "receipt_pdf",
            link._receipt_version(),
            lambda: link._render_report("paylink_addon.report_receipt", link, name),
        )

    def _receipt_version(self, received=None):
        """What changes whenever the receipt does: what it says, and whose letter it is written on."""
        said = self._receipt_values(received)
        shown = sorted((name, value) for name, value in said.items() if name != "link"), self.lang
        company = self.company_id
        letter = company.write_date, company.partner_id.write_date
        return hashlib.sha256(repr((shown, letter)).encode()).hexdigest()

    # === WHAT IT SAYS === #

    def _receipt_values(self, received=None):
        """What the receipt says, ready to print, in the language of the context: the payments, one by one, what has
        gone back of them, and of each document what was asked for, what these have paid of it, and what is left.

        :param received: of which payments; by default of all that have come
        """
        self.ensure_one()
        received = received or self.transaction_ids._paylink_received()
        total = sum(received.mapped("amount"))
        changes = self._receipt_changes(received)
        kept = self.currency_id.round(total + sum(change["value"] for change in changes))
        rows, used = self._of_kind("receipt_rows", received)
        if is_waiting := bool(received._paylink_unbooked()):  # what they pay of each is not known yet
            rows = [row | {"paid": False, "left": False} for row in rows]
        excess = self.currency_id.round(kept - used)
        return {
            "link": self,
            "lang": self.env.lang,
            "number": received.reference if len(received) == 1 else self.name,
            "payer": self.partner_id.name or self.partner_id.commercial_partner_id.name,
            "purpose": self._purpose_text(),
            "payments": self._page_payments(received),
            "total": self._amount_text(total) if len(received) > 1 else False,
            "changes": [change | {"amount": self._amount_text(change["value"])} for change in changes],
            "kept": self._amount_text(kept) if changes else False,
            "excess": self._amount_text(excess) if excess > 0 and not is_waiting else False,
            "rows": rows,
            "tax_note": self._receipt_tax_note(),
        }

    def _receipt_changes(self, received):
        """What has gone back of these payments, and come again, in the order of days."""
        changes = []
        for tx in (received | received.source_transaction_id).child_transaction_ids._paylink_refunds():
            method = tx.source_transaction_id.paylink_method_display or tx.payment_method_id.name
            text = self.env._("Refunded (%(method)s)", method=method)
            amount = received._paylink_share(tx.source_transaction_id, tx.amount)
            changes.append((tx._paylink_moved_on(), text, tx.reference, amount))
        changes += received._paylink_taken_rows(self.env)
        return [
            {"text": text, "date": format_date(self.env, day), "reference": reference, "value": value}
            for day, text, reference, value in sorted(changes, key=lambda change: change[0])
        ]

    def _receipt_tax_note(self):
        if self.line_ids.filtered("is_invoice"):
            return self.env._("This receipt is not an invoice: the taxes (VAT) are shown on the invoices named above.")
        return self.env._("This receipt is not an invoice, and shows no taxes (VAT): your invoice does.")

    def _receipt_rows_general(self, received):
        """:param received: the payments of the receipt
        :return: the rows, and how much of the payments is in them
        """
        if self.line_ids:
            return self._receipt_rows_items(received)
        paid = min(received._paylink_standing_amount(), self.amount)
        left = self._due_amounts()[self.id]
        name = self._of_kind("page_subject") or self.env._("The amount asked for")
        return [self._receipt_row(name, self.amount, paid, left)], paid

    def _receipt_rows_items(self, received):
        """Each item by itself; what is not booked yet has paid none of them."""
        paid, left = self._paid_shares(received), self.line_ids._due()
        is_part = received != self.transaction_ids._paylink_received()
        lines = self.line_ids._standing()
        if is_part:  # not those that other payments were for
            lines = lines.filtered(lambda line: paid.get(line.move_line_id.id))
        facts = [self._receipt_facts(line, paid.get(line.move_line_id.id, 0.0), left[line.id]) for line in lines]
        rows = [
            self._receipt_row(line._customer_name(self.env), *own)
            | {"date": format_date(self.env, line.date), "due": format_date(self.env, line.date_due)}
            for line, own in zip(lines[:MOST_ROWS], facts, strict=False)
        ]
        if rest := facts[MOST_ROWS:]:
            name = self.env._("and %(count)s more", count=len(rest))
            rows.append(self._receipt_row(name, *map(sum, zip(*rest, strict=True))))
        return rows, sum(paid.values())

    @staticmethod
    def _receipt_facts(line, paid, left):
        """What was asked for of an item, how much of it is paid, and what is left."""
        return max(line.amount, paid + left) if line.amount > 0 else line.amount, paid, left

    def _receipt_row(self, name, amount, paid, left):
        """A document as the receipt tells it.

        :param amount: what was asked for (major units); less than zero: a credit
        :param paid: how much of it the payments of this link have paid
        :param left: what is left of it
        """
        texts = {"paid": paid, "left": left}
        return {
            "name": name,
            "date": False,
            "due": False,
            "amount": self._amount_text(amount),
            **{key: self._amount_text(value) if amount > 0 else False for key, value in texts.items()},
        }

    def _paid_shares(self, received=None):
        """What payments of this link have paid of each of its items, by id; a discount is not paid.

        :param received: which of them; by default all
        """
        items = self.line_ids.move_line_id
        received = self.transaction_ids._paylink_received() if received is None else received
        shares = dict.fromkeys(items.ids, 0.0)
        for tx in received:
            used = tx._paylink_booked_lines().matched_debit_ids
            used = used.filtered(lambda partial: partial.debit_move_id in items).sorted("id")
            discounts = self._discounts_in(used, tx._paylink_standing_amount())
            for partial in used:
                shares[partial.debit_move_id.id] += partial.debit_amount_currency - discounts[partial]
        return shares

    def _discounts_in(self, partials, standing):
        """How much of each of these is a discount: at most that of its item, and what was granted on other items and
        settles this one since a bank has taken the payment back.

        :param partials: what a payment settles
        :param float standing: what of the payment nobody has taken back
        """
        items = self.line_ids.move_line_id.filtered("discount_date")
        granted = {item: max(item.amount_currency - item.discount_amount_currency, 0.0) for item in items}
        left = min(sum(partials.mapped("debit_amount_currency")) - standing, sum(granted.values()))
        discounts = dict.fromkeys(partials, 0.0)
        for is_own in (True, False):
            for partial in partials:
                limit = granted.get(partial.debit_move_id, 0.0) if is_own else partial.debit_amount_currency
                more = max(min(limit - discounts[partial], left), 0.0)
                discounts[partial] += more
                left -= more
        return discounts
