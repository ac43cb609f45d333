"""Encode episodes once: ``python -m vjepa2.cache_latents --recipe FILE --out DIR``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

# Idle OpenMP threads must not spin; has to be set before torch is imported, which waits until the
# arguments are known to be right.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def cache_latents(
    *, recipe: str, out: str, start_from: str | None = None, batch: int = 8, seed: int = 0
) -> None:
    """Keep the latents of all frames of a recipe's data, for training without an encoder.

    The recipe is one of vjepa2.Dynamics with a frozen encoder and a readout that does not learn by
    gradient; principal components are fitted to the training episodes first. OUT holds the
    latents, and the encoder and readout that made them as the checkpoint of a run: train with
    ``--start_from OUT --data.features OUT``. A command that was stopped continues.

    Args:
        recipe: Configuration that train.py takes.
        out: Folder to write.
        start_from: Run folder that the encoder comes from; weights of its own, drawn from the
            seed, if not given.
        batch: Episodes that are encoded together.
        seed: Of an encoder that comes from nowhere.

    Raises:
        FileNotFoundError: no such recipe or run.
        ValueError: the recipe's latents cannot be kept, or OUT holds those of another encoder.
    """
    import yaml

    from jepakit.data.transitions.encoding import cache_features

    config = yaml.safe_load(Path(recipe).read_text())
    data = config["data"]["init_args"]
    model = perceiving(config, Path(out), start_from, seed)
    for split, path in (("train", data["train"]), ("val", data.get("val"))):
        if path is None:
            continue
        cache_features(
            path,
            out,
            model.perception,
            encoder=model.encoder_sha256,
            split=split,
            batch=batch,
        )


def perceiving(config: dict[str, Any], out: Path, start_from: str | None, seed: int) -> Any:
    """The recipe's model with the perception of OUT, fitted and written if it is not there.

    Raises:
        ValueError: the recipe trains another kind of model, or OUT has another encoder.
    """
    import torch
    import yaml

    from jepakit.data.shard_reader import ShardReader
    from jepakit.data.transitions.features import weights_sha256
    from jepakit.training.checkpoint_io import DurableCheckpointIO
    from jepakit.training.runs import RunFolder, build_model, fill
    from vjepa2.dynamics import Dynamics

    folder = RunFolder(out)
    torch.manual_seed(seed)
    model = build_model(config["model"]).eval()
    if not isinstance(model, Dynamics):
        raise ValueError(f"The recipe trains a {type(model).__name__}, not a vjepa2.Dynamics.")
    if start_from is not None:
        fill(model, RunFolder(Path(start_from)))
    if folder.last.exists():
        wanted = weights_sha256(model.perception.encoder)
        fill(model, folder)
        if wanted != weights_sha256(model.perception.encoder):
            raise ValueError(
                f"{out} holds latents of another encoder than this recipe, seed and start_from "
                "give: remove the folder, or choose another."
            )
        return model
    train = ShardReader(config["data"]["init_args"]["train"], split="train")
    explained = model.perception.fit(_frames(train))
    if explained is not None:
        print(f"The readout keeps {explained:.1%} of the variance.")  # noqa: T201
    folder.checkpoints.mkdir(parents=True, exist_ok=True)
    folder.config.write_text(yaml.safe_dump({"model": config["model"]}, sort_keys=False))
    seen = {name: w for name, w in model.state_dict().items() if name.startswith("perception.")}
    DurableCheckpointIO().save_checkpoint({"state_dict": seen}, folder.last)
    return model


def _frames(reader: Any, frames: int = 3072) -> Any:
    """Frames of evenly spread episodes ``(b, t, h, w, 3)``."""
    import numpy as np
    import torch

    length = reader.form.frames
    wanted = min(len(reader), -(-frames // length))
    clips = []
    for number in np.linspace(0, len(reader) - 1, wanted).astype(int).tolist():
        with reader.open(number) as stored:
            clips.append(stored.frames())
    return torch.from_numpy(np.stack(clips))


def main(arguments: list[str] | None = None) -> None:
    """Parse the options and encode; what is wrong is one line and exit code 1."""
    parser = ArgumentParser(
        prog="python -m vjepa2.cache_latents",
        description=(cache_latents.__doc__ or "").split("Args:")[0],
    )
    parser.add_function_arguments(cache_latents)
    chosen = parser.parse_args(arguments)
    try:
        cache_latents(**chosen.as_dict())
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f"vjepa2.cache_latents: {error}")
    print("Written:", chosen.out)  # noqa: T201


if __name__ == "__main__":
    main()
