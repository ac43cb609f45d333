"""What the app holds between requests: clips, models and latents by id, for several people."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from explorer.app.kept import Kept
from explorer.app.safety import CACHE_AGE_S, sweep
from explorer.clip import Clip
from explorer.clips import StoredVideo, default_clip, remove_old
from explorer.clips.storage import stored_video
from explorer.extraction import ArtifactStore, extract_sites
from explorer.latents import Latents
from explorer.models import ExplorerModel, ModelCatalogue
from explorer.models.catalogue import Which

Weights = Literal["target", "context", "untrained"]
Made = TypeVar("Made")

CLIPS, LATENT_BYTES, RESULT_BYTES = 16, 2 << 30, 1 << 30
VIEW_BYTES = 4 << 20  # about what a view's film and figures take
QUOTA_BYTES = 4 << 30  # of saved latents
UNTRAINED_SEED = 0
KEEP_S = 7 * 86_400.0  # saved latents
FIRST_WAIT_S = 60.0


@dataclass(frozen=True)
class Choice:
    """Which weights look at a clip.

    Attributes:
        model: id in the catalogue.
        weights: of the target encoder, the context encoder, or fresh ones.
    """

    model: str
    weights: Weights = "target"


@dataclass(frozen=True)
class Exhibit:
    """A clip as an encoder sees it.

    Attributes:
        latents: of the place in the encoder that was asked for.
        choice: who sees it; None where only a file of latents is left.
        window: frames of a forward pass; None for whole clips.
    """

    latents: Latents
    choice: Choice | None
    window: int | None = None


class Studio:
    """Everything that handlers of the app need; its methods may be called from any thread.

    Args:
        runs: folder of run folders, or None for the bundled model alone.
        folder: of saved latents and uploads.
    """

    def __init__(self, runs: Path | None, folder: Path) -> None:
        self.catalogue = ModelCatalogue(runs)
        self.folder = folder
        self.uploads = folder / "uploads"
        self.served = folder / "served"
        for place in (self.uploads, self.served):
            place.mkdir(parents=True, exist_ok=True)
        self.store = ArtifactStore(folder / "latents", max_age_s=KEEP_S, quota_bytes=QUOTA_BYTES)
        self._clips: Kept[str, Clip] = Kept(CLIPS)
        self._videos: Kept[str, StoredVideo] = Kept(CLIPS)
        self._exhibits: Kept[str, Exhibit] = Kept(LATENT_BYTES, size=_bytes)
        self._results: Kept[Hashable, Any] = Kept(RESULT_BYTES, size=_weight)
        self._stops: dict[str, threading.Event] = {}
        self._computing = threading.RLock()
        self._first = ""
        self._first_ready = threading.Event()

    def open_first(self) -> None:
        """Extract the default clip with the first model; meant for a thread of its own."""
        try:
            self.remove_old()
            choice = Choice(self.catalogue.entries()[0].id)
            model = self.open(choice)
            clip = self.scene(frames=model.frames, size=model.size[0])
            self._first = self.extract(self.keep_clip(clip), choice)
            self.baseline(self._first)
        finally:
            self._first_ready.set()

    def first(self) -> str:
        """The id of the first exhibit, once it is there; empty where it could not be made."""
        self._first_ready.wait(FIRST_WAIT_S)
        return self._first

    def scene(self, *, frames: int, size: int, seed: int = 0) -> Clip:
        """A generated scene, which knows its own truth."""
        return self.once(
            ("scene", frames, size, seed),
            lambda: default_clip(frames=frames, size=size, seed=seed),
        )

    def keep_clip(self, clip: Clip) -> str:
        """The id of a clip from now on."""
        name = _new_id("clip")
        self._clips.put(name, clip)
        return name

    def keep_video(self, video: StoredVideo) -> None:
        """Remember an upload."""
        self._videos.put(video.id, video)

    def video(self, name: str) -> StoredVideo:
        """An upload by its id.

        Raises:
            UnusableVideo: it is no longer stored.
        """
        return self._videos.get(name) or stored_video(self.uploads, name)

    def clip(self, name: str) -> Clip:
        """A clip by its id.

        Raises:
            ValueError: it was forgotten.
        """
        found = self._clips.get(name)
        if found is None:
            raise ValueError("This clip is no longer in memory: choose it again.")
        return found

    def open(self, choice: Choice) -> ExplorerModel:
        """The newest state of a model.

        Raises:
            ValueError: it is gone, or cannot be opened.
        """
        untrained = UNTRAINED_SEED if choice.weights == "untrained" else None
        which: Which = "context" if choice.weights == "context" else "target"
        try:
            return self.catalogue.open(choice.model, encoder=which, untrained=untrained)
        except (KeyError, FileNotFoundError) as error:
            raise ValueError("This model is gone: refresh the list and choose another.") from error

    def extract(
        self,
        clip: str,
        choice: Choice,
        *,
        site: str = "norm",
        window: int | None = None,
        progress: Callable[[float], None] | None = None,
        visitor: str = "",
    ) -> str:
        """Encode a clip; the id of the exhibit.

        Raises:
            ValueError: the model does not take the clip.
            ExtractionCancelledError: the visitor asked to stop.
        """
        frames = self.clip(clip)
        model = self.open(choice)
        with self._stoppable(visitor) as stopped, self._computing:
            found = extract_sites(
                model, frames, sites=[site], window=window, progress=progress, cancelled=stopped
            )
        return self.keep(Exhibit(found[site], choice, window))

    def keep(self, exhibit: Exhibit) -> str:
        """The id of an exhibit from now on."""
        name = _new_id("latents")
        self._exhibits.put(name, exhibit)
        return name

    def exhibit(self, name: str) -> Exhibit:
        """An exhibit by its id.

        Raises:
            ValueError: there is none, or it was forgotten.
        """
        found = self._exhibits.get(name)
        if found is None:
            raise ValueError(
                "These latents are no longer in memory: extract them again, or open saved ones."
            )
        return found

    def baseline(self, name: str) -> Latents | None:
        """The same clip in an untrained encoder; None where the model is not known."""
        exhibit = self.exhibit(name)
        if exhibit.choice is None or exhibit.choice.weights == "untrained":
            return None
        choice = Choice(exhibit.choice.model, "untrained")
        return self.latents_of(name, choice, [exhibit.latents.site])[exhibit.latents.site]

    def latents_of(
        self, name: str, choice: Choice, sites: Sequence[str] | str
    ) -> dict[str, Latents]:
        """An exhibit's clip through another model or other places; computed once."""
        exhibit = self.exhibit(name)

        def make() -> dict[str, Latents]:
            return extract_sites(
                self.open(choice), exhibit.latents.clip, sites=sites, window=exhibit.window
            )

        wanted = sites if isinstance(sites, str) else tuple(sites)
        return self.once((name, choice, wanted), make)

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """A result that is computed at its first use, by one thread at a time."""
        found = self._results.get(key)
        if found is not None:
            return found
        with self._computing:
            return self._results.made(key, make)

    def reopen(self, artifact: str) -> str:
        """Read saved latents; the id of the exhibit. The model is found again by its hash.

        Raises:
            ValueError: they are gone, or damaged.
        """
        try:
            latents = self.store.load(artifact)
        except KeyError as error:
            raise ValueError("These latents were deleted: extract the clip again.") from error
        return self.keep(Exhibit(latents, self._maker(latents)))

    def _maker(self, latents: Latents) -> Choice | None:
        """Whose latents these are, if that model is here with the same weights."""
        facts = latents.facts
        untrained = facts.get("weights", "").startswith("random init")
        weights = "untrained" if untrained else facts.get("encoder", "target")
        choice = Choice(facts.get("model id", ""), weights)  # type: ignore[arg-type]
        try:
            same = self.open(choice).weights_hash == facts.get("weights sha256")
        except ValueError:
            return None
        return choice if same else None

    def hand_out(self, artifact: str) -> Path:
        """A copy of saved latents in the folder that the app hands files out of.

        Raises:
            ValueError: they are gone.
        """
        try:
            source = self.store.path(artifact)
        except KeyError as error:
            raise ValueError("These latents were deleted: extract the clip again.") from error
        folder = self.served / _new_id("file")
        folder.mkdir(parents=True)
        return Path(shutil.copy2(source, folder / source.name))

    def stop(self, visitor: str) -> None:
        """Ask the visitor's extraction to end."""
        event = self._stops.get(visitor)
        if event is not None:
            event.set()

    def remove_old(self) -> None:
        """Delete saved latents, uploads and downloads that are past their age."""
        self.store.remove_old()
        sweep(self.served, float(CACHE_AGE_S))
        remove_old(self.uploads, max_age_s=float(CACHE_AGE_S))

    @contextmanager
    def _stoppable(self, visitor: str) -> Iterator[Callable[[], bool]]:
        event = threading.Event()
        self._stops[visitor] = event
        try:
            yield event.is_set
        finally:
            self._stops.pop(visitor, None)


def _bytes(exhibit: Exhibit) -> int:
    return exhibit.latents.values.nbytes


def _weight(result: Any) -> int:
    """Bytes of a kept result, about."""
    if isinstance(result, dict):
        return sum(latents.values.nbytes for latents in result.values())
    if isinstance(result, Clip):
        copies = 1 if result.truth is None else 1 + len(result.truth.without)
        return copies * result.frames.nbytes
    return VIEW_BYTES


def _new_id(kind: str) -> str:
    return f"{kind}-{secrets.token_hex(6)}"
