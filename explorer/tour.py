"""Every view of one clip with sensible settings: what reports and exports are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from explorer.clip import Clip
from explorer.clips import default_clip, generated_clips
from explorer.extraction import encode_frames, extract_sites
from explorer.latents import Latents
from explorer.models import ExplorerModel
from explorer.view import View
from explorer.views.following import default_query, following, thing_at
from explorer.views.latent_space import latent_space
from explorer.views.latent_video import latent_video
from explorer.views.layer_walk import layer_walk
from explorer.views.removal import removal
from explorer.views.segmenting import segmenting, true_labels
from explorer.views.surprising import futures, surprising
from explorer.views.two_models import two_models
from explorer.views.window_shift import specialist_dimensions, window_shift
from explorer.windows.window_comparison import Encode
from jepakit.evals.pages.report import Text

SCENES = 3  # beside the clip itself, for temporal specialists


@dataclass(frozen=True)
class Subject:
    """A clip, who looks at it, and the untrained encoder that everything is held against.

    Attributes:
        latents: of the clip.
        model: whose latents they are; None where only a file is left.
        twin: the same network with fresh weights.
    """

    latents: Latents
    model: ExplorerModel | None = None
    twin: ExplorerModel | None = None

    @property
    def clip(self) -> Clip:
        """As the encoder saw it."""
        return self.latents.clip

    @cached_property
    def baseline(self) -> Latents | None:
        """The clip in the untrained encoder."""
        if self.twin is None:
            return None
        (latents,) = extract_sites(self.twin, self.clip, sites=[self.latents.site]).values()
        return latents

    def asked(self) -> ExplorerModel:
        """The model.

        Raises:
            ValueError: only a file of latents is left.
        """
        if self.model is None:
            raise ValueError("The model of these latents is not here: extract the clip again.")
        return self.model


def clouds(subject: Subject, *, method: str, dimensions: int) -> View:
    """A cloud of points."""
    return latent_space(subject.latents, method=method, dimensions=dimensions)  # type: ignore[arg-type]


def followed(subject: Subject) -> View:
    """The thing that moves most, followed."""
    query = default_query(subject.latents)
    return following(subject.latents, [query], motion=True, baseline=subject.baseline)


def segmented(subject: Subject) -> View:
    """The scene's own masks carried through the clip; without masks, the thing that stands out."""
    latents = subject.latents
    if latents.clip.truth is not None:
        return segmenting(latents, true_labels(latents), baseline=subject.baseline)
    labels = np.zeros(latents.grid[1:], np.int64)
    ((_, row, column),) = default_query(latents).positives
    labels[row, column] = 1
    return segmenting(latents, labels, baseline=subject.baseline)


def removed(subject: Subject) -> View:
    """The scene without the thing that moves most.

    Raises:
        ValueError: no model, none of Causal-JEPA, or a clip without masks.
    """
    model, truth = subject.asked(), subject.clip.truth
    if truth is None or not truth.without:
        raise ValueError("This clip has no masks: what if works on generated scenes.")
    (token,) = default_query(subject.latents).positives
    number = thing_at(subject.latents, token)
    number = number if number in truth.without else min(truth.without)
    twin = None if subject.twin is None else subject.twin.module
    return removal(model.module, subject.clip, number, untrained=twin)


def surprised(subject: Subject) -> View:
    """Surprise over time."""
    twin = None if subject.twin is None else subject.twin.module
    return surprising(subject.asked().module, subject.clip, untrained=twin)


def expected(subject: Subject) -> View:
    """Energies of futures, that of another scene among them."""
    twin = None if subject.twin is None else subject.twin.module
    other = default_clip(frames=len(subject.clip), size=subject.clip.size[0], seed=1)
    others = [other] if other.frames.shape == subject.clip.frames.shape else []
    return futures(subject.asked().module, subject.clip, others=others, untrained=twin)


def windows(subject: Subject) -> View:
    """Two windows of three quarters of the clip, one slice apart."""
    encoders = {"this encoder": encoding(subject.asked(), subject.latents.site)}
    if subject.twin is not None:
        encoders["untrained encoder"] = encoding(subject.twin, subject.latents.site)
    return window_shift(encoders, subject.clip, **_window(subject))


def specialists(subject: Subject) -> View:
    """Dimensions that feel the window in this clip and in generated scenes."""
    clip = subject.clip
    others = generated_clips(SCENES, frames=len(clip), size=clip.size[0], seed=7)
    encode = encoding(subject.asked(), subject.latents.site)
    return specialist_dimensions(encode, [clip, *others], **_window(subject))


def layers(subject: Subject) -> View:
    """Every layer."""
    return layer_walk(extract_sites(subject.asked(), subject.clip, sites="all"))


def against_untrained(subject: Subject) -> View:
    """The model beside its untrained twin."""
    if subject.baseline is None or subject.twin is None:
        raise ValueError("There is no untrained twin of these latents.")
    walks = [
        list(extract_sites(model, subject.clip, sites="all").values())
        for model in (subject.asked(), subject.twin)
    ]
    return two_models(subject.latents, subject.baseline, layers=(walks[0], walks[1]))


VIEWS: Mapping[str, Callable[[Subject], View]] = {
    "latent-video": lambda subject: latent_video(subject.latents, baseline=subject.baseline),
    "pca-2d": lambda subject: clouds(subject, method="pca", dimensions=2),
    "pca-3d": lambda subject: clouds(subject, method="pca", dimensions=3),
    "pca-7d": lambda subject: clouds(subject, method="pca", dimensions=7),
    "umap-3d": lambda subject: clouds(subject, method="umap", dimensions=3),
    "track": followed,
    "segments": segmented,
    "what-if": removed,
    "surprise": surprised,
    "futures": expected,
    "windows": windows,
    "specialists": specialists,
    "layers": layers,
    "two-models": against_untrained,
}
"""By the name that ``--views`` takes, in reading order."""


def known_views(names: Sequence[str] | None = None) -> list[str]:
    """The names; all of them by default.

    Raises:
        ValueError: an unknown name.
    """
    chosen = list(VIEWS) if names is None else list(names)
    if unknown := [name for name in chosen if name not in VIEWS]:
        raise ValueError(f"There is no view {', '.join(unknown)}; choose from {', '.join(VIEWS)}.")
    return chosen


def tour(
    subject: Subject,
    names: Sequence[str] | None = None,
    *,
    told: Callable[[str], None] | None = None,
) -> Iterator[tuple[str, View]]:
    """Views by name, one after the other; one that cannot be says why in its place.

    Args:
        subject: what is looked at.
        names: of :data:`VIEWS`; all by default.
        told: is given the name of each view before it is made.

    Raises:
        ValueError: an unknown name.
    """
    for name in known_views(names):
        if told is not None:
            told(name)
        try:
            yield name, VIEWS[name](subject)
        except ValueError as error:
            title = f"{name.replace('-', ' ').capitalize()}: not shown"
            yield name, View(name, title, str(error), [Text("", style="note")])


def encoding(model: ExplorerModel, site: str) -> Encode:
    """The model as a function of frames."""
    return lambda frames: encode_frames(model, frames, site=site)


def _window(subject: Subject) -> dict[str, int]:
    step, frames = subject.latents.tubelet, len(subject.clip)
    window = max(step, frames * 3 // 4 // step * step)
    return {"window": window, "shift": step, "tubelet": step}
