"""Hooks that are found by their names: what differs by kind, by model or by provider is a method of its own."""


def hook_name(record, hook, key):
    """The name of the method that is ``hook`` for ``key``: ``_<hook>_<key>``, else ``_<hook>_general``.

    :param str key: the kind, the name of the model, or the code of the provider that the answer depends on
    """
    name = f"_{hook}_{str(key).replace('.', '_')}"
    return name if hasattr(record, name) else f"_{hook}_general"


def named_hook(record, hook, key):
    """The method of ``record`` that is ``hook`` for ``key``: see :func:`hook_name`."""
    return getattr(record, hook_name(record, hook, key))
