"""What probes of a removal read: the plain scene, the predicted one, or the true re-simulation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from jepakit.data.coverage import coverage_of
from jepakit.evals.removals.object_scores import visible_weights
from jepakit.evals.removals.removal_clips import RemovalClip
from jepakit.evals.removals.removal_questions import QUESTIONS, Level, object_answers, scene_answers
from jepakit.evals.removals.removal_truth import CHANGED, visible_change
from jepakit.protocols import Encoder, Intervenes

PLAIN, TOLD = "plain", "plain + removed object"
HIDDEN, SCENE = "interventional", "full - residual"
ORACLE, UNTRAINED = "oracle", "untrained"
FEATURES = {
    PLAIN: "latents of the full scene by the target encoder, mean over all tokens, or over the "
    "object's: which object is removed is not told",
    TOLD: "these beside the mean over the removed object's tokens",
    HIDDEN: "the scene encoded without the object, its hidden tokens predicted, mean over them "
    "(Causal-JEPA, Algorithm 3)",
    SCENE: "latents of the full scene minus the predicted residual, mean over the visible tokens, "
    "or over the object's",
    UNTRAINED: "the same of untrained twins",
    ORACLE: "latents of the true re-simulation by the target encoder, mean over all tokens, or "
    "over the object's there",
}


@dataclass(frozen=True)
class RemovalFeatures:
    """A row per removal (or per removal and other object), in one order for all columns.

    Attributes:
        values: features by name, ``(n, d)`` each.
        answers: by question, NaN where it has none.
        groups: scene of each row.
    """

    values: dict[str, Float[np.ndarray, "n d"]]
    answers: dict[str, Float[np.ndarray, " n"]]
    groups: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[RemovalFeatures]) -> RemovalFeatures:
        """All rows of several parts."""
        first = parts[0]
        return cls(
            {name: np.concatenate([p.values[name] for p in parts]) for name in first.values},
            {name: np.concatenate([p.answers[name] for p in parts]) for name in first.answers},
            np.concatenate([p.groups for p in parts]),
        )


@dataclass(frozen=True)
class RemovalModel:
    """A model that predicts removals, and the encoder that its residuals are in the space of."""

    model: Intervenes
    encoder: Encoder


@torch.no_grad()
def removal_features(
    clips: Iterable[RemovalClip],
    trained: RemovalModel,
    twins: Sequence[RemovalModel],
    *,
    removals: int,
    effective: bool = False,
    generator: np.random.Generator,
    device: torch.device | str = "cpu",
    told: Callable[[int], None] | None = None,
) -> dict[Level, RemovalFeatures]:
    """Features and answers for some removals of every clip.

    Args:
        clips: with re-simulations.
        trained: the model under test.
        twins: untrained ones.
        removals: of each clip, at most; drawn at random.
        effective: draw only among those that visibly change another object.
        generator: of that draw.
        device: of the models.
        told: told how many more clips are done.

    Raises:
        ValueError: no clip has an object that can be removed, or none whose removal has an effect.
    """
    if removals < 1:
        raise ValueError(f"At least 1 removal of each clip is needed, got {removals}.")
    parts: dict[Level, list[RemovalFeatures]] = {"scene": [], "object": []}
    for clip in clips:
        removable = [i for i in clip.removable if not effective or _has_effect(clip, i)]
        if removable:
            count = min(removals, len(removable))
            removed = sorted(generator.choice(removable, count, replace=False).tolist())
            one = _ClipFeatures(clip, removed, trained, twins, device)
            parts["scene"].append(one.scene())
            parts["object"].append(one.objects())
        if told is not None:
            told(1)
    if not parts["scene"]:
        wanted = "changes another one" if effective else "leaves something to see"
        raise ValueError(f"No clip shows an object whose removal {wanted}.")
    return {level: RemovalFeatures.joined(own) for level, own in parts.items()}


class _ClipFeatures:
    """Everything of one clip: latents of the scene, of its re-simulations and of predictions."""

    def __init__(
        self,
        clip: RemovalClip,
        removed: list[int],
        trained: RemovalModel,
        twins: Sequence[RemovalModel],
        device: torch.device | str,
    ) -> None:
        self.clip, self.removed = clip, removed
        self.coverage = torch.from_numpy(clip.tokens).to(device).float()
        self.weights = visible_weights(clip, removed, device)
        left = (self.coverage[[i - 1 for i in removed]] == 0).float()
        self.left = left / left.sum(dim=1, keepdim=True)
        stacked = np.stack([clip.frames, *(clip.without[i].frames for i in removed)])
        frames = torch.from_numpy(stacked).to(device)
        tokens = trained.encoder.encode(frames).float()
        self.full, self.resimulated = tokens[0], tokens[1:]
        self.without, self.hidden = self._predict(trained, frames[0], self.full)
        self.untrained = [
            self._predict(twin, frames[0], twin.encoder.encode(frames[:1])[0].float())[0]
            for twin in twins
        ]

    def _predict(
        self, model: RemovalModel, frames: Tensor, full: Float[Tensor, "n d"]
    ) -> tuple[Float[Tensor, "r n d"], Float[Tensor, "r d"]]:
        rows = len(self.removed)
        coverage = torch.from_numpy(self.clip.coverage).to(frames.device)
        answer = model.model.intervene(
            frames.expand(rows, -1, -1, -1, -1),
            coverage.expand(rows, -1, -1, -1, -1),
            [[i] for i in self.removed],
        )
        return full - answer.residual.float(), answer.pooled.float()

    def scene(self) -> RemovalFeatures:
        """A row per removal."""
        rows, gone = len(self.removed), self._removed_means()
        plain = self.full.mean(dim=0).expand(rows, -1)
        values = {
            PLAIN: plain,
            TOLD: torch.cat([plain, gone], dim=1),
            HIDDEN: self.hidden,
            SCENE: torch.einsum("rn,rnd->rd", self.left, self.without),
            ORACLE: self.resimulated.mean(dim=1),
        }
        for seed, without in enumerate(self.untrained):
            values[f"{UNTRAINED} {seed}"] = torch.einsum("rn,rnd->rd", self.left, without)
        answers = [
            scene_answers(self.clip.without[i].labels, self.clip.movable, i) for i in self.removed
        ]
        return RemovalFeatures(
            {name: value.cpu().numpy() for name, value in values.items()},
            {name: np.array([a[name] for a in answers]) for name in _asked("scene")},
            np.full(rows, self.clip.group),
        )

    def objects(self) -> RemovalFeatures:
        """A row per removal and other movable object that stays visible."""
        clip = self.clip
        keep = self.weights.isfinite().all(dim=-1).cpu().numpy() & clip.movable
        keep &= np.arange(1, len(clip.movable) + 1) != np.array(self.removed)[:, None]
        row, other = (torch.from_numpy(x).to(self.full.device) for x in np.nonzero(keep))
        weights = self.weights[row, other]
        plain = weights @ self.full
        values = {
            PLAIN: plain,
            TOLD: torch.cat([plain, self._removed_means()[row]], dim=1),
            SCENE: torch.einsum("xn,xnd->xd", weights, self.without[row]),
            ORACLE: torch.einsum(
                "xn,xnd->xd", self._true_weights()[row, other], self.resimulated[row]
            ),
        }
        for seed, without in enumerate(self.untrained):
            values[f"{UNTRAINED} {seed}"] = torch.einsum("xn,xnd->xd", weights, without[row])
        answers = [object_answers(clip.without[i].labels, len(clip.movable)) for i in self.removed]
        return RemovalFeatures(
            {name: value.cpu().numpy() for name, value in values.items()},
            {name: np.stack([a[name] for a in answers])[keep] for name in _asked("object")},
            np.full(len(row), clip.group),
        )

    def _removed_means(self) -> Float[Tensor, "r d"]:
        rows = self.coverage[[i - 1 for i in self.removed]]
        return rows / rows.sum(dim=1, keepdim=True) @ self.full

    def _true_weights(self) -> Float[Tensor, "r k n"]:
        """Where objects are in the re-simulation; all tokens alike for one that is not seen."""
        patch = self.clip.labels.shape[1] // self.clip.coverage.shape[2]
        tubelet = self.clip.labels.shape[0] // self.clip.coverage.shape[1]
        count = len(self.clip.movable)
        found = [
            coverage_of(self.clip.without[i].labels, count, patch=patch, tubelet=tubelet)
            for i in self.removed
        ]
        weights = torch.from_numpy(np.stack(found)).flatten(2).to(self.full.device).float()
        weights = torch.where(weights.sum(dim=-1, keepdim=True) > 0, weights, 1.0)
        return weights / weights.sum(dim=-1, keepdim=True)


def _has_effect(clip: RemovalClip, identity: int) -> bool:
    return bool((visible_change(clip, identity) > CHANGED).any())


def _asked(level: Level) -> list[str]:
    return [name for name, question in QUESTIONS.items() if question.level == level]
