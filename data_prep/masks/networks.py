"""What networks that find masks need: an optional package, weights given by path, a device."""

from __future__ import annotations

import hashlib
import importlib
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

Device = Literal["auto", "cpu", "cuda"]


class NetworkError(ImportError, ValueError):
    """A network is missing or of no use.

    It is the user's to mend, hence a ValueError; and it is wrong for every clip, so that a job
    stops as it does on any ImportError, instead of rejecting one clip after the other.
    """


def optional_module(name: str, extra: str) -> Any:
    """A module that only one extra needs.

    Raises:
        NetworkError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise NetworkError(
            f"These masks need {error.name or name.split('.')[0]}, which is not installed: "
            f"pip install 'jepakit[{extra}]'. ({error})"
        ) from error


def usable_device(device: Device) -> str:
    """``cpu`` or ``cuda``; ``auto`` takes a GPU where there is one.

    Raises:
        NetworkError: a GPU is asked for where there is none.
    """
    import torch

    found = torch.cuda.is_available()
    if device == "cuda" and not found:
        raise NetworkError("Device 'cuda' was asked for, but torch finds no GPU; use 'auto'.")
    return "cuda" if found and device != "cpu" else "cpu"


def check_prompts(
    points_per_side: int,
    points_per_batch: int,
    *,
    pred_iou_thresh: float,
    stability_score_thresh: float,
) -> None:
    """Check how a network is prompted.

    Raises:
        ValueError: a count below 1, or a threshold outside 0 to 1.
    """
    if min(points_per_side, points_per_batch) < 1:
        raise ValueError(
            "points_per_side and points_per_batch must be 1 or more, got "
            f"{points_per_side} and {points_per_batch}."
        )
    if not (0 <= pred_iou_thresh <= 1 and 0 <= stability_score_thresh <= 1):
        raise ValueError(
            "pred_iou_thresh and stability_score_thresh must be 0 to 1, got "
            f"{pred_iou_thresh} and {stability_score_thresh}."
        )


@lru_cache(maxsize=8)
def fingerprint(path: Path) -> str:
    """The first 8 hexadecimal digits of the SHA-256 of a file, computed once per process.

    Raises:
        NetworkError: there is no such file.
    """
    if not path.is_file():
        raise NetworkError(
            f"There are no weights at {path}. Download them yourself and give their path."
        )
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:8]
