"""What installing the add-on does once."""


def post_init_hook(env):
    """Give every company with a chart of accounts its wallet: an eWallet program whose money is a liability."""
    env["res.company"].sudo().search([])._paylink_set_up_wallet()
