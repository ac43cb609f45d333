"""Convert checkpoints: ``python -m vjepa2.convert SRC DST --to ours|huggingface``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Literal

from jsonargparse import ArgumentParser

# Idle OpenMP threads must not spin; has to be set before torch is imported, which waits until the
# arguments are known to be right.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def convert(
    src: str,
    dst: str,
    *,
    to: Literal["ours", "huggingface"],
    encoder: Literal["target", "context"] = "target",
    layout: Literal["any", "vjepa2", "vjepa2.1", "ijepa"] = "any",
    heads: int | None = None,
    predictor_heads: int | None = None,
    frames: int | None = None,
    size: int | None = None,
) -> None:
    """Convert a published or trained checkpoint; what is missing or unexpected in it is an error.

    Sources: files of the released code (V-JEPA 2, V-JEPA 2.1, I-JEPA), Hugging Face directories
    (VJEPA2Model, VJEPA2ForVideoClassification, IJepaModel) and run folders of ours. The goal is a
    run folder, or a directory that from_pretrained of transformers loads. Either holds
    conversion.json, which says what was taken, assumed, absent and left out.

    Args:
        src: File or folder to convert.
        dst: Folder to write; it must be empty or not exist, and appears whole or not at all.
        to: Format to write.
        encoder: Which encoder is evaluated, where the source has the moving average (target) and
            the trained one (context).
        layout: Release that an official file must be of.
        heads: Attention heads of the encoder, where an official file is of no published size.
        predictor_heads: Attention heads of the predictor, likewise.
        frames: Frames of a clip, which official files do not show; as published if not given.
        size: Side of a frame in pixels, likewise.

    Raises:
        FileNotFoundError: Something of the source is missing.
        ValueError: The source is not what it should be, or the goal has no such model.
    """
    release = None if layout == "any" else layout
    heads_given = {"heads": heads, "predictor_heads": predictor_heads}
    sizes = {"frames": frames, "size": size}
    run(Path(src), Path(dst), to, encoder, {"layout": release, **heads_given}, sizes)


def run(
    src: Path,
    dst: Path,
    to: Literal["ours", "huggingface"],
    encoder: Literal["target", "context"],
    official: dict[str, Any],
    sizes: dict[str, Any],
) -> None:
    """Read, check and write; ``official`` holds options of official files, see :func:`convert`."""
    from jepakit.training.versions import versions
    from vjepa2.checkpoints.files import whole_folder, write_json
    from vjepa2.checkpoints.huggingface_folder import CONFIG, read_huggingface, write_huggingface
    from vjepa2.checkpoints.official_file import read_official
    from vjepa2.checkpoints.pretrained import check
    from vjepa2.checkpoints.run_folder import read_run, write_run

    if not src.exists():
        raise FileNotFoundError(f"There is no {src}.")
    held = {"ours": "config.yaml", "huggingface": CONFIG}[to]
    if (src / held).is_file():
        raise ValueError(f"{src} is in that format already: it has a {held}.")
    given = sorted(name for name, value in official.items() if value is not None)
    if given and not src.is_file():
        raise ValueError(f"{given} are for official files; {src} says them itself.")
    with whole_folder(dst) as folder:
        if src.is_file():
            model = read_official(src, encoder=encoder, **official, **sizes)
        elif (src / CONFIG).is_file():
            model = read_huggingface(src)
        else:
            model = read_run(src, encoder=encoder)
        model = model.resized(**sizes)
        check(model)
        written = write_run(model, folder) if to == "ours" else write_huggingface(model, folder)
        record = {"from": model.record, "to": written, "versions": versions()}
        write_json(record, folder / "conversion.json")


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
