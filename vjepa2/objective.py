"""The distance between predicted and target latents, and what training reports of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from jepakit.batch import TokenMasks
from jepakit.losses.averaging import at_least_float32, sample_mean
from jepakit.packing import Packing


class FeatureLoss(nn.Module):
    """``mean_d |predicted - target|^p / p``, averaged over a sample's tokens, then over samples.

    V-JEPA 2, equation 1 (``power=1``, as released; the paper's text says L2, ``power=2``). Targets
    are layer-normalised without affine, predictions are not. Differs: the released code averages
    over all tokens of a batch at once, which is the same where samples have equally many.

    Args:
        power: ``p``.
    """

    def __init__(self, power: Literal[1, 2] = 1) -> None:
        super().__init__()
        self.power = power

    def forward(
        self,
        predicted: Float[Tensor, "total d"],
        target: Float[Tensor, "total d"],
        packing: Packing,
        *,
        weight: Float[Tensor, " total"] | None = None,
        joined: bool = True,
    ) -> Float[Tensor, ""]:
        """The loss; no gradient flows into ``target``.

        Args:
            predicted: predicted latents.
            target: normalised latents of the teacher, see :func:`normalised`.
            packing: layout of both.
            weight: factor of each token.
            joined: whether samples of all ranks weigh the same, or ranks do.
        """
        distance = self.tokens(predicted, target)
        weighted = distance if weight is None else distance * weight
        return sample_mean(weighted, packing, joined=joined)

    def tokens(
        self, predicted: Float[Tensor, "total d"], target: Float[Tensor, "total d"]
    ) -> Float[Tensor, " total"]:
        """The distance of each token, before it is averaged; no gradient flows into ``target``."""
        error = (at_least_float32(predicted) - at_least_float32(target.detach())).abs()
        return (error if self.power == 1 else error.square() / 2).mean(dim=-1)


def normalised(
    latents: Float[Tensor, "total levels_d"], width: int
) -> Float[Tensor, "total levels_d"]:
    """Every level of every token to mean 0 and variance 1."""
    levels = at_least_float32(latents).unflatten(-1, (-1, width))
    return F.layer_norm(levels, (width,)).flatten(-2)


def nearness(masks: TokenMasks, grid: tuple[int, int, int]) -> Float[Tensor, " c"]:
    """``1 / sqrt(distance)`` of each visible token to the nearest hidden one of its sample.

    Distances are Euclidean on the token grid (time, row, column), so that a neighbour weighs 1.

    Source: V-JEPA 2.1, the weights of the loss on visible tokens.
    """
    _, rows, columns = grid

    def places(packing: Packing) -> tuple[Tensor, ...]:
        p = packing.position
        axes = (p // (rows * columns), p // columns % rows, p % columns)
        return torch.stack(axes, dim=1).float().split(packing.lengths)

    pairs = zip(places(masks.context), places(masks.target), strict=True)
    nearest = [torch.cdist(visible, hidden).amin(dim=1) for visible, hidden in pairs]
    return torch.cat(nearest).rsqrt()


@dataclass(frozen=True)
class VJepaLosses:
    """``L = L_prediction + lambda L_context``.

    Attributes:
        total: what is minimised.
        prediction: distance of the hidden tokens' predicted latents to the teacher's.
        context: the same for the visible tokens; 0 where they are not predicted.
        context_weight: ``lambda`` in this step.
        visible: share of the tokens that is visible, under each mask of a clip.
        hidden: share of the tokens that is hidden, under each mask of a clip.
        target_std: standard deviation of the teacher's latents over the tokens of a clip, mean over
            coordinates and clips, before normalisation: near 0 all places look the same.
        pooled: mean visible latent of each clip, for the collapse monitor and the online probe.
        image: 1 for a batch of still images, 0 of clips; None where there are clips alone.
    """

    total: Float[Tensor, ""]
    prediction: Float[Tensor, ""]
    context: Float[Tensor, ""]
    context_weight: Float[Tensor, ""]
    visible: tuple[Float[Tensor, ""], ...]
    hidden: tuple[Float[Tensor, ""], ...]
    target_std: Float[Tensor, ""]
    pooled: Float[Tensor, "b d"]
    image: Float[Tensor, ""] | None = None

    def log(self) -> dict[str, Tensor]:
        """Scalars by name, on the device; masks are numbered from 0."""
        scalars = {
            "prediction": self.prediction,
            "context": self.context,
            "context_weight": self.context_weight,
            "target_std": self.target_std,
        }
        if self.image is not None:
            scalars["image"] = self.image
        for number, (visible, hidden) in enumerate(zip(self.visible, self.hidden, strict=True)):
            scalars |= {f"mask{number}_visible": visible, f"mask{number}_hidden": hidden}
        return scalars
