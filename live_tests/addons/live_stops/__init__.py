"""Loaded by ``--load``, not installed: what it changes is no data.

A step at which to stop is a file in the folder ``PAYLINK_STOPS``. Whoever comes there writes its process id into it,
and goes on when the file is gone.
"""

import os
import time
from pathlib import Path

FOLDER = Path(os.environ["PAYLINK_STOPS"])


def stop(step):
    """Wait, if this is a step to stop at and nobody waits there."""
    file = FOLDER / step
    if file.exists() and not file.read_text():
        file.write_text(str(os.getpid()))
        while file.exists():
            time.sleep(0.02)


def set_stops():
    """Put the stops into the inbox and the booking."""
    # Odoo imports its add-ons only once it knows their paths.
    from odoo.addons.base.models.ir_cron import IrCron  # noqa: PLC0415
    from odoo.addons.paylink_addon import models  # noqa: PLC0415

    event = models.stripe.paylink_event.PaylinkEvent
    stop_after(event, "_store", "stored")
    stop_before(event, "_call_job", "received")
    run = models.stripe.paylink_event_run.PaylinkEventRun
    stop_after(run, "_take", "taken", when=bool)
    stop_after(run, "_run_handlers", "applied", when=bool)
    books = models.link.paylink_link_books.PaylinkLinkBooks
    stop_before(books, "_book", "booking")
    stop_before(models.link.account_payment.AccountPayment, "_paylink_reconcile", "reconciling")
    stop_after(books, "_book", "booked")
    stop_after(books, "_after_payments", "told")
    stop_after(run, "_work_new", "handled", when=bool)
    stop_after(IrCron, "_commit_progress", "committed")
    disputes = models.dispute.paylink_dispute_books.PaylinkDisputeBooks
    stop_before(disputes, "_book_withdrawal", "withdrawing")
    stop_after(disputes, "_book_withdrawal", "withdrawn")
    stop_after(models.stripe.paylink_dispute.PaylinkDispute, "_stripe_apply", "disputed")
    set_request_stops(models)


def set_request_stops(models):
    """Put the stops around what is asked of Stripe: stored, marked as sent, answered, applied."""
    requests = models.link.payment_transaction_requests.PaymentTransactionRequests
    stripe = models.stripe
    stop_before(requests, "_paylink_note_sent", "asking")
    stop_before(stripe.payment_transaction_token.PaymentTransactionToken, "_paylink_stripe_ask_charge", "sending")
    stop_before(stripe.payment_transaction_refund.PaymentTransactionRefund, "_paylink_stripe_ask_refund", "sending")
    answering = stripe.payment_transaction_requests.PaymentTransactionRequests
    stop_after(answering, "_paylink_ask_stripe_checkout", "answered", when=bool)
    stop_before(answering, "_paylink_answered_stripe_checkout", "applied_answer")


def stop_before(cls, name, step):
    """Stop each time before the method is called."""
    method = getattr(cls, name)

    def stopping(self, *args, **kwargs):
        stop(step)
        return method(self, *args, **kwargs)

    setattr(cls, name, stopping)


def stop_after(cls, name, step, when=lambda _result: True):
    """Stop each time after the method was called, if its result is of interest."""
    method = getattr(cls, name)

    def stopping(self, *args, **kwargs):
        result = method(self, *args, **kwargs)
        if when(result):
            stop(step)
        return result

    setattr(cls, name, stopping)
