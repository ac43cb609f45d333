"""Items that fail, stall or die on command."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jepakit.data.manifest import Description
from jepakit.data.metadata import build_meta
from jepakit.data.schema import ClipFormat, Sample

FORM = ClipFormat(2, 8, 8, patch=4, tubelet=1, image="png")
DESCRIPTION = Description("noise", "tests/1", ("CC0-1.0",), FORM, {"mean": "regression"})


@dataclass(frozen=True)
class NoiseItem:
    """Gives ``clips`` clips; the trouble comes after ``sound`` of them.

    ``scar`` is a file that grows by a byte whenever the trouble comes; an item that dies once lives
    the second time.
    """

    number: int
    trouble: str = ""
    seconds: float = 0.0
    clips: int = 1
    sound: int = 0
    scar: str = ""

    @property
    def name(self) -> str:
        return f"noise-{self.number}"

    def make(self, form: ClipFormat) -> Iterator[Sample]:
        for clip in range(self.clips):
            time.sleep(self.seconds)
            if clip == self.sound:
                self._fail()
            yield self._sample(clip, form)

    def _fail(self) -> None:
        if self.trouble == "hang":
            Path(self.scar).write_text(str(os.getpid()))
            time.sleep(60)
        if self.trouble == "threads":
            raise ValueError(os.environ.get("OMP_NUM_THREADS"))
        scars = self._scars()
        if self.trouble == "die" or (self.trouble == "die once" and scars == 0):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.trouble == "assert":
            raise AssertionError("polygon is not convex")
        if self.trouble == "divide":
            raise ZeroDivisionError(f"{self.number} / 0")
        if self.trouble == "disk full":
            raise OSError(errno.ENOSPC, "No space left on device")
        if self.trouble == "no library":
            raise ImportError("no such library")

    def _scars(self) -> int:
        if not self.scar:
            return 0
        with Path(self.scar).open("ab") as stream:
            return stream.write(b"x") and stream.tell() - 1

    def _sample(self, clip: int, form: ClipFormat) -> Sample:
        key = self.name if self.clips == 1 else f"{self.name}-{clip}"
        random = np.random.default_rng([self.number, clip])
        frames = random.integers(0, 256, (*form.shape, 3), dtype=np.uint8)
        wrong = self.trouble == "labels" and clip == self.sound
        labels = np.full(form.shape, 5 if wrong else 1, np.uint8)
        meta = build_meta(
            key,
            form,
            source="noise",
            licence="CC0-1.0",
            fps=1.0,
            objects=[{"id": 1}],
            labels={"mean": float(frames.mean())},
            details={"group": self.name},
        )
        return Sample(key, frames, labels, meta)
