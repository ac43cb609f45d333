import re

import pytest
import torch
from torch import Tensor

from jepakit.nn import VisionTransformer
from jepakit.nn.patches import IMAGENET_MEAN, IMAGENET_STD, linear_from_conv


def from_timm(name: str, value: Tensor) -> tuple[str, Tensor]:
    """Our name and layout of one of timm's weights."""
    if name == "pos_embed":
        return "positions.table", value[0]
    if name == "patch_embed.proj.weight":
        return "patches.proj.weight", linear_from_conv(value.unsqueeze(2))
    name = name.replace("patch_embed", "patches")
    return re.sub(r"(blocks\.\d+)\.(attn|mlp)\.", r"\1.", name), value


@pytest.mark.slow
def test_timm_weights_give_timm_outputs() -> None:
    import timm

    torch.manual_seed(0)
    theirs = timm.create_model(
        "vit_tiny_patch16_224",
        pretrained=False,
        class_token=False,
        global_pool="avg",
        fc_norm=False,
        num_classes=0,
        img_size=64,
        depth=4,
    ).eval()
    for parameter in theirs.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.02)
    ours = VisionTransformer(
        192, depth=4, heads=3, frames=1, size=64, patch=16, tubelet=1, position="learned"
    )
    ours.load_state_dict(dict(from_timm(*item) for item in theirs.state_dict().items()))
    frames = torch.randint(0, 256, (2, 1, 64, 64, 3)).byte()
    pixels = (frames[:, 0] / 255 - torch.tensor(IMAGENET_MEAN)) / torch.tensor(IMAGENET_STD)
    with torch.no_grad():
        expected = theirs.forward_features(pixels.permute(0, 3, 1, 2))
    torch.testing.assert_close(ours.encode(frames), expected, atol=2e-5, rtol=1e-4)
