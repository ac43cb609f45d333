"""Removing objects from a scene: the three sources of the intervened view ``s_int``.

Causal-JEPA (section 4.5) compares the target encoder's view of the full scene with its view of the
scene without the hidden objects. What "without" means is a choice:

``zero``
    The objects' pixels are set to zero and all tokens are encoded (the paper's default). The hole
    stays visible, and nothing else in the clip changes.
``drop``
    The objects' tokens are left out. The cheapest: only the context tokens are encoded.
``resimulated``
    The same world was simulated again without the object. The only one in which consequences, such
    as a ball that now falls, are part of the target.
"""

from __future__ import annotations

from typing import Literal

from einops import rearrange, repeat
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from jepakit.batch import BatchRequest, SceneBatch, TokenMasks
from jepakit.nn.vit import VisionTransformer

InterventionSource = Literal["zero", "drop", "resimulated"]


def hidden_pixels(
    labels: UInt8[Tensor, "b t h w"], masks: TokenMasks, request: BatchRequest
) -> Bool[Tensor, "b t h w"]:
    """The pixels of the hidden objects; all of the target tokens' where regions are no objects."""
    tt, hh, ww = request.grid
    flat = labels.new_zeros(masks.target.batch * masks.target.grid)
    tokens = flat.index_fill(0, masks.target.index, 1)
    inside = repeat(
        tokens,
        "(b tt hh ww) -> b (tt u) (hh p) (ww q)",
        tt=tt,
        hh=hh,
        ww=ww,
        u=request.tubelet,
        p=request.patch,
        q=request.patch,
    )
    flat_labels = rearrange(labels, "b t h w -> b (t h w)").long()
    chosen = masks.hidden_ids.gather(1, flat_labels).view_as(labels)
    return chosen & inside.bool()


def intervened_latents(
    target_encoder: VisionTransformer,
    batch: SceneBatch,
    masks: TokenMasks,
    source: InterventionSource,
) -> Float[Tensor, "c d"]:
    """``s_int`` at the context tokens.

    Raises:
        ValueError: the batch lacks what the source needs (label maps, re-simulated clips).
    """
    if source == "drop":
        return target_encoder(batch.frames, masks.context).tokens
    if source == "zero":
        if batch.labels is None:
            raise ValueError("intervention 'zero' needs label maps, and the batch has none.")
        hole = hidden_pixels(batch.labels, masks, target_encoder.request)
        frames = batch.frames.masked_fill(hole.unsqueeze(-1), 0)
    else:
        if batch.counterfactual is None:
            raise ValueError(
                "intervention 'resimulated' needs clips simulated again without an object, and the "
                "batch has none; write shards with --counterfactuals, or choose 'zero' or 'drop'."
            )
        frames = batch.counterfactual
    return target_encoder(frames).tokens[masks.context.index]
