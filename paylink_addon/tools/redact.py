"""Keeps the tokens of our public pages out of the logs."""

import logging
import re

TOKEN_IN_PATH = re.compile(r"(/+(?:pay|card)/+|[?&]token=)[A-Za-z0-9_-]{16,}", re.IGNORECASE)


class TokenFilter(logging.Filter):
    """Replaces the token in the path of a logged request by dots."""

    def filter(self, record):
        """Rewrite ``record`` in place; always let it pass."""
        message = record.getMessage()
        redacted = TOKEN_IN_PATH.sub(r"\1…", message)
        if redacted != message:
            record.msg, record.args = redacted, ()
        return True


def install():
    """Put the filter on the logger of HTTP requests, once."""
    logger = logging.getLogger("werkzeug")
    if not any(isinstance(known, TokenFilter) for known in logger.filters):
        logger.addFilter(TokenFilter())
