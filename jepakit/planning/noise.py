"""Random numbers of planners: one stream per problem, the same in any batch and on any device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from jepakit.protocols import Seed
from jepakit.seeds import generator


class Noise:
    """Streams of random numbers, drawn on the CPU so that no device changes them.

    A problem's numbers depend on its own seed and on how many were drawn before, never on the
    problems beside it.
    """

    def __init__(self, seeds: Sequence[Seed], device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        self._streams = [generator(*seed) for seed in seeds]

    def __len__(self) -> int:
        """Number of problems."""
        return len(self._streams)

    def normal(self, *shape: int) -> Float[Tensor, "p ..."]:
        """Independent standard normal numbers of ``shape`` for each problem."""
        drawn = torch.empty(len(self), *shape)
        for row, stream in zip(drawn, self._streams, strict=True):
            row.normal_(generator=stream)
        return drawn.to(self.device)

    def uniform(self, *shape: int) -> Float[Tensor, "p ..."]:
        """Independent numbers from 0 up to, not including, 1."""
        drawn = torch.empty(len(self), *shape)
        for row, stream in zip(drawn, self._streams, strict=True):
            row.uniform_(generator=stream)
        return drawn.to(self.device)


def colouring(horizon: int, exponent: float) -> Float[Tensor, "h h"]:
    """A matrix that turns white noise along the steps into noise with power ``1 / f^exponent``.

    The noise keeps its variance of 1. It is a filter of the discrete Fourier transform: frequency
    ``k / h`` is scaled by ``k^(-exponent / 2)``, and the constant part as the lowest frequency.

    Source: iCEM (Pinneri et al. 2020), section 3.1. Differs: the filter is one matrix product.
    """
    frequency = torch.fft.rfftfreq(horizon, dtype=torch.float64)
    scale = frequency.clamp(min=1 / horizon) ** (-exponent / 2)
    spectrum = torch.fft.rfft(torch.eye(horizon, dtype=torch.float64), dim=0)
    matrix = torch.fft.irfft(scale.unsqueeze(1) * spectrum, n=horizon, dim=0)
    return (matrix / matrix.square().sum(dim=1, keepdim=True).sqrt()).float()
