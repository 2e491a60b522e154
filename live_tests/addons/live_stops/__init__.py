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
    from odoo.addons.paylink_addon.models.paylink_event import PaylinkEvent  # noqa: PLC0415
    from odoo.addons.paylink_addon.models.paylink_event_handling import PaylinkEventHandling  # noqa: PLC0415
    from odoo.addons.paylink_addon.models.paylink_link_booking import PaylinkLinkBooking  # noqa: PLC0415

    stop_after(PaylinkEvent, "_store", "stored")
    stop_before(PaylinkEvent, "_call_job", "received")
    stop_after(PaylinkEventHandling, "_take", "taken", when=bool)
    stop_after(PaylinkEventHandling, "_run_handlers", "applied", when=bool)
    stop_before(PaylinkLinkBooking, "_book", "booking")
    stop_after(PaylinkLinkBooking, "_book", "booked")
    stop_after(PaylinkEventHandling, "_work_new", "handled", when=bool)
    stop_after(IrCron, "_commit_progress", "committed")


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
