"""How a parameter of ours is called, split and shaped in another code base, both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from jepakit.nn.patches import conv_from_linear, linear_from_conv


class Form(NamedTuple):
    """Shapes on both sides.

    Attributes:
        to_ours: tensors of theirs to the one of ours.
        to_theirs: the inverse.
    """

    to_ours: Callable[[Sequence[Tensor]], Tensor]
    to_theirs: Callable[[Tensor], Sequence[Tensor]]


SAME = Form(lambda parts: parts[0], lambda x: [x])
"""No difference."""

VECTOR = Form(lambda parts: parts[0].flatten(), lambda x: [x.view(1, 1, -1)])
"""``(1, 1, d)`` there, ``(d,)`` here."""

TABLE = Form(lambda parts: parts[0].squeeze(0), lambda x: [x.unsqueeze(0)])
"""``(1, n, d)`` there, ``(n, d)`` here."""

ONE_BY_ONE = Form(
    lambda parts: torch.cat([*parts]).squeeze(1), lambda x: [*x.view(-1, 1, 1, x.shape[-1])]
)
"""``n`` tensors ``(1, 1, d)`` there, ``(n, d)`` here."""

STACKED = Form(lambda parts: torch.cat([*parts]), lambda x: x.chunk(3))
"""Queries, keys and values apart there, their rows in one tensor here."""


def tubelets(tubelet: int, patch: int) -> Form:
    """The weight of a 3-D convolution there, of a linear layer here."""
    return Form(
        lambda parts: linear_from_conv(parts[0]),
        lambda x: [conv_from_linear(x, tubelet=tubelet, patch=patch)],
    )


def patches(patch: int) -> Form:
    """The weight of a 2-D convolution there, of a linear layer here."""
    return Form(
        lambda parts: linear_from_conv(parts[0].unsqueeze(2)),
        lambda x: [conv_from_linear(x, tubelet=1, patch=patch).squeeze(2)],
    )


class Rule(NamedTuple):
    """One tensor of ours.

    Attributes:
        ours: its name here.
        theirs: the name or names there.
        form: its shapes.
    """

    ours: str
    theirs: tuple[str, ...]
    form: Form = SAME


def layer(ours: str, *theirs: str, weight: Form = SAME, bias: Form = SAME) -> list[Rule]:
    """Weight and bias of a layer, which is several layers there where more names are given."""
    return [
        Rule(f"{ours}.{kind}", tuple(f"{name}.{kind}" for name in theirs), form)
        for kind, form in (("weight", weight), ("bias", bias))
    ]


def to_ours(state: Mapping[str, Tensor], rules: Sequence[Rule], *, what: str) -> dict[str, Tensor]:
    """Their tensors by our names.

    Args:
        state: theirs.
        rules: all that is expected.
        what: what ``state`` should be, for the message.

    Raises:
        ValueError: names are missing or unexpected; all of them are listed.
    """
    refuse_others(state, (name for rule in rules for name in rule.theirs), what=what)
    return renamed(state, rules)


def renamed(state: Mapping[str, Tensor], rules: Sequence[Rule]) -> dict[str, Tensor]:
    """Their tensors by our names, out of a state that may hold more."""
    return {rule.ours: rule.form.to_ours([state[name] for name in rule.theirs]) for rule in rules}


def to_theirs(
    state: Mapping[str, Tensor], rules: Sequence[Rule], *, what: str
) -> dict[str, Tensor]:
    """The inverse of :func:`to_ours`.

    Raises:
        ValueError: names are missing or unexpected; all of them are listed.
    """
    refuse_others(state, (rule.ours for rule in rules), what=what)
    return {
        name: part.contiguous()
        for rule in rules
        for name, part in zip(rule.theirs, rule.form.to_theirs(state[rule.ours]), strict=True)
    }


def refuse_others(state: Iterable[str], expected: Iterable[str], *, what: str) -> None:
    """Compare names.

    Raises:
        ValueError: names are missing or unexpected; all of them are listed.
    """
    wanted, found = set(expected), set(state)
    missing, unexpected = sorted(wanted - found), sorted(found - wanted)
    if missing or unexpected:
        raise ValueError(
            f"The names are not those of {what}. Missing: {missing}. Unexpected: {unexpected}."
        )
