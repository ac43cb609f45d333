"""Views of labelled video files: clips over time, several read together, crops over the picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from einops import rearrange

from jepakit.batch import BatchRequest, SceneBatch
from jepakit.data.video import Augmentation, FrameSampling, video_batches
from jepakit.data.video.catalogue import read_catalogue
from jepakit.evals.classification.labelled_clips import LabelledClips


@dataclass(frozen=True)
class VideoViews:
    """Batches of the views of labelled videos; every pass reads the files again.

    A view is one crop of ``segments`` clips, which lie behind one another in its frames: a probe
    reads their tokens together. A video has ``sampling.clips`` times ``crops`` views, of which
    probabilities are averaged. So the "16 x 2 x 3" of V-JEPA 2 is an encoder of 16 frames,
    ``segments=2, crops=3`` and ``sampling.clips=1``: there too, softmax outputs are averaged over
    the crops and the tokens of the segments are read at once.

    A single crop is the centre, 0.875 of the largest square; several lie evenly along the longer
    side at the full shorter one, the outer two at its ends, as there. Differs: all clips are spread
    evenly over the video, nothing is drawn; the segments of one view lie between those of others.

    A video is its own source: in lists where several files show one scene, put the scene's files on
    one side of the split.

    Attributes:
        path: a list ``PATH LABEL``, or a folder whose sub-folders are classes.
        request: the clips that the encoder takes.
        sampling: which frames, and how many views over time.
        batch_size: clips per batch.
        workers: decoding processes.
        segments: clips of a view.
        crops: views over the picture; each is decoded anew.
    """

    path: str
    request: BatchRequest
    sampling: FrameSampling
    batch_size: int = 16
    workers: int = 0
    segments: int = 1
    crops: int = 1

    def __post_init__(self) -> None:
        """Refuse counts below 1."""
        for name in ("batch_size", "segments", "crops"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")

    def __iter__(self) -> Iterator[LabelledClips]:
        """All views of all videos, crop after crop; a video goes by its file, on either side."""
        entries = read_catalogue(self.path).entries
        files = {entry.key: str(Path(entry.path).resolve()) for entry in entries}
        clips, size = self.sampling.clips * self.segments, self.batch_size
        if self.segments > 1:
            size = max(1, size // clips) * clips  # whole videos: no view is torn apart
        for crop, augmentation in enumerate(crop_windows(self.crops)):
            loader = video_batches(
                self.path,
                self.request,
                sampling=dataclasses.replace(self.sampling, clips=clips),
                augmentation=augmentation,
                batch_size=size,
                workers=self.workers,
            )
            for batch in loader:
                yield self._joined(batch, files, crop)

    def _joined(self, batch: SceneBatch, files: dict[str, str], crop: int) -> LabelledClips:
        """Clips as views: clip ``s * sampling.clips + c`` is segment ``s`` of view ``c``."""
        names = [key.partition("--") for key in batch.keys]
        numbers = [int(number or 0) for _, _, number in names]
        first = [row for row, number in enumerate(numbers) if number < self.sampling.clips]
        frames = batch.frames
        if self.segments > 1:
            shape = {"s": self.segments, "c": self.sampling.clips}
            frames = rearrange(frames, "(b s c) t h w x -> (b c) (s t) h w x", **shape)
        videos = tuple(files[names[row][0]] for row in first)
        return LabelledClips(
            frames=frames,
            labels=batch.targets["label"][first].long(),
            videos=videos,
            groups=videos,
            views=tuple(numbers[row] * self.crops + crop for row in first),
        )


def crop_windows(crops: int) -> list[Augmentation]:
    """What each crop shows of the picture: the centre alone, or evenly placed full-height squares.

    Source: V-JEPA 2, ``EvalVideoTransform`` for several views and ``VideoTransform`` for one.
    """
    if crops == 1:
        return [Augmentation(centre=0.875)]
    return [Augmentation(centre=1.0, place=number / (crops - 1)) for number in range(crops)]
