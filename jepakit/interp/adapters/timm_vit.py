"""Sites of timm's vision transformers."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from jepakit.interp.adapters.hooked import HookedEncoder, Place, Skeleton, Triple

PLACES = {
    "q": Place("attn.qkv", third=0),
    "k": Place("attn.qkv", third=1),
    "v": Place("attn.qkv", third=2),
    "attn": Place("attn.proj"),
    "mlp_hidden": Place("mlp.fc2", entering=True),
    "mlp": Place("mlp.fc2"),
}


class TimmViTEncoder(HookedEncoder):
    """A ``timm.models.vision_transformer.VisionTransformer``.

    Images are clips of one frame; class and register tokens stand apart. Where it is pooled by the
    mean, timm norms after pooling, and ``final`` is the stream.
    """

    def __init__(
        self,
        model: Any,
        *,
        name: str = "timm ViT",
        mean: Triple | None = None,
        std: Triple | None = None,
    ) -> None:
        """Wrap a vision transformer of timm, see :class:`HookedEncoder`.

        Args:
            model: the model.
            name: in tables.
            mean: of the pixels 0..1, per channel; what the model's configuration says by default.
            std: of the pixels 0..1, per channel; likewise.

        Raises:
            ValueError: a model without mean and deviation of its own where they are not given, or
                with blocks that are built otherwise.
        """
        config = getattr(model, "pretrained_cfg", None) or {}
        mean, std = mean or config.get("mean"), std or config.get("std")
        if mean is None or std is None:
            raise ValueError(f"{name} does not say how its pixels are normalised: give mean, std.")
        patches = model.patch_embed
        skeleton = Skeleton(
            blocks=tuple(model.blocks),
            norm=model.norm,
            places=PLACES,
            frames=1,
            size=tuple(patches.img_size),
            grid=(1, *patches.grid_size),
            width=model.embed_dim,
            prefix_tokens=model.num_prefix_tokens,
        )
        super().__init__(model, skeleton, name=name, mean=tuple(mean), std=tuple(std))

    def _embed(self, pixels: Tensor) -> Tensor:
        model: Any = self.model
        x = model._pos_embed(model.patch_embed(pixels.squeeze(1)))
        return model.norm_pre(model.patch_drop(x))

    def _block(self, block: nn.Module, x: Tensor) -> Tensor:
        return block(x)
