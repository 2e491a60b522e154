"""Loaded by ``--load``, not installed: what it changes is no data."""

import logging
import time

_logger = logging.getLogger(__name__)
SECONDS = 1.0


def slow_down():
    """Let the demo provider take the money at once, and a second to answer, as a real one does."""
    # Odoo imports its add-ons only once it knows their paths.
    from odoo.addons.payment_demo.models.payment_transaction import PaymentTransaction  # noqa: PLC0415

    charge = PaymentTransaction._send_payment_request

    def slow_charge(self):
        if self.provider_code == "demo":
            _logger.info("charged %s", self.reference)
            time.sleep(SECONDS)
        return charge(self)

    PaymentTransaction._send_payment_request = slow_charge
