"""Errors of options that say what would have been accepted."""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import inspect
import re
import sys
import typing
from typing import Any, NoReturn

from lightning.pytorch.cli import LightningArgumentParser

UNKNOWN = re.compile(
    r"unrecognized arguments: (?:--)?(?P<argument>[^\s=]+)"
    r"|Group '(?P<group>[^']+)' does not accept option '(?P<member>[^']+)'"
    r"|Option '(?P<option>[^']+)' is not accepted"
)
CLASS = re.compile(r"Problem with given class_path '([^']+)'")
NOISE = re.compile(
    r"^\s*(Subtypes: .*|- Expected a <class 'NoneType'>|Given value.*"
    r"|(- )?Does not validate against any of the Union subtypes|Errors:)\n?",
    re.MULTILINE,
)


class OptionParser(LightningArgumentParser):
    """Prints an error without the list of all Trainer options, and names the accepted ones."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Refuse the command line or configuration, exit status 2."""
        if not self.exit_on_error:
            super().error(message, ex)
        hint = accepted_options(message, self)
        told = NOISE.sub("", message).strip().removeprefix("- ")
        sys.stderr.write("\n".join([f"error: {told}", *hint]) + "\n")
        self.exit(2)


def accepted_options(message: str, parser: LightningArgumentParser) -> list[str]:
    """One line with the options that the place of an unknown one has; none for other errors."""
    found = UNKNOWN.search(message)
    if found is None:
        return []
    key = found["argument"] or found["option"] or f"{found['group']}.{found['member']}"
    parents, _, name = key.rpartition(".")
    classes = CLASS.findall(message[: found.start()])
    if classes:
        where, options = _of_class(classes[-1], parents.split(".") if parents else [])
    else:
        where, options = parents or "the command line", _of_parser(parser, parents)
    close = difflib.get_close_matches(name, options, n=1)
    meant = [f"Did you mean {close[0]!r}?"] if close else []
    return [" ".join([f"Accepted in {where}: {', '.join(options)}.", *meant])]


def _of_parser(parser: LightningArgumentParser, parents: str) -> list[str]:
    """Names below ``parents``: the first part of what follows in each option's name."""
    prefix = f"{parents}." if parents else ""
    names = [action.dest for action in parser._actions if action.dest.startswith(prefix)]
    return sorted({name.removeprefix(prefix).partition(".")[0] for name in names} - {"print_shtab"})


def _of_class(path: str, parents: list[str]) -> tuple[str, list[str]]:
    """Constructor arguments of a class, or fields of a dataclass that is one of them."""
    module, _, name = path.rpartition(".")
    owner: Any = getattr(importlib.import_module(module), name)
    for parent in (part for part in parents if part != "init_args"):
        kind = typing.get_type_hints(owner.__init__).get(parent)
        nested = [t for t in (kind, *typing.get_args(kind)) if dataclasses.is_dataclass(t)]
        if not nested:
            break
        owner = nested[0]
    return owner.__name__, list(inspect.signature(owner).parameters)
