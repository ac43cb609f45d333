"""The adapter for a model, whichever library it is of."""

from __future__ import annotations

from typing import Any

from torch import nn

from jepakit.interp.adapters.huggingface import FAMILIES
from jepakit.interp.adapters.native import NativeEncoder
from jepakit.interp.adapters.timm_vit import TimmViTEncoder
from jepakit.interp.patchable import PatchableEncoder
from jepakit.nn.vit import VisionTransformer


def patchable(model: nn.Module, **options: Any) -> PatchableEncoder:
    """Wrap a model in the adapter of its family; no library is imported for it.

    Args:
        model: a vision transformer of ours, of timm, or one of Hugging Face's I-JEPA, V-JEPA 2, MAE
            and BEiT.
        options: of the adapter.

    Raises:
        ValueError: no adapter is for this model, or see there.
    """
    if isinstance(model, VisionTransformer):
        return NativeEncoder(model, **options)
    for kind in type(model).__mro__:
        if kind.__module__.startswith("transformers.") and kind.__name__ in FAMILIES:
            return FAMILIES[kind.__name__](model, **options)
        if kind.__module__ == "timm.models.vision_transformer":
            return TimmViTEncoder(model, **options)
    raise ValueError(
        f"There is no adapter for {type(model).__module__}.{type(model).__name__}: there are some "
        f"for VisionTransformer, timm's VisionTransformer and {', '.join(FAMILIES)}."
    )
