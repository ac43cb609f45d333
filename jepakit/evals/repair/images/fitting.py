"""Images and their masks through one window to the size of an encoder, and to its frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from jepakit.data.video.augmentation import Augmentation, Window
from jepakit.evals.repair.images.mask_files import nearest
from jepakit.evals.repair.images.masked_images import MaskedImage, UnusableImage


@dataclass(frozen=True)
class Fit:
    """What an encoder sees of an image: frames bilinear and antialiased, masks nearest.

    Attributes:
        size: rows and columns of the encoder's pictures.
        crop: share of the largest centred window that is seen; None squeezes the whole picture
            into ``size``, as the Hugging Face processor of I-JEPA does.
        frames: that the encoder takes: a picture is repeated, a clip cut; None keeps all.
        kept: share of the object's pixels that must lie in the window.
    """

    size: tuple[int, int]
    crop: float | None = 1.0
    frames: int | None = None
    kept: float = 0.5

    def __post_init__(self) -> None:
        """Refuse impossible windows.

        Raises:
            ValueError: sizes below 1, or a share that is none.
        """
        if min(*self.size, self.frames or 1) < 1:
            raise ValueError(f"Sizes must be positive, got {self.size} and {self.frames} frames.")
        if self.crop is not None and not 0 < self.crop <= 1:
            raise ValueError(f"crop is a share in (0, 1] or None, got {self.crop}.")
        if not 0 <= self.kept <= 1:
            raise ValueError(f"kept is a share in [0, 1], got {self.kept}.")

    def __call__(self, item: MaskedImage) -> MaskedImage:
        """The item as the encoder sees it.

        Raises:
            ValueError: a clip shorter than the encoder's.
            UnusableImage: too little of the object is left in the window.
        """
        taken = self._taken(item)
        window = self._window((item.frames.shape[1], item.frames.shape[2]))
        frames = np.stack([window.resized(item.frames[t], self.size).numpy() for t in taken])
        mask, void = (_cut(layer[taken], window, self.size) for layer in (item.mask, item.void))
        inside = item.mask[taken][:, window.top :, window.left :]
        inside = inside[:, : window.height, : window.width].sum()
        if not mask.any() or inside < self.kept * item.mask[taken].sum():
            raise UnusableImage(
                "object outside of the crop",
                f"{item.key}: of {item.mask[taken].sum()} pixels of '{item.label}' {inside} are in "
                f"the window, at {self.size} pixels {mask.sum()}.",
            )
        return MaskedImage(frames, mask, void, item.label, item.key, item.group)

    def _window(self, size: tuple[int, int]) -> Window:
        if self.crop is None:
            return Window(0, 0, *size)
        return Augmentation(centre=self.crop).middle(size, self.size)

    def _taken(self, item: MaskedImage) -> list[int]:
        found, wanted = len(item.frames), self.frames or len(item.frames)
        if 1 < found < wanted:
            raise ValueError(
                f"{item.key} has {found} frames, the encoder takes {wanted}; give longer clips, or "
                "single frames, which are repeated."
            )
        return [0] * wanted if found == 1 else list(range(wanted))


def _cut(
    layer: Bool[np.ndarray, "t h w"], window: Window, size: tuple[int, int]
) -> Bool[np.ndarray, "t h2 w2"]:
    rows = window.top + nearest(window.height, size[0])
    columns = window.left + nearest(window.width, size[1])
    return layer[:, rows[:, None], columns]
