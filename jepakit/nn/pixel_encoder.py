"""The pixels of a patch as its latent: what a world model predicts that has no latent space."""

from __future__ import annotations

from torch import nn

from jepakit.nn.patches import PatchEmbedding
from jepakit.nn.positions import PositionEmbedding
from jepakit.nn.rotary import RotaryEmbedding
from jepakit.nn.vit import VisionTransformer


class PixelEncoder(VisionTransformer):
    """An encoder that does nothing: a token is the normalised pixels of its tubelet, ``u p p 3``.

    Source: V-JEPA 2, section 9.4, the ablation "pixel-space prediction target".
    """

    def __init__(
        self,
        *,
        frames: int = 16,
        size: int | tuple[int, int] = 128,
        patch: int = 16,
        tubelet: int = 2,
    ) -> None:
        """Build the encoder.

        Args:
            frames: frames of a clip.
            size: height and width of a frame in pixels, or one number for a square.
            patch: side of a patch in pixels.
            tubelet: frames per token.
        """
        width = 3 * tubelet * patch**2
        super().__init__(
            width, depth=0, heads=1, frames=frames, size=size, patch=patch, tubelet=tubelet
        )
        self._modules["norm"] = nn.Identity()
        assert isinstance(self.patches, PatchEmbedding)
        nn.init.eye_(self.patches.proj.weight)
        nn.init.zeros_(self.patches.proj.bias)
        self.requires_grad_(requires_grad=False)

    def _positional_parts(self) -> tuple[PositionEmbedding | None, RotaryEmbedding | None]:
        return None, None
