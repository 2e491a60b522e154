"""Lists, searches and expansions, the same for all kinds of objects."""

import re

from .errors import ApiError, absent
from .routing import route
from .shapes import copied

_BOUNDS = {
    "gt": lambda value, bound: value > bound,
    "gte": lambda value, bound: value >= bound,
    "lt": lambda value, bound: value < bound,
    "lte": lambda value, bound: value <= bound,
}
_PAGING = {"limit", "starting_after", "ending_before", "created", "arrival_date", "expand"}
_CLAUSE = re.compile(r"(?:metadata\[['\"](?P<key>[^'\"]+)['\"]\]|(?P<field>\w+))\s*:\s*['\"]?(?P<value>[^'\"]*)['\"]?")


def offer(kind, url, retrieved=None, listed=None):
    """Register the operations that read objects of a kind: one by its id, all in pages.

    :param str url: of the list
    :param retrieved: class in ``stripe.params`` of the first one's parameters, or None for no such operation
    :param listed: that of the second one's
    """
    if retrieved:
        route("GET", f"{url}/{{}}", retrieved)(lambda realm, _params, object_id: realm.get(kind, object_id))
    if listed:
        route("GET", url, listed)(lambda realm, params: listing(realm.all(kind), params, url))


def listing(found, params, url):
    """One page of a list.

    :param list found: the objects, oldest first
    :param dict params: paging, ranges of times, and values that fields must have
    :param str url: address of the list
    :return: Stripe's list object, newest first
    """
    filters = {key: value for key, value in params.items() if key not in _PAGING}
    found = [one for one in reversed(found) if all(one.get(key) == value for key, value in filters.items())]
    for name in ("created", "arrival_date"):
        found = [one for one in found if _is_within(one.get(name), params.get(name))]
    page, more = _page(found, params)
    return {"object": "list", "data": page, "has_more": more, "url": url}


def _is_within(value, bounds):
    if bounds is None or isinstance(bounds, int):
        return bounds is None or value == bounds
    return all(_BOUNDS[name](value, bound) for name, bound in bounds.items())


def _page(found, params):
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise ApiError("Invalid integer: limit must be between 1 and 100", "parameter_invalid_integer", "limit")
    if "starting_after" in params:
        found = found[_position(found, params, "starting_after") + 1 :]
    if "ending_before" in params:
        found = found[: _position(found, params, "ending_before")]
        return found[-limit:], len(found) > limit
    return found[:limit], len(found) > limit


def _position(found, params, name):
    for index, one in enumerate(found):
        if one["id"] == params[name]:
            return index
    raise absent("object", params[name], name)


def search(found, params, url, known_until):
    """A search result: clauses joined by AND. Like Stripe's index it doesn't know what is new.

    :param int known_until: creation time of the newest object that is found
    """
    clauses = [_CLAUSE.fullmatch(clause.strip()) for clause in re.split(r"\s+AND\s+", params["query"])]
    if not all(clauses):
        raise ApiError("We were unable to parse your search query.", param="query")
    found = [one for one in reversed(found) if one["created"] <= known_until]
    found = [one for one in found if all(_matches(one, clause) for clause in clauses)]
    page, more = _page(found, {"limit": params.get("limit", 10)})
    return {"object": "search_result", "data": page, "has_more": more, "next_page": None, "url": url}


def _matches(one, clause):
    if clause["key"]:
        return one["metadata"].get(clause["key"]) == clause["value"]
    return str(one.get(clause["field"])) == clause["value"]


def expand(realm, answer, paths):
    """A copy of an answer in which the ids at some paths are replaced by their objects.

    :param paths: as in the parameter ``expand``
    :raise ApiError: there is nothing to expand, or it is too deep
    """
    answer = copied(answer)
    for path in paths:
        steps = path.split(".")
        if len(steps) > 4 + (steps[0] == "data"):
            raise ApiError("You cannot expand more than 4 levels of a property.", param="expand")
        _expand(realm, answer, steps, path)
    return answer


def _expand(realm, node, steps, path):
    if isinstance(node, list):
        for item in node:
            _expand(realm, item, steps, path)
        return
    name, rest = steps[0], steps[1:]
    inner = realm.hidden.get(node.get("id"), {}).get("expandable", {})
    if name in inner and not node.get(name):
        node[name] = copied(inner[name])
    elif name not in node:
        raise ApiError(f"This property cannot be expanded ({path}).", param="expand")
    if isinstance(node[name], str):
        if node[name] not in realm.objects:
            raise ApiError(f"This property cannot be expanded ({path}).", param="expand")
        node[name] = copied(realm.objects[node[name]])
    if rest and node[name] is not None:
        _expand(realm, node[name], rest, path)
