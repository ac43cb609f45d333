"""The explorer's estimate of memory against the measured peak: ``python -m bench.explorer_memory``.

Every setting runs in a process of its own, as the first pass of a fresh program. The peak is what
the system counts as resident at the highest moment of the extraction (the mark is reset before it),
minus what was resident with the weights loaded and all else given back. The estimate counts
buffers; its two constants come from the settings under ``--calibration``, none of which is among
the six. Linux only.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import multiprocessing
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.harness import emit, show
from explorer.clip import Clip
from explorer.extraction import estimate, extract_sites
from explorer.models import BUNDLED_ID, ExplorerModel, ModelCatalogue
from vjepa2.encoder import Encoder


@dataclass(frozen=True)
class Setting:
    """What is extracted.

    Attributes:
        name: in the table.
        model: ``bundled``, or the name of an encoder of the V-JEPA 2 family with random weights.
        frames: of the clip.
        size: side of its frames in pixels.
        sites: activations that are kept.
        window: frames of a forward pass; 0 for the whole clip.
        position: of the encoder.
    """

    name: str
    model: str
    frames: int
    size: int
    sites: str = "norm"
    window: int = 0
    position: str = "rope_tiled"


SETTINGS = (
    Setting("bundled", "bundled", 16, 96),
    Setting("bundled, longer and larger, all sites", "bundled", 32, 128, sites="all"),
    Setting("ViT-S", "vit_s", 16, 256),
    Setting("ViT-S, large", "vit_s", 32, 256),
    Setting("ViT-B", "vit_b", 16, 224),
    Setting("ViT-B, windows of 12", "vit_b", 32, 224, window=12),
)

CALIBRATION = (
    Setting("bundled, small", "bundled", 8, 96),
    Setting("bundled, 2,304 tokens", "bundled", 32, 96),
    Setting("ViT-Ti", "vit_ti", 16, 224),
    Setting("ViT-Ti, sine and cosine", "vit_ti", 16, 256, position="sincos"),
    Setting("ViT-S, sine and cosine", "vit_s", 16, 224, position="sincos"),
    Setting("ViT-S, all sites", "vit_s", 8, 256, sites="all"),
    Setting("ViT-B, small", "vit_b", 8, 224),
    Setting("bundled, larger", "bundled", 16, 128),
    Setting("ViT-S, 3,136 tokens", "vit_s", 32, 224),
    Setting("ViT-B, 1,024 tokens", "vit_b", 8, 256),
    Setting("ViT-Ti, 4,096 tokens", "vit_ti", 32, 256),
)


def main() -> None:
    """Measure every setting and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calibration", action="store_true", help="the settings of the constants")
    options = parser.parse_args()
    chosen = CALIBRATION if options.calibration else SETTINGS
    rows = [apart(setting) for setting in chosen]
    deviations = [abs(row["estimate"] / row["peak"] - 1) for row in rows]
    show(
        "Memory of an extraction beside the weights, MB",
        ["setting", "tokens", "measured", "estimate", "deviation", "CPU s", "estimated s"],
        [_row(setting, row) for setting, row in zip(chosen, rows, strict=True)],
    )
    emit(
        "explorer_memory",
        {
            "settings": [asdict(setting) | row for setting, row in zip(chosen, rows, strict=True)],
            "mean_deviation": sum(deviations) / len(deviations),
            "largest_deviation": max(deviations),
            "settings_within_30_percent": sum(value <= 0.3 for value in deviations),
        },
    )


def apart(setting: Setting) -> dict[str, float]:
    """Measure a setting in a process of its own.

    It is forked from this one, which has imported everything and run nothing, so that libraries
    take what they take at their first pass.
    """
    receiver, sender = multiprocessing.Pipe(duplex=False)
    context = multiprocessing.get_context("fork")
    process = context.Process(target=lambda: sender.send(measure(setting)))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    finally:
        process.join()


def measure(setting: Setting) -> dict[str, float]:
    """Peak in bytes, CPU seconds, and what was estimated of both."""
    torch.set_num_threads(1)
    model = _model(setting)
    noise = np.random.default_rng(0).integers(
        0, 256, (setting.frames, setting.size, setting.size, 3), dtype=np.uint8
    )
    clip = Clip(noise, fps=10.0, name="noise", source_frames=tuple(range(setting.frames)))
    how: dict[str, Any] = {"sites": setting.sites, "window": setting.window or None}
    baseline = _resident()
    began = time.process_time()
    extract_sites(model, clip, **how)
    seconds = time.process_time() - began
    peak = _highest() - baseline
    guess = estimate(model, setting.frames, clip.size, **how)
    return {
        "tokens": guess.tokens,
        "peak": peak,
        "estimate": guess.peak_bytes,
        "cpu_seconds": seconds,
        "estimated_seconds": guess.seconds,
    }


def _model(setting: Setting) -> Any:
    if setting.model == "bundled":
        model = ModelCatalogue(device="cpu").open(BUNDLED_ID)
    else:
        encoder = Encoder(
            setting.model,  # type: ignore[arg-type]
            frames=16,
            size=setting.size,
            position=setting.position,  # type: ignore[arg-type]
        )
        model = ExplorerModel("random-weights", setting.name, encoder.eval())
    _ = model.weights_hash
    return model


def _resident() -> int:
    """Bytes in memory now, without what is only kept for reuse; the highest mark starts anew."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _highest() -> int:
    return _status("VmHWM")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def _row(setting: Setting, row: dict[str, float]) -> list[object]:
    measured, guess = row["peak"] / 1e6, row["estimate"] / 1e6
    return [
        setting.name,
        f"{row['tokens']:,.0f}",
        measured,
        guess,
        f"{guess / measured - 1:+.0%}",
        row["cpu_seconds"],
        row["estimated_seconds"],
    ]


if __name__ == "__main__":
    main()
