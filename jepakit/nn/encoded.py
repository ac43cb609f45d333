"""What an encoder answers with: packed latents, whose they are, and what was captured."""

from __future__ import annotations

from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor

from jepakit.batch import Packing
from jepakit.nn.pooling import mean_pool


@dataclass(frozen=True)
class Encoded:
    """Latents of the kept tokens.

    Attributes:
        tokens: one row per kept token, after the last norm; all levels side by side on request;
            the residual stream where a pass was cut.
        packing: which token each row is.
        captured: the intermediates that were asked for, by name.
    """

    tokens: Float[Tensor, "total d"]
    packing: Packing
    captured: dict[str, Tensor] = field(default_factory=dict)

    def dense(self) -> Float[Tensor, "b n d"]:
        """The same latents, one sample per row.

        Raises:
            ValueError: samples keep different numbers of tokens.
        """
        if not self.packing.is_uniform:
            raise ValueError(
                f"Samples of {min(self.packing.lengths)} to {self.packing.max_length} tokens have "
                "no dense layout; use jepakit.nn.pad."
            )
        return self.tokens.unflatten(0, (self.packing.batch, -1))

    def pooled(self) -> Float[Tensor, "b d"]:
        """Mean over each sample's tokens."""
        return mean_pool(self.tokens, self.packing)
