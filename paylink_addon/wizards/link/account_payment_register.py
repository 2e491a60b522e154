from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import format_amount

from ...const import IN_FLIGHT_STATES

# As long as Odoo tries to book what is paid.
RETRIED = timedelta(days=4)


class AccountPaymentRegister(models.TransientModel):
    """Who registers a payment by hand is told first of what customers are paying, or have paid, already."""

    _inherit = "account.payment.register"

    # === COMPUTE METHODS === #

    def _compute_actionable_errors(self):
        """Say it where Odoo warns of payments that are not matched yet."""
        result = super()._compute_actionable_errors()
        for wizard in self:
            if told := wizard._paylink_warnings():
                wizard.actionable_errors = {**(wizard.actionable_errors or {}), **told}
        return result

    def _paylink_warnings(self):
        """What is told of the customers' attempts, by how far they are."""
        texts = self._paylink_warning_texts()
        return {
            f"paylink_{stage}": {
                "message": texts[stage](self._paylink_list(found)),
                "level": "warning" if stage in ("draft", "portal") else "danger",
                **self._paylink_action(found),
            }
            for stage, found in self._paylink_customers_payments().grouped(self._paylink_stage).items()
            if stage in texts
        }

    def _paylink_warning_texts(self):
        """What is said of attempts in each state, as functions of which they are."""
        return {
            "draft": lambda found: self.env._(
                "A customer is paying this right now: %(payments)s. If you register a payment, the payment page is "
                "closed. What is paid there before is booked, too, as a credit of the customer.",
                payments=found,
            ),
            "portal": lambda found: self.env._(
                "A customer is paying this right now: %(payments)s. The payment page can't be closed: if you register "
                "a payment, what is paid there becomes a credit of the customer.",
                payments=found,
            ),
            "pending": lambda found: self.env._(
                "A payment of this is on its way: %(payments)s. It can't be stopped: if you register another one, it "
                "becomes a credit of the customer when it arrives.",
                payments=found,
            ),
            "authorized": lambda found: self.env._(
                "The customer has authorized a payment of this: %(payments)s. Capture it instead, or release it before "
                "you register another one.",
                payments=found,
            ),
            "done": lambda found: self.env._(
                "The customer has paid this: %(payments)s. The payment is being booked: no other one can be "
                "registered.",
                payments=found,
            ),
            "stuck": lambda found: self.env._(
                "The customer has paid this: %(payments)s. The payment could not be booked for days: find out why "
                "first. If you register another one, this one becomes a credit of the customer when it is booked.",
                payments=found,
            ),
        }

    # === BUSINESS METHODS === #

    def _create_payments(self):
        """Close the customers' payment pages, as when something else is paid; refuse what has been paid already."""
        rivals = self._paylink_customers_payments()
        if paid := rivals.filtered(lambda tx: self._paylink_stage(tx) == "done"):
            moves = self.line_ids.move_id
            documents = moves & (paid.paylink_id.line_ids.move_id | paid.invoice_ids).with_env(self.env) or moves
            raise UserError(
                self.env._(
                    "%(documents)s: the customer has paid already. %(payments)s: wait until the payment is booked.",
                    documents=", ".join(documents.mapped("name")),
                    payments=self._paylink_list(paid),
                )
            )
        items = self.line_ids
        payments = super()._create_payments()
        # Odoo tells of what it reconciles; without an entry of its own there is nothing to reconcile.
        drafts = rivals.filtered(lambda tx: self._paylink_stage(tx) == "draft")
        drafts._paylink_close_if_free(self.env._("A payment was registered by hand."))
        items._paylink_settled()
        return payments

    # === HELPERS === #

    def _paylink_stage(self, transaction):
        """How far an attempt is: its state, or ``portal``: the customer is on a page that we can't close, or ``stuck``:
        paid, and nobody tries to book it anymore.
        """
        if transaction.state == "draft" and not transaction.paylink_id:
            closable = transaction.filtered_domain(transaction._paylink_portal_domain())
            return "draft" if closable else "portal"
        if transaction.state == "done" and transaction.last_state_change < fields.Datetime.now() - RETRIED:
            return "stuck"
        return transaction.state

    def _paylink_customers_payments(self):
        """What customers may pay, or have paid, of the items, in sudo mode; for who may read these.

        Attempts in Odoo's portal that we can't close count while the customer may still be there.
        """
        Transaction = self.env["payment.transaction"].sudo()
        items = self.line_ids._origin._filtered_access("read")
        items = items.filtered(lambda item: item.account_type == "asset_receivable" and item.balance > 0)
        if not items:
            return Transaction
        recent = fields.Datetime.now() - (Transaction._paylink_patience() or timedelta(days=1))
        portal = [("paylink_id", "=", False), ("invoice_ids", "in", items.move_id.ids), ("state", "=", "draft")]
        started = Transaction.search([*portal, ("create_date", ">=", recent)])._paylink_unfinished()
        states = ("draft", *IN_FLIGHT_STATES, "done")
        return (items._paylink_rivals() | started).filtered(lambda tx: tx.state in states)

    def _paylink_list(self, transactions):
        """Who pays how much, and by what, as far as the user may know."""
        return "; ".join(self._paylink_told_of(tx) for tx in transactions)

    def _paylink_told_of(self, transaction):
        """Of one; its amount tells of all that it pays."""
        link, partner = transaction.paylink_id, transaction.partner_id
        documents = link.line_ids.move_id | transaction.invoice_ids
        all_known = self._paylink_may_read(documents) and self._paylink_may_read(documents.partner_id)
        facts = {
            "amount": all_known
            and (documents or (link and self._paylink_may_read(link)))
            and format_amount(self.env, transaction.amount, transaction.currency_id),
            "partner": self._paylink_may_read(partner) and partner.display_name,
            "reference": self._paylink_may_read(link) and link.name
            if link
            else documents and all_known and transaction.reference,
        }
        if all(facts.values()):
            return self.env._("%(amount)s by %(partner)s (%(reference)s)", **facts)
        return ", ".join(filter(None, facts.values())) or self.env._("a payment")

    def _paylink_may_read(self, records):
        own = records.with_env(self.env)
        return own._filtered_access("read") == own

    def _paylink_action(self, transactions):
        """What shows them: the links that this user may see."""
        links = transactions.paylink_id.with_env(self.env)._filtered_access("read")
        if not links:
            return {}
        return {
            "action_text": self.env._("Show"),
            "action": links._get_records_action(name=self.env._("Collection Links")),
        }
