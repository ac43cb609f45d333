"""The class of a picture by the votes of the most similar training pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch.nn import functional as F

from jepakit.evals.scores import top_k_hits

NEIGHBOURS = (10, 20, 100, 200)
TEMPERATURE = 0.07


@dataclass(frozen=True)
class ChosenNeighbours:
    """How many neighbours vote, and how each number did on the held-out pictures."""

    k: int
    selection: dict[int, float]


def neighbour_votes(
    bank: Float[np.ndarray, "m d"],
    labels: Int[np.ndarray, " m"],
    queries: Float[np.ndarray, "q d"],
    *,
    classes: int,
    ks: Sequence[int] = NEIGHBOURS,
    temperature: float = TEMPERATURE,
    device: torch.device | str = "cpu",
    chunk: int = 512,
) -> dict[int, Float[np.ndarray, "q classes"]]:
    """Votes ``sum over the k nearest of exp(cos / temperature)`` for every class, by ``k``.

    Source: weighted kNN of Wu et al. 2018, "Unsupervised feature learning via non-parametric
    instance discrimination", section 3.4, with the settings of DINO.

    Args:
        bank: features of the training pictures.
        labels: their classes.
        queries: features of the pictures asked about.
        classes: number of classes.
        ks: numbers of neighbours; each at most ``m``.
        temperature: of the votes.
        device: where similarities are computed.
        chunk: queries at a time.

    Raises:
        ValueError: more neighbours than training pictures.
    """
    if not ks or not 1 <= min(ks) <= max(ks) <= len(bank):
        raise ValueError(f"Numbers of neighbours must be from 1 to {len(bank)}, got {list(ks)}.")
    known = F.normalize(torch.from_numpy(bank).to(device), dim=1)
    target = torch.from_numpy(labels).to(device)
    votes: dict[int, list[np.ndarray]] = {k: [] for k in ks}
    for part in torch.from_numpy(queries).split(chunk):
        similarity = F.normalize(part.to(device), dim=1) @ known.T
        near, index = similarity.topk(max(ks), dim=1)
        weight = (near.double() / temperature).exp()
        for k, rows in votes.items():
            own = weight.new_zeros(len(part), classes)
            rows.append(own.scatter_add_(1, target[index[:, :k]], weight[:, :k]).cpu().numpy())
    return {k: np.concatenate(rows) for k, rows in votes.items()}


def choose_neighbours(
    features: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
    fit: Int[np.ndarray, " f"],
    selection: Int[np.ndarray, " s"],
    *,
    classes: int,
    ks: Sequence[int] = NEIGHBOURS,
    temperature: float = TEMPERATURE,
    device: torch.device | str = "cpu",
) -> ChosenNeighbours:
    """The number of neighbours that is best on held-out training pictures; of equals the smallest.

    Numbers above the size of the ``fit`` part become that size.
    """
    capped = sorted({min(k, len(fit)) for k in ks})
    votes = neighbour_votes(
        features[fit],
        labels[fit],
        features[selection],
        classes=classes,
        ks=capped,
        temperature=temperature,
        device=device,
    )
    found = {k: float(top_k_hits(labels[selection], votes[k], 1).mean()) for k in capped}
    return ChosenNeighbours(max(capped, key=lambda k: (found[k], -k)), found)
