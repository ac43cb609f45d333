"""Slot attention: objects learned from encoder tokens, for the joint segmentation ablation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn


@dataclass(frozen=True)
class SlotAssignment:
    """Which slot explains which token.

    Attributes:
        assignment: attention of the last iteration, over the slots: it sums to 1 for each token.
        slots: the slot vectors.
        loss: mean squared error of the reconstructed tokens, what the module is trained on.
    """

    assignment: Float[Tensor, "b k n"]
    slots: Float[Tensor, "b k s"]
    loss: Float[Tensor, ""]

    def coverage(self, grid: tuple[int, int, int]) -> UInt8[Tensor, "b k tt hh ww"]:
        """Each token given wholly to its strongest slot, as object coverage for the masker."""
        batch, slots, _ = self.assignment.shape
        hard = F.one_hot(self.assignment.argmax(dim=1), slots).transpose(1, 2)
        return (hard * 255).to(torch.uint8).reshape(batch, slots, *grid)


class SlotAttention(nn.Module):
    """Slots compete for tokens by attention normalised over the slots, in a few GRU steps.

    Locatello et al. 2020, Algorithm 1. Trained on its own objective: a small decoder per slot and
    position gives a token and a weight, and their softmax mixture must reconstruct the tokens (the
    MLP decoder of DINOSAUR, Seitzer et al. 2023). Tokens are standardised and cut from the graph:
    the encoder is not trained to be easy to reconstruct, which would reward collapse.

    Args:
        width: ``d`` of the tokens.
        tokens: ``n``, tokens of a sample; every position has a learned code in the decoder.
        slots: number of slots.
        slot_width: ``s`` of a slot vector.
        iterations: attention steps.
        hidden: width of the decoder's hidden layer.
        epsilon: keeps the weighted mean of an unused slot finite.
    """

    def __init__(
        self,
        width: int,
        *,
        tokens: int,
        slots: int = 7,
        slot_width: int = 64,
        iterations: int = 3,
        hidden: int = 256,
        epsilon: float = 1e-8,
    ) -> None:
        super().__init__()
        if slots < 2:
            raise ValueError(f"slots must be at least 2 to compete for tokens, got {slots}.")
        if iterations < 1:
            raise ValueError(f"iterations must be at least 1, got {iterations}.")
        self.slots = slots
        self.iterations = iterations
        self.epsilon = epsilon
        self.mean = nn.Parameter(torch.randn(slot_width) * slot_width**-0.5)
        self.log_std = nn.Parameter(torch.zeros(slot_width))
        self.norm_slots = nn.LayerNorm(slot_width)
        self.norm_update = nn.LayerNorm(slot_width)
        self.query = nn.Linear(slot_width, slot_width, bias=False)
        self.key = nn.Linear(width, slot_width, bias=False)
        self.value = nn.Linear(width, slot_width, bias=False)
        self.recurrence = nn.GRUCell(slot_width, slot_width)
        self.update = nn.Sequential(
            nn.Linear(slot_width, 2 * slot_width), nn.ReLU(), nn.Linear(2 * slot_width, slot_width)
        )
        self.position = nn.Parameter(torch.randn(tokens, slot_width) * 0.02)
        self.decoder = nn.Sequential(
            nn.Linear(slot_width, hidden), nn.ReLU(), nn.Linear(hidden, width + 1)
        )

    def forward(
        self, tokens: Float[Tensor, "b n d"], *, generator: torch.Generator | None = None
    ) -> SlotAssignment:
        """Assign tokens to slots.

        Args:
            tokens: latents of every token; no gradient flows back into them.
            generator: draws the starting slots, on the device of ``tokens``; None is torch's own.

        Raises:
            ValueError: the number of tokens is not the one the decoder was built for.
        """
        if tokens.shape[1] != len(self.position):
            raise ValueError(
                f"Built for {len(self.position)} tokens per sample, got {tokens.shape[1]}."
            )
        goal = F.layer_norm(tokens.detach(), tokens.shape[-1:])
        noise = torch.randn(
            (len(tokens), self.slots, len(self.mean)),
            generator=generator,
            device=tokens.device,
            dtype=self.mean.dtype,
        )
        slots = self.mean + self.log_std.exp() * noise
        key, value = self.key(goal), self.value(goal)
        for _ in range(self.iterations):
            slots, assignment = self._compete(slots, key, value)
        return SlotAssignment(assignment, slots, F.mse_loss(self._reconstruct(slots), goal))

    def _compete(
        self, slots: Float[Tensor, "b k s"], key: Float[Tensor, "b n s"], value: Tensor
    ) -> tuple[Float[Tensor, "b k s"], Float[Tensor, "b k n"]]:
        query = self.query(self.norm_slots(slots)) * key.shape[-1] ** -0.5
        assignment = (query @ key.transpose(1, 2)).softmax(dim=1)
        weight = assignment + self.epsilon
        update = (weight / weight.sum(dim=2, keepdim=True)) @ value
        slots = self.recurrence(update.flatten(0, 1), slots.flatten(0, 1)).view_as(slots)
        return slots + self.update(self.norm_update(slots)), assignment

    def _reconstruct(self, slots: Float[Tensor, "b k s"]) -> Float[Tensor, "b n d"]:
        decoded = self.decoder(slots.unsqueeze(2) + self.position)
        features, weight = decoded[..., :-1], decoded[..., -1:]
        return (features * weight.softmax(dim=1)).sum(dim=1)
