"""What a world model sees: every frame on its own, through an encoder and a readout."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from jepakit.losses.averaging import at_least_float32
from jepakit.nn.principal import PrincipalReadout
from jepakit.nn.readout import AllPatches, Readout
from jepakit.nn.vit import VisionTransformer

Frames = UInt8[Tensor, "b t h w 3"] | Float[Tensor, "b t h w 3"]
"""RGB 0..255, or normalised already."""

ReadoutOf = Callable[[int, tuple[int, int]], Readout]


class Perception(nn.Module):
    """Latents of single frames; a frame fills a tubelet of the encoder.

    Source: V-JEPA 2-AC, whose frames are repeated to tubelets and whose latents are
    layer-normalised without affine; V-JEPA 2, section 4.4, for pooled states.
    """

    def __init__(
        self,
        encoder: VisionTransformer,
        readout: ReadoutOf = AllPatches,
        *,
        normalise: bool = True,
    ) -> None:
        """Put the parts together.

        Args:
            encoder: of clips; it sees each frame as a clip of one tubelet.
            readout: builds the readout for the width and the grid of the encoder's tokens.
            normalise: whether latents have mean 0 and variance 1 each.
        """
        super().__init__()
        tubelet = encoder.request.tubelet
        frame = encoder if encoder.request.frames == tubelet else encoder.resized(frames=tubelet)
        self.encoder = frame
        self.readout = readout(encoder.width, encoder.grid[1:])
        self.normalise = normalise

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of a frame's latents."""
        return self.readout.grid

    @property
    def width(self) -> int:
        """Width of a latent."""
        return self.readout.width

    def tokens(self, frames: Frames) -> Float[Tensor, "b t n d"]:
        """The encoder's tokens of every frame, each seen alone."""
        batch = len(frames)
        single = frames.flatten(0, 1).unsqueeze(1)
        if not (self.encoder.images and self.encoder.request.tubelet > 1):
            single = single.expand(-1, self.encoder.request.tubelet, -1, -1, -1)
        return self.encoder(single).dense().unflatten(0, (batch, -1))

    def read(self, tokens: Float[Tensor, "b t n d"]) -> Float[Tensor, "b t m c"]:
        """Latents out of tokens."""
        latents = self.readout(tokens.flatten(0, 1)).unflatten(0, tokens.shape[:2])
        return self.normed(latents)

    def normed(self, latents: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        """Latents as they are compared."""
        latents = at_least_float32(latents)
        return F.layer_norm(latents, latents.shape[-1:]) if self.normalise else latents

    def forward(self, frames: Frames) -> Float[Tensor, "b t m c"]:
        """Latents of every frame."""
        return self.read(self.tokens(frames))

    @property
    def fitted(self) -> bool:
        """Whether the readout waits for nothing."""
        return not isinstance(self.readout, PrincipalReadout) or bool(self.readout.fitted)

    @torch.no_grad()
    def fit(self, frames: Frames) -> float | None:
        """Fit the readout to frames; the share of the tokens' variance that it keeps.

        Nothing happens to readouts that are not fitted to data.
        """
        if not isinstance(self.readout, PrincipalReadout):
            return None
        device = self.readout.mean.device
        parts = [self.tokens(part.to(device)).flatten(0, 1) for part in frames.split(16)]
        return self.readout.fit(torch.cat(parts))
