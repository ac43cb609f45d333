"""Convert checkpoints: ``python -m vjepa2.convert SRC DST --to ours|huggingface|official``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Literal

from jsonargparse import ArgumentParser

# Idle OpenMP threads must not spin; has to be set before torch is imported, which waits until the
# arguments are known to be right.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


Goal = Literal["ours", "huggingface", "official"]
Release = Literal["any", "vjepa2", "vjepa2.1", "ijepa"]


def convert(
    src: str,
    dst: str,
    *,
    to: Goal,
    encoder: Literal["target", "context"] = "target",
    layout: Release = "any",
    heads: int | None = None,
    predictor_heads: int | None = None,
    frames: int | None = None,
    size: int | None = None,
    actions: str | None = None,
) -> None:
    """Convert a published or trained checkpoint; what is missing or unexpected in it is an error.

    Sources: files of the released code (V-JEPA 2, V-JEPA 2-AC, V-JEPA 2.1, I-JEPA), Hugging Face
    directories (VJEPA2Model, VJEPA2ForVideoClassification, IJepaModel) and run folders of ours.
    The goal is a run folder, a directory that from_pretrained of transformers loads, or a folder
    with official.pt, which the released code reads. Each holds conversion.json, which says what was
    taken, assumed, absent and left out.

    Args:
        src: File or folder to convert.
        dst: Folder to write; it must be empty or not exist, and appears whole or not at all.
        to: Format to write.
        encoder: Which encoder is evaluated, where the source has the moving average (target) and
            the trained one (context).
        layout: Release that the encoder of an official file must be of.
        heads: Attention heads of the encoder, where an official file is of no published size.
        predictor_heads: Attention heads of the predictor, likewise.
        frames: Frames of a clip, which official files do not show; as published if not given. Of a
            window in training for V-JEPA 2-AC.
        size: Side of a frame in pixels, likewise.
        actions: YAML or JSON file that says what the numbers of an action are (names, low, high,
            state_names, changes), for files of V-JEPA 2-AC; by default those of the published one,
            a Franka arm's.

    Raises:
        FileNotFoundError: Something of the source is missing.
        ValueError: The source is not what it should be, or the goal has no such model.
    """
    official = {
        "layout": None if layout == "any" else layout,
        "heads": heads,
        "predictor_heads": predictor_heads,
        "actions": actions,
    }
    run(Path(src), Path(dst), to, encoder, official, {"frames": frames, "size": size})


def run(
    src: Path,
    dst: Path,
    to: Goal,
    encoder: Literal["target", "context"],
    official: dict[str, Any],
    sizes: dict[str, Any],
) -> None:
    """Read, check and write; ``official`` holds options of official files, see :func:`convert`."""
    from jepakit.training.versions import versions
    from jepakit.weight_files import whole_folder, write_json
    from vjepa2.checkpoints.action_model import read_actions
    from vjepa2.checkpoints.huggingface_folder import read_huggingface, write_huggingface
    from vjepa2.checkpoints.official_file import read_official, write_official
    from vjepa2.checkpoints.pretrained import Pretrained
    from vjepa2.checkpoints.run_folder import read_run, write_run

    found = format_of(src)
    refuse_useless(src, dst, found, to, official, sizes)
    if official["actions"] is not None:
        official = official | {"actions": read_actions(Path(official["actions"]))}
    with whole_folder(dst) as folder:
        if found == "official":
            model = read_official(src, encoder=encoder, **official, **sizes)
        else:
            hugging = found == "huggingface"
            model = read_huggingface(src) if hugging else read_run(src, encoder=encoder)
            if isinstance(model, Pretrained):
                model = model.resized(**sizes)
        model.check()
        write = {"ours": write_run, "huggingface": write_huggingface, "official": write_official}
        record = {"from": model.record, "to": write[to](model, folder), "versions": versions()}
        write_json(record, folder / "conversion.json")


def format_of(src: Path) -> Goal:
    """The format of a file or folder.

    Raises:
        FileNotFoundError: there is none, or the folder is something else.
    """
    if not src.exists():
        raise FileNotFoundError(f"There is no {src}.")
    if src.is_file():
        return "official"
    if (src / "config.json").is_file():
        return "huggingface"
    if (src / "config.yaml").is_file():
        return "ours"
    raise FileNotFoundError(
        f"{src} is no run folder and no Hugging Face directory: it has neither config.yaml nor "
        "config.json. Of the released code a file is taken, not its folder."
    )


def refuse_useless(
    src: Path,
    dst: Path,
    found: Goal,
    to: Goal,
    official: dict[str, Any],
    sizes: dict[str, Any],
) -> None:
    """Compare the options with the two formats.

    Raises:
        ValueError: one of them would change nothing, or nothing would be converted.
    """
    if found == to:
        raise ValueError(f"{src} is in that format already.")
    given = sorted(name for name, value in official.items() if value is not None)
    if given and found != "official":
        raise ValueError(f"{given} are for official files; {src} says them itself.")
    asked = sorted(name for name, value in sizes.items() if value is not None)
    if asked and to == "official":
        raise ValueError(f"An official file does not hold {asked}: leave them out.")
    if to == "official" and dst.suffix in (".pt", ".pth"):
        raise ValueError(f"{dst} must be a folder: official.pt is written into it.")


def main(arguments: list[str] | None = None) -> None:
    """Parse the options and convert; what is wrong is one line and exit code 1."""
    parser = ArgumentParser(
        prog="python -m vjepa2.convert", description=(convert.__doc__ or "").split("Args:")[0]
    )
    for name, text in (("src", "File or folder to convert."), ("dst", "Folder to write.")):
        parser.add_argument(name, type=str, help=text)
    parser.add_function_arguments(convert, skip={"src", "dst"}, as_positional=False)
    chosen = parser.parse_args(arguments)
    try:
        convert(**chosen.as_dict())
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f"vjepa2.convert: {error}")
    print("Written:", chosen.dst)  # noqa: T201


if __name__ == "__main__":
    main()
