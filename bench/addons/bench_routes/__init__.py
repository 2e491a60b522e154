"""Loaded by ``--load``, not installed: it has no data."""

from . import controllers
