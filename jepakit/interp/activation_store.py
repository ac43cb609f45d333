"""Activations of a set of clips on disk: filled row by row, resumed after any crash, never mixed.

A folder holds ``index.json`` (where the activations come from, and whose they are) and, for each
activation and pooling, ``acts/<site>/<pool>.npy`` with a row per clip and ``<pool>.done.npy`` that
says which rows are there. A row is marked after it is on the disk, and then never written again.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped

from jepakit.data.atomic import atomic_file, remove_leftovers
from jepakit.interp.array_files import create_zeros
from jepakit.interp.clip_set import ClipSet, check_clips
from jepakit.interp.pooling import Pool, Reading
from jepakit.interp.provenance import Provenance

INDEX, FORMAT = "index.json", 1
FLUSH_S = 10.0
"""Seconds of work that a crash may cost: rows go to the disk and are marked this often."""


@dataclass(frozen=True)
class RowFormat:
    """What a row of an array is: ``tokens`` are float16, means are float32."""

    width: int
    dtype: str = "float32"

    @property
    def bytes(self) -> int:
        """Size of a row."""
        return self.width * np.dtype(self.dtype).itemsize


class ActivationStore:
    """A folder of activations; :meth:`open` makes one or goes on with it.

    Attributes:
        folder: where it lies.
        provenance: what the activations were made by and from.
        keys: name of each clip, in the order of the rows.
        labels: class of each clip.
        groups: source of each clip.
    """

    def __init__(self, folder: Path) -> None:
        """Read a store that exists.

        Raises:
            FileNotFoundError: there is none.
            ValueError: its index is damaged or of another format.
        """
        self.folder = Path(folder)
        path = self.folder / INDEX
        if not path.is_file():
            raise FileNotFoundError(f"{folder} is no store of activations: it has no {INDEX}.")
        try:
            index = json.loads(path.read_text())
            if index["format"] != FORMAT:
                raise ValueError(f"format {index['format']}, not {FORMAT}")
            self.provenance = Provenance(**index["provenance"])
            self.keys: tuple[str, ...] = tuple(index["keys"])
            self.labels: Int[np.ndarray, " n"] = np.asarray(index["labels"], dtype=np.int64)
            self.groups: tuple[str, ...] = tuple(index["groups"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is no index of this version ({error}); delete it.") from error
        self._open: dict[Reading, tuple[np.memmap, np.memmap]] = {}
        self._pending: list[Int[np.ndarray, " rows"]] = []
        self._flushed = time.monotonic()

    @classmethod
    def open(cls, folder: Path, clips: ClipSet, provenance: Provenance) -> ActivationStore:
        """Go on with the store in ``folder``, or begin one.

        Raises:
            ValueError: clips that no store could tell apart, or a store of another model, encoder,
                transform or data; the message says what differs.
        """
        check_clips(clips)
        folder = Path(folder)
        labels = [int(label) for label in clips.labels]
        if not (folder / INDEX).exists():
            folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(folder, INDEX)
            index = {
                "format": FORMAT,
                "provenance": asdict(provenance),
                "dtype": {"means": "float32", "tokens": "float16"},
                "keys": list(clips.keys),
                "labels": labels,
                "groups": list(clips.groups),
            }
            with _room(folder, "its index"), atomic_file(folder / INDEX) as stream:
                stream.write((json.dumps(index, indent=1, sort_keys=True) + "\n").encode())
        store = cls(folder)
        provenance.check_same(asdict(store.provenance), where=str(folder))
        if store.labels.tolist() != labels:
            raise ValueError(
                f"{folder} has other labels for the same clips; choose another folder."
            )
        return store

    def __len__(self) -> int:
        """``n``, the number of clips."""
        return len(self.keys)

    @property
    def readings(self) -> tuple[Reading, ...]:
        """The activations and poolings that are begun or finished."""
        found = self.folder.glob("acts/*/*.done.npy")
        return tuple(sorted((p.parent.name, p.name.partition(".")[0]) for p in found))  # type: ignore[misc]

    def done(self, site: str, pool: Pool = "mean") -> int:
        """Clips of which this reading is there."""
        return int(np.load(self._path(site, pool, ".done")).sum())

    def read(self, site: str, pool: Pool = "mean") -> Shaped[np.ndarray, "n row"]:
        """A read-only map of all rows.

        Raises:
            ValueError: no such reading (those that exist are listed), or an unfinished one.
        """
        if (site, pool) not in self.readings:
            listed = ", ".join("/".join(reading) for reading in self.readings) or "nothing"
            raise ValueError(f"{self.folder} has no {site}/{pool}; it has {listed}.")
        if (done := self.done(site, pool)) < len(self):
            raise ValueError(
                f"{site}/{pool} is there for {done} of {len(self)} clips: run the trace again, it "
                "goes on where it stopped."
            )
        return np.load(self._path(site, pool), mmap_mode="r")

    @contextlib.contextmanager
    def writing(self, formats: Mapping[Reading, RowFormat]) -> Iterator[None]:
        """Make the arrays that are missing, and keep other processes out while the block runs.

        Raises:
            ValueError: the disk has no room for them, another process writes to this store, or an
                array has another shape or dtype.
            OSError: the disk became full; what was marked before stays.
        """
        with (self.folder / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ValueError(f"Another process is writing to {self.folder}.") from error
            self._check_room(formats)
            for reading, form in formats.items():
                self._open[reading] = self._array(reading, form)
            self._flushed = time.monotonic()
            try:
                yield
                self.flush()
            finally:
                self._open, self._pending = {}, []

    def remaining(self) -> Int[np.ndarray, " rows"]:
        """Rows that some array being written lacks."""
        done = np.stack([mask for _, mask in self._open.values()])
        return np.flatnonzero(~done.all(axis=0))

    def write(
        self, rows: Sequence[int], values: Mapping[Reading, Shaped[np.ndarray, "rows row"]]
    ) -> None:
        """Write clips to all arrays that lack them; they are marked with the next :meth:`flush`.

        Raises:
            ValueError: values that are not finite; the clips are named.
            OSError: the disk is full.
        """
        index = np.asarray(rows)
        for (site, pool), (array, done) in self._open.items():
            with np.errstate(over="ignore"):  # found by the next line
                given = values[site, pool].astype(array.dtype, copy=False)
            fine = np.isfinite(given).all(axis=1)
            if not fine.all():
                bad = [self.keys[row] for row in index[~fine][:5]]
                what = f"not finite in {array.dtype}"
                raise ValueError(f"{site}/{pool} is {what} for {bad} ({(~fine).sum()} clips).")
            lacking = ~done[index]
            array[index[lacking]] = given[lacking]
        self._pending.append(index)
        if time.monotonic() - self._flushed >= FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Bring written rows to the disk, then mark them.

        Raises:
            OSError: the disk is full.
        """
        if self._pending:
            rows = np.concatenate(self._pending)
            for (site, pool), (array, done) in self._open.items():
                with _room(self.folder, f"{site}/{pool}"):
                    array.flush()
                    done[rows] = True
                    done.flush()
        self._pending, self._flushed = [], time.monotonic()

    def missing_bytes(self, formats: Mapping[Reading, RowFormat]) -> int:
        """What the arrays that do not exist yet will take on the disk."""
        sizes = (f.bytes + 1 for key, f in formats.items() if not self._path(*key).exists())
        return len(self) * sum(sizes)

    def _check_room(self, formats: Mapping[Reading, RowFormat]) -> None:
        needed, free = self.missing_bytes(formats), shutil.disk_usage(self.folder).free
        if needed > free:
            raise ValueError(
                f"Activations of {len(self)} clips take {size_text(needed)}, {self.folder} has "
                f"{size_text(free)} free: ask for fewer activations or poolings, or for another "
                "folder."
            )

    def _array(self, reading: Reading, form: RowFormat) -> tuple[np.memmap, np.memmap]:
        path, mask = self._path(*reading), self._path(*reading, ".done")
        path.parent.mkdir(parents=True, exist_ok=True)
        with _room(self.folder, "/".join(reading)):
            if not path.exists():
                mask.unlink(missing_ok=True)  # its array was deleted
                create_zeros(path, (len(self), form.width), form.dtype)
            if not mask.exists():
                create_zeros(mask, (len(self),), "bool")
        array, done = (np.lib.format.open_memmap(p, mode="r+") for p in (path, mask))
        expected = ((len(self), form.width), np.dtype(form.dtype), (len(self),))
        came: Any = (array.shape, array.dtype, done.shape)
        if came != expected:
            raise ValueError(f"{path} should be {expected[:2]}, is {came[:2]}: delete it.")
        return array, done

    def _path(self, site: str, pool: str, suffix: str = "") -> Path:
        return self.folder / "acts" / site / f"{pool}{suffix}.npy"


def size_text(size: int) -> str:
    """Bytes in words: GB, MB or kB."""
    unit, name = next(
        p for p in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")) if size >= p[0] or p[0] < 1e6
    )
    return f"{size / unit:.2f} {name}"


@contextlib.contextmanager
def _room(folder: Path, what: str) -> Iterator[None]:
    """Say what a full disk means here."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise OSError(
            error.errno,
            f"The disk is full, {what} was not finished. The clips that {folder} has marked are "
            "whole: make room and run the same again, it goes on there.",
        ) from error
