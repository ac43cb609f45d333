"""What patching asks of an encoder: sites by semantic names, runs that record them, and replay."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from jepakit.nn.edits import Edit

EMBED, FINAL, RESID = "embed", "final", "resid"

PARTS = ("q", "k", "v", "attn", "mlp_hidden", "mlp", RESID)
"""Sites of a block, in the order in which they are computed.

``q``, ``k``, ``v``: projections of the queries, keys and values, heads side by side, before they
are turned or normed. ``attn``, ``mlp``: outputs of the last projection of the attention and of the
MLP, before the residual add (and before a layer scale). ``mlp_hidden``: what the MLP's last
projection reads, after the GELU. ``resid``: the stream after the block.
"""


@dataclass(frozen=True)
class Recorded:
    """Activations of one run, finite, without gradient.

    Attributes:
        stream: the residual stream after ``embed`` and after every block, then the output of the
            last norm; from where the run started.
        values: the recorded sites, after an edit of theirs; ``mlp_hidden`` is as wide as the MLP.
        prefix: class and register tokens at the points of ``stream``; ``p`` is 0 without any.
        prefix_values: the same at the recorded sites.
        first: number of the point that ``stream`` starts with: 0 is ``embed``, ``l + 1`` the output
            of block ``l``.
    """

    stream: Float[Tensor, "points b n d"]
    values: dict[str, Tensor]
    prefix: Float[Tensor, "points b p d"]
    prefix_values: dict[str, Tensor] = field(default_factory=dict)
    first: int = 0

    @property
    def depth(self) -> int:
        """``L``, blocks of the encoder."""
        return self.first + len(self.stream) - 2

    @property
    def resid(self) -> Float[Tensor, "blocks b n d"]:
        """Outputs of the blocks: of all, or of those from where the run started."""
        return self.stream[1 if self.first == 0 else 0 : -1]

    def point(self, name: str) -> int:
        """Row of ``stream`` at ``embed``, ``<l>.resid`` or ``final``.

        Raises:
            ValueError: no point of the stream, or one before the start of the run.
        """
        names = stream_points(self.depth)[self.first :]
        if name not in names:
            raise ValueError(f"{name!r} is no point of this stream: {', '.join(names)}.")
        return names.index(name)


@runtime_checkable
class PatchableEncoder(Protocol):
    """An encoder whose activations can be recorded and overwritten at sites of the same names.

    Edits work on rows ``b n`` (clip by clip, tokens time-major); those of ``prefix_edits`` on the
    class and register tokens ``b p``, which stand apart from the tokens everywhere.
    """

    name: str
    depth: int
    width: int
    prefix_tokens: int
    grid: tuple[int, int, int]
    sites: tuple[str, ...]

    def run(
        self,
        frames: UInt8[Tensor, "b t h w 3"] | Float[Tensor, "b t h w 3"],
        *,
        record: Collection[str] = (),
        edits: Mapping[str, Edit] | None = None,
        prefix_edits: Mapping[str, Edit] | None = None,
    ) -> Recorded:
        """The whole network on clips (RGB 0..255, or normalised floats).

        Raises:
            ValueError: clips that make another number of tokens, an unknown site, or an activation
                that is not finite.
        """
        ...

    def resume(
        self,
        stream: Float[Tensor, "b n d"],
        *,
        after: str,
        prefix: Float[Tensor, "b p d"] | None = None,
        record: Collection[str] = (),
        edits: Mapping[str, Edit] | None = None,
        prefix_edits: Mapping[str, Edit] | None = None,
    ) -> Recorded:
        """The rest of the network after ``embed`` or ``<l>.resid``, on the stream that was there.

        Edits of ``after`` itself are applied. The same bits as in one pass over as many clips.

        Raises:
            ValueError: a stream of another size, class tokens missing, an unknown site, one that is
                computed before ``after``, or an activation that is not finite.
        """
        ...


def stream_points(depth: int) -> tuple[str, ...]:
    """Names of the points of the stream, in order."""
    return (EMBED, *(f"{block}.{RESID}" for block in range(depth)), FINAL)


def all_sites(depth: int) -> tuple[str, ...]:
    """Names of every site of ``depth`` blocks, in the order in which they are computed."""
    return (EMBED, *(f"{block}.{part}" for block in range(depth) for part in PARTS), FINAL)


def check_sites(sites: Collection[str], available: Sequence[str]) -> None:
    """Refuse unknown names before anything runs.

    Raises:
        ValueError: a name is not one of ``available``, which are listed.
    """
    if unknown := sorted(set(sites) - set(available)):
        raise ValueError(f"Unknown sites {unknown}; available: {', '.join(available)}.")


def start_point(depth: int, after: str) -> int:
    """Number of the point ``after``, which must be one that something follows.

    Raises:
        ValueError: it is none.
    """
    points = stream_points(depth)[:-1]
    if after not in points:
        raise ValueError(f"A run cannot go on after {after!r}: only after {', '.join(points)}.")
    return points.index(after)


def check_finite(recorded: Recorded, available: Sequence[str]) -> Recorded:
    """The same, all of it finite.

    Raises:
        ValueError: an activation is not; the first site where one is not is named.
    """
    points = stream_points(recorded.depth)[recorded.first :]
    parts = [dict(zip(points, recorded.stream, strict=True)), recorded.values]
    parts += [dict(zip(points, recorded.prefix, strict=True)), recorded.prefix_values]
    finite = {
        name: torch.stack([part[name].isfinite().all() for part in parts if name in part]).all()
        for name in available
        if any(name in part for part in parts)
    }
    # One wait for the device, not one for each site.
    wrong = torch.stack(list(finite.values())).logical_not().tolist()
    if any(wrong):
        raise ValueError(
            f"Activations are not finite, first at {list(finite)[wrong.index(True)]!r}: a broken "
            "checkpoint, clips that are not finite, or a dtype that is too narrow."
        )
    return recorded
