"""Addresses of web servers, as administrators write them. Knows no Odoo model."""

import re

ADDRESS = re.compile(r"(https?)://((?:[\w-]+(?:\.[\w-]+)*|\[[0-9a-f:.]+\])(?::(\d{1,5}))?)/?", re.IGNORECASE)
MAX_PORT = 65535


def server_address(text):
    """The address in ``text``, before which nothing stands and after which our own paths can.

    :return: as in ``https://pay.example.com``; ``None`` if it is none, or more: with a path, a query, a password
    """
    found = ADDRESS.fullmatch((text or "").strip())
    if not found or int(found[3] or 1) not in range(1, MAX_PORT + 1):
        return None
    return f"{found[1].lower()}://{found[2]}"
