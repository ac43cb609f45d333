"""What is patched where, and the controls that a patch is held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from jepakit.interp.patchable import EMBED, FINAL, RESID

Mode = Literal["full", "masked", "context"]
"""Which tokens are overwritten: all (class tokens too), the hidden ones, or the visible ones."""

Donor = Literal["clean", "other", "same_norm"]
"""What they are overwritten with.

``clean``: the activation of the same token in the clean run. ``other``: that of the same place in
the clean run of another image of the batch. ``same_norm``: a random direction, as long as the clean
activation of the token.
"""


@dataclass(frozen=True)
class PatchPlan:
    """A group of sites that are overwritten in one run.

    Attributes:
        sites: names, see :data:`jepakit.interp.patchable.PARTS`.
        mode: see :data:`Mode`.
        donor: see :data:`Donor`.
        changes: what is demanded: that the patch changes something in the batch (True), that it is
            an exact no-op (False), or nothing (None; where the corrupted run does not differ at the
            site by construction, such as visible tokens at queries of block 0).

    Raises:
        ValueError: no site, one twice, ``final``, after which nothing runs, or an unknown mode or
            donor.
    """

    sites: tuple[str, ...]
    mode: Mode = "full"
    donor: Donor = "clean"
    changes: bool | None = True

    def __post_init__(self) -> None:
        if not self.sites or len(set(self.sites)) < len(self.sites) or FINAL in self.sites:
            raise ValueError(
                f"A patch needs sites, each once and none of them {FINAL!r}, after which nothing "
                f"runs; came {self.sites}."
            )
        if self.mode not in get_args(Mode) or self.donor not in get_args(Donor):
            raise ValueError(
                f"mode must be one of {get_args(Mode)} and donor one of {get_args(Donor)}, came "
                f"{self.mode!r} and {self.donor!r}."
            )

    @property
    def start(self) -> int:
        """The last point of the stream that none of the sites changes: 0 is ``embed``.

        A site in the stream is itself where the run goes on.
        """
        return min(_start(site) for site in self.sites)

    def chosen(self, hidden: Bool[Tensor, "b n"]) -> Bool[Tensor, "b n"]:
        """The tokens that are overwritten."""
        if self.mode == "full":
            return torch.ones_like(hidden)
        return hidden if self.mode == "masked" else ~hidden


def resid_bound(plan: PatchPlan) -> PatchPlan:
    """The upper bound: the stream after the same blocks, whatever part of them was patched."""
    blocks = sorted({int(site.split(".")[0]) for site in plan.sites if site != EMBED})
    stream = (EMBED,) if EMBED in plan.sites else ()
    return replace(plan, sites=(*stream, *(f"{block}.{RESID}" for block in blocks)))


def random_plan(plan: PatchPlan, blocks: Sequence[int], *, generator: torch.Generator) -> PatchPlan:
    """As many sites of the same parts, in blocks drawn at random, none of them the plan's own.

    A group of three sites is not to be held against one of one.

    Args:
        plan: whose sites are replaced.
        blocks: to draw from, such as ``range(depth)``.
        generator: randomness.

    Raises:
        ValueError: sites without a block, or too few blocks.
    """
    if EMBED in plan.sites:
        raise ValueError(f"{EMBED!r} is in no block: it has no random counterpart.")
    drawn: list[str] = []
    for site in plan.sites:
        part = site.split(".")[1]
        taken = {*plan.sites, *drawn}
        free = [f"{block}.{part}" for block in blocks if f"{block}.{part}" not in taken]
        if not free:
            raise ValueError(f"No block of {list(blocks)} has a {part} that is not patched yet.")
        drawn.append(free[int(torch.randint(len(free), (), generator=generator))])
    return replace(plan, sites=tuple(drawn))


def other_images(batch: int, *, generator: torch.Generator) -> Int[Tensor, " b"]:
    """For every image another one, each once: a random cycle through the batch.

    Raises:
        ValueError: a batch of one image.
    """
    if batch < 2:
        raise ValueError("A random donor is another image of the batch: give 2 images or more.")
    order = torch.randperm(batch, generator=generator)
    return torch.empty_like(order).index_copy_(0, order, order.roll(1))


def same_norm(x: Float[Tensor, "... d"], *, generator: torch.Generator) -> Float[Tensor, "... d"]:
    """Random directions, as long as the vectors of ``x``."""
    noise = torch.randn(x.shape, generator=generator).to(x.device)
    length = x.float().norm(dim=-1, keepdim=True)
    return (noise * (length / noise.norm(dim=-1, keepdim=True))).to(x.dtype)


def _start(site: str) -> int:
    if site == EMBED:
        return 0
    block, part = site.split(".")
    return int(block) + 1 if part == RESID else int(block)
