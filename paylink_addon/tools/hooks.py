"""Hooks that are found by their names: what differs by kind or model is a method of its own."""


def named_hook(record, hook, key):
    """The method ``_<hook>_<key>`` of ``record``, else ``_<hook>``, which serves all that have none of their own.

    :param str key: the kind, or the name of the model, that the answer depends on
    """
    return getattr(record, f"_{hook}_{str(key).replace('.', '_')}", None) or getattr(record, f"_{hook}")
