"""Make the bundled model of a run: ``python -m explorer.models.bundling runs/NAME key=value ...``.

The words are facts that people are shown of the model.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from explorer.models.bundled import BUNDLED, STUDENT, TEACHER, WEIGHTS
from jepakit.training.module import JepaModule
from jepakit.training.runs import RunFolder, load_run
from jepakit.weight_files import write_safetensors


def write_bundle(
    module: JepaModule, config: dict[str, Any], *, facts: dict[str, str], folder: Path = BUNDLED
) -> None:
    """Keep a model in half precision, its encoder once.

    Args:
        module: a model whose encoder held still, so that target and context encoder are the same.
        config: the ``model`` part of its run's configuration.
        facts: what people should know of it.
        folder: where to write ``config.yaml`` and the weights.

    Raises:
        ValueError: the two encoders differ.
    """
    state = module.state_dict()
    if differing := [name for name, value in state.items() if not _same(name, value, state)]:
        raise ValueError(
            f"Target and context encoder differ in {len(differing)} tensors, and a bundle holds "
            "one encoder: train a last stage with model.frozen_encoder."
        )
    kept = {name: value.half() for name, value in state.items() if not name.startswith(TEACHER)}
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(kept, folder / WEIGHTS)
    (folder / WEIGHTS).chmod(0o644)  # it goes into a package
    text = yaml.safe_dump({"facts": facts, "model": config}, sort_keys=True)
    RunFolder(folder).config.write_text(text)


def _same(name: str, value: Tensor, state: dict[str, Tensor]) -> bool:
    twin = TEACHER + name.removeprefix(STUDENT)
    return not name.startswith(STUDENT) or torch.equal(value, state[twin])


def main() -> None:
    """Bundle the last checkpoint of a run."""
    path, *words = sys.argv[1:]
    write_bundle(
        load_run(path),
        RunFolder(Path(path)).read_config()["model"],
        facts=dict(word.split("=", 1) for word in words),
    )


if __name__ == "__main__":
    main()
