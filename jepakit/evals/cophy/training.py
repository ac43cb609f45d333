"""Training of heads, on kept tokens or together with the encoder that makes them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from jepakit.evals.cophy.head import CounterfactualHead, Outcome, PositionScale, Reading
from jepakit.evals.cophy.pairs import Pairs
from jepakit.seeds import derive_seed
from jepakit.training.schedules import warmup_cosine

Rows = Int[np.ndarray, " r"]
Tokens = Callable[[Rows], Float[Tensor, "r m d"] | None]


@dataclass(frozen=True)
class Recipe:
    """How a head learns.

    Attributes:
        steps: optimizer steps.
        batch_size: pairs per step.
        lr: learning rate of the head, after a tenth of the steps of warm-up, then a cosine to 0.
        weight_decay: of AdamW.
        readout_weight: of the error of positions in ab beside that of positions in cd.
        first_readout: share of the steps in which a head with tokens learns only to see.
        selection: share of the training pairs that choose the best moment of the training.
        checks: how often they are asked.
        seed: of weights, batches and the selection.
    """

    steps: int = 600
    batch_size: int = 32
    lr: float = 5e-3
    weight_decay: float = 0.05
    readout_weight: float = 1.0
    first_readout: float = 0.5
    selection: float = 0.2
    checks: int = 12
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what no training can mean."""
        if min(self.steps, self.batch_size, self.checks) < 1 or self.lr <= 0:
            raise ValueError(f"Steps, batch size and learning rates must be positive, got {self}.")
        if not 0 < self.selection < 1:
            raise ValueError(f"The selection is a share between 0 and 1, got {self.selection}.")


@dataclass(frozen=True)
class Targets:
    """Where the objects of all pairs are, in units of the scale, and which are there."""

    past: Float[Tensor, "s t k p"]
    future: Float[Tensor, "s t k p"]
    present: Bool[Tensor, "s k"]
    before: Bool[Tensor, "s k"]
    shares: Float[Tensor, "s g n k"] | None = None

    @classmethod
    def of(
        cls,
        pairs: Pairs,
        scale: PositionScale,
        device: torch.device,
        shares: Float[Tensor, "s g n k"] | None = None,
    ) -> Targets:
        """Of these pairs; shares, if known, as :func:`jepakit.evals.cophy.clips.object_shares`."""
        return cls(
            scale.to_units(pairs.past).to(device),
            scale.to_units(pairs.future).to(device),
            torch.from_numpy(pairs.present).to(device),
            torch.from_numpy(pairs.before).to(device),
            None if shares is None else shares.to(device),
        )


def position_loss(
    predicted: Float[Tensor, "b t k p"],
    truth: Float[Tensor, "b t k p"],
    present: Bool[Tensor, "b k"],
) -> Float[Tensor, " b"]:
    """The metric of each pair, in units of the scale, frame 0 included."""
    square = (predicted - truth).square().mean(dim=(1, 3)) * present
    return square.sum(dim=1) / present.sum(dim=1)


def readout_loss(reading: Reading, targets: Targets, rows: Rows) -> Float[Tensor, ""]:
    """Error of positions in ab, and cross-entropy of where the objects' pixels are, if known.

    The cross-entropy counts 0.3: it teaches where to look long before positions can.
    """
    seen = position_loss(reading.past, targets.past[rows], targets.before[rows]).mean()
    if targets.shares is None:
        return seen
    shares = targets.shares[rows]
    shown = shares.sum(dim=2) > 0
    missed = -(shares * reading.shares).sum(dim=2)[shown].mean()
    return seen + 0.3 * missed


def total_loss(
    head: CounterfactualHead,
    tokens: Tokens,
    targets: Targets,
    rows: Rows,
    recipe: Recipe,
    *,
    seeing: bool,
) -> Float[Tensor, ""]:
    """Error of positions in cd, which a head with tokens leaves aside while it learns to see."""
    outcome = _outcome(head, tokens, targets, rows)
    loss = position_loss(outcome.future, targets.future[rows], targets.present[rows]).mean()
    if outcome.reading is None:
        return loss
    seen = recipe.readout_weight * readout_loss(outcome.reading, targets, rows)
    return seen + loss * float(not seeing)


def split_rows(
    pairs: int, recipe: Recipe
) -> tuple[Int[np.ndarray, " fitted"], Int[np.ndarray, " chosen"]]:
    """Rows to fit on, and rows that choose.

    Raises:
        ValueError: too few pairs for both.
    """
    order = np.random.default_rng(derive_seed("cophy-selection", recipe.seed)).permutation(pairs)
    chosen = max(1, round(recipe.selection * pairs))
    if pairs - chosen < 2:
        raise ValueError(f"{pairs} training pairs are too few: at least 4 are needed.")
    return np.sort(order[chosen:]), np.sort(order[:chosen])


def train_head(
    head: CounterfactualHead,
    tokens: Tokens,
    targets: Targets,
    recipe: Recipe,
    *,
    encoder: nn.Module | None = None,
    encoder_lr: float = 0.0,
    advance: Callable[[int], None] | None = None,
) -> float:
    """Fit in place and go back to the best moment on the selection; returns its loss there.

    The moment before the first step counts too, so that training on never ends worse there.

    Args:
        head: what is trained.
        tokens: tokens of some pairs; None for a head without.
        targets: of the same pairs.
        recipe: how.
        encoder: trained too; ``tokens`` must then let gradients through to it.
        encoder_lr: its learning rate.
        advance: told after each step.

    Raises:
        ValueError: the loss is not finite.
    """
    fit, chosen = split_rows(len(targets.future), recipe)
    trained = [head] if encoder is None else [head, encoder]
    optimizer = _optimizer(trained, (recipe.lr, encoder_lr), recipe)
    best = evaluate(head, tokens, targets, chosen, batch_size=recipe.batch_size)
    kept = _state(trained)
    rng = np.random.default_rng(derive_seed("cophy-batches", recipe.seed))
    every = max(1, recipe.steps // recipe.checks)
    for step in range(recipe.steps):
        _set_rates(optimizer, step, recipe.steps)
        rows = rng.choice(fit, min(recipe.batch_size, len(fit)), replace=False)
        seeing = step < recipe.first_readout * recipe.steps
        loss = total_loss(head, tokens, targets, rows, recipe, seeing=seeing)
        if not loss.isfinite():
            raise ValueError("The head's loss is not finite; lower its learning rate.")
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([p for part in trained for p in part.parameters()], 1.0)
        optimizer.step()
        if (step + 1) % every == 0 or step + 1 == recipe.steps:
            now = evaluate(head, tokens, targets, chosen, batch_size=recipe.batch_size)
            if now < best:
                best, kept = now, _state(trained)
        if advance:
            advance(1)
    for part, state in zip(trained, kept, strict=True):
        part.load_state_dict(state)
    return best


@torch.no_grad()
def evaluate(
    head: CounterfactualHead, tokens: Tokens, targets: Targets, rows: Rows, *, batch_size: int
) -> float:
    """Mean loss over these pairs."""
    head.eval()
    parts = [
        position_loss(
            _outcome(head, tokens, targets, part).future,
            targets.future[part],
            targets.present[part],
        )
        for part in np.split(rows, range(batch_size, len(rows), batch_size))
    ]
    head.train()
    return float(torch.cat(parts).mean())


@torch.no_grad()
def predict_positions(
    head: CounterfactualHead,
    tokens: Tokens,
    pairs: Pairs,
    scale: PositionScale,
    *,
    batch_size: int,
    device: torch.device,
) -> Float[np.ndarray, "s t k p"]:
    """Predicted positions in m of all pairs; frame 0 is the given start."""
    head.eval()
    targets = Targets.of(pairs, scale, device)
    rows = np.arange(len(pairs))
    parts = [
        scale.to_metres(_outcome(head, tokens, targets, part).future.cpu())
        for part in np.split(rows, range(batch_size, len(rows), batch_size))
    ]
    return np.concatenate(parts)


def _outcome(head: CounterfactualHead, tokens: Tokens, targets: Targets, rows: Rows) -> Outcome:
    return head(tokens(rows), targets.future[rows, 0], targets.present[rows], targets.before[rows])


def _optimizer(
    trained: Sequence[nn.Module], peaks: tuple[float, float], recipe: Recipe
) -> torch.optim.Optimizer:
    groups = [
        {"params": list(part.parameters()), "peak": peak}
        for part, peak in zip(trained, peaks, strict=False)
    ]
    return torch.optim.AdamW(groups, lr=recipe.lr, weight_decay=recipe.weight_decay)


def _set_rates(optimizer: torch.optim.Optimizer, step: int, total: int) -> None:
    for group in optimizer.param_groups:
        peak = group["peak"]
        warmup = min(total - 1, max(1, total // 10))
        group["lr"] = warmup_cosine(step, start=0.0, peak=peak, end=0.0, warmup=warmup, total=total)


def _state(parts: Sequence[nn.Module]) -> list[dict[str, Tensor]]:
    return [copy.deepcopy(part.state_dict()) for part in parts]
