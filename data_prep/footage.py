"""What every reader of a foreign data set gives: videos with times, and what is known of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxtyping import Float, Integer, Shaped, UInt8
from numpy import ndarray

from jepakit.data.manifest import LabelKind

Picture = UInt8[ndarray, "h w 3"]
IdMap = Integer[ndarray, "h w"]


@dataclass(frozen=True)
class Footage:
    """A video, open: pictures on demand, and what the source knows of its objects.

    Attributes:
        seconds: when each frame is shown, strictly ascending; one frame for a still image.
        pictures: RGB frames of these numbers (strictly ascending), one at a time.
        truth: the source's own masks of the same frames, any integer ids, 0 background; None where
            it has none.
        objects: what is known of objects, by their id in ``truth`` (JSON values).
        labels: numbers of the whole video; NaN where undefined.
        states: values per frame and object.
        contacts: rows of :data:`jepakit.data.schema.CONTACTS`; ``step`` counts frames of this
            video from 0, ids are those of ``truth``, 0 is scenery.
        details: anything else that is kept (JSON values): names and units of ``states`` under
            ``"states"``, the object of each of their rows under ``"state_objects"``.
    """

    seconds: Float[ndarray, " frames"]
    pictures: Callable[[Sequence[int]], Iterator[Picture]]
    truth: Callable[[Sequence[int]], Iterator[IdMap]] | None = None
    objects: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    labels: Mapping[str, float] = field(default_factory=dict)
    states: Float[ndarray, "frames k f"] | None = None
    contacts: Shaped[ndarray, " c"] | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class Reader(ABC):
    """A video of a source, not opened yet; small, travels to worker processes."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Unique in its source, and the same on every machine: a path below the source's folder."""

    @property
    def group(self) -> str:
        """Videos of one group are never divided between splits, and are one unit of statistics."""
        return self.name

    @property
    def stamp(self) -> Any:
        """What decides its clips beside its name, as a JSON value: sizes of files, labels.

        A job in whose folder another one left shards knows by it whether they are its own. The same
        on every machine.
        """
        return None

    @property
    def split(self) -> str | None:
        """``train``, ``val`` or ``test`` where the source says; None leaves it to the user."""
        return None

    @abstractmethod
    def open(self) -> AbstractContextManager[Footage]:
        """Open it; used as ``with reader.open() as footage``.

        Raises:
            ValueError, LookupError, OSError: damaged, or a part is missing; the message says which.
        """


@dataclass(frozen=True)
class Source:
    """A layout that videos come in.

    Attributes:
        find: readers of all videos below a path, in a fixed order. Opens no video. A file that is
            plainly damaged gets a reader whose ``open`` says so, so that it ends in the rejects.
        licence: SPDX name of the data set's licence, or a sentence where there is none; None where
            the user has to say.
        summary: what the layout is, in one line of the command's help.
        has_masks: whether readers can give ``truth``.
        label_kinds: the labels of the videos.
        mirrored: labels that become ``1 - value`` when a clip is flipped.
        find_remote: the same as ``find`` for an address such as ``s3://bucket/folder``, where the
            layout can be read from there.
        still: whether it holds still images.
    """

    find: Callable[[Path], Sequence[Reader]]
    licence: str | None
    summary: str
    has_masks: bool = False
    label_kinds: Mapping[str, LabelKind] = field(default_factory=dict)
    mirrored: tuple[str, ...] = ()
    find_remote: Callable[[str], Sequence[Reader]] | None = None
    still: bool = False

    def readers(self, path: str) -> Sequence[Reader]:
        """The videos below a path or address.

        Raises:
            ValueError: an address that this layout is not read from, or nothing is there.
        """
        if "://" not in path:
            return self.find(Path(path))
        if self.find_remote is None:
            raise ValueError(f"This layout is read from a local folder; copy {path} to one.")
        return self.find_remote(path)
