"""A control that saw natural images only: a classifier of timm with weights from a file."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional

from jepakit.evals.probes.features import Featuriser


def timm_featuriser(name: str, weights: Path, device: torch.device | str = "cpu") -> Featuriser:
    """Pooled features of the first frame, resized and normalised as the model was trained with.

    The whole picture is resized, without timm's central crop, since goals may lie at the border.

    Args:
        name: of the model in timm, such as ``vit_base_patch16_224``.
        weights: safetensors, or a PyTorch file of plain tensors; with or without a classifier.
        device: where the model runs.

    Raises:
        FileNotFoundError: no such file; nothing is downloaded.
        ValueError: no such model, or weights of another one.
    """
    from timm.data import resolve_model_data_config

    model = load_timm(name, weights).to(device).eval().requires_grad_(requires_grad=False)
    config = resolve_model_data_config(model)
    size = config["input_size"][1:]
    mean, std = (torch.tensor(config[key], device=device) for key in ("mean", "std"))
    mode = "bilinear" if config["interpolation"] == "bilinear" else "bicubic"

    def featurise(frames: UInt8[Tensor, "b t h w 3"]) -> Float[Tensor, "b d"]:
        images = rearrange(frames[:, 0], "b h w c -> b c h w").float() / 255
        images = functional.interpolate(images, size, mode=mode, antialias=True).clamp(0, 1)
        return model((images - mean[:, None, None]) / std[:, None, None]).float()

    return featurise


def load_timm(name: str, weights: Path) -> nn.Module:
    """A model of timm without its classifier; raises as :func:`timm_featuriser`."""
    import timm
    from timm.models import load_state_dict

    if not timm.is_model(name):
        near = ", ".join(timm.list_models(f"*{name}*")[:5])
        raise ValueError(f"timm {timm.__version__} has no model {name!r}; near it: {near or '-'}.")
    if not weights.is_file():
        raise FileNotFoundError(
            f"No timm weights at {weights}. Nothing is downloaded: get the weights of {name} as a "
            "safetensors or PyTorch file and pass --timm_weights FILE."
        )
    model: nn.Module = timm.create_model(name, pretrained=False, num_classes=0)
    try:
        state = load_state_dict(str(weights), weights_only=True)
    except (pickle.UnpicklingError, SafetensorError, RuntimeError, EOFError) as error:
        raise ValueError(f"{weights} is no file of plain tensors: {error}") from error
    try:
        model.load_state_dict(
            without_classifier(state, timm.get_pretrained_cfg_value(name, "classifier"))
        )
    except RuntimeError as error:
        raise ValueError(f"{weights} holds no weights of timm's {name}: {error}") from error
    return model


def without_classifier(
    state: Mapping[str, Any], names: str | Sequence[str] | None
) -> dict[str, Any]:
    """The weights but those of the classifiers of these names."""
    heads = tuple(f"{head}." for head in ([names] if isinstance(names, str) else names or ()))
    return {key: value for key, value in state.items() if not key.startswith(heads)}
