"""Sub-commands made from functions, some of whose parameters stand without a ``--name``."""

from __future__ import annotations

import inspect
import shlex
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import docstring_parser
from jsonargparse import ActionYesNo, ArgumentParser
from rich.console import Console


def shared_fields(options: Any, kind: type[Any]) -> dict[str, Any]:
    """The options that are also fields of another dataclass, for its constructor."""
    return {f.name: getattr(options, f.name) for f in fields(kind) if hasattr(options, f.name)}


def typed_command() -> str:
    """What this program was called with, for the foot of a report."""
    return " ".join(["python", Path(sys.argv[0]).name, *map(shlex.quote, sys.argv[1:])])


@dataclass(frozen=True)
class Command:
    """A function as a sub-command: its signature gives the options, its docstring the help.

    Attributes:
        function: annotated; what it raises as ValueError is the user's to mend. Of a class, whose
            fields are the options, the instance is called.
        positional: parameters without ``--name``, in this order; one annotated as a list takes all
            that follow, as options annotated as sequences do. The only one of a command may also be
            given as an option.
        fixed: arguments that this command gives itself.
        summary: one line for the help; by default the first line of the docstring.
        flat: parameters that are groups of options, whose options stand without the group's name:
            ``--workers`` instead of ``--job.workers``.
    """

    function: Callable[..., Any]
    positional: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    summary: str = ""
    flat: Mapping[str, type[Any]] = field(default_factory=dict)

    def run(self, chosen: Mapping[str, Any]) -> None:
        """Call the function with the parsed options."""
        options = dict(chosen)
        for name, kind in self.flat.items():
            parts = {part.name: options.pop(part.name) for part in fields(kind)}
            options[name] = kind(**parts)
        made = self.function(**self.fixed, **options)
        if isinstance(self.function, type):
            made()

    @property
    def line(self) -> str:
        """The one line."""
        return self.summary or (self.function.__doc__ or "").strip().splitlines()[0]

    def parser(self) -> ArgumentParser:
        """Of the arguments that follow the name of the command."""
        parser = ArgumentParser(description=self.line)
        parser.add_argument("--config", action="config", help="YAML file of options.")
        hints = typing.get_type_hints(self.function)
        told = docstring_parser.parse(self.function.__doc__ or "").params
        meaning = {entry.arg_name: entry.description for entry in told}
        for name in self.positional:
            kind = hints[name]
            more: dict[str, Any] = {}
            if typing.get_origin(kind) is list:
                (kind,), more = typing.get_args(kind), {"nargs": "+"}
            parser.add_argument(name, type=kind, help=meaning.get(name), **more)
        skip: set[str | int] = {*self.positional, *self.fixed, *self.flat}
        for name, parameter in inspect.signature(self.function).parameters.items():
            if name in skip:
                continue
            default = parameter.default
            more = {}
            if hints[name] is bool:
                more = {"action": ActionYesNo(no_prefix="no_"), "default": default}
            elif typing.get_origin(hints[name]) is Sequence:
                (kind,) = typing.get_args(hints[name])
                more = {"type": kind, "nargs": "+", "default": list(default)}
            if more:
                parser.add_argument(f"--{name}", help=meaning.get(name), **more)
                skip.add(name)
        named: dict[str, Any] = {"as_group": False, "as_positional": False, "skip": skip}
        if isinstance(self.function, type):
            parser.add_class_arguments(self.function, **named)
        else:
            parser.add_function_arguments(self.function, **named)
        for kind in self.flat.values():
            parser.add_class_arguments(kind, as_group=True)
        return parser

    def bare(self, arguments: Sequence[str]) -> list[str]:
        """The arguments, the name of an only positional one taken away where it was given."""
        if len(self.positional) != 1:
            return list(arguments)
        option = f"--{self.positional[0]}"
        values = [word.removeprefix(f"{option}=") for word in arguments]
        return [word for word in values if word != option]


def run_command(
    commands: Mapping[str, Command],
    arguments: Sequence[str] | None = None,
    *,
    prog: str,
    description: str,
) -> None:
    """Parse and run; wrong arguments are exit status 2, wrong input is one line and status 1.

    So is a file or folder that the system refuses. Ctrl-C is one line and status 130.

    Args:
        commands: by name.
        arguments: of the command line; by default those of this process.
        prog: what users type before them.
        description: of the program.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = ArgumentParser(prog=prog, description=description)
    known = parser.add_subcommands(dest="command", title="commands")
    for name, command in commands.items():
        known.add_subcommand(name, command.parser(), help=command.line)
    if words and words[0] in commands:
        words[1:] = commands[words[0]].bare(words[1:])
    chosen = parser.parse_args(words)
    command = commands[chosen.command]
    try:
        given = parser.instantiate(chosen)[chosen.command].as_dict()
        given.pop("config")
        command.run(given)
    except (ValueError, OSError) as error:
        if isinstance(error, OSError) and error.filename is None:
            raise  # nothing that the user named
        _say(f"Error: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        _say("Stopped.")
        sys.exit(130)


def _say(line: str) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False).print(line, markup=False)
