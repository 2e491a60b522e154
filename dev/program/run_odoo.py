"""Odoo's own program. It stands in a folder of its own: what is beside a program comes first on Python's path."""

import odoo.cli.server

# What it says to root on standard error is for servers on a network, not for a container with demo and test data.
odoo.cli.server.check_root_user = lambda: None
odoo.cli.main()
