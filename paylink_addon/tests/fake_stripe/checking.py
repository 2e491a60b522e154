"""Requests are checked against the SDK's own parameter types, which are generated from Stripe's specification.

A name that they don't know, a value of another type or outside a closed list, a missing required one: 400, as at
Stripe. ``Literal["a", "b"] | str`` is how the SDK writes a closed list that may grow: here it is closed.
"""

import functools
import re
import sys
import types
import typing
from decimal import Decimal

import typing_extensions as te
from stripe._request_options import RequestOptions

from .errors import malformed

# Limits of https://docs.stripe.com/api/metadata.
METADATA_KEYS, METADATA_NAME, METADATA_VALUE = 50, 40, 500

_SCALARS = {
    bool: ("boolean", re.compile(r"true|false"), lambda text: text == "true"),
    int: ("integer", re.compile(r"-?\d{1,18}"), int),
    float: ("decimal", re.compile(r"-?\d+(\.\d+)?"), float),
    Decimal: ("decimal", re.compile(r"-?\d+(\.\d+)?"), str),
}


@functools.cache
def fields(schema):
    """The parameters of a params class: name → (type, whether it is required)."""
    namespace = {"StripeContext": str, "Mapping": dict, **vars(sys.modules[schema.__module__])}
    hints = te.get_type_hints(schema, namespace, include_extras=True)
    options = set(RequestOptions.__annotations__) if schema.__name__.endswith("Params") else set()
    return {
        name: (te.get_args(hint)[0], False) if te.get_origin(hint) is te.NotRequired else (hint, True)
        for name, hint in hints.items()
        if name not in options
    }


def check(schema, raw, path=""):
    """Check and convert the parameters of a request.

    :param schema: a class of ``stripe.params``
    :param dict raw: what :func:`.forms.parse` returned
    :param str path: name of the group that is checked
    :return: the same, with the types that the schema says
    :raise ApiError: what Stripe would answer
    """
    known = fields(schema)
    for name in raw:
        if name not in known:
            param = _join(path, name)
            raise malformed(f"Received unknown parameter: {param}", "parameter_unknown", param)
    for name, (_type, required) in known.items():
        if required and name not in raw:
            param = _join(path, name)
            raise malformed(f"Missing required param: {param}.", "parameter_missing", param)
    return {name: _value(known[name][0], value, _join(path, name)) for name, value in raw.items()}


def _join(path, name):
    return f"{path}[{name}]" if path else name


def _value(hint, value, path):
    choices = _choices(hint)
    if isinstance(value, dict):
        return _group(choices, value, path)
    literals = {text for choice in choices if _is_literal(choice) for text in te.get_args(choice)}
    if value in literals:
        return value
    for kind, (_name, pattern, convert) in _SCALARS.items():
        if kind in choices and pattern.fullmatch(value):
            return convert(value)
    if str in choices and not literals - {""}:
        return _text(value, path)
    raise _wrong(choices, literals - {""}, value, path)


def _choices(hint):
    """The types of a union, flattened."""
    if te.get_origin(hint) in (typing.Union, types.UnionType):
        return [choice for member in te.get_args(hint) for choice in _choices(member)]
    return [hint]


def _is_literal(hint):
    return te.get_origin(hint) in (typing.Literal, te.Literal)


def _text(value, path):
    if value == "":
        raise malformed(
            f"You passed an empty string for '{path}'. We assume empty values are an attempt to unset a parameter; "
            f"however '{path}' cannot be unset. You should remove '{path}' from your request or supply a non-empty "
            "value.",
            "parameter_invalid_empty",
            path,
        )
    return value


def _wrong(choices, literals, value, path):
    if literals:
        return malformed(f"Invalid {path}: must be one of {', '.join(sorted(literals))}", None, path)
    names = [name for kind, (name, _pattern, _convert) in _SCALARS.items() if kind in choices]
    name = names[0] if names else "array" if any(te.get_origin(choice) is list for choice in choices) else "hash"
    return malformed(f"Invalid {name}: {value}", f"parameter_invalid_{name}", path)


def _group(choices, value, path):
    for choice in choices:
        reader = _GROUPS.get(te.get_origin(choice) or (dict if te.is_typeddict(choice) else None))
        if reader:
            return reader(choice, value, path)
    raise malformed(f"Invalid string: {value}", "parameter_invalid_string", path)


def _list(hint, value, path):
    if not all(key.isdigit() for key in value):
        raise malformed("Invalid array", "parameter_invalid_array", path)
    item = te.get_args(hint)[0]
    return [_value(item, value[key], f"{path}[{key}]") for key in sorted(value, key=int)]


def _dict(hint, value, path):
    if te.is_typeddict(hint):
        return check(hint, value, path)
    if path.endswith(("metadata", "metadata]")):
        _check_metadata(value, path)
    kind = te.get_args(hint)[1]
    return {key: found if found == "" else _value(kind, found, _join(path, key)) for key, found in value.items()}


_GROUPS = {list: _list, dict: _dict}


def _check_metadata(value, path):
    if len(value) > METADATA_KEYS:
        raise malformed(f"Metadata can have at most {METADATA_KEYS} keys", "parameter_invalid", path)
    for key, text in value.items():
        if len(key) > METADATA_NAME or len(text) > METADATA_VALUE:
            raise malformed(
                f"Metadata keys must be at most {METADATA_NAME} characters, values at most {METADATA_VALUE}",
                "parameter_invalid",
                _join(path, key),
            )
