"""Stage of ``paylink.link``: when the tasks about links are done."""

from odoo import models

from ...const import LIVE_STATES, Task
from ...tools.locks import hold_and_touch

# What is done by sending the link, or another one for the same.
DONE_BY_SENDING = (Task.RENEWAL, Task.ADDRESS_REPLACED, Task.LOST_DOCUMENTS)


class PaylinkLinkTasks(models.Model):
    """What customers ask for, and when what the tasks about links ask for is done: see ``paylink.ending.mixin``."""

    _inherit = "paylink.link"

    def _paylink_ends_tasks_by(self):
        return super()._paylink_ends_tasks_by() | {"state", "issued_at", "cancelled_at"}

    def _paylink_task_subjects(self):
        """Also the payments by these and by those that they replace."""
        return [*super()._paylink_task_subjects(), (self | self.renewed_from_id).transaction_ids]

    def _paylink_done_link_not_cancelled(self, _task):
        return self.cancelled_at or not self.amount_authorized

    def _paylink_done_link_renewal(self, _task):
        return self.state == "paid"

    def _paylink_done_link_address_replaced(self, _task):
        return self.state not in LIVE_STATES

    def _paylink_done_link_lost_documents(self, _task):
        return self.state not in LIVE_STATES

    def _paylink_done_payment_not_booked(self, _task):
        return not self.transaction_ids.filtered(lambda tx: tx.state == "done" and not tx.is_post_processed)

    # === ASKED FOR BY CUSTOMERS === #

    def _ask_for_renewal(self):
        """Give the owner the task to send a new link, and say whether there is any need of one. A second click waits,
        and is run again: there is one task.
        """
        hold_and_touch(self)
        view = self._page_view()
        needless = ("paid", "refunded", "progress", "replaced", "settled", "pay", "plan")
        if (self._closed_reason() if view == "closed" else view) in needless:
            return False
        self._give_task(Task.RENEWAL, self._renewal_texts)
        return True

    def _sent_instead(self):
        """The links that the customer has been sent in place of this one, and can pay: made from it, or for the same
        items.
        """
        self.ensure_one()
        items = self.line_ids.move_line_id._paylink_unsettled()
        same = [link for link, asked in self._live_links_by_items(items).items() if set(items.ids) <= asked]
        found = (self._successors() | self.union(*same)).filtered(
            lambda link: link.sent_at and link._is_live() and link.partner_id == self.partner_id
        )
        return found.filtered(lambda link: self.is_limited or not link.is_limited) - self

    def _renewal_texts(self, env):
        return env._("Send a new collection link"), env._(
            "%(partner)s asks for a new link in place of %(name)s.",
            partner=self.partner_id.display_name,
            name=self.name,
        )

    # === SENT === #

    def _queue_messages(self, *args, **options):
        """Who has been sent the link need not be sent it anymore."""
        result = super()._queue_messages(*args, **options)
        self._end_tasks_of_sending()
        return result

    def _end_tasks_of_sending(self):
        """End the tasks to send these links, or what they replace."""
        links = self.sudo()
        for tasks, asked_for in links._tasks_to_send():
            if any(sent._stands_for(link) for sent in links for link in asked_for):
                tasks.unlink()

    def _tasks_to_send(self):
        """Hook: the open tasks that sending these links may end.

        :return: ``[(tasks, links)]``: they are done as one of ``links`` is sent, or another one for the same
        """
        found = [(tasks, link) for link, tasks in self._open_by_record(DONE_BY_SENDING, self._name).items()]
        for tx, tasks in self._open_by_record((Task.PAYMENT_FAILED, Task.DECLINED), "payment.transaction").items():
            found.append((tasks, tx.paylink_id | self.filtered(lambda link, tx=tx: link._asks_for(tx.invoice_ids))))
        return found

    def _asks_for(self, documents):
        paid = self._of_kind("paid_documents")
        return paid._name == documents._name and bool(paid & documents)

    def _stands_for(self, other):
        """Whether this link asks the customer for what ``other`` asks for, be it itself."""
        if self == other:
            return True
        if self.partner_id.commercial_partner_id != other.partner_id.commercial_partner_id or self.kind != other.kind:
            return False
        return self._replaces(other) or bool(self._of_kind("paid_documents") & other._of_kind("paid_documents"))

    def _replaces(self, other):
        """Whether this link is a successor of ``other``, however often that was renewed."""
        while self := self.renewed_from_id:
            if self == other:
                return True
        return False
