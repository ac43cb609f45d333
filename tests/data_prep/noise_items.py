"""Items that fail, stall or die on command."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import numpy as np

from jepakit.data.manifest import Description
from jepakit.data.metadata import build_meta
from jepakit.data.schema import ClipFormat, Sample

FORM = ClipFormat(2, 8, 8, patch=4, tubelet=1, image="png")
DESCRIPTION = Description("noise", "tests/1", ("CC0-1.0",), FORM, {"mean": "regression"})


@dataclass(frozen=True)
class NoiseItem:
    number: int
    trouble: str = ""
    seconds: float = 0.0

    @property
    def name(self) -> str:
        return f"noise-{self.number}"

    def make(self, form: ClipFormat) -> Sample:
        time.sleep(self.seconds)
        if self.trouble == "die":
            os._exit(9)
        if self.trouble == "assert":
            raise AssertionError("polygon is not convex")
        if self.trouble == "divide":
            return self.number / 0
        random = np.random.default_rng(self.number)
        frames = random.integers(0, 256, (*form.shape, 3), dtype=np.uint8)
        labels = np.full(form.shape, 5 if self.trouble == "labels" else 1, np.uint8)
        meta = build_meta(
            self.name,
            form,
            source="noise",
            licence="CC0-1.0",
            fps=1.0,
            objects=[{"id": 1}],
            labels={"mean": float(frames.mean())},
            details={"group": self.name},
        )
        return Sample(self.name, frames, labels, meta)
