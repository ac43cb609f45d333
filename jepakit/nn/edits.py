"""Named intermediates of a network: return them, or change them on the way.

A network that names an activation calls ``tap(name, value)`` and goes on with what comes back.
Where nothing is asked for there is no tap, and the network pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Tap = Callable[[str, Tensor], Tensor]


@dataclass(frozen=True)
class Edit:
    """A change of one named activation; build it with :meth:`replace`, :meth:`add`, :meth:`apply`.

    Attributes:
        kind: what happens to the selected rows.
        value: the new value or the summand, broadcast to the selected rows; or the function.
        tokens: rows of the packed tensor to change, as row numbers or as one truth value per row
            (which waits for the device); all rows by default.
    """

    kind: Literal["replace", "add", "apply"]
    value: Tensor | float | int | Callable[[Tensor], Tensor]
    tokens: Int[Tensor, " rows"] | Bool[Tensor, " total"] | None = None

    @classmethod
    def replace(cls, value: Tensor | float | int, tokens: Tensor | None = None) -> Edit:
        """Put ``value`` in place of the activation (patching with a donor's activation)."""
        return cls("replace", value, tokens)

    @classmethod
    def add(cls, value: Tensor | float | int, tokens: Tensor | None = None) -> Edit:
        """Add ``value`` to the activation (steering)."""
        return cls("add", value, tokens)

    @classmethod
    def apply(cls, function: Callable[[Tensor], Tensor], tokens: Tensor | None = None) -> Edit:
        """Replace the selected rows by ``function`` of them."""
        return cls("apply", function, tokens)

    def __call__(self, name: str, x: Float[Tensor, "total d"]) -> Float[Tensor, "total d"]:
        """The edited activation; ``x`` itself is left as it is.

        Raises:
            ValueError: the value does not broadcast to the selected rows.
        """
        rows = x if self.tokens is None else x[self.tokens]
        if callable(self.value):
            value = self.value(rows)
        else:
            value = torch.as_tensor(self.value, dtype=x.dtype, device=x.device)
        if not _fits(value.shape, rows.shape):
            raise ValueError(
                f"The edit of {name!r} must fit its {tuple(rows.shape)} selected rows, "
                f"came {tuple(value.shape)}."
            )
        new = rows + value if self.kind == "add" else value.to(x.dtype).expand(rows.shape)
        if self.tokens is None:
            return new
        edited = x.clone()
        edited[self.tokens] = new
        return edited


def _fits(shape: torch.Size, target: torch.Size) -> bool:
    """Whether ``shape`` broadcasts to ``target``."""
    if len(shape) > len(target):
        return False
    return all(a in (1, b) for a, b in zip(shape[::-1], target[::-1], strict=False))


class Taps:
    """Keeps what is captured and applies the edits of one forward pass.

    An activation that is both edited and captured is captured after the edit. Captured tensors
    stay in the autograd graph: gradients with respect to them are what attribution needs.
    """

    def __init__(
        self, available: Sequence[str], capture: Collection[str], edits: Mapping[str, Edit]
    ) -> None:
        """Check every name before anything runs.

        Raises:
            ValueError: a name is not one of ``available``.
        """
        unknown = sorted({*capture, *edits} - set(available))
        if unknown:
            raise ValueError(f"Unknown activations {unknown}; available: {', '.join(available)}.")
        self.capture = frozenset(capture)
        self.edits = edits
        self.captured: dict[str, Tensor] = {}

    def __call__(self, name: str, x: Tensor) -> Tensor:
        """Apply the edit of ``name`` if there is one, then keep the value if it is asked for."""
        edit = self.edits.get(name)
        if edit is not None:
            x = edit(name, x)
        if name in self.capture:
            self.captured[name] = x
        return x

    def under(self, prefix: str) -> Tap:
        """A tap for a part of the network whose names start with ``prefix``."""
        return lambda name, x: self(prefix + name, x)


def make_taps(
    available: Sequence[str], capture: Collection[str], edits: Mapping[str, Edit] | None
) -> Taps | None:
    """Taps, or ``None`` where nothing is asked for."""
    return Taps(available, capture, edits or {}) if capture or edits else None
