"""The groups of sites that the paper patches, at the same distance from the end of any network."""

from __future__ import annotations

from collections.abc import Sequence

from jepakit.interp.patch_plans import PatchPlan

PAPER_DEPTH = 32
SINGLE, PAIR, TRIPLE = "MLP 29", "MLP 29+30", "MLP 29 + attention 30+31"
SWEPT_PARTS = ("mlp_hidden", "attn", "v")


def paper_groups(depth: int) -> dict[str, tuple[str, ...]]:
    """The paper's three groups (Table 2), named by its blocks of 32, in a network of ``depth``.

    Its blocks 29, 30 and 31 are the last three. In networks of other depths these are taken, not
    blocks at the same share of the depth, which coincide in small ones.

    Raises:
        ValueError: fewer than 3 blocks.
    """
    if depth < 3:
        raise ValueError(f"The paper's sites lie in the last 3 blocks; the network has {depth}.")
    single, pair, last = (f"{depth - back}" for back in (3, 2, 1))
    return {
        SINGLE: (f"{single}.mlp_hidden",),
        PAIR: (f"{single}.mlp_hidden", f"{pair}.mlp_hidden"),
        TRIPLE: (f"{single}.mlp_hidden", f"{pair}.attn", f"{last}.attn"),
    }


def sweep_plans(
    depth: int,
    *,
    parts: Sequence[str] = SWEPT_PARTS,
    modes: Sequence[str] = ("full", "masked", "context"),
) -> dict[tuple[int, str, str], PatchPlan]:
    """A plan for every block, part and mode.

    A patch of visible tokens at values of block 0, and of hidden ones where nothing reads them any
    more, may change nothing: nothing is demanded of these.
    """
    return {
        (block, part, mode): PatchPlan((f"{block}.{part}",), mode, changes=None)  # type: ignore[arg-type]
        for block in range(depth)
        for part in parts
        for mode in modes
    }
