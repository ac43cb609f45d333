"""Tiny encoders of every family behind their adapters, and pairs of clips to patch."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from jepakit.interp.adapters.resolve import patchable
from jepakit.interp.patchable import PatchableEncoder
from jepakit.nn import VisionTransformer

SIDE, PATCH, DEPTH, WIDTH = 16, 4, 3, 24
IMAGE: dict[str, Any] = {
    "hidden_size": WIDTH,
    "num_hidden_layers": DEPTH,
    "num_attention_heads": 2,
    "intermediate_size": 40,
    "image_size": SIDE,
    "patch_size": PATCH,
    "layer_norm_eps": 1e-6,
}
NATIVE = ("sincos", "learned", "rope", "stills")
HUGGING = ("ijepa", "vjepa2", "mae", "beit", "beit_shared")
TIMM = ("timm", "timm_registers", "timm_plain")
FAMILIES = (*NATIVE, *HUGGING, *TIMM)


def randomised(model: Any, *, std: float = 0.3) -> Any:
    """Every parameter random, so that each one counts; norms keep the scale of tokens."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=std, generator=generator)
        for part in model.modules():
            if isinstance(part, nn.LayerNorm):
                part.weight.add_(1.0)
    return model.eval()


def transformers() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own deprecations, while it is imported
        return pytest.importorskip("transformers", reason="adapters are for its classes")


@functools.cache
def model_of(family: str) -> nn.Module:
    """A random model; shared by the tests, which leave it as it is."""
    if family in NATIVE:
        clip = {"frames": 4, "tubelet": 2} if family != "learned" else {"frames": 1, "tubelet": 1}
        return randomised(
            VisionTransformer(
                WIDTH,
                depth=DEPTH,
                heads=2,
                size=SIDE,
                patch=PATCH,
                mlp_ratio=2.5,
                position="rope" if family == "stills" else family,  # type: ignore[arg-type]
                images=family == "stills",
                **clip,
            )
        )
    if family in TIMM:
        timm = pytest.importorskip("timm")
        options = {
            "timm": {"init_values": 0.5},
            "timm_registers": {"reg_tokens": 2, "qk_norm": True},
            "timm_plain": {"class_token": False, "global_pool": "avg", "pre_norm": True},
        }[family]
        return randomised(
            timm.models.vision_transformer.VisionTransformer(
                img_size=SIDE,
                patch_size=PATCH,
                embed_dim=WIDTH,
                depth=DEPTH,
                num_heads=2,
                mlp_ratio=2.5,
                num_classes=0,
                **options,
            )
        )
    return randomised(_hugging(family))


def _hugging(family: str) -> nn.Module:
    hf = transformers()
    if family == "ijepa":
        return hf.IJepaModel(hf.IJepaConfig(**IMAGE))
    if family == "mae":
        return hf.ViTMAEModel(hf.ViTMAEConfig(**IMAGE))
    if family == "vjepa2":
        video = {
            "hidden_size": WIDTH,
            "num_hidden_layers": DEPTH,
            "num_attention_heads": 2,
            "mlp_ratio": 2.5,
            "crop_size": SIDE,
            "patch_size": PATCH,
            "frames_per_clip": 4,
            "pred_hidden_size": 12,
            "pred_num_hidden_layers": 1,
            "pred_num_attention_heads": 2,
        }
        return hf.VJEPA2Model(hf.VJEPA2Config(**video))
    shared = family == "beit_shared"
    config = hf.BeitConfig(
        **IMAGE,
        use_relative_position_bias=not shared,
        use_shared_relative_position_bias=shared,
        use_absolute_position_embeddings=shared,
        use_mean_pooling=not shared,
        layer_scale_init_value=0.1,
    )
    return hf.BeitModel(config)


def adapter(family: str) -> PatchableEncoder:
    options: dict[str, Any] = {"stills": True} if family == "stills" else {}
    if family in TIMM:
        options = {"mean": (0.4, 0.5, 0.6), "std": (0.2, 0.3, 0.25)}
    return patchable(model_of(family), **options)


def clips(encoder: PatchableEncoder, *, count: int = 2, seed: int = 0) -> Tensor:
    """Random ones."""
    frames = {1: 1, 2: 4}[encoder.grid[0]]
    generator = torch.Generator().manual_seed(seed)
    shape = (count, frames, SIDE, SIDE, 3)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def blackened(frames: Tensor) -> Tensor:
    """The upper left quarter is black."""
    frames = frames.clone()
    frames[:, :, : SIDE // 2, : SIDE // 2] = 0
    return frames


def quarter(encoder: PatchableEncoder, *, count: int = 2) -> Tensor:
    """Tokens of the upper left quarter."""
    hidden = torch.zeros(count, *encoder.grid, dtype=torch.bool)
    hidden[:, :, : encoder.grid[1] // 2, : encoder.grid[2] // 2] = True
    return hidden.flatten(1)
