"""Sites of foreign vision transformers: hooks on the parts of blocks that run one by one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from jepakit.interp.patchable import (
    FINAL,
    RESID,
    Recorded,
    all_sites,
    check_finite,
    check_sites,
    start_point,
    stream_points,
)
from jepakit.interp.traces import frozen
from jepakit.nn.edits import Edit, Taps

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Place:
    """Where a part of a block is.

    Attributes:
        path: a module of the block.
        entering: what the module reads instead of what it answers.
        third: which third of that, where queries, keys and values come from one projection.
    """

    path: str
    entering: bool = False
    third: int | None = None


@dataclass(frozen=True)
class Skeleton:
    """What the families differ in.

    Attributes:
        blocks: the blocks.
        norm: the last norm.
        places: of every part but ``resid``.
        frames: of a clip.
        size: height and width of a frame in pixels.
        grid: tubelets, rows and columns of tokens.
        width: of a token.
        prefix_tokens: class and register tokens before the others.
    """

    blocks: tuple[nn.Module, ...]
    norm: nn.Module
    places: Mapping[str, Place]
    frames: int
    size: tuple[int, int]
    grid: tuple[int, int, int]
    width: int
    prefix_tokens: int = 0


class HookedEncoder(ABC):
    """A foreign encoder, run block by block; a family says how tokens and blocks are called.

    Hooks exist only while a run needs them. The model is put in evaluation mode for a run.
    """

    def __init__(
        self, model: nn.Module, skeleton: Skeleton, *, name: str, mean: Triple, std: Triple
    ) -> None:
        """Find the parts of every block.

        Args:
            model: the encoder; its weights are shared.
            skeleton: what the family found in it.
            name: in tables.
            mean: of the pixels 0..1, per channel.
            std: of the pixels 0..1, per channel.

        Raises:
            ValueError: a block without one of the parts, or a compiled model, whose hooks may never
                be called.
        """
        if any(getattr(part, "_compiled_call_impl", None) for part in model.modules()):
            raise ValueError(f"{name} is compiled, and hooks may not run in it: pass it eager.")
        self.model = model
        self.skeleton = skeleton
        self.name = name
        self.mean, self.std = mean, std
        self.depth = len(skeleton.blocks)
        self.width = skeleton.width
        self.grid = skeleton.grid
        self.prefix_tokens = skeleton.prefix_tokens
        self.sites = all_sites(self.depth)
        for number, block in enumerate(skeleton.blocks):
            found = dict(block.named_modules())
            lost = [f"{p} ({x.path})" for p, x in skeleton.places.items() if x.path not in found]
            if lost:
                raise ValueError(
                    f"Block {number} of {name} ({type(block).__name__}) has no {', '.join(lost)}; "
                    f"it has {', '.join(filter(None, found))}."
                )

    @abstractmethod
    def _embed(self, pixels: Float[Tensor, "b t 3 h w"]) -> Float[Tensor, "b m d"]:
        """The stream before the first block, class and register tokens first."""

    @abstractmethod
    def _block(self, block: nn.Module, x: Float[Tensor, "b m d"]) -> Float[Tensor, "b m d"]:
        """The stream after a block."""

    def run(
        self,
        frames: UInt8[Tensor, "b t h w 3"] | Float[Tensor, "b t h w 3"],
        *,
        record: Collection[str] = (),
        edits: Mapping[str, Edit] | None = None,
        prefix_edits: Mapping[str, Edit] | None = None,
    ) -> Recorded:
        """See :meth:`~jepakit.interp.patchable.PatchableEncoder.run`.

        Raises:
            ValueError: as there.
        """
        wanted = (self.skeleton.frames, *self.skeleton.size, 3)
        if tuple(frames.shape[1:]) != wanted:
            raise ValueError(
                f"{self.name} takes clips (t h w 3) of shape {wanted}, which make {self.grid} "
                f"tokens; came {tuple(frames.shape[1:])}."
            )
        with frozen(self.model):
            x = self._embed(self._pixels(frames))
            return self._along(0, x, record, edits, prefix_edits)

    def resume(
        self,
        stream: Float[Tensor, "b n d"],
        *,
        after: str,
        prefix: Float[Tensor, "b p d"] | None = None,
        record: Collection[str] = (),
        edits: Mapping[str, Edit] | None = None,
        prefix_edits: Mapping[str, Edit] | None = None,
    ) -> Recorded:
        """See :meth:`~jepakit.interp.patchable.PatchableEncoder.resume`.

        Raises:
            ValueError: as there.
        """
        first = start_point(self.depth, after)
        tubelets, rows, columns = self.grid
        given = 0 if prefix is None else prefix.shape[1]
        expected = (tubelets * rows * columns, self.width)
        if tuple(stream.shape[1:]) != expected or given != self.prefix_tokens:
            raise ValueError(
                f"{self.name} goes on from tokens of shape {expected} and {self.prefix_tokens} "
                f"class tokens, came {tuple(stream.shape[1:])} and {given}."
            )
        with frozen(self.model):
            x = stream if prefix is None else torch.cat([prefix, stream], dim=1)
            return self._along(first, x, record, edits, prefix_edits)

    def _along(
        self,
        first: int,
        x: Tensor,
        record: Collection[str],
        edits: Mapping[str, Edit] | None,
        prefix_edits: Mapping[str, Edit] | None,
    ) -> Recorded:
        """Run the blocks after a point of the stream, and the last norm."""
        points = stream_points(self.depth)
        available = self.sites[self.sites.index(points[first]) :]
        taps = TokenTaps(available, self.prefix_tokens, record, edits or {}, prefix_edits or {})
        states = [taps(points[first], x)]
        with self._hooked(taps):
            for number in range(first, self.depth):
                x = self._block(self.skeleton.blocks[number], states[-1])
                states.append(taps(f"{number}.{RESID}", x))
        states.append(taps(FINAL, self.skeleton.norm(states[-1])))
        every = torch.stack(states)
        prefix, stream = every.split([self.prefix_tokens, every.shape[2] - self.prefix_tokens], 2)
        values = {site: taps.tokens.captured[site].unflatten(0, (len(x), -1)) for site in record}
        apart = {site: taps.prefix.captured[site].unflatten(0, (len(x), -1)) for site in record}
        if not self.prefix_tokens:
            apart = {}
        return check_finite(Recorded(stream, values, prefix, apart, first), self.sites)

    @contextmanager
    def _hooked(self, taps: TokenTaps) -> Iterator[None]:
        """Hooks on what is recorded or edited, gone afterwards whatever happens."""
        with ExitStack() as stack:
            for site in sorted(taps.wanted - set(stream_points(self.depth))):
                number, part = site.split(".")
                place = self.skeleton.places[part]
                module = self.skeleton.blocks[int(number)].get_submodule(place.path)
                stack.callback(_hook(module, site, place, taps).remove)
            yield

    def _pixels(self, frames: Tensor) -> Float[Tensor, "b t 3 h w"]:
        """Normalised, where they are not yet, on the model's device and in its dtype."""
        parameter = next(self.model.parameters())
        pixels = frames.to(parameter.device).movedim(-1, 2)
        if not frames.is_floating_point():
            mean, std = (torch.tensor(x, device=parameter.device) for x in (self.mean, self.std))
            pixels = (pixels / 255 - mean[:, None, None]) / std[:, None, None]
        return pixels.to(parameter.dtype)


class TokenTaps:
    """Applies the edits and keeps what is recorded, tokens and class tokens apart."""

    def __init__(
        self,
        available: Sequence[str],
        prefix_tokens: int,
        record: Collection[str],
        edits: Mapping[str, Edit],
        prefix_edits: Mapping[str, Edit],
    ) -> None:
        """Check every name before anything runs.

        Raises:
            ValueError: an unknown site, or an edit of class tokens where there are none.
        """
        self.wanted = {*record, *edits, *prefix_edits}
        check_sites(self.wanted, available)
        if prefix_edits and not prefix_tokens:
            raise ValueError(f"There are no class tokens to edit: {sorted(prefix_edits)}.")
        self.count = prefix_tokens
        self.tokens = Taps(available, record, edits)
        self.prefix = Taps(available, record, prefix_edits)

    def __call__(self, site: str, x: Float[Tensor, "b m d"]) -> Float[Tensor, "b m d"]:
        """``x`` itself where it is not edited."""
        if site not in self.wanted:
            return x
        prefix, tokens = x[:, : self.count].flatten(0, 1), x[:, self.count :].flatten(0, 1)
        parts = [self.prefix(site, prefix), self.tokens(site, tokens)]
        if parts[0] is prefix and parts[1] is tokens:
            return x
        return torch.cat([part.unflatten(0, (len(x), -1)) for part in parts], dim=1)


def _hook(module: nn.Module, site: str, place: Place, taps: TokenTaps) -> Any:
    """Registers the hook and returns its handle."""

    def tapped(x: Tensor) -> Tensor:
        if place.third is None:
            return taps(site, x)
        parts = list(x.chunk(3, dim=-1))
        old = parts[place.third]
        parts[place.third] = taps(site, old)
        return x if parts[place.third] is old else torch.cat(parts, dim=-1)

    if place.entering:
        return module.register_forward_pre_hook(lambda _, given: (tapped(given[0]), *given[1:]))
    return module.register_forward_hook(lambda _, __, out: tapped(out))
