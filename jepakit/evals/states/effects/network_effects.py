"""What the rest of the network makes of an edited subspace: interventions on tokens in a block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from rich.progress import Progress
from torch import Tensor

from jepakit.evals.states.clips.activations import Activations
from jepakit.evals.states.clips.clip_sets import TracedClips
from jepakit.evals.states.effects.patching_effects import balanced_pairs
from jepakit.evals.states.probes.dense_probe import DenseProbe
from jepakit.evals.states.probes.splits import Part
from jepakit.evals.states.probes.state_subspaces import Recipe, state_subspace
from jepakit.interp.interventions import ablate, steer
from jepakit.interp.matched_subspaces import random_subspace
from jepakit.interp.pooling import Reading
from jepakit.interp.replay import Variant, replay, tokens_at
from jepakit.nn.stretch import NORM
from jepakit.nn.vit import VisionTransformer
from jepakit.seeds import derive_seed

ALPHAS = (-1.0, 0.5, 2.0)  # 0 is the ablation and 1 nothing


@dataclass(frozen=True)
class NetworkEffects:
    """Effects on the final read-out of edits in one block.

    Attributes:
        layer: where tokens were edited.
        clips: numbers of the clips that were replayed.
        per_clip: fall of the true class's probability at the network's end, ``(k, clips)``, of
            ``causal``, ``random`` and ``shuffled`` ablation and of steering (``alpha -1`` ...).
        donor: share of clips that take the donor's class when the donor's pooled part of the
            subspace takes the place of every token's own, and of random subspaces.
        agreement: largest difference between the pooled edit and the pooled tokens after the
            token edit, at the edited block; 0 but for rounding, since pooling commutes with it.
    """

    layer: str
    clips: Int[np.ndarray, " m"]
    per_clip: dict[str, Float[np.ndarray, "_ m"]]
    donor: dict[str, Float[np.ndarray, " m"]]
    agreement: float


def network_effects(
    encoder: VisionTransformer,
    clips: TracedClips,
    activations: Activations,
    parts: Sequence[Part],
    layer: str,
    *,
    recipe: Recipe,
    center: Literal["mean"] | None = None,
    budget: int = 64,
    draws: int = 5,
    batch_size: int = 16,
    seed: int = 0,
    progress: Progress | None = None,
) -> NetworkEffects:
    """Edit every token ``h_i`` of a block to ``h_i - P h_i``, run the rest, read the end.

    The read-out is a dense probe of the pooled output (``norm``), fitted on the training clips of
    each round as they are. Subspaces come from pooled activations of the same clips. Donors give
    their pooled part, without place: the object is elsewhere in the donor's clip.

    Source: goes beyond the paper, which edits pooled activations and reads the same layer.

    Args:
        encoder: the network that the activations come from.
        clips: the clips of the activations.
        activations: with ``layer`` and ``norm``.
        parts: rounds; clips to judge are taken from them in equal shares.
        layer: ``embed`` or the output of a block.
        recipe: how the subspace is found.
        center: as in :class:`jepakit.evals.states.effects.ablation_effects.AblationSettings`; of
            pooled training clips.
        budget: clips to replay.
        draws: of random and shuffled subspaces.
        batch_size: clips of a pass, all variants counted.
        seed: of all draws.
        progress: a running progress display to draw on.
    """
    task = progress.add_task("replaying the network", total=len(parts)) if progress else None
    shares = np.array_split(np.arange(min(budget, len(activations))), len(parts))
    found = []
    for number, part in enumerate(parts):
        if len(shares[number]):
            rng = np.random.default_rng(derive_seed("network", seed, number))
            count = len(shares[number])
            replayed = _Replayed(activations, part, layer, recipe, center, count, draws, rng)
            found.append(replayed.effects(encoder, clips, batch_size))
        if progress and task is not None:
            progress.advance(task)
    first = found[0]
    return NetworkEffects(
        layer=layer,
        clips=np.concatenate([one.clips for one in found]),
        per_clip={
            k: np.concatenate([one.per_clip[k] for one in found], axis=1) for k in first.per_clip
        },
        donor={k: np.concatenate([one.donor[k] for one in found]) for k in first.donor},
        agreement=max(one.agreement for one in found),
    )


class _Replayed:
    """The clips of one round that are replayed, with their donors, subspaces and read-out."""

    def __init__(
        self,
        activations: Activations,
        part: Part,
        layer: str,
        recipe: Recipe,
        center: Literal["mean"] | None,
        count: int,
        draws: int,
        rng: np.random.Generator,
    ) -> None:
        labels = activations.labels
        pairs = balanced_pairs(labels, part.test, len(part.test) ** 2, rng)
        sources = np.unique(pairs[:, 0], return_index=True)[1]
        chosen = pairs[np.sort(sources)][:count]
        self.clips, self.layer = chosen[:, 0], layer
        self.own, self.wanted = labels[chosen[:, 0]], labels[chosen[:, 1]]
        x = activations.at(layer)
        self.pooled, self.donors = x[chosen[:, 0]], x[chosen[:, 1]]
        rows, taught = part.subspace, part.classifier
        self.basis = state_subspace(x[rows], labels[rows], recipe).basis
        self.center = x[rows].mean(axis=0) if center == "mean" else None
        width, rank = self.basis.shape
        self.bases = {f"random {i}": random_subspace(width, rank, rng) for i in range(draws)}
        for i in range(draws):
            permuted = rng.permutation(labels[rows])
            self.bases[f"shuffled {i}"] = state_subspace(x[rows], permuted, recipe).basis
        self.probe = DenseProbe(activations.at(NORM)[taught], labels[taught])
        self.draws = draws

    def effects(
        self, encoder: VisionTransformer, clips: TracedClips, batch_size: int
    ) -> NetworkEffects:
        numbers = self.clips.tolist()
        chunks = [numbers[i : i + batch_size] for i in range(0, len(numbers), batch_size)]
        frames = (torch.from_numpy(clips.frames(chunk)) for chunk in chunks)
        tokens = torch.cat([tokens_at(encoder, one, site=self.layer) for one in frames])
        end: Reading = (NORM, "mean")
        here: Reading = (self.layer, "mean")
        found = replay(
            encoder,
            tokens,
            self._variants(),
            site=self.layer,
            read=(end, here),
            batch_size=batch_size,
        )
        ends = {
            name: self.probe.probabilities(rows[end].cpu().double().numpy())
            for name, rows in found.items()
        }
        line = np.arange(len(self.clips))
        before = ends["plain"][line, self.own]
        fall = {name: before - p[line, self.own] for name, p in ends.items()}
        many = range(self.draws)
        per_clip = {"causal": fall["causal"][None]}
        per_clip |= {k: np.stack([fall[f"{k} {i}"] for i in many]) for k in ("random", "shuffled")}
        per_clip |= {k: fall[k][None] for k in fall if k.startswith("alpha")}
        hit = {name: p.argmax(axis=1) == self.wanted for name, p in ends.items()}
        donor = {
            "causal": hit["donor causal"].astype(np.float64),
            "random": np.mean([hit[f"donor {i}"] for i in many], axis=0),
            "nothing": hit["plain"].astype(np.float64),
        }
        edited = found["causal"][here].cpu().double().numpy()
        gap = float(np.abs(edited - ablate(self.pooled, self.basis, center=self.center)).max())
        return NetworkEffects(self.layer, self.clips, per_clip, donor, gap)

    def _variants(self) -> dict[str, Variant]:
        basis = torch.from_numpy(self.basis)
        variants = {"plain": Variant.plain(), "causal": Variant(self._steering(basis, 0.0))}
        for name, drawn in self.bases.items():
            variants[name] = Variant(self._steering(torch.from_numpy(drawn), 0.0))
        for alpha in ALPHAS:
            variants[f"alpha {alpha:g}"] = Variant(self._steering(basis, alpha))
        donors = torch.from_numpy(self.donors)
        variants["donor causal"] = Variant(_donation(basis, donors))
        for i in range(self.draws):
            other = torch.from_numpy(self.bases[f"random {i}"])
            variants[f"donor {i}"] = Variant(_donation(other, donors))
        return variants

    def _steering(self, basis: Tensor, alpha: float) -> Callable[[Tensor], Tensor]:
        """The edit of alpha, ablation for 0."""
        return lambda h: steer(h, basis, alpha, center=self.center)


def _donation(basis: Tensor, donors: Tensor) -> Callable[[Tensor], Tensor]:
    """Every token's part of the subspace becomes that of the donor's pooled activation."""

    def edit(h: Tensor) -> Tensor:
        v = basis.to(h.device, torch.float64)
        part = (donors.to(h.device) @ v) @ v.T
        return (ablate(h, basis.to(h.device)).double() + part.unsqueeze(1)).to(h.dtype)

    return edit
