"""What installing and uninstalling the add-on does once."""

from odoo.addons.payment import reset_payment_provider, setup_provider

from .models.stripe.const import STRIPE_CODE


def post_init_hook(env):
    """Give every existing company its sequence of links, its default templates and its Stripe provider; what was paid
    before has its day.
    """
    env["res.company"].sudo().search([])._paylink_set_up()
    setup_provider(env, STRIPE_CODE)
    env["payment.transaction"].sudo()._paylink_note_moved_before()


def uninstall_hook(env):
    """Give up the Stripe providers; refused while payments by them exist."""
    reset_payment_provider(env, STRIPE_CODE)
