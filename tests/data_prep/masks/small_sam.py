"""A Segment Anything small enough for tests, and a clip to look at."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from numpy import ndarray


def small_sam() -> Any:
    """Random weights of a scale at which masks differ from point to point."""
    from segment_anything import modeling

    size, patch, width = 128, 16, 32
    grid = size // patch
    network = modeling.Sam(
        modeling.ImageEncoderViT(
            img_size=size,
            patch_size=patch,
            embed_dim=64,
            depth=2,
            num_heads=4,
            out_chans=width,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
            use_rel_pos=True,
            window_size=5,
            global_attn_indexes=(1,),
        ),
        modeling.PromptEncoder(width, (grid, grid), (size, size), mask_in_chans=8),
        modeling.MaskDecoder(
            transformer_dim=width,
            transformer=modeling.TwoWayTransformer(2, width, num_heads=8, mlp_dim=48),
            iou_head_hidden_dim=24,
        ),
    )
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        # A buffer that the package draws from torch's own generator.
        network.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix.normal_(
            generator=generator
        )
        for name, parameter in network.named_parameters():
            if parameter.ndim > 1:
                gain = 1 if name.startswith("image_encoder.") else 4
                parameter.normal_(std=gain * parameter[0].numel() ** -0.5, generator=generator)
        score = network.mask_decoder.iou_prediction_head.layers[-1]
        score.weight.mul_(0.006)
        score.bias.fill_(0.7)
    return network.eval()


def squares(t: int = 4, size: int = 64) -> UInt8[ndarray, "t h w 3"]:
    """Two squares that move over noise."""
    frames = np.random.default_rng(0).integers(90, 120, (t, size, size, 3), dtype=np.uint8)
    for frame in range(t):
        frames[frame, 8:26, 4 + 3 * frame : 22 + 3 * frame] = (230, 40, 30)
        frames[frame, 34 : 34 + 20, 36 - frame : 56 - frame] = (20, 60, 220)
    return frames
