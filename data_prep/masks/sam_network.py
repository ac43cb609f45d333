"""A Segment Anything network from its weights alone: all sizes are read off the tensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from data_prep.masks.networks import NetworkError, optional_module
from jepakit.weight_files import read_weights

PUBLISHED = {(768, 12): "vit_b", (1024, 24): "vit_l", (1280, 32): "vit_h"}  # width, blocks
# Of the mask decoder in all published networks; the one size that no tensor shows.
DECODER_HEADS = 8
REQUIRED = (
    "image_encoder.patch_embed.proj.bias",
    "prompt_encoder.no_mask_embed.weight",
    "mask_decoder.mask_tokens.weight",
)

State = Mapping[str, Tensor]


def read_sam(path: Path) -> Any:
    """The network of a file of ``torch.save`` or a ``.safetensors`` file, in float32, on the CPU.

    Nothing in the file is executed. Weights of the published files stay mapped to the file, so
    that the processes of a machine share them.

    Raises:
        NetworkError: ``segment_anything`` is missing, or the file is no such network.
    """
    optional_module("segment_anything", "sam")
    state = _read(path)
    try:
        network = build_sam(state)
        network.load_state_dict(state, assign=True)
    except (RuntimeError, ValueError, LookupError, ArithmeticError, AssertionError) as error:
        raise _no_sam(path, state, str(error)) from error
    return network.float().eval().requires_grad_(requires_grad=False)


def build_sam(state: State) -> Any:
    """A network that these weights fit, without any of its own: on torch's ``meta`` device.

    Raises:
        RuntimeError, ValueError, LookupError, ArithmeticError, AssertionError: they are not of one.
    """
    parts = optional_module("segment_anything.modeling", "sam")
    with torch.device("meta"):
        return parts.Sam(
            _image_encoder(parts, state), _prompt_encoder(parts, state), _decoder(parts, state)
        )


@lru_cache(maxsize=8)
def sam_kind(path: Path) -> str:
    """``vit_b``, ``vit_l`` or ``vit_h``; for others width and number of blocks.

    Raises:
        NetworkError: the file cannot be read, or is no such network.
    """
    state = _read(path)
    width, blocks = len(state["image_encoder.patch_embed.proj.bias"]), _blocks(state)
    return PUBLISHED.get((width, blocks), f"vit {width}x{blocks}")


def _read(path: Path) -> dict[str, Tensor]:
    try:
        state = read_weights(path)
    except Exception as error:  # a damaged pickle raises anything
        raise NetworkError(
            f"{path} cannot be read as weights: {type(error).__name__}: {error}"
        ) from error
    for name in REQUIRED:
        if name not in state:
            raise _no_sam(path, state, f"it has no {name}")
    if not all(isinstance(value, Tensor) for value in state.values()):
        raise _no_sam(path, state, "not all of it is tensors")
    return state


def _no_sam(path: Path, names: Iterable[str], reason: str) -> NetworkError:
    listed = list(names)
    return NetworkError(
        f"{path} is no checkpoint of Segment Anything (vit_b, vit_l or vit_h, as published, or a "
        f"network of the same parts): {reason.strip()}. It holds {len(listed)} entries: "
        f"{', '.join(map(str, listed[:4]))}, ..."
    )


def _blocks(state: State, of: str = "image_encoder.blocks.") -> int:
    """Numbered parts under a name."""
    return len({name[len(of) :].split(".")[0] for name in state if name.startswith(of)})


def _image_encoder(parts: Any, state: State) -> nn.Module:
    """Heads, windows and which blocks see the whole picture show in the relative positions: their
    shape is twice the reach of the block minus one, times the width of a head.
    """
    width, _, patch, _ = state["image_encoder.patch_embed.proj.weight"].shape
    grid = state["image_encoder.pos_embed"].shape[1]
    relative = [
        state[f"image_encoder.blocks.{block}.attn.rel_pos_h"].shape
        for block in range(_blocks(state))
    ]
    reach = [(positions + 1) // 2 for positions, _ in relative]
    return parts.ImageEncoderViT(
        img_size=grid * patch,
        patch_size=patch,
        embed_dim=width,
        depth=len(reach),
        num_heads=width // relative[0][1],
        mlp_ratio=len(state["image_encoder.blocks.0.mlp.lin1.bias"]) / width,
        out_chans=len(state["image_encoder.neck.0.weight"]),
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=next((size for size in reach if size != grid), 0),
        global_attn_indexes=tuple(block for block, size in enumerate(reach) if size == grid),
    )


def _prompt_encoder(parts: Any, state: State) -> nn.Module:
    patch = state["image_encoder.patch_embed.proj.weight"].shape[-1]
    grid = state["image_encoder.pos_embed"].shape[1]
    return parts.PromptEncoder(
        embed_dim=state["prompt_encoder.no_mask_embed.weight"].shape[1],
        image_embedding_size=(grid, grid),
        input_image_size=(grid * patch, grid * patch),
        mask_in_chans=len(state["prompt_encoder.mask_downscaling.3.bias"]),
    )


def _decoder(parts: Any, state: State) -> nn.Module:
    masks, width = state["mask_decoder.mask_tokens.weight"].shape
    layers = "mask_decoder.transformer.layers."
    inner = len(state[f"{layers}0.cross_attn_token_to_image.q_proj.bias"])
    return parts.MaskDecoder(
        transformer_dim=width,
        transformer=parts.TwoWayTransformer(
            depth=_blocks(state, layers),
            embedding_dim=width,
            num_heads=DECODER_HEADS,
            mlp_dim=len(state[f"{layers}0.mlp.lin1.bias"]),
            attention_downsample_rate=width // inner,
        ),
        num_multimask_outputs=masks - 1,
        iou_head_depth=_blocks(state, "mask_decoder.iou_prediction_head.layers."),
        iou_head_hidden_dim=len(state["mask_decoder.iou_prediction_head.layers.0.bias"]),
    )
