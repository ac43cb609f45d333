"""Objects cut out by carrying labels of the first slice through the clip."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Int

from explorer.latents import Latents
from explorer.pictures import encode_video, side_by_side
from explorer.tracking import (
    centred,
    j_and_f,
    label_pixels,
    mask_labels,
    propagate_labels,
    segment_overlay,
)
from explorer.view import Movie, Part, View
from jepakit.evals.pages.report import Table

SENTENCE = (
    "Labels of the first slice travel: each later token takes the label of the earlier tokens it "
    "resembles most. Nothing was trained for this. Segments are as coarse as tokens are; where the "
    "scene knows its truth, J (overlap) and F (outline) are given beside the best that tokens of "
    "this size allow, and those of an untrained encoder."
)
Labels = Int[np.ndarray, "hh ww"]


def segmenting(
    latents: Latents,
    first: Labels,
    *,
    baseline: Latents | None = None,
    centring: Literal["none", "clip", "position"] = "clip",
    top_k: int = 5,
    temperature: float = 0.2,
    context: int = 15,
    radius: int = 12,
) -> View:
    """Video object segmentation by label propagation.

    Args:
        latents: of the clip.
        first: labels of the first slice's tokens, 0 background.
        baseline: an untrained encoder's latents of the same clip.
        centring: what is taken away from all tokens.
        top_k: neighbours that vote.
        temperature: of the softmax over their cosines.
        context: earlier slices that may vote beside the first one.
        radius: how far a label may travel from one of these slices, in tokens.

    Raises:
        ValueError: no object, or settings out of range.
    """
    if not first.any():
        raise ValueError("Nothing is labelled yet: click on an object in the first frame.")
    options = {
        "top_k": top_k, "temperature": temperature, "context": context, "radius": radius,
    }  # fmt: skip
    found = propagate_labels(centred(latents.values, centring), first, **options)  # type: ignore[arg-type]
    clips = {
        latents.clip.name: latents.clip.frames,
        "segments": segment_overlay(latents, found.labels),
    }
    labels = {"this encoder": found.labels}
    if baseline is not None:
        twin = propagate_labels(centred(baseline.values, centring), first, **options)  # type: ignore[arg-type]
        clips["untrained encoder"] = segment_overlay(latents, twin.labels)
        labels["untrained encoder"] = twin.labels
    film = Movie(
        encode_video(side_by_side(*clips.values()), latents.clip.fps),
        alt="The clip, and its objects tinted by their carried labels",
        titles=list(clips),
    )
    parts: list[Part] = [film]
    if latents.clip.truth is not None:
        parts.append(_scores(latents, labels))
    files = {"segments.npy": _npy(found.labels)}
    return View("segments", "Segment by propagation", SENTENCE, parts, files)


def true_labels(latents: Latents) -> Labels:
    """The first slice's labels from the masks of a scene.

    Raises:
        ValueError: the clip has no masks.
    """
    truth = latents.clip.truth
    if truth is None:
        raise ValueError("This clip has no true masks: click on objects instead.")
    return mask_labels(truth.labels[: latents.tubelet], latents.patch)


def _scores(latents: Latents, labels: dict[str, np.ndarray]) -> Table:
    """J and F after the first slice, of the objects that were labelled."""
    truth = latents.clip.truth
    assert truth is not None
    slices, rows, columns = latents.grid
    later = slice(latents.tubelet, slices * latents.tubelet)
    height, width = rows * latents.patch, columns * latents.patch
    true = truth.labels[later, :height, :width]
    given = sorted(int(i) for i in np.unique(labels["this encoder"][0]) if i)
    given = [i for i in given if i <= len(truth.names)]
    best = np.stack(
        [
            mask_labels(
                truth.labels[t * latents.tubelet : (t + 1) * latents.tubelet], latents.patch
            )
            for t in range(slices)
        ]
    )
    kinds = labels | {"true masks as tokens (ceiling)": best}
    rows_ = []
    for name, one in kinds.items():
        scores = j_and_f(label_pixels(latents, one)[later], true, objects=given)
        rows_.append(
            [
                name,
                f"{scores.region.mean():.2f}",
                f"{scores.contour.mean():.2f}",
                f"{scores.mean:.2f}",
            ]
        )
    caption = f"Mean over {len(given)} objects and the frames after the first slice."
    return Table(["Labels", "J", "F", "J&F"], rows_, caption, strong=[3])


def _npy(labels: np.ndarray) -> bytes:
    import io

    out = io.BytesIO()
    np.save(out, labels.astype(np.uint8), allow_pickle=False)
    return out.getvalue()
