"""Stripe's form encoding: ``a[b][0][c]=1&expand[]=x`` into nested dicts. Lists stay dicts with numbers as keys."""

import re
from urllib.parse import parse_qsl

from .errors import malformed

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


def parse(encoded):
    """Decode a body or a query.

    :param str encoded: form encoding
    :return: nested dict with strings as leaves
    :raise ApiError: a name that is no path, or is a value in one place and a group in another
    """
    found = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True, strict_parsing=bool(encoded)):
        match = _NAME.fullmatch(name)
        if not match:
            raise malformed(f"Invalid parameter name: {name}", "parameter_unknown", name)
        _put(found, [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])], value, name)
    return found


def _put(node, path, value, name):
    for step in path[:-1]:
        node = node.setdefault(step or str(len(node)), {})
        if not isinstance(node, dict):
            raise malformed(f"Invalid hash: {name}", "parameter_invalid", name)
    last = path[-1] or str(len(node))
    if isinstance(node.get(last), dict):
        raise malformed(f"Invalid string: {name}", "parameter_invalid", name)
    node[last] = value
