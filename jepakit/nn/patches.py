"""From uint8 clips to tokens: only the kept patches are read, converted and projected."""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float, Int, Shaped, UInt8
from torch import Tensor, nn

from jepakit.batch import BatchRequest, Packing

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class PatchEmbedding(nn.Module):
    """``Linear((pixels / 255 - mean) / std)`` of tubelets of ``u x p x p`` pixels.

    Equal to a 3-D convolution whose stride is its kernel, but kept patches are gathered as uint8
    first: a quarter of the bytes, and no work on the patches that are dropped. Mean and standard
    deviation are ImageNet's; frames become floats here, on the frames' own device. Frames that come
    as floats are taken for normalised and projected as they are.
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
        self, frames: UInt8[Tensor, "b t h w 3"] | Float[Tensor, "b t h w 3"], packing: Packing
    ) -> Float[Tensor, "total d"]:
        """Tokens of the kept patches, without position.

        Args:
            frames: RGB 0..255, or floats that are normalised already.
            packing: the kept tokens; of ``v b`` samples where every clip is masked ``v`` times, all
                clips under the first mask, then all under the next.

        Raises:
            ValueError: the clips are not of the requested size, or do not divide the packing's.
        """
        request = self.request
        clip = (request.frames, *request.size, 3)
        clips = frames.shape[0]
        if tuple(frames.shape[1:]) != clip or not clips or packing.batch % clips:
            expected = (packing.batch, *clip)
            raise ValueError(
                f"The encoder takes clips (b t h w 3) of shape {expected}, came "
                f"{tuple(frames.shape)}."
            )
        rows = packing.index
        if packing.batch > clips:
            rows = rows % (clips * packing.grid)
        patches = gather_patches(frames, rows, request)
        if frames.is_floating_point():
            return self.proj(patches)
        # uint8 * float32 is promoted inside the kernel: the float copy is made once.
        return self.proj(torch.addcmul(self.shift, patches, self.scale))

    @property
    def pixels(self) -> int:
        """Numbers that a token is projected from."""
        return self.proj.in_features

    def resized(self, request: BatchRequest) -> PatchEmbedding:
        """The same weights for clips of another length or size."""
        _check_divides(request)
        twin = copy.copy(self)
        twin.request = request
        return twin


def gather_patches(
    frames: Shaped[Tensor, "b t h w 3"], index: Int[Tensor, " total"], request: BatchRequest
) -> Shaped[Tensor, "total pixels"]:
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


def conv_from_linear(
    weight: Float[Tensor, "d pixels"], *, tubelet: int, patch: int
) -> Float[Tensor, "d 3 u p p"]:
    """The inverse of :func:`linear_from_conv`."""
    return weight.unflatten(1, (tubelet, patch, patch, 3)).permute(0, 4, 1, 2, 3).contiguous()


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
