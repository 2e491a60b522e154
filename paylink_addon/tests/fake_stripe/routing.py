"""The table of the API's operations."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from .errors import ApiError

ROUTES = []


@dataclass(frozen=True)
class Route:
    """One operation: where it is, what it takes, and the function ``(realm, params, *ids)`` that does it."""

    method: str
    pattern: re.Pattern
    params: type
    run: Callable


def route(method, path, params):
    """Decorator: register an operation.

    :param str path: with ``{}`` for each id
    :param params: its class in ``stripe.params``
    """

    def register(function):
        pattern = re.compile(re.escape(path).replace(r"\{\}", "([^/]+)"))
        ROUTES.append(Route(method, pattern, params, function))
        return function

    return register


def find(method, path):
    """The route of a request and the ids in its path.

    :raise ApiError: there is none
    """
    for found in ROUTES:
        match = found.method == method and found.pattern.fullmatch(path)
        if match:
            return found, match.groups()
    raise ApiError(f"Unrecognized request URL ({method}: {path}).", status=404)
