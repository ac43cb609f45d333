"""Superpixel masking: SLIC segments in the place of objects."""

from __future__ import annotations

import dataclasses
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from jepakit.masks.objects import ObjectMasker
from jepakit.protocols import Masker, MaskInput, SampleMask


class SuperpixelMasker:
    """Segments a clip by colour and place, and hides segments by the rule for objects.

    Pixels are averaged down to ``cells`` x ``cells`` per token before SLIC (Achanta et al. 2012),
    which the masks do not resolve anyway. ``first`` and ``mean`` segment one picture (the first
    frame, the mean over frames) and extend it through time; ``volume`` segments the clip, one plane
    per tubelet. Segments are no objects: ``forced`` is not looked at and ``objects`` stays empty.

    Args:
        segments: about how many segments SLIC makes.
        compactness: weight of place against colour (CIELAB units).
        source: ``first``, ``mean`` or ``volume``.
        cells: pixels per token and axis that SLIC sees.
        max_objects: most segments hidden in one sample.
        area: least and greatest share of the tokens of an eligible segment.
        min_context: least share of tokens that stays visible.
        fallback: masks samples without an eligible segment; None is I-JEPA multi-block.
    """

    def __init__(
        self,
        segments: int = 12,
        *,
        compactness: float = 10.0,
        source: Literal["first", "mean", "volume"] = "first",
        cells: int = 4,
        max_objects: int = 3,
        area: tuple[float, float] = (0.05, 0.40),
        min_context: float = 0.10,
        fallback: Masker | None = None,
    ) -> None:
        if not 2 <= segments <= 128:
            raise ValueError(f"segments must be within 2 .. 128, got {segments}.")
        if not compactness > 0:
            raise ValueError(f"compactness must be above 0, got {compactness}.")
        if cells < 1:
            raise ValueError(f"cells must be at least 1, got {cells}.")
        self.segments = segments
        self.compactness = compactness
        self.source = source
        self.cells = cells
        self.rule = ObjectMasker(max_objects, area=area, min_context=min_context, fallback=fallback)

    @property
    def max_slots(self) -> int:
        """Most regions that a sample can have: every slot is below it."""
        return self.rule.max_slots

    def __call__(self, sample: MaskInput, generator: torch.Generator) -> SampleMask:
        """Mask one sample.

        Raises:
            ValueError: the frames do not divide into the token grid.
        """
        coverage = self._coverage(sample.frames, tuple(sample.coverage.shape[1:]))
        mask = self.rule(MaskInput(coverage, sample.frames), generator)
        return dataclasses.replace(mask, objects=())

    def _coverage(
        self, frames: UInt8[Tensor, "t h w 3"], grid: tuple[int, ...]
    ) -> UInt8[Tensor, "k tt hh ww"]:
        planes, rows, columns = grid
        times, height, width = frames.shape[:3]
        if times % planes or height % rows or width % columns:
            raise ValueError(
                f"Frames of {times} x {height} x {width} do not divide into a token grid of "
                f"{planes} x {rows} x {columns}."
            )
        labels = self._segment(self._picture(frames, planes, rows, columns))
        cells = labels.shape[1] // rows, labels.shape[2] // columns
        inside = F.one_hot(labels).permute(3, 0, 1, 2).float()
        share = F.avg_pool3d(inside, (1, *cells))
        return (share * 255).ceil().to(torch.uint8).expand(-1, planes, -1, -1)

    def _picture(
        self, frames: UInt8[Tensor, "t h w 3"], planes: int, rows: int, columns: int
    ) -> Float[Tensor, "z y x 3"]:
        if self.source == "first":
            frames = frames[:1]
        depth = planes if self.source == "volume" else 1
        size = min(rows * self.cells, frames.shape[1]), min(columns * self.cells, frames.shape[2])
        video = frames.permute(3, 0, 1, 2).float() / 255
        return F.adaptive_avg_pool3d(video, (depth, *size)).permute(1, 2, 3, 0)

    def _segment(self, picture: Float[Tensor, "z y x 3"]) -> Int[Tensor, "z y x"]:
        # Loaded on first use: scikit-image takes half a second that other maskers should not pay.
        from skimage.segmentation import slic

        volume = picture.double().numpy()
        labels = slic(
            volume if len(volume) > 1 else volume[0],
            n_segments=self.segments,
            compactness=self.compactness,
            start_label=0,
            channel_axis=-1,
        )
        return torch.from_numpy(labels).reshape(picture.shape[:3]).long()
