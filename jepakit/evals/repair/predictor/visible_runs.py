"""Passes of a context encoder of which sites are overwritten at visible tokens, and run on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from jepakit.batch import TokenMasks
from jepakit.interp.adapters.native import own_name
from jepakit.interp.patch_plans import PatchPlan
from jepakit.interp.patchable import PARTS, all_sites, check_sites
from jepakit.nn.edits import Edit
from jepakit.nn.stretch import stream_names
from jepakit.nn.vit import VisionTransformer
from jepakit.packing import Packing

Run = Literal["dropped", "filled"]
"""How the hidden region is kept from the encoder.

``dropped``: as in training, its tokens are left out. ``filled``: its pixels are, and every token is
encoded.
"""
RUNS: tuple[Run, ...] = ("dropped", "filled")


@dataclass(frozen=True)
class VisibleRun:
    """One pass, from which patched ones go on.

    Attributes:
        encoder: that ran.
        packing: the tokens of the pass.
        visible: its rows that are visible tokens, laid out as ``masks.context``.
        hidden: its rows that are hidden tokens; none where these were dropped.
        stream: the residual stream by the encoder's own names.
    """

    encoder: VisionTransformer
    packing: Packing
    visible: Tensor
    hidden: Tensor
    stream: Mapping[str, Tensor]

    @classmethod
    @torch.no_grad()
    def start(
        cls,
        encoder: VisionTransformer,
        frames: UInt8[Tensor, "b t h w 3"],
        masks: TokenMasks,
        *,
        dropped: bool,
    ) -> VisibleRun:
        """Encode the visible tokens alone, or all tokens of clips in which pixels are hidden."""
        packing = masks.context
        visible = torch.arange(masks.context.total, device=frames.device)
        hidden = visible[:0]
        if not dropped:
            packing = Packing.full(len(frames), encoder.tokens, frames.device)
            visible, hidden = masks.context.index, masks.target.index
        names = stream_names(len(encoder.blocks))
        captured = encoder(frames, packing, capture=names).captured
        return cls(encoder, packing, visible, hidden, captured)

    @property
    def latents(self) -> Float[Tensor, "c e"]:
        """What the predictor reads where nothing is patched."""
        return self.stream[stream_names(len(self.encoder.blocks))[-1]][self.visible]

    @torch.no_grad()
    def patched(
        self,
        site: str,
        value: Float[Tensor, "rows d"],
        *,
        at: Literal["visible", "hidden"] = "visible",
    ) -> Float[Tensor, "c e"]:
        """What the predictor reads after one site was overwritten.

        Args:
            site: such as ``3.attn``.
            value: of its tokens, in the layout of ``visible`` or ``hidden``.
            at: which tokens are overwritten.

        Raises:
            ValueError: an unknown site.
        """
        check_sites([site], all_sites(len(self.encoder.blocks)))
        after = stream_names(len(self.encoder.blocks))[PatchPlan((site,), "context").start]
        edit = Edit.replace(value, self.visible if at == "visible" else self.hidden)
        run = self.encoder.resume(
            self.stream[after], self.packing, after=after, edits={own_name(site): edit}
        )
        return run.tokens[self.visible]


@torch.no_grad()
def clean_values(
    encoder: VisionTransformer, frames: UInt8[Tensor, "b t h w 3"], sites: Sequence[str]
) -> tuple[Float[Tensor, "bn e"], dict[str, Tensor]]:
    """Latents of whole clips, and what each site held, one row per token of every clip.

    Raises:
        ValueError: an unknown site.
    """
    check_sites(sites, all_sites(len(encoder.blocks)))
    run = encoder(frames, capture=[own_name(site) for site in sites])
    return run.tokens, {site: run.captured[own_name(site)] for site in sites}


def block_sites(depth: int, parts: Sequence[str]) -> list[str]:
    """Sites block by block.

    Raises:
        ValueError: an unknown part.
    """
    if unknown := sorted(set(parts) - set(PARTS)):
        raise ValueError(f"Unknown parts {unknown}; a block has {', '.join(PARTS)}.")
    return [f"{block}.{part}" for block in range(depth) for part in parts]
