"""Clips and still images, each with a tokenizer and a learned vector of its own."""

from __future__ import annotations

import copy
import dataclasses

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from jepakit.batch import BatchRequest, Packing
from jepakit.nn.patches import PatchEmbedding


class ModalPatches(nn.Module):
    """Tokens of clips by one projection, and of clips of a single frame by another.

    A still image has the tokens of one frame, ``hh ww``, not those of a tubelet.

    Source: V-JEPA 2.1 (``patch_embed_img``, ``video_mod_embed``, ``img_mod_embed``).
    """

    def __init__(self, width: int, *, request: BatchRequest) -> None:
        """Set up both projections; the modality vectors start at Normal(0, 1e-6).

        Args:
            width: width of a token.
            request: sizes of the clips, of the patches and of the tubelets.

        Raises:
            ValueError: sizes that do not divide.
        """
        super().__init__()
        self.video = PatchEmbedding(width, request=request)
        self.image = PatchEmbedding(width, request=_still(request))
        self.video_embedding = nn.Parameter(torch.empty(width).normal_(std=1e-6))
        self.image_embedding = nn.Parameter(torch.empty(width).normal_(std=1e-6))

    @property
    def pixels(self) -> int:
        """Numbers that a token of a clip is projected from."""
        return self.video.pixels

    def forward(
        self, frames: UInt8[Tensor, "b t h w 3"] | Float[Tensor, "b t h w 3"], packing: Packing
    ) -> Float[Tensor, "total d"]:
        """Tokens of the kept patches, see :class:`PatchEmbedding`."""
        if frames.shape[1] == 1:
            return self.image(frames, packing) + self.image_embedding
        return self.video(frames, packing) + self.video_embedding

    def resized(self, request: BatchRequest) -> ModalPatches:
        """The same weights for clips of another length or size."""
        twin = copy.copy(self)
        twin._modules = {
            "video": self.video.resized(request),
            "image": self.image.resized(_still(request)),
        }
        return twin


def _still(request: BatchRequest) -> BatchRequest:
    return dataclasses.replace(request, frames=1, tubelet=1)
