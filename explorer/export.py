"""``python explore.py export``: every view of a clip as files, without a browser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from explorer.runs_folder import RUNS, runs_folder
from jepakit.command_line import typed_command


def export(
    *,
    out: str,
    runs: str = RUNS,
    model: str | None = None,
    encoder: Literal["target", "context"] = "target",
    site: str = "norm",
    video: str | None = None,
    frames: int | None = None,
    size: int | None = None,
    fps: float | None = None,
    start: float = 0.0,
    crop: Literal["centre", "whole", "letterbox"] = "centre",
    scene: int = 0,
    views: Sequence[str] = (),
) -> None:
    """Compute every view of a clip without a browser: pictures, CSV, JSON and one HTML report.

    Args:
        out: Folder of the files; made if it does not exist.
        runs: Folder of run folders; models are read from there only.
        model: Id or title of a model; the bundled one if not given. An unknown one lists them all.
        encoder: The EMA target encoder, or the context encoder.
        site: Layer, such as blocks.03.out; norm is the encoder's output.
        video: File of a video or picture; a generated scene if not given.
        frames: Of the clip; as many as the model was trained on if not given.
        size: Height and width of the clip in pixels; those of the training if not given.
        fps: Frames per second that are taken of the video; all frames if not given.
        start: Seconds into the video.
        crop: The largest centred square, the whole picture squeezed, or between bars.
        scene: Number of the generated scene.
        views: Names of views; all if not given.
    """
    from explorer.extraction import ArtifactStore, extract
    from explorer.models import ModelCatalogue
    from explorer.report import explorer_report
    from explorer.tour import Subject, known_views, tour
    from explorer.view_files import write_view

    chosen_views = known_views(views or None)
    catalogue = ModelCatalogue(runs_folder(runs))
    chosen = _model_id(catalogue.entries(), model)
    opened = catalogue.open(chosen, encoder=encoder)
    twin = catalogue.open(chosen, untrained=0)
    length, side = frames or opened.frames, size or opened.size[0]
    clip = _clip(opened, video, length, side, fps=fps, start=start, crop=crop, scene=scene)
    subject = Subject(extract(opened, clip, site=site), opened, twin)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name, view in tour(subject, chosen_views, told=_say):
        made.append(view)
        write_view(folder, name, view)
    ArtifactStore(folder / "latents", max_age_s=float("inf")).save(subject.latents)
    page = explorer_report(made, subject.latents, command=typed_command())
    (folder / "report.html").write_text(page, "utf-8")
    _say(f"Written: {folder}/report.html and {len(list(folder.iterdir())) - 1} more")


def _model_id(entries: Sequence[Any], model: str | None) -> str:
    """The id of the model with this title or id, or of the first one."""
    ids = {key: entry.id for entry in entries for key in (entry.title, entry.id)}
    if model is not None and model not in ids:
        titles = ", ".join(entry.title for entry in entries)
        raise ValueError(f"There is no model {model!r}; choose from {titles}.")
    return str(entries[0].id if model is None else ids[model])


def _clip(
    model: Any,
    video: str | None,
    frames: int,
    size: int,
    *,
    fps: float | None,
    start: float,
    crop: Literal["centre", "whole", "letterbox"],
    scene: int,
) -> Any:
    from explorer.clips import default_clip, read_clip

    model.allows(frames, (size, size))
    if video is None:
        return default_clip(frames=frames, size=size, seed=scene)
    return read_clip(video, frames=frames, size=size, fps=fps, start_s=start, crop=crop)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201
