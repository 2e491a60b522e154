"""Keeps the tokens of our public pages out of the logs."""

import logging
import re

from ..const import TOKEN_PARAMETERS, TOKEN_PATHS

# Those that write addresses: of each request, of one whose form is not ours (and other refusals), of one that leads to
# another language, of what a stuck server is at.
LOGGERS = ("werkzeug", "odoo.http", "odoo.addons.http_routing.models.ir_http", "odoo.tools.misc")

# A token in a path, or in a query string; percent signs: a client may write any character of it by its code.
TOKEN_IN_ADDRESS = re.compile(
    rf"((?:{'|'.join(map(re.escape, TOKEN_PATHS))})/+|[?&](?:{'|'.join(TOKEN_PARAMETERS)})=)[A-Za-z0-9_%-]{{16,}}",
    re.IGNORECASE,
)


class TokenFilter(logging.Filter):
    """Replaces the token in an address that is logged by dots."""

    def filter(self, record):
        """Rewrite ``record`` in place; always let it pass."""
        message = record.getMessage()
        redacted = TOKEN_IN_ADDRESS.sub(r"\1…", message)
        if redacted != message:
            record.msg, record.args = redacted, ()
        return True


def install():
    """Put the filter on the loggers that write addresses, once."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(known, TokenFilter) for known in logger.filters):
            logger.addFilter(TokenFilter())
