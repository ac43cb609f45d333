"""A model that is open in the explorer: its encoder, what it takes and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from jepakit.interp.provenance import model_hash
from jepakit.nn.stretch import stream_names
from jepakit.nn.vit import VisionTransformer
from jepakit.training.module import JepaModule


@dataclass(frozen=True)
class ExplorerModel:
    """An encoder with its weights, and the model that it belongs to.

    Attributes:
        id: of the model in its catalogue.
        name: shown to people; says which encoder it is, and whether it is untrained.
        encoder: of the size that it was trained in, in evaluation mode.
        module: the whole model, whose predictor the surprise and counterfactual views ask.
        facts: what else is known, for footers and files: plain strings.
    """

    id: str
    name: str
    encoder: VisionTransformer
    module: JepaModule | None = None
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def frames(self) -> int:
        """Frames of the clips that it was trained on."""
        return self.encoder.request.frames

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the clips that it was trained on, in pixels."""
        return self.encoder.request.size

    @property
    def tubelet(self) -> int:
        """Frames of a time slice."""
        return self.encoder.request.tubelet

    @property
    def patch(self) -> int:
        """Side of a token in pixels."""
        return self.encoder.request.patch

    @property
    def depth(self) -> int:
        """Number of blocks."""
        return len(self.encoder.blocks)

    @property
    def width(self) -> int:
        """``d``, the width of a token."""
        return self.encoder.width

    @property
    def sites(self) -> tuple[str, ...]:
        """The stream at ``embed`` and after every block, and ``norm``, the encoder's output."""
        return stream_names(self.depth)

    @property
    def still(self) -> bool:
        """Whether it sees one frame at a time (I-JEPA): a clip is then a row of pictures."""
        return self.frames == 1 and self.tubelet == 1

    @cached_property
    def weights_hash(self) -> str:
        """SHA-256 of the encoder's weights; the first call reads all of them."""
        return model_hash(self.encoder)

    def tubelet_of(self, frames: int) -> int:
        """Frames of a time slice in clips of this many: encoders of V-JEPA 2.1 take stills too."""
        return 1 if self.encoder.images and frames == 1 else self.tubelet

    def grid_of(self, frames: int, size: tuple[int, int]) -> tuple[int, int, int]:
        """Time slices, rows and columns of a clip."""
        height, width = size
        return frames // self.tubelet_of(frames), height // self.patch, width // self.patch

    def allows(self, frames: int, size: tuple[int, int]) -> None:
        """Refuse clips that the encoder cannot take.

        Raises:
            ValueError: frames or pixels that do not divide, or another size than the one that
                learned positions exist for; says what would fit.
        """
        height, width = size
        tubelet = self.tubelet_of(frames)
        if frames < 1 or frames % tubelet:
            raise ValueError(
                f"{self.name} sees {tubelet} frames at a time, so that a clip has a multiple of "
                f"{tubelet} frames, came {frames}: take "
                f"{max(tubelet, frames // tubelet * tubelet)}."
            )
        if min(size) < self.patch or height % self.patch or width % self.patch:
            raise ValueError(
                f"{self.name} cuts frames into squares of {self.patch} pixels, so that height and "
                f"width are multiples of {self.patch}, came {height} x {width}."
            )
        fixed = self.encoder.position == "learned"
        other = frames != self.frames and not self.still
        if fixed and (size != self.size or other):
            rows, columns = self.size
            clips = "frames" if self.still else f"clips of {self.frames} frames"
            raise ValueError(
                f"{self.name} has learned positions, which exist only for {clips} of {rows} x "
                f"{columns} pixels; came {frames} frames of {height} x {width}: resize the clip."
            )

    def remark(self, frames: int, size: tuple[int, int]) -> str:
        """What to know of a clip that differs from those of the training; empty where none does."""
        if size == self.size and (frames == self.frames or self.still):
            return ""
        rows, columns = self.size
        text = f"trained on {self.frames} frames of {rows} x {columns} pixels"
        if self.encoder.position == "sincos" and self._longer(frames, size):
            return f"{text}: the vectors of later positions were never seen in training"
        return text

    def fitted(self, frames: int, size: tuple[int, int]) -> VisionTransformer:
        """The encoder for clips of another length or size, with the same weights.

        Raises:
            ValueError: as :meth:`allows`.
        """
        self.allows(frames, size)
        if self.encoder.images and frames == 1:
            frames = self.frames  # its tokenizer for stills needs only the size
        if (frames, size) == (self.frames, self.size):
            return self.encoder
        return self.encoder.resized(frames=frames, size=size)

    def _longer(self, frames: int, size: tuple[int, int]) -> bool:
        return frames > self.frames or size[0] > self.size[0] or size[1] > self.size[1]
