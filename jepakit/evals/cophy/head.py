"""The head of the CoPhy evaluation: finds every object in the tokens, then plays the scene on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from jepakit.evals.cophy.pairs import Pairs

FREQUENCIES = 4


@dataclass(frozen=True)
class Layout:
    """Sizes of what a head reads and writes.

    Attributes:
        token_width: of a token; 0 for a head that sees no clip.
        grid: tubelets, rows and columns of the tokens of ab.
        tubelet: frames of a token.
        rows: objects of the fixed layout (colours).
        axes: coordinates of a position.
    """

    token_width: int
    grid: tuple[int, int, int]
    tubelet: int
    rows: int
    axes: int

    @property
    def frames(self) -> int:
        """``t``, of a clip."""
        return self.grid[0] * self.tubelet


@dataclass(frozen=True)
class PositionScale:
    """Positions as the head sees them: the centre is subtracted, a unit is ``size`` metres.

    Attributes:
        centre: mean start of the training objects, m.
        size: half of their largest spread along an axis, m.
    """

    centre: Float[Tensor, " p"]
    size: float

    @classmethod
    def of(cls, pairs: Pairs) -> PositionScale:
        """From training pairs."""
        start = pairs.future[:, 0][pairs.present]
        size = float((start.max(axis=0) - start.min(axis=0)).max()) / 2
        return cls(torch.from_numpy(start.mean(axis=0)).float(), size or 1.0)

    def to_units(self, metres: Float[np.ndarray, "... p"]) -> Float[Tensor, "... p"]:
        """Positions as the head sees them."""
        return (torch.from_numpy(metres).float() - self.centre) / self.size

    def to_metres(self, units: Float[Tensor, "... p"]) -> Float[np.ndarray, "... p"]:
        """Undo :meth:`to_units`, in float64."""
        return (units.double() * self.size + self.centre).numpy()


@dataclass(frozen=True)
class Reading:
    """What tokens tell of objects.

    Attributes:
        values: by tubelet, the changed frame last.
        past: positions in ab, in units of the scale.
        shares: log of the share of its attention that an object gives each token of a tubelet.
    """

    values: Float[Tensor, "b k g w"]
    past: Float[Tensor, "b t k p"]
    shares: Float[Tensor, "b g n k"]


@dataclass(frozen=True)
class Outcome:
    """What a head says, in units of the scale.

    Attributes:
        future: positions in cd, frame 0 being the given start.
        reading: what the readout saw; None without tokens.
    """

    future: Float[Tensor, "b t k p"]
    reading: Reading | None


class ObjectReadout(nn.Module):
    """What tokens tell of the object of each row (colour), tubelet by tubelet.

    A linear score per row and token becomes, by softmax over space, the place of the object and the
    mean value of its tokens.

    Args:
        layout: sizes.
        width: of the values.
    """

    places: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, layout: Layout, width: int) -> None:
        super().__init__()
        self.layout = layout
        self.score = nn.Linear(layout.token_width, layout.rows)
        self.value = nn.Linear(layout.token_width, width)
        self.where = nn.Linear(2, layout.axes)
        self.within = nn.Linear(width, layout.tubelet * layout.axes)
        nn.init.zeros_(self.within.weight)
        nn.init.zeros_(self.within.bias)
        _, height, length = layout.grid
        axes = [2 * (torch.arange(size) + 0.5) / size - 1 for size in (height, length)]
        places = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).flatten(0, 1)
        self.register_buffer("places", places)
        self.register_buffer("mean", torch.zeros(layout.token_width))
        self.register_buffer("deviation", torch.ones(layout.token_width))

    def standardise(self, tokens: Float[Tensor, "s m d"]) -> None:
        """Take mean and deviation of each value from training tokens."""
        flat = tokens.flatten(0, 1)
        self.mean.copy_(flat.mean(dim=0))
        self.deviation.copy_(flat.std(dim=0).clamp(min=1e-6))

    def forward(self, tokens: Float[Tensor, "b m d"]) -> Reading:
        """Read all objects."""
        tokens = (tokens - self.mean) / self.deviation
        tokens = rearrange(tokens, "b (g s) d -> b g s d", s=len(self.places))
        scores = self.score(tokens).log_softmax(dim=2)
        share = scores.exp()
        values = torch.einsum("bgsk,bgsw->bkgw", share, self.value(tokens))
        places = torch.einsum("bgsk,sc->bkgc", share, self.places)
        middle = self.where(places[:, :, :-1])
        offsets = self.within(values[:, :, :-1]).unflatten(-1, (self.layout.tubelet, -1))
        past = rearrange(middle[:, :, :, None] + offsets, "b k tt ti p -> b (tt ti) k p")
        return Reading(values, past, scores)


class CounterfactualHead(nn.Module):
    """Where each object will be in cd, from its place at the start and what tokens tell of it.

    The prediction is the motion that the readout sees in ab, begun at the object's new place, plus
    a correction that is 0 at first: objects attend to each other in a few blocks. Of an object that
    was not in ab nothing is read. A head without tokens knows starts and colours alone, and starts
    from rest.

    Args:
        layout: sizes.
        width: of an object.
        blocks: how many.
        heads: of the attention.
        dropout: in the blocks.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        width: int = 64,
        blocks: int = 2,
        heads: int = 4,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.layout = layout
        known = layout.axes * (2 * FREQUENCIES + 1) + 2
        if layout.token_width:
            self.readout = ObjectReadout(layout, width // 2)
            known += (layout.grid[0] + 1) * (width // 2) + layout.frames * layout.axes
        self.known = nn.Linear(known, width)
        self.row = nn.Embedding(layout.rows, width)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width,
                heads,
                2 * width,
                dropout,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(blocks)
        )
        self.norm = nn.LayerNorm(width)
        self.path = nn.Linear(width, (layout.frames - 1) * layout.axes)
        nn.init.zeros_(self.path.weight)
        nn.init.zeros_(self.path.bias)

    def forward(
        self,
        tokens: Float[Tensor, "b m d"] | None,
        start: Float[Tensor, "b k p"],
        present: Bool[Tensor, "b k"],
        before: Bool[Tensor, "b k"],
    ) -> Outcome:
        """Predict.

        Args:
            tokens: of ab and of the changed frame; None for a head without.
            start: places in the changed frame, in units of the scale.
            present: which objects are there in the changed frame.
            before: which objects are there in ab.
        """
        flags = torch.stack([present, before], dim=-1).float()
        known = [fourier(start) * flags[..., :1], flags]
        reading = None
        if tokens is not None:
            reading = self.readout(tokens)
            seen = rearrange(reading.past, "b t k p -> b k (t p)")
            known += [reading.values.flatten(2) * flags[..., 1:], seen * flags[..., 1:]]
        x = self.known(torch.cat(known, dim=-1)) + self.row.weight
        for block in self.blocks:
            x = block(x, src_key_padding_mask=~(present | before))
        paths = rearrange(self.path(self.norm(x)), "b k (t p) -> b t k p", p=self.layout.axes)
        if reading is not None:
            moved = reading.past[:, 1:] - reading.past[:, :1]
            paths = paths + moved * flags[:, None, :, 1:]
        future = torch.cat([start[:, None], start[:, None] + paths], dim=1)
        return Outcome(future, reading)


def fourier(places: Float[Tensor, "... p"]) -> Float[Tensor, "... w"]:
    """A place in [-1, 1] and its sines and cosines, of periods 4 down to 0.5."""
    waves = [places]
    for octave in range(FREQUENCIES):
        angle = places * math.pi / 2 * 2**octave
        waves += [angle.sin(), angle.cos()]
    return torch.cat(waves, dim=-1)
