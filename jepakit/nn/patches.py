"""From uint8 clips to tokens: only the kept patches are read, converted and projected."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from jepakit.batch import BatchRequest, Packing

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class PatchEmbedding(nn.Module):
    """``Linear((pixels / 255 - mean) / std)`` of tubelets of ``u x p x p`` pixels.

    Equal to a 3-D convolution whose stride is its kernel, but kept patches are gathered as uint8
    first: a quarter of the bytes, and no work on the patches that are dropped. Mean and standard
    deviation are ImageNet's; frames become floats here, on the frames' own device.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, width: int, *, request: BatchRequest) -> None:
        """Set up the projection.

        Args:
            width: width of a token.
            request: sizes of the clips, of the patches and of the tubelets.

        Raises:
            ValueError: the clip is not a whole number of tubelets and patches.
        """
        super().__init__()
        _check_divides(request)
        self.request = request
        pixels = request.tubelet * request.patch**2
        mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
        self.register_buffer("scale", (1 / (255 * std)).repeat(pixels), persistent=False)
        self.register_buffer("shift", (-mean / std).repeat(pixels), persistent=False)
        self.proj = nn.Linear(3 * pixels, width)

    def forward(
        self, frames: UInt8[Tensor, "b t h w 3"], packing: Packing
    ) -> Float[Tensor, "total d"]:
        """Tokens of the kept patches, without position.

        Raises:
            ValueError: the clips are not of the requested size, or as many as the packing's.
        """
        request = self.request
        expected = (packing.batch, request.frames, *request.size, 3)
        if tuple(frames.shape) != expected:
            raise ValueError(
                f"The encoder takes clips (b t h w 3) of shape {expected}, came "
                f"{tuple(frames.shape)}."
            )
        patches = gather_patches(frames, packing.index, request)
        # uint8 * float32 is promoted inside the kernel: the float copy is made once.
        return self.proj(torch.addcmul(self.shift, patches, self.scale))


def gather_patches(
    frames: UInt8[Tensor, "b t h w 3"], index: Int[Tensor, " total"], request: BatchRequest
) -> UInt8[Tensor, "total pixels"]:
    """Pixels of the patches ``index`` of the flattened ``(b tt hh ww)`` grid.

    A patch is ``u * p`` stretches of ``3 p`` contiguous bytes, ordered (frame, row, column, RGB).
    """
    _, rows, columns = request.grid
    u, p, height = request.tubelet, request.patch, request.size[0]
    column, row = index % columns, index // columns % rows
    tubelet = index // (columns * rows)  # counted over the whole batch
    first = ((tubelet * u * height) + row * p) * columns + column
    frame, line = (torch.arange(n, device=index.device) for n in (u, p))
    stretch = ((frame.unsqueeze(1) * height + line) * columns).flatten()
    picked = (first.unsqueeze(1) + stretch).flatten()
    return frames.reshape(-1, 3 * p).index_select(0, picked).view(index.shape[0], -1)


def linear_from_conv(weight: Float[Tensor, "d 3 u p p"]) -> Float[Tensor, "d pixels"]:
    """Weight of :class:`PatchEmbedding` for that of a 3-D convolution over RGB clips."""
    return weight.permute(0, 2, 3, 4, 1).flatten(1)


def _check_divides(request: BatchRequest) -> None:
    for name, length, part in (
        ("frames", request.frames, request.tubelet),
        ("height", request.size[0], request.patch),
        ("width", request.size[1], request.patch),
    ):
        if part < 1 or length < part or length % part:
            raise ValueError(
                f"A clip's {name} ({length}) must be a positive multiple of the "
                f"{'tubelet' if name == 'frames' else 'patch'} size ({part})."
            )
