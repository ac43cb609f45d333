"""Packages that only the explorer needs."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class MissingExtra(ValueError):
    """The extra ``explorer`` is not installed."""


def extra_module(name: str) -> Any:
    """A module of the extra ``explorer``.

    Raises:
        MissingExtra: it is not installed; the message says what to do.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtra(
            f"This view needs {error.name or name.split('.')[0]}, which is not installed: "
            "pip install 'jepakit[explorer]'."
        ) from error
