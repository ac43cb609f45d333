"""A sample as named members of a tar: ``KEY.<member>``.

Members, in the order in which they are stored (what training reads comes first): ``json``, ``jpg``
or ``png`` or ``mp4``, ``coverage``, ``labels``, ``states``, ``contacts``, ``actions``, then
``cf<id>.jpg`` (``png``, ``mp4``) and ``cf<id>.labels`` for each counterfactual. Nothing else is
ever decoded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from jepakit.data.codecs import ARRAYS, encode_array, encode_labels
from jepakit.data.coverage import check_labels, extent_of
from jepakit.data.metadata import encode_meta
from jepakit.data.mp4_clip import encode_mp4
from jepakit.data.schema import ClipFormat, Counterfactual, Sample
from jepakit.data.strips import encode_strip

NAME = re.compile(
    r"json|jpg|png|mp4|coverage|labels|states|contacts|actions|cf\d{1,3}\.(jpg|png|mp4|labels)"
)


@dataclass(frozen=True)
class EncodedSample:
    """The bytes of a sample and the counts that the manifest keeps."""

    key: str
    members: dict[str, bytes]
    objects: int
    counterfactuals: int


def encode_sample(sample: Sample, form: ClipFormat) -> EncodedSample:
    """The members of a sample; coverage is computed here, so it always agrees with the labels.

    Raises:
        ValueError: the key, then which part of the sample breaks schema version 1 and how.
    """
    try:
        members = _encode(sample, form)
    except ValueError as error:
        raise ValueError(f"Sample '{sample.key}': {error}") from error
    objects = len(sample.meta["objects"])
    return EncodedSample(sample.key, members, objects, len(sample.counterfactuals))


def _encode(sample: Sample, form: ClipFormat) -> dict[str, bytes]:
    removed = sorted(sample.counterfactuals)
    objects = len(sample.meta["objects"])
    fps = sample.meta["fps"]
    picture, labels = _encode_clip("", sample, objects, form, fps)
    extent = extent_of(sample.labels, objects, patch=form.patch, tubelet=form.tubelet)
    areas = (extent.pixels / (form.height * form.width)).round(6).tolist()  # of the picture
    table = [
        {**entry, "area": area} for entry, area in zip(sample.meta["objects"], areas, strict=True)
    ]
    meta = {**sample.meta, "counterfactuals": removed, "objects": table}
    members = {"json": encode_meta(meta, sample.key, form)}
    members |= {form.image: picture, "coverage": extent.coverage.tobytes(), "labels": labels}
    for name in ARRAYS:
        if getattr(sample, name) is not None:
            members[name] = encode_array(name, getattr(sample, name))
    for identity in removed:
        other, prefix = sample.counterfactuals[identity], f"cf{identity}."
        picture, labels = _encode_clip(prefix, other, objects, form, fps)
        if (other.labels == identity).any():
            raise ValueError(f"The counterfactual without object {identity} still shows it.")
        members |= {f"{prefix}{form.image}": picture, f"{prefix}labels": labels}
    return members


def _encode_clip(
    prefix: str, clip: Sample | Counterfactual, objects: int, form: ClipFormat, fps: float
) -> tuple[bytes, bytes]:
    """Picture and label map of one clip, checked by hand: users write preparation code."""
    for name, array, shape in (
        ("frames", clip.frames, (*form.shape, 3)),
        ("labels", clip.labels, form.shape),
    ):
        if array.dtype != np.uint8 or array.shape != shape:
            raise ValueError(
                f"'{prefix}{name}' must be uint8 {shape}, came {array.dtype} {array.shape}."
            )
    check_labels(clip.labels, objects)
    if form.image == "mp4":
        return encode_mp4(clip.frames, form, fps=fps), encode_labels(clip.labels)
    return encode_strip(clip.frames, form), encode_labels(clip.labels)
