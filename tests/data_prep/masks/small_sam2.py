"""A SAM 2 small enough for tests, written to a folder as published ones are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

SIZE = 64  # of the pictures it sees, pixels


def small_sam2() -> Any:
    """Random weights of a scale at which masks differ from object to object."""
    from transformers import Sam2VideoConfig, Sam2VideoModel

    wide, grids = 128, [[SIZE // 4] * 2, [SIZE // 8] * 2, [SIZE // 16] * 2]
    config = Sam2VideoConfig(
        image_size=SIZE,
        vision_config={
            "backbone_config": {
                "model_type": "sam2_hiera_det_model",
                "image_size": [SIZE, SIZE],
                "hidden_size": 8,
                "blocks_per_stage": [1, 1, 2, 1],
                "embed_dim_per_stage": [8, 16, 32, 64],
                "num_attention_heads_per_stage": [1, 1, 1, 1],
                "window_size_per_stage": [8, 4, 4, 4],
                "global_attention_blocks": [3],
            },
            "model_type": "sam2_vision_model",
            "backbone_channel_list": [64, 32, 16, 8],
            "backbone_feature_sizes": grids,
            "fpn_hidden_size": wide,
        },
        prompt_encoder_config={"hidden_size": wide, "image_size": SIZE, "mask_input_channels": 8},
        mask_decoder_config={
            "hidden_size": wide,
            "mlp_dim": 32,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
        },
        memory_attention_hidden_size=wide,
        memory_attention_num_layers=1,
        memory_attention_feed_forward_hidden_size=32,
        memory_attention_rope_feat_sizes=grids[-1],
        memory_encoder_hidden_size=wide,
        mask_downsampler_embed_dim=wide,
        memory_fuser_embed_dim=wide,
        memory_fuser_intermediate_dim=32,
        memory_fuser_num_layers=1,
    )
    network = Sam2VideoModel(config)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=parameter[0].numel() ** -0.5, generator=generator)
    return network.eval()


def write_sam2(folder: Path) -> Path:
    """Network and processor as a folder."""
    from transformers import Sam2ImageProcessor, Sam2VideoProcessor, Sam2VideoVideoProcessor

    size = {"height": SIZE, "width": SIZE}
    small_sam2().save_pretrained(folder)
    Sam2VideoProcessor(
        Sam2ImageProcessor(size=size), Sam2VideoVideoProcessor(size=size)
    ).save_pretrained(folder)
    return folder
