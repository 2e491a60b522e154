"""Stage of ``paylink.link``: the proof of a payment, its whole way from the request to the bank."""

from collections import defaultdict

from odoo import models
from odoo.exceptions import AccessError
from odoo.tools import format_date, format_datetime

from ..bank.paylink_receipt import ACCOUNTANTS, REVERSED
from ..messaging.paylink_sending_mixin import CUSTOMER_MESSAGES, FAILED_STATUSES


class PaylinkLinkProof(models.Model):
    """For the accountant, the auditor, and the customer who says “I have paid”.

    Who may read the link may have it; what the books, the provider's account and the bank say is for accountants. Of
    payouts and lines of the bank that hold other payments, too, there is only what is this link's.
    """

    _inherit = "paylink.link"

    # === PRINTING === #

    def action_proof(self):
        """The proof of the payments of these links, to look at and to print."""
        self.check_access("read")
        return self.env.ref("paylink_addon.report_proof").report_action(self)

    def _proofs(self):
        """What the proofs of these links say, in the reader's language."""
        self._check_proof()
        knows_books = self.env.user.has_groups(ACCOUNTANTS)
        return [link._proof_values(knows_books) for link in self._for_reader()]

    def _customer_proofs(self):
        """The same in the languages of the customers, of what is theirs to know."""
        self._check_proof()
        return [
            link.with_context(lang=link.lang, tz=link._timezone())._proof_values(knows_books=False)
            for link in self._for_reader()
        ]

    def _check_proof(self):
        if not self.env.user._is_internal():
            raise AccessError(self.env._("Only employees can print the proof of a payment."))
        self.check_access("read")

    def _for_reader(self):
        """In sudo mode: who may read a link reads here what it says of its payments."""
        return self.sudo().with_context(tz=self.env.user.tz or self.env.company.paylink_tz)

    # === WHAT IT SAYS === #

    def _proof_values(self, knows_books):
        """What the proof says, in the language of the context: facts, and tables of texts.

        :param bool knows_books: also what is for accountants
        """
        self.ensure_one()
        rows = self.env["paylink.receipt"].search([("link_id", "=", self.id)], order="date, id")
        others = self._settled_otherwise()
        sections = [
            self._proof_of_documents(),
            self._proof_of_messages(),
            self._proof_of_attempts(),
            self._proof_of_money(rows),
            *([self._proof_of_books(rows), self._proof_of_bank(rows)] if knows_books else []),
            self._proof_of_others(others, knows_books),
        ]
        return {
            "link": self,
            "lang": self.env.lang,
            "facts": [(label, text) for label, text in self._proof_facts(knows_books) if text],
            "sections": [section for section in sections if section["rows"]],
            "sums": self._proof_sums(rows, knows_books) + self._proof_sum_of_others(others),
        }

    def _proof_facts(self, knows_books):
        """What was asked, by whom, of whom, and how far it is: labels and texts."""
        is_read = self.opened_at and self._proof_moment(self.opened_at)
        return [
            (self.env._("Customer"), self.partner_id.display_name),
            (self.env._("Asked"), self._amount_text(self.amount)),
            (self.env._("For"), self._documents_text(self.env, self.line_ids)),
            (self.env._("Made on"), self._proof_moment(self.create_date)),
            (self.env._("Made by"), self.create_uid.name),
            (self.env._("Salesperson"), self.user_id.name if self.user_id != self.create_uid else False),
            (self.env._("Opened by the customer on"), is_read or self.env._("not opened yet")),
            (self.env._("Expires on"), self._expiry_text(self.env)),
            (self.env._("Payment Plan"), self._proof_plan()),
            (self.env._("Canceled on"), self.cancelled_at and self._proof_moment(self.cancelled_at)),
            (self.env._("Status"), dict(self._fields["status"]._description_selection(self.env)).get(self.status)),
            (self.env._("Settled by"), self.settled_elsewhere and knows_books and self.settlement_display),
            (self.env._("Consolidated"), knows_books and self.consolidated_display),
        ]

    def _proof_plan(self):
        """What it is, or was, paid in; of a part which one it is, of what is asked for by which link."""
        if part := self.plan_part_id:
            return f"{part._title()} · {part.plan_id.link_id.name}"
        return self.plan_id and self.plan_id._text(self.env)

    def _proof_of_documents(self):
        """As the receipt tells it: what is not booked yet has paid nothing so far, what was paid twice is in excess."""
        receipt = self._receipt_values()
        names = ("name", "date", "due", "amount", "paid", "left")
        rows = [[row[name] for name in names] for row in receipt["rows"]]
        if receipt["excess"]:
            rows.append([self.env._("Paid in excess"), False, False, False, receipt["excess"], False])
        return {
            "title": self.env._("What was asked for"),
            "head": [
                self.env._("Document"),
                self.env._("Date"),
                self.env._("Due Date"),
                self.env._("Amount"),
                self.env._("Paid by this link"),
                self.env._("Left to pay"),
            ],
            "amounts": 3,
            "rows": rows,
        }

    # === TO WHOM IT WAS SENT === #

    def _proof_of_messages(self):
        rows = [*self._proof_own_messages(), *self._proof_reminders()]
        return {
            "title": self.env._("What was sent"),
            "head": [
                self.env._("Sent on"),
                self.env._("Message"),
                self.env._("Way"),
                self.env._("To"),
                self.env._("Outcome"),
            ],
            "amounts": 0,
            "rows": [[self._proof_moment(moment), *texts] for moment, *texts in sorted(rows, key=lambda row: row[0])],
        }

    def _proof_own_messages(self):
        """Each message and each of its addresses: ``[moment, what, way, address, outcome]``."""
        ways = {"email": self.env._("E-mail"), "sms": self.env._("SMS")}
        return [
            [
                message.date,
                message.subtype_id.name,
                ways.get(sent.notification_type),
                sent.mail_email_address or sent.sms_number or sent.res_partner_id.email,
                self._proof_outcome(sent),
            ]
            for message in self._proof_mail()
            for sent in message.notification_ids
        ]

    def _proof_mail(self):
        """What the customer was written: about this link, the plan that it is a part of, and last with the page of the
        account, where it was made there.
        """
        Message, own = self.env["mail.message"], [("message_type", "in", CUSTOMER_MESSAGES)]
        links = self | self.plan_part_id.plan_id.link_id
        before = [
            ("model", "=", "paylink.statement"),
            ("res_id", "=", self.statement_id.id),
            ("date", "<=", self.create_date),
        ]
        found = Message.search([*own, *before], order="id desc", limit=1) if self.statement_id else Message
        return found | Message.search([*own, ("model", "=", self._name), ("res_id", "in", links.ids)], order="id")

    def _proof_outcome(self, notification):
        """What became of a message, as far as it is known."""
        status, is_sms = notification.notification_status, notification.notification_type == "sms"
        if status in FAILED_STATUSES:
            labels = dict(notification._fields["failure_type"]._description_selection(self.env))
            why = notification.failure_reason or labels.get(notification.failure_type)
            text = self.env._("Not delivered")
            return f"{text}: {why}" if why else text
        texts = {
            "sent": self.env._("Delivered") if is_sms else self.env._("Sent"),
            "pending": self.env._("Sent"),
            "canceled": self.env._("Canceled"),
        }
        return texts.get(status) or self.env._("Waiting to be sent")

    def _proof_reminders(self):
        """The reminders that had the link, as far as the reader may see them."""
        messages = self.env["paylink.reminder.message"].sudo(False).search([("link_ids", "in", self.ids)]).sudo()
        labels = dict(messages._fields["delivery_state"]._description_selection(self.env))
        ways = dict(messages._fields["channel"]._description_selection(self.env))
        return [
            [
                message.mail_message_id.date or message.create_date,
                self.env._("Reminder"),
                ways[message.channel],
                message.recipient,
                labels.get(message.delivery_state),
            ]
            for message in messages
        ]

    # === WHAT WAS TRIED AND PAID === #

    def _proof_of_attempts(self):
        labels = dict(self.attempt_ids._fields["outcome"]._description_selection(self.env))
        return {
            "title": self.env._("Payments and Attempts"),
            "head": [
                self.env._("Date"),
                self.env._("Method"),
                self.env._("Outcome"),
                self.env._("Reason"),
                self.env._("Amount"),
            ],
            "amounts": 1,
            "rows": [
                [
                    self._proof_moment(moment),
                    attempt.method,
                    labels[outcome],
                    reason,
                    self._amount_text(attempt.amount),
                ]
                for attempt, moment, outcome, reason in self.attempt_ids._tries()
            ],
        }

    def _proof_of_money(self, rows):
        """What has moved, on the day on which it moved."""
        labels = dict(rows._fields["kind"]._description_selection(self.env))
        return {
            "title": self.env._("Money"),
            "head": [
                self.env._("Day of the Money"),
                self.env._("What moved"),
                self.env._("Method"),
                self.env._("Reference"),
                self.env._("Reference of the provider"),
                self.env._("Amount"),
            ],
            "amounts": 1,
            "rows": [
                [
                    format_date(self.env, row.date),
                    labels[row.kind],
                    row.with_context(lang=self.env.lang).method,
                    row.name,
                    row.transaction_id.provider_reference if row.kind in ("payment", "refund") else False,
                    self._amount_text(row.amount),
                ]
                for row in rows
            ],
        }

    # === WHAT ELSE HAS SETTLED IT === #

    def _settled_otherwise(self):
        """What has settled the documents besides payments by the link: the entries, the first one first, with how much
        of each. What was settled before the link was made, it has not asked for: the last ones count.

        :rtype: dict
        """
        received, items = self._received_transactions(), self.line_ids.move_line_id
        own = received.payment_id.move_id | received.paylink_match_id.move_id
        partials = items.matched_credit_ids.filtered(
            lambda partial: (
                partial.create_date >= self.create_date
                and partial.credit_move_id not in items
                and partial.credit_move_id.move_id not in own
            )
        )
        left, shares = self._amount_settled_otherwise(), defaultdict(float)
        for partial in partials.sorted(lambda partial: (partial.max_date, partial.id), reverse=True):
            if (share := self.currency_id.round(min(partial.debit_amount_currency, left))) > 0:
                shares[partial.credit_move_id.move_id] += share
                left -= share
        return dict(sorted(shares.items(), key=lambda item: (item[0].date, item[0].id)))

    def _amount_settled_otherwise(self):
        """How much of what was asked for is settled, in the books, and not by payments of the link: what these have
        brought may have been given back, and the documents been open again.
        """
        # What is registered without an entry has settled nothing yet.
        without_registered = self.with_context(paylink_registered=[(self.line_ids.move_id, {})])
        by_link = sum(self._paid_shares().values()) + sum(self._received_unbooked().mapped("amount"))
        return self.amount - by_link - without_registered._due_amounts()[self.id]

    def _proof_of_others(self, others, knows_books):
        """:param dict others: see :meth:`_settled_otherwise`"""
        bank = [self.env._("On the bank account on"), self.env._("Label of the Bank")]
        return {
            "title": self.env._("Settled another way"),
            "head": [
                self.env._("Date"),
                self.env._("By"),
                self.env._("Reference"),
                *(bank if knows_books else []),
                self.env._("Amount"),
            ],
            "amounts": 1,
            "rows": [
                [
                    format_date(self.env, entry.date),
                    self._proof_way(entry),
                    entry.name if knows_books else self._proof_reference(entry),
                    *(self._proof_bank_line(entry) if knows_books else []),
                    self._amount_text(amount),
                ]
                for entry, amount in others.items()
            ],
        }

    def _proof_way(self, entry):
        """By what an entry settles documents: a text."""
        payment, tx = entry.origin_payment_id, entry.origin_payment_id.payment_transaction_id
        is_cash, is_credit = entry.journal_id.type == "cash", entry.move_type == "out_refund"
        rules = (
            (tx, lambda: tx.with_context(lang=self.env.lang).payment_method_id.name),
            (payment, lambda: self.env._("Payment")),
            (is_cash, lambda: self.env._("Cash")),
            (entry.statement_line_id, lambda: self.env._("Bank Transfer")),
            (is_credit, lambda: self.env._("Credit note")),
        )
        return next((text() for holds, text in rules if holds), self.env._("Other"))

    @staticmethod
    def _proof_reference(entry):
        """What the customer knows an entry by: the number of a credit note, the reference of an online payment; not
        that of one by another link, which the reader may not know.
        """
        if entry.move_type == "out_refund":
            return entry.name
        tx = entry.origin_payment_id.payment_transaction_id
        return tx.reference if not tx.paylink_id or tx.paylink_id.sudo(False).has_access("read") else False

    def _proof_bank_line(self, entry):
        """When the bank has shown the money of an entry, and its words."""
        payment = entry.origin_payment_id
        line = payment._paylink_bank_lines()[:1] if payment else entry.statement_line_id._paylink_of_banks()
        day = payment._paylink_arrived_on() if payment else line.date
        return format_date(self.env, day) or (bool(payment) and self.env._("not yet")), line.payment_ref

    def _proof_sum_of_others(self, others):
        amount = sum(others.values())
        return [(self.env._("Settled another way"), self._amount_text(amount), True)] if others else []

    # === FOR ACCOUNTANTS === #

    def _proof_of_books(self, rows):
        return {
            "title": self.env._("In the books"),
            "head": [
                self.env._("Reference"),
                self.env._("Date booked"),
                self.env._("Journal Entry"),
                self.env._("Reconciled with"),
                self.env._("Amount"),
            ],
            "amounts": 1,
            "rows": [
                [
                    row.name,
                    format_date(self.env, row.booked_on),
                    self._proof_entry(row).name,
                    self._proof_reconciled(row),
                    self._amount_text(row.amount),
                ]
                for row in rows
                if row.booked_on
            ],
        }

    def _proof_entry(self, row):
        """The entry that has booked a row; of money that came back or was taken back, the one that has undone it."""
        entry = row.payment_id.move_id or row.line_id.move_id or row.transaction_id.paylink_match_id.move_id
        return entry.reversal_move_ids[:1] or entry if row.kind in REVERSED else entry

    def _proof_reconciled(self, row):
        """The documents that a row settles, with how much of each: of an entry that settles others', the link's."""
        lines = self._proof_entry(row).line_ids.filtered(lambda line: line.account_type == "asset_receivable")
        settled = [
            *((partial.debit_move_id, partial.debit_amount_currency) for partial in lines.matched_debit_ids),
            *((partial.credit_move_id, partial.credit_amount_currency) for partial in lines.matched_credit_ids),
        ]
        own = self.line_ids.move_line_id
        customer = self.partner_id.commercial_partner_id
        sums = defaultdict(float)
        for item, amount in settled:
            if item in own or (row.payment_id and item.partner_id.commercial_partner_id == customer):
                sums[item.move_id.name] += amount
        return ", ".join(f"{name} ({self._amount_text(amount)})" for name, amount in sums.items())

    def _proof_of_bank(self, rows):
        return {
            "title": self.env._("At the provider and at the bank"),
            "head": [
                self.env._("Reference"),
                self.env._("Payout"),
                self.env._("On the bank account on"),
                self.env._("Label of the Bank"),
                self.env._("Fee"),
                self.env._("Net"),
            ],
            "amounts": 2,
            "rows": [
                [
                    row.name,
                    row.payout_id.name,
                    format_date(self.env, row.bank_line_id.date) if row.is_consolidated else self.env._("not yet"),
                    row.bank_line_id.payment_ref if row.is_consolidated else False,
                    self._proof_cost(row, row.fee),
                    self._proof_cost(row, row.net),
                ]
                for row in rows
            ],
        }

    def _proof_sums(self, rows, knows_books):
        """What all rows come to: what was paid, less what has gone back, less fees, is what arrives.

        :return: ``[(label, text, is it a sum), …]``
        """
        if not rows:
            return []
        together = {
            "payment": self.env._("Paid"),
            **dict.fromkeys(("refund", "returned"), self.env._("Refunded")),
            **dict.fromkeys(("taken", "given"), self.env._("Chargebacks")),
        }
        parts = defaultdict(float)
        for kind, label in rows._fields["kind"]._description_selection(self.env):
            parts[together.get(kind, label)] += sum(row.amount for row in rows if row.kind == kind)
        sums = [(label, self._amount_text(amount), False) for label, amount in parts.items() if amount]
        sums.append((self.env._("Received"), self._amount_text(sum(rows.mapped("amount"))), True))
        return sums + (self._proof_net(rows) if knows_books else [])

    def _proof_net(self, rows):
        """What the provider has kept, and what arrives, by currency of the account; unknown as long as a part is."""
        if unknown := rows.filtered(lambda row: not row.is_fee_known):
            return [(self.env._("Fees"), unknown._unknown_text(), False)]
        sums = []
        for currency, own in rows.grouped("settled_currency_id").items():
            fee, net = sum(own.mapped("fee")), sum(own.mapped("net"))
            if currency != self.currency_id:
                sums.append((self.env._("Converted"), self._proof_amount(net + fee, currency), False))
            sums.append((self.env._("Fees"), self._proof_amount(-fee, currency), False))
            sums.append((self.env._("Net"), self._proof_amount(net, currency), True))
        return sums

    def _proof_cost(self, row, amount):
        """The fee, or the net, of a row, where it is known."""
        return self._proof_amount(amount, row.settled_currency_id) if row.is_fee_known else row._unknown_text()

    def _proof_amount(self, amount, currency):
        """An amount of another currency than the link's."""
        return currency._paylink_text(self.env, amount, self.company_id, self.partner_id)

    def _proof_moment(self, moment):
        return format_datetime(self.env, moment)
