"""What ``--resume`` asks of a run folder before anything is built."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from jepakit.training.runs import RunFolder


def own_config(args: list[str]) -> list[str]:
    """``--config`` of the run folder, where a run is resumed by its name alone."""
    quick = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    quick.add_argument("-c", "--config")
    quick.add_argument("--name")
    quick.add_argument("--runs", default="runs")
    quick.add_argument("--resume")
    known, _ = quick.parse_known_args(args)
    if known.config or not known.resume or not known.name:
        return []
    own = RunFolder(Path(known.runs) / known.name).config
    return ["--config", str(own)] if own.exists() else []


def refuse_other_model(folder: RunFolder, config: dict[str, Any]) -> None:
    """Hold the model and seed of a command against those the run was started with.

    Raises:
        ValueError: they differ; data, trainer and callbacks may.
    """
    before = folder.read_config()
    changed = [
        key
        for key in ("model", "seed_everything")
        for key in _differences(key, before.get(key), config.get(key))
    ]
    if changed:
        raise ValueError(
            f"The run {folder.path} was started with another {', '.join(changed)}. Resume it with "
            "the same model and seed (its own without --config), or choose another --name."
        )


def _differences(key: str, one: Any, other: Any) -> list[str]:
    """Dotted names of the leaves in which two nested configurations differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        names = sorted(one.keys() | other.keys())
        return [d for n in names for d in _differences(f"{key}.{n}", one.get(n), other.get(n))]
    return [] if one == other else [key]
