"""A vision transformer as a function from windows of any length to latents."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, UInt8

from explorer.windows.window_comparison import Encode
from jepakit.nn.stretch import NORM
from jepakit.nn.vit import VisionTransformer


def window_encoder(encoder: VisionTransformer, *, site: str = NORM) -> Encode:
    """Encode windows one at a time, without gradient, resized to whatever comes.

    Args:
        encoder: in evaluation mode, on any device. Longer windows than it was trained on use
            positions that it has not seen; compare with the untrained one.
        site: the activation to return, ``norm`` (the output) or say ``blocks.03.out``.
    """
    sizes: dict[tuple[int, ...], VisionTransformer] = {}

    def encode(frames: UInt8[np.ndarray, "t h w 3"]) -> Float[np.ndarray, "tt hh ww d"]:
        length, height, width = frames.shape[:3]
        fitting = sizes.get((length, height, width))
        if fitting is None:
            fitting = encoder.resized(frames=length, size=(height, width))
            sizes[length, height, width] = fitting
        clip = torch.from_numpy(np.ascontiguousarray(frames))[None]
        with torch.no_grad():
            clip = clip.to(fitting.norm.weight.device)
            encoded = fitting(clip, capture=() if site == NORM else (site,))
        tokens = encoded.tokens if site == NORM else encoded.captured[site]
        return tokens.reshape(*fitting.grid, -1).float().cpu().numpy()

    return encode
