"""Inference under intervention: what the model expects of a scene without some of its objects."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Int, UInt8
from torch import Tensor

from cjepa.predictor import Predictor
from jepakit.batch import TokenMasks
from jepakit.nn import VisionTransformer
from jepakit.protocols import Intervention


def removal_masks(
    coverage: UInt8[Tensor, "b k tt hh ww"], objects: Sequence[Sequence[int]]
) -> TokenMasks:
    """Hide every token that a removed object touches; the rest is context (Algorithm 2, lines 8-9).

    A token touched by two removed objects goes to the one that covers more of it.

    Args:
        coverage: how much of each token an object covers.
        objects: ids to remove from each sample, as in the label map, at least one each.

    Raises:
        ValueError: no id, an unknown id, an object that is nowhere visible, or nothing left to see.
    """
    batch, known = coverage.shape[:2]
    if len(objects) != batch:
        raise ValueError(f"Expected ids for {batch} samples, got {len(objects)} lists.")
    slots: list[Int[Tensor, " n"]] = []
    for sample, ids in enumerate(objects):
        strange = [i for i in ids if not 1 <= i <= known]
        if strange or not ids:
            raise ValueError(
                f"Sample {sample}: expected ids of objects in 1..{known}, got {list(ids)}."
            )
        rows = rearrange(coverage[sample].cpu(), "k tt hh ww -> k (tt hh ww)")[[i - 1 for i in ids]]
        unseen = [i for i, row in zip(ids, rows, strict=True) if not bool(row.any())]
        if unseen:
            raise ValueError(f"Sample {sample}: objects {unseen} are nowhere visible in the clip.")
        owner = rows.argmax(dim=0)
        slots.append(torch.where((rows > 0).any(dim=0), owner, -1))
    stacked = torch.stack(slots)
    if bool((stacked >= 0).all(dim=1).any()):
        raise ValueError("Removing these objects leaves no visible token in at least one sample.")
    return TokenMasks.build(stacked < 0, stacked, objects, [False] * batch)


@torch.no_grad()
def intervene(
    encoder: VisionTransformer,
    predictor: Predictor,
    frames: UInt8[Tensor, "b t h w 3"],
    coverage: UInt8[Tensor, "b k tt hh ww"],
    objects: Sequence[Sequence[int]],
) -> Intervention:
    """Encode the scene without the objects and predict the rest (Algorithm 3, lines 5-7).

    Args:
        encoder: the context encoder; it was trained on scenes with hidden objects.
        predictor: the predictor trained with it.
        frames: the clips, RGB 0..255.
        coverage: how much of each token an object covers.
        objects: ids to remove from each sample.
    """
    masks = removal_masks(coverage, objects).to(frames.device)
    context = encoder(frames, masks.context).tokens
    prediction = predictor(context, masks)
    batch, grid = masks.context.batch, masks.context.grid
    latents = context.new_zeros(batch * grid, context.shape[-1])
    predicted = latents.index_copy(0, masks.context.index, context)
    predicted = predicted.index_copy(0, masks.target.index, prediction.target.to(context.dtype))
    residual = latents.index_copy(0, masks.context.index, prediction.residual.to(context.dtype))
    visible = torch.zeros(batch * grid, dtype=torch.long, device=frames.device)
    visible = visible.index_fill(0, masks.context.index, 1)
    hidden = latents.index_copy(0, masks.target.index, prediction.target.to(context.dtype))
    counts = torch.tensor(masks.target.lengths, device=frames.device).unsqueeze(1)
    return Intervention(
        predicted=rearrange(predicted, "(b n) d -> b n d", b=batch),
        residual=rearrange(residual, "(b n) d -> b n d", b=batch),
        visible=rearrange(visible, "(b n) -> b n", b=batch),
        pooled=rearrange(hidden, "(b n) d -> b n d", b=batch).sum(dim=1) / counts,
    )
