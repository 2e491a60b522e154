"""What installing the add-on does once."""


def post_init_hook(env):
    """Give every existing company its sequence of links and its default templates."""
    env["res.company"].sudo().search([])._paylink_set_up()
