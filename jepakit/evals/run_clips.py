"""Pictures of what a trained model does with single clips of a data set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from matplotlib.figure import Figure as Drawing
from torch import Tensor

from jepakit.data.coverage import coverage_of
from jepakit.data.schema import Sample
from jepakit.data.shard_reader import ShardReader
from jepakit.evals.figures.clips import clip_strip
from jepakit.evals.figures.counterfactual import counterfactual_figure
from jepakit.evals.figures.tokens import token_components, token_similarity
from jepakit.masks import draw_masks
from jepakit.protocols import AnyMasker, Encoder, Intervenes, MaskInput


@dataclass(frozen=True)
class Removal:
    """A clip, one of its objects, and the clip simulated again without it.

    Attributes:
        sample: the clip.
        identity: id of the object.
        changed: mean absolute change of the pixels outside the object, in grey levels.
    """

    sample: Sample
    identity: int
    changed: float

    @property
    def name(self) -> str:
        """What the object is called in pictures."""
        entry = self.sample.meta["objects"][self.identity - 1]
        colour = entry.get("colour", "")
        return f"the {colour} {entry['kind']}".replace("  ", " ")


def telling_samples(reader: ShardReader, count: int, *, look_at: int = 200) -> list[Sample]:
    """Clips of different groups in which most objects move, best first.

    Args:
        reader: an opened split.
        count: how many clips.
        look_at: how many clips to choose from.
    """
    scored: list[tuple[float, int, str]] = []
    for number in _spread(len(reader), look_at):
        with reader.open(number) as stored:
            labels = stored.labels()
            group = str(stored.meta["details"].get("group", number))
        scored.append((float((labels[1:] != labels[:-1]).mean()), number, group))
    chosen: dict[str, int] = {}
    for _, number, group in sorted(scored, reverse=True):
        chosen.setdefault(group, number)
    samples = []
    for number in list(chosen.values())[:count]:
        with reader.open(number) as stored:
            samples.append(stored.whole())
    return samples


def telling_removals(reader: ShardReader, count: int, *, look_at: int = 200) -> list[Removal]:
    """Removals with the largest consequences for what remains, from different clips."""
    found: list[tuple[float, int, int]] = []
    for number in _spread(len(reader), look_at):
        with reader.open(number) as stored:
            for identity in stored.meta["counterfactuals"]:
                here = stored.labels() == identity
                other = stored.frames(without=identity).astype(np.int16)
                difference = np.abs(other - stored.frames()).mean(axis=-1)
                if here.mean() >= 0.005:
                    found.append((float(difference[~here].mean()), number, identity))
    removals: dict[int, Removal] = {}
    for changed, number, identity in sorted(found, reverse=True):
        if number not in removals and len(removals) < count:
            with reader.open(number) as stored:
                removals[number] = Removal(stored.whole(), identity, changed)
    return list(removals.values())


def mask_drawings(
    sample: Sample, encoder: Encoder, masker: AnyMasker, *, seed: int = 0
) -> list[Drawing]:
    """The clip, its objects, and the context that one draw of each of its masks leaves."""
    seen = MaskInput(torch.from_numpy(_coverage(sample, encoder)), torch.from_numpy(sample.frames))
    masks = draw_masks(masker, [seen], [("report", seed, sample.key)])
    visible = torch.zeros(masks.views * masks.context.grid, dtype=torch.bool)
    visible[masks.context.index] = True
    return [
        clip_strip(
            sample.frames,
            labels=sample.labels,
            visible=context.numpy().reshape(encoder.request.grid),
            fps=sample.meta["fps"],
        )
        for context in visible.chunk(masks.views)
    ]


def token_drawings(sample: Sample, encoders: dict[str, Encoder]) -> tuple[Drawing, Drawing]:
    """Similarity to the token that the largest moving object covers, and principal components."""
    tokens = {name: _latents(encoder, sample.frames) for name, encoder in encoders.items()}
    coverage = _coverage(sample, next(iter(encoders.values()))).astype(float)
    moving = np.ptp(coverage, axis=1).sum(axis=(1, 2))
    place = np.unravel_index(int(coverage[moving.argmax()].argmax()), coverage.shape[1:])
    query = (int(place[0]), int(place[1]), int(place[2]))
    fps = sample.meta["fps"]
    return (
        token_similarity(sample.frames, tokens, query, fps=fps),
        token_components(sample.frames, tokens, fps=fps),
    )


def removal_drawing(removal: Removal, model: Intervenes, encoder: Encoder) -> Drawing:
    """Predicted residual norm beside the change that the second simulation shows."""
    sample = removal.sample
    without = sample.counterfactuals[removal.identity].frames
    coverage = torch.from_numpy(_coverage(sample, encoder)).unsqueeze(0)
    frames = torch.from_numpy(sample.frames).unsqueeze(0)
    answer = model.intervene(frames, coverage, [[removal.identity]])
    grid = encoder.request.grid
    change = _latents(encoder, sample.frames) - _latents(encoder, without)
    residual = answer.residual[0].float().numpy().reshape(*grid, -1)
    return counterfactual_figure(
        sample.frames,
        without,
        latent_change=np.linalg.norm(change, axis=-1),
        predicted=np.linalg.norm(residual, axis=-1),
        visible=answer.visible[0].numpy().astype(bool).reshape(grid),
        removed=removal.name,
        fps=sample.meta["fps"],
    )


def _spread(samples: int, count: int) -> list[int]:
    """At most ``count`` sample numbers, evenly over the split."""
    return sorted({int(n) for n in np.linspace(0, samples - 1, min(count, samples))})


def _coverage(sample: Sample, encoder: Encoder) -> np.ndarray:
    request = encoder.request
    return coverage_of(
        sample.labels, len(sample.meta["objects"]), patch=request.patch, tubelet=request.tubelet
    )


def _latents(encoder: Encoder, frames: np.ndarray) -> Float[np.ndarray, "tt hh ww d"]:
    tokens: Tensor = encoder.encode(torch.from_numpy(frames).unsqueeze(0))
    tt, hh, ww = encoder.request.grid
    dense = rearrange(tokens[0], "(tt hh ww) d -> tt hh ww d", tt=tt, hh=hh, ww=ww)
    return dense.float().cpu().numpy()
