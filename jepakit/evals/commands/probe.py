"""``evaluate.py probe``: what frozen features know."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal


def probe(
    run: str,
    *,
    data: str,
    checkpoint: Literal["last", "best"] = "last",
    encoder: Literal["target", "context"] = "target",
    pool: Literal["mean", "time"] = "mean",
    seeds: int = 3,
    train_split: str = "train",
    test_split: str = "val",
    group: str = "group",
    draws: int = 2000,
    interval: Literal["percentile", "bca"] = "percentile",
    pixels: int = 16,
    pixel_components: int | None = None,
    batch_size: int = 64,
    device: str = "auto",
    out: str | None = None,
) -> None:
    """Linear probes of frozen features for every label of a data set, against three controls.

    Controls: the same network untrained, the pixels, and the majority class or mean. Writes
    probe.json, probe.csv, probe.md and probe.png.

    Args:
        run: The run folder.
        data: The data set whose labels are probed.
        checkpoint: The last state, or the one with the best monitored value.
        encoder: The moving-average target encoder, or the context encoder.
        pool: Mean over all tokens, or over space only, with the tubelets side by side.
        seeds: Repetitions; each has its own untrained network and its own selection part.
        train_split: Clips that probes learn from.
        test_split: Clips that they are judged on; no task may be in both.
        group: Field of a clip's details that names its task.
        draws: Bootstrap draws, of whole tasks.
        interval: Kind of the bootstrap interval.
        pixels: Side of the shrunk clips of the pixel control.
        pixel_components: Principal components that it reads; as many as the encoder has values if
            not given, so that no probe has more inputs. More of them know more.
        batch_size: Clips per forward pass.
        device: Where encoders run; auto takes a GPU where there is one.
        out: Folder of the results; the run folder if not given.
    """
    options = {
        "checkpoint": checkpoint,
        "encoder": encoder,
        "pool": pool,
        "train_split": train_split,
        "test_split": test_split,
        "group": group,
        "pixels": pixels,
        "pixel_components": pixel_components,
        "batch_size": batch_size,
        "device": device,
    }
    measure(run, data, out or run, options, {"seeds": seeds, "draws": draws, "method": interval})


def measure(
    run: str, data: str, out: str, options: dict[str, Any], settings: dict[str, Any]
) -> None:
    """Probe, print the tables and write the files; see :func:`probe`."""
    from rich.progress import Progress

    from jepakit.evals.figures import to_png
    from jepakit.evals.probes.probe_console import print_probe
    from jepakit.evals.probes.probe_report import probe_forest
    from jepakit.evals.probes.probe_result import ProbeSettings
    from jepakit.evals.probes.run_probe import ProbeOptions, RunProbe

    try:
        subject = RunProbe(
            Path(run), data, options=ProbeOptions(**options), settings=ProbeSettings(**settings)
        )
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f"evaluate.py probe: {error}")
    with Progress(transient=True) as progress:
        result = subject.measure(progress)
    paths = result.write(Path(out))
    if result.labels:
        paths.append(Path(out) / "probe.png")
        paths[-1].write_bytes(to_png(probe_forest(result)))
    print_probe(result)
    print("Written:", *paths)  # noqa: T201
