"""Loaded by ``--load``, not installed: what it changes is no data."""

import os


def lead_here():
    """Let Redsys stand where ``PAYLINK_REDSYS`` says."""
    # Odoo imports its add-ons only once it knows their paths.
    from odoo.addons.payment_redsys.models.payment_provider import PaymentProvider  # noqa: PLC0415

    PaymentProvider._redsys_get_api_url = lambda _self: os.environ["PAYLINK_REDSYS"]
