"""One trial of Physion in an HDF5 file; :mod:`data_prep.sources.physion` has the layout."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Integer, Shaped, UInt8
from numpy import ndarray
from PIL import Image

from data_prep.sources.hdf5_parts import Hdf5Parts
from jepakit.data.schema import CONTACTS

CAMERAS = ("", "_cam0")  # endings of names in files of one camera, and of several
STATES = (
    ("positions", "position", "xyz", "m"),
    ("rotations", "quaternion", "xyzw", "1"),
    ("velocities", "velocity", "xyz", "m/s"),
    ("angular_velocities", "angular_velocity", "xyz", "rad/s"),
)
OBJECTS = ("mass", "static_friction", "dynamic_friction", "bounciness")
LABEL = "target_contacting_zone"


@dataclass(frozen=True)
class Trial:
    """A file, open.

    Attributes:
        file: of h5py.
        path: for errors.
    """

    file: Any
    path: str

    @property
    def parts(self) -> Hdf5Parts:
        """Gives the parts of the file."""
        return Hdf5Parts(self.path, CAMERAS)

    @cached_property
    def frames(self) -> list[str]:
        """Names of the frames in order.

        Raises:
            ValueError: they are not numbered from 0 without a gap.
        """
        names = self.parts.names(self.parts.need(self.file, "frames"))
        for number, name in enumerate(names):
            if name != f"{number:04d}":
                raise ValueError(f"{self.path}: 'frames/{number:04d}' expected, came '{name}'.")
        if not names:
            raise ValueError(f"{self.path}: 'frames' is empty.")
        return names

    def pictures(self, numbers: Sequence[int]) -> Iterator[UInt8[ndarray, "h w 3"]]:
        """RGB frames."""
        for number in numbers:
            yield self._picture(number, "_img")

    def masks(self, numbers: Sequence[int]) -> Iterator[Integer[ndarray, "h w"]]:
        """Row of the object plus one; the room and what has no colour of its own are 0."""
        codes = self._codes()
        order = np.argsort(codes)
        for number in numbers:
            shown = _packed(self._picture(number, "_id"))
            if not len(codes):
                yield np.zeros(shown.shape, np.int64)
                continue
            place = np.searchsorted(codes, shown, sorter=order).clip(0, len(codes) - 1)
            yield np.where(codes[order][place] == shown, order[place] + 1, 0)

    @property
    def has_masks(self) -> bool:
        """Whether the first frame has an id pass and objects have colours."""
        images = self.parts.need(self.parts.need(self.file, "frames/0000"), "images")
        coloured = self.parts.find(
            self.parts.need(self.file, "static"), "object_segmentation_colors"
        )
        return coloured is not None and self.parts.find(images, "_id") is not None

    def objects(self) -> dict[int, dict[str, Any]]:
        """What the file says of the objects, by row plus one."""
        static = self.parts.need(self.file, "static")
        ids = self.identities
        table: dict[int, dict[str, Any]] = {
            row: {"object_id": identity} for row, identity in enumerate(ids, 1)
        }
        for name in ("model_names", *OBJECTS):
            values = self.parts.array(static, name)
            if values is None:
                continue
            if values.shape != (len(ids),):
                raise ValueError(
                    f"{self.path}: 'static/{name}' should have {len(ids)} entries, came "
                    f"{values.shape}."
                )
            for row, value in enumerate(values.tolist(), 1):
                text = _plain(value)
                table[row] |= {"kind" if name == "model_names" else name: text}
        for row, identity in enumerate(ids, 1):
            roles = [r for r in ("target", "zone") if self._number(f"{r}_id") == identity]
            table[row] |= {"role": roles[0]} if roles else {}
        return table

    @cached_property
    def identities(self) -> list[int]:
        """The simulator's ids, by row.

        Raises:
            ValueError: they are missing or no whole numbers, or an id is there twice.
        """
        values = self.parts.array(self.parts.need(self.file, "static"), "object_ids")
        if values is None or values.dtype.kind not in "iu":
            raise ValueError(f"{self.path}: 'static/object_ids' should be whole numbers.")
        ids = [int(value) for value in values.ravel()]
        if len(set(ids)) != len(ids):
            raise ValueError(f"{self.path}: 'static/object_ids' has an id twice: {ids}.")
        return ids

    def states(self) -> tuple[Float[ndarray, "t k f"] | None, dict[str, list[str]]]:
        """Values that all frames have of all objects, with their names and units."""
        groups = [self.parts.find(self._frame(name), "objects") for name in self.frames]
        if groups[0] is None:
            return None, {}
        kept = [entry for entry in STATES if self.parts.find(groups[0], entry[0]) is not None]
        columns = [
            np.stack([self._states(group, name, len(axes)) for group in groups])
            for name, _, axes, _ in kept
        ]
        units = [unit for _, _, axes, unit in kept for _ in axes]
        names = [f"{short}_{axis}" for _, short, axes, _ in kept for axis in axes]
        states = np.concatenate(columns, axis=2) if columns else None
        return states, {"names": names, "units": units}

    def contacts(self) -> Shaped[ndarray, " c"]:
        """Pairs that touch in each frame, with 0 for the room; impulses are not recorded.

        Raises:
            ValueError: an id is none of the objects.
        """
        found = [
            (step, a, b, np.nan)
            for step, name in enumerate(self.frames)
            for a, b in sorted(self._touching(name, 2) | self._touching(name, 1))
        ]
        return np.array(found, dtype=CONTACTS)

    def _frame(self, name: str) -> Any:
        return self.parts.need(self.file, f"frames/{name}")

    def _touching(self, frame: str, ends: int) -> set[tuple[int, int]]:
        """Pairs of objects, or with one end of an object and the room."""
        place = f"{'env_' if ends == 1 else ''}collisions/object_ids"
        ids = self.parts.array(self._frame(frame), place)
        if ids is None:
            return set()
        if ids.dtype.kind not in "iu" or (ends == 2 and ids.shape[1:] != (2,)):
            raise ValueError(
                f"{self.path}: 'frames/{frame}/{place}' should be {ends} ids a row, came "
                f"{ids.dtype} {ids.shape}."
            )
        rows = {identity: row for row, identity in enumerate(self.identities, 1)}
        unknown = sorted(set(ids.ravel().tolist()) - set(rows))
        if unknown:
            raise ValueError(
                f"{self.path}: 'frames/{frame}/{place}' has unknown ids {unknown[:5]}."
            )
        known = np.vectorize(rows.__getitem__, otypes=[int])(ids.reshape(-1, ends))
        both = np.sort(np.pad(known, ((0, 0), (2 - ends, 0))), axis=1)
        return {(int(a), int(b)) for a, b in both}

    def label(self) -> float:
        """Whether the target touches the zone in any frame; NaN where no frame says it.

        Raises:
            ValueError: some frames say it and others do not.
        """
        said = [self.parts.array(self._frame(name), f"labels/{LABEL}") for name in self.frames]
        missing = [number for number, value in enumerate(said) if value is None]
        if len(missing) == len(said):
            return np.nan
        if missing:
            raise ValueError(f"{self.path}: no 'frames/{missing[0]:04d}/labels/{LABEL}'.")
        return float(any(value is not None and bool(value.any()) for value in said))

    def stimulus(self) -> str | None:
        """Its name in the data set."""
        value = self.parts.array(self.parts.need(self.file, "static"), "stimulus_name")
        text = None if value is None or value.size != 1 else value.ravel()[0]
        return None if text is None else str(_plain(text))

    def _picture(self, number: int, name: str) -> UInt8[ndarray, "h w 3"]:
        images = self.parts.need(self.file, f"frames/{number:04d}/images")
        where = f"{self.path}: 'frames/{number:04d}/images/{name}'"
        data = self.parts.array(images, name)
        if data is None:
            raise ValueError(f"{where} is missing.")
        try:
            with Image.open(io.BytesIO(data.tobytes())) as picture:
                return np.array(picture.convert("RGB"))
        except (OSError, SyntaxError, ValueError) as error:
            raise ValueError(f"{where}: no picture ({error}).") from error

    def _codes(self) -> Integer[ndarray, " k"]:
        colours = self.parts.array(
            self.parts.need(self.file, "static"), "object_segmentation_colors"
        )
        shape = (len(self.identities), 3)
        if colours is None or colours.shape != shape or colours.dtype != np.uint8:
            came = "none" if colours is None else f"{colours.dtype} {colours.shape}"
            raise ValueError(
                f"{self.path}: 'static/object_segmentation_colors' should be uint8 {shape}, came "
                f"{came}."
            )
        codes = _packed(colours)
        if len(np.unique(codes)) != len(codes):
            raise ValueError(
                f"{self.path}: 'static/object_segmentation_colors' has a colour twice."
            )
        return codes

    def _states(self, group: Any, name: str, width: int) -> Float[ndarray, "k f"]:
        values = None if group is None else self.parts.array(group, name)
        shape = (len(self.identities), width)
        if values is None or values.shape != shape or values.dtype.kind != "f":
            came = "none" if values is None else f"{values.dtype} {values.shape}"
            raise ValueError(f"{self.path}: 'objects/{name}' should be {shape}, came {came}.")
        return values.astype(np.float64)

    def _number(self, name: str) -> int | None:
        value = self.parts.array(self.parts.need(self.file, "static"), name)
        return None if value is None or value.size != 1 else int(value.ravel()[0])


def _plain(value: Any) -> Any:
    """As JSON can say it: text, a finite number, or None."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _packed(colours: UInt8[ndarray, "... 3"]) -> Integer[ndarray, ...]:
    """One number for each colour."""
    wide = colours.astype(np.int64)
    return wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
