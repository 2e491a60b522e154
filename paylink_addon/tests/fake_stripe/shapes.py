"""Answers have the shape of the SDK's resource classes: every nullable field, and nothing that they don't know.

So a fake that drifts from Stripe's specification fails itself, not the code under test.
"""

import functools
import importlib
import json
import types
import typing

import typing_extensions as te
from stripe import ListObject, StripeObject
from stripe._object_classes import OBJECT_CLASSES

# Only there in special cases: not filled in.
_RARE = {"deleted", "secret"}
# Of their many sub-objects only the one that ``type`` names is there.
_VARIANTS = {"PaymentMethod", "PaymentMethodDetails", "NextAction"}


class ShapeError(AssertionError):
    """The fake made an object that Stripe does not."""


def complete(values):
    """Fill the fields that are null, and check the rest.

    :param dict values: an object with its ``object`` key; changed in place
    :return: ``values``
    :raise ShapeError: an unknown field, a missing one, or a wrong type
    """
    _complete(_class(values["object"]), values, values["object"])
    return values


def copied(values):
    """A deep copy of what is JSON."""
    return json.loads(json.dumps(values))


def knows(kind, name):
    """Whether objects of a kind have a field."""
    return name in _fields(_class(kind))


def _class(kind):
    module, name = OBJECT_CLASSES[kind]
    return getattr(importlib.import_module(module), name)


def _complete(cls, values, path):
    known = _fields(cls)
    unknown = set(values) - set(known)
    if unknown:
        raise ShapeError(f"{path} has no {', '.join(sorted(unknown))}")
    for name, hint in known.items():
        choices = _choices(hint)
        if name in values:
            _check(choices, values[name], f"{path}.{name}")
        elif type(None) not in choices:
            raise ShapeError(f"{path}.{name} is missing")
        elif not _is_left_out(cls, name, choices):
            values[name] = None


@functools.cache
def _fields(cls):
    return {
        name: hint
        for name, hint in cls.__annotations__.items()
        if not name.startswith("_") and te.get_origin(hint) is not typing.ClassVar
    }


def _choices(hint):
    if te.get_origin(hint) in (typing.Union, types.UnionType):
        return [choice for member in te.get_args(hint) for choice in _choices(member)]
    return [hint]


def _is_left_out(cls, name, choices):
    lists = any(te.get_origin(choice) is ListObject for choice in choices)
    variant = cls.__name__ in _VARIANTS and any(_is_object(choice) for choice in choices)
    return name in _RARE or lists or variant


def _is_object(choice):
    return isinstance(choice, type) and issubclass(choice, StripeObject)


def _check(choices, value, path):
    if value is None and type(None) in choices:
        return
    literals = [text for choice in choices if te.get_origin(choice) is te.Literal for text in te.get_args(choice)]
    if literals and isinstance(value, str):
        if value not in literals:
            raise ShapeError(f"{path} can't be {value!r}")
        return
    if not any(_fits(choice, value, path) for choice in choices):
        raise ShapeError(f"{path} can't be {value!r}")


def _fits(choice, value, path):
    """Whether a value is of a type; a nested object is completed on the way."""
    if _is_object(choice) and isinstance(value, dict):
        if "_stripe_object" not in choice.__module__:
            _complete(choice, value, path)
        return True
    origin = te.get_origin(choice) or choice
    if origin is list and isinstance(value, list):
        for item in value:
            _check(_choices(te.get_args(choice)[0]), item, path)
        return True
    if isinstance(choice, typing.ForwardRef) or (isinstance(origin, type) and issubclass(origin, StripeObject)):
        return isinstance(value, dict)
    return isinstance(origin, type) and isinstance(value, origin) and not (origin is int and isinstance(value, bool))
