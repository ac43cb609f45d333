"""The small trained model that comes with the package, so that the explorer works at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jepakit.training.module import JepaModule
from jepakit.training.runs import RunFolder, build_model
from jepakit.weight_files import read_weights

BUNDLED = Path(__file__).resolve().parent.parent / "bundled"
WEIGHTS = "weights.safetensors"
STUDENT, TEACHER = "encoder.", "target_encoder."


def bundle_config(folder: Path = BUNDLED) -> dict[str, Any]:
    """What ``config.yaml`` of a bundle says: ``model``, as in a run, and ``facts`` of it.

    Raises:
        FileNotFoundError: this is no bundle.
    """
    return RunFolder(folder).read_config()


def load_bundle(folder: Path = BUNDLED) -> JepaModule:
    """The bundled model in evaluation mode, in float32.

    Raises:
        FileNotFoundError: the folder has no weights.
        ValueError: the weights are damaged, or not those of the configured model.
    """
    weights = {name: value.float() for name, value in read_weights(folder / WEIGHTS).items()}
    for name in [name for name in weights if name.startswith(STUDENT)]:
        weights[TEACHER + name.removeprefix(STUDENT)] = weights[name]
    module = build_model(bundle_config(folder)["model"])
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"The weights in {folder} do not fit its model: {error}") from error
    return module.eval()
