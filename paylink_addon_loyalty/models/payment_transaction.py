from functools import partial

from odoo import models
from odoo.tools import format_amount

# Tasks of this add-on, on the link, for its owner: see const.Task of paylink_addon.
TASK_OVERDRAWN = "wallet_overdrawn"
TASK_ARCHIVED = "wallet_archived"  # a top-up has come for it


class PaymentTransaction(models.Model):
    _inherit = "payment.transaction"

    def _paylink_wallet_history(self):
        """What these transactions have done to wallets."""
        return self.env["loyalty.history"].sudo().search([("paylink_transaction_id", "in", self.ids)])

    def _paylink_move_wallets(self):
        """Credit the wallets with top-ups that are booked, debit them by refunds: once per transaction, ever."""
        ours = self.sudo().filtered("payment_id")
        if new := ours - ours._paylink_wallet_history().paylink_transaction_id:
            wallets = new._paylink_wallets()
            self.env["loyalty.card"].sudo()._paylink_move(
                [(wallets[tx.id], tx.amount, tx._paylink_wallet_values()) for tx in new if wallets[tx.id]]
            )
            for refund in new.filtered(lambda tx: tx.operation == "refund"):
                refund._paylink_report_overdrawn(wallets[refund.id], refund._paylink_overdrawn_note)
            for top_up in new.filtered(lambda tx: tx.operation != "refund"):
                top_up._paylink_report_archived(wallets[top_up.id].program_id)

    def _paylink_wallets(self):
        """The wallet that each changes, by id: a refund the one that the payment went into."""
        Card = self.env["loyalty.card"].sudo()
        refunds = self.filtered(lambda tx: tx.operation == "refund")
        history = refunds.source_transaction_id._paylink_wallet_history()
        filled = {line.paylink_transaction_id: line.card_id for line in history}
        wallets = {tx.id: filled.get(tx.source_transaction_id, Card) for tx in refunds}
        for company, received in (self - refunds).grouped("company_id").items():
            cards = Card._paylink_wallets_of(received.paylink_id.partner_id, company._paylink_wallet_program())
            wallets |= {tx.id: cards[tx.paylink_id.partner_id] for tx in received}
        return wallets

    def _paylink_wallet_values(self):
        """What the wallet's history says, which the customer can read in the portal."""
        link = self.paylink_id
        env = self.env(context=dict(self.env.context, lang=link.lang))
        if self.operation == "refund":
            text = env._("Refund of payment %(link)s", link=link.name)
        else:
            text = env._("Top-up by payment %(link)s", link=link.name)
        return {"paylink_transaction_id": self.id, "description": text}

    def _paylink_report_overdrawn(self, card, note):
        """Money was given back that had been spent: a person has to ask the customer for it.

        :param note: function of an environment and the balance of the wallet (text) that returns the task's text
        """
        if not card or card.currency_id.compare_amounts(card.points, 0) >= 0:
            return
        self.paylink_id._give_task(TASK_OVERDRAWN, partial(self._paylink_overdrawn_texts, card, note))

    def _paylink_overdrawn_texts(self, card, note, env):
        partner = self.paylink_id.partner_id.display_name
        balance = format_amount(env, card.points * card.program_id._paylink_rate(), card.currency_id)
        return env._("The wallet of %(partner)s is overdrawn", partner=partner), note(env, balance)

    def _paylink_report_archived(self, program):
        """Money has come for a wallet that nobody can spend from anymore: a person decides what becomes of it."""
        if not program.active:
            self.paylink_id._give_task(TASK_ARCHIVED, partial(self._paylink_archived_texts, program))

    def _paylink_archived_texts(self, program, env):
        return env._("A top-up has arrived for an archived wallet"), env._(
            "%(amount)s of %(partner)s is in the wallet of %(program)s, which is archived: refund it, or restore the "
            "program.",
            amount=format_amount(env, self.amount, self.currency_id),
            partner=self.paylink_id.partner_id.display_name,
            program=program.name,
        )

    def _paylink_withdrawn_note(self, env, balance):
        return env._(
            "The top-up of %(amount)s was undone, which is more than was left in the wallet: its balance is "
            "%(balance)s. Ask the customer for the difference.",
            amount=format_amount(env, self.amount, self.currency_id),
            balance=balance,
        )

    def _paylink_overdrawn_note(self, env, balance):
        return env._(
            "%(refund)s was refunded, which is more than was left in the wallet: its balance is %(balance)s. Ask the "
            "customer for the difference.",
            refund=format_amount(env, -self.amount, self.currency_id),
            balance=balance,
        )
