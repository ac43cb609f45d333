"""Names and shapes of the released code (V-JEPA 2, 2.1 and I-JEPA), both ways."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping

from torch import Tensor

from vjepa2.checkpoints.rules import (
    ONE_BY_ONE,
    TABLE,
    VECTOR,
    Rule,
    layer,
    patches,
    to_ours,
    to_theirs,
    tubelets,
)
from vjepa2.checkpoints.shapes import (
    EncoderShape,
    Layout,
    PredictorShape,
    encoder_shape,
    predictor_shape,
)

PREFIXES = ("module.", "backbone.")
"""What DistributedDataParallel and the wrapper for several lengths put in front of every name."""

IGNORED: dict[Layout, frozenset[str]] = {
    "vjepa2": frozenset({"pos_embed", "predictor_pos_embed"}),
    "vjepa2.1": frozenset({"pos_embed", "predictor_pos_embed"}),
    "ijepa": frozenset(),
}
"""All that is dropped: tables that published files hold and rotary positions make idle."""

BLOCK = {
    "norm1": "norm1",
    "attn.qkv": "qkv",
    "attn.proj": "proj",
    "norm2": "norm2",
    "mlp.fc1": "fc1",
    "mlp.fc2": "fc2",
}


def encoder_rules(shape: EncoderShape) -> list[Rule]:
    """Every parameter of an encoder."""
    video = tubelets(shape.tubelet, shape.patch)
    rules = block_rules("blocks", shape.depth)
    if shape.layout == "vjepa2.1":
        rules += layer("patches.video.proj", "patch_embed.proj", weight=video)
        image = tubelets(1, shape.patch)
        rules += layer("patches.image.proj", "patch_embed_img.proj", weight=image)
        rules.append(Rule("patches.video_embedding", ("video_mod_embed",), VECTOR))
        rules.append(Rule("patches.image_embedding", ("img_mod_embed",), VECTOR))
        last = len(shape.levels) - 1
        for level in range(last):
            rules += layer(f"level_norms.{level}", f"norms_block.{level}")
        return rules + layer("norm", f"norms_block.{last}")
    if shape.layout == "ijepa":
        rules.append(Rule("positions.table", ("pos_embed",), TABLE))
        video = patches(shape.patch)
    rules += layer("patches.proj", "patch_embed.proj", weight=video)
    return rules + layer("norm", "norm")


def predictor_rules(shape: PredictorShape) -> list[Rule]:
    """Every parameter of a predictor of masked tokens."""
    rules = block_rules("predictor_blocks", shape.depth)
    if shape.levels > 1:
        for number in (0, 2):
            rules += layer(f"project.{number}", f"predictor_embed.{number}")
    else:
        rules += layer("project", "predictor_embed")
    if shape.layout == "ijepa":
        rules.append(Rule("mask_tokens", ("mask_token",), TABLE))
        rules.append(Rule("positions.table", ("predictor_pos_embed",), TABLE))
    else:
        names = tuple(f"mask_tokens.{number}" for number in range(shape.mask_tokens))
        rules.append(Rule("mask_tokens", names, ONE_BY_ONE))
    if shape.layout == "vjepa2.1":
        rules.append(Rule("video_embedding", ("video_mod_embed",), VECTOR))
        rules.append(Rule("image_embedding", ("img_mod_embed",), VECTOR))
    if shape.context:
        rules += layer("context_head", "predictor_proj_context")
    return rules + layer("norm", "predictor_norm") + layer("target_head", "predictor_proj")


def encoder_state(
    state: Mapping[str, Tensor], *, layout: Layout | None = None
) -> tuple[EncoderShape, dict[str, Tensor]]:
    """Shape and weights of an official encoder as those of a ``VisionTransformer``.

    Args:
        state: its weights, with or without prefixes.
        layout: which release they must be of; any by default.

    Raises:
        ValueError: names are missing or unexpected (all are listed), or of another release (the
            first difference is named, and the release that fits).
    """
    plain = without_prefixes(state)
    shape = encoder_shape(plain)
    if layout not in (None, shape.layout):
        raise ValueError(
            f"These are not weights of {layout}: {_difference(plain, shape, layout)}. They fit the "
            f"layout {shape.layout}."
        )
    kept = without(plain, IGNORED[shape.layout])
    what = f"an official encoder ({shape.layout}, {shape.depth} blocks)"
    return shape, to_ours(kept, encoder_rules(shape), what=what)


def predictor_state(
    state: Mapping[str, Tensor], encoder: EncoderShape
) -> tuple[PredictorShape, dict[str, Tensor]]:
    """Shape and weights of an official predictor as those of a ``Predictor``.

    Raises:
        ValueError: names are missing or unexpected; all are listed.
    """
    plain = without(without_prefixes(state), IGNORED[encoder.layout])
    shape = predictor_shape(plain, encoder)
    what = f"an official predictor ({shape.layout}, {shape.depth} blocks)"
    return shape, to_ours(plain, predictor_rules(shape), what=what)


def to_official_encoder(state: Mapping[str, Tensor], shape: EncoderShape) -> dict[str, Tensor]:
    """The inverse of :func:`encoder_state`, without prefixes and without what was ignored."""
    return to_theirs(state, encoder_rules(shape), what="an encoder")


def to_official_predictor(state: Mapping[str, Tensor], shape: PredictorShape) -> dict[str, Tensor]:
    """The inverse of :func:`predictor_state`, without prefixes and without what was ignored."""
    return to_theirs(state, predictor_rules(shape), what="a predictor")


def without_prefixes(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names as the network has them, without what wrappers put in front."""
    plain = {}
    for full, value in state.items():
        name = full
        for prefix in PREFIXES:
            name = name.removeprefix(prefix)
        plain[name] = value
    return plain


def without(state: Mapping[str, Tensor], names: Collection[str]) -> dict[str, Tensor]:
    """All tensors but these."""
    return {name: value for name, value in state.items() if name not in names}


def block_rules(prefix: str, depth: int) -> list[Rule]:
    """Every parameter of ``depth`` blocks whose official names begin with ``prefix``."""
    return [
        rule
        for number in range(depth)
        for theirs, ours in BLOCK.items()
        for rule in layer(f"blocks.{number}.{ours}", f"{prefix}.{number}.{theirs}")
    ]


def _difference(state: Mapping[str, Tensor], found: EncoderShape, layout: Layout) -> str:
    """The first name or shape that is not one of ``layout``."""
    wanted = dataclasses.replace(found, layout=layout)
    names = {name for rule in encoder_rules(wanted) for name in rule.theirs}
    unexpected = [name for name in state if name not in names | IGNORED[layout]]
    missing = sorted(names - set(state))
    if unexpected:
        return f"{unexpected[0]} {tuple(state[unexpected[0]].shape)} is not part of it"
    if missing:
        return f"{missing[0]} is missing"
    axes = 4 if layout == "ijepa" else 5
    kernel = tuple(state["patch_embed.proj.weight"].shape)
    return f"patch_embed.proj.weight has the shape {kernel} and there {axes} axes"
