"""What the rest of a network makes of an edited activation, many variants in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from jepakit.batch import Packing
from jepakit.interp.activation_store import ActivationStore
from jepakit.interp.pooling import Reading, StreamedPools
from jepakit.interp.sites import grid_of, last_point, resolve_sites, site_width
from jepakit.interp.traces import frozen
from jepakit.nn.stretch import NORM
from jepakit.nn.vit import VisionTransformer

READ: tuple[Reading, ...] = ((NORM, "mean"),)


@dataclass(frozen=True)
class Variant:
    """One edit of the tokens at a site.

    Attributes:
        edit: from tokens ``(b, n, d)`` to tokens of the same shape; None leaves them.
        tokens: which tokens of every clip, or of each clip, are edited; all by default.
        changes: what is demanded of the edit: that it changes something in the batch (True), that
            it is an exact no-op (False; steering by 1, a clip's own activation as donor), or
            nothing (None).
    """

    edit: Callable[[Tensor], Tensor] | None = None
    tokens: Bool[Tensor, " n"] | Bool[Tensor, "b n"] | None = None
    changes: bool | None = True

    @classmethod
    def plain(cls) -> Variant:
        """No edit: what all others are held against."""
        return cls(None, changes=False)

    def apply(self, name: str, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        """The edited tokens, with what was demanded of them checked.

        Raises:
            ValueError: tokens of another shape, an edit that left all as it was, or one that did
                not and should have.
        """
        edited = x if self.edit is None else self.edit(x)
        if edited.shape != x.shape:
            raise ValueError(
                f"Variant {name!r} made {tuple(edited.shape)} of tokens {tuple(x.shape)}: an edit "
                "keeps the shape (broadcast a pooled donor over the tokens)."
            )
        edited = edited.to(x.dtype)
        if self.tokens is not None:
            edited = torch.where(self.tokens.to(x.device).unsqueeze(-1), edited, x)
        if self.changes is not None and torch.equal(edited, x) is self.changes:
            raise ValueError(
                f"Variant {name!r} left every token as it was: is the basis empty, or the donor "
                "the clip itself? Give changes=False where that is meant."
                if self.changes
                else f"Variant {name!r} should be an exact no-op and changed the tokens by up to "
                f"{(edited - x).abs().max().item():.3g}."
            )
        return edited


def replay(
    encoder: VisionTransformer,
    tokens: Float[Tensor, "b n d"],
    variants: Mapping[str, Variant],
    *,
    site: str,
    read: Sequence[Reading] = READ,
    batch_size: int = 16,
) -> dict[str, dict[Reading, Float[Tensor, "b row"]]]:
    """Run the blocks after ``site`` on every variant of the same tokens, and pool what comes out.

    Variants lie side by side on the batch axis: an alpha sweep, donors and controls share passes.
    Each is edited on its own and held against the tokens that it was given.

    Args:
        encoder: a vision transformer.
        tokens: the stream of full clips at ``site``, on the encoder's device; see
            :func:`tokens_at` and :func:`cached_tokens`.
        variants: edits by name.
        site: ``embed`` or the ``out`` of a block.
        read: activations from ``site`` on, after the edit, and their pooling.
        batch_size: clips of a pass, all variants counted.

    Returns:
        The rows of every reading by variant.

    Raises:
        ValueError: see :meth:`Variant.apply`; no point of the stream, or a reading before it.
    """
    if not variants or not read or batch_size < 1:
        raise ValueError("Give variants, something to read and a batch_size of at least 1.")
    until = last_point(resolve_sites(encoder, [name for name, _ in read]))
    rows: dict[Reading, list[Tensor]] = {reading: [] for reading in read}
    with frozen(encoder):
        x = tokens.to(encoder.norm.weight.dtype)
        edited = (clip for name, v in variants.items() for clip in v.apply(name, x).unbind())
        for batch in _batches(edited, batch_size):
            for reading, values in _run(encoder, batch, site, until, read).items():
                rows[reading].append(values)
    split = {reading: torch.cat(values).split(len(x)) for reading, values in rows.items()}
    return {
        name: {reading: split[reading][number] for reading in read}
        for number, name in enumerate(variants)
    }


def tokens_at(
    encoder: VisionTransformer, frames: UInt8[Tensor, "b t h w 3"], *, site: str
) -> Float[Tensor, "b n d"]:
    """The stream of full clips at ``site``, without gradient; nothing after it is computed.

    Raises:
        ValueError: clips of another size, or no point of the stream.
    """
    with frozen(encoder):
        return encoder(frames.to(encoder.norm.weight.device), until=site).dense()


def cached_tokens(
    store: ActivationStore, rows: Sequence[int], *, site: str, width: int
) -> Float[Tensor, "b n d"]:
    """Tokens out of a store, float32 on the CPU, rounded to float16 when they were kept.

    Args:
        store: with the tokens of ``site``.
        rows: numbers of the clips.
        site: the activation.
        width: ``d``.

    Raises:
        ValueError: the store has no tokens of that activation, or not of all clips.
    """
    kept = store.read(site, "tokens")[list(rows)]
    return torch.from_numpy(kept).float().unflatten(1, (-1, width))


def _batches(clips: Iterator[Tensor], size: int) -> Iterator[Tensor]:
    while batch := list(islice(clips, size)):
        yield torch.stack(batch)


def _run(
    encoder: VisionTransformer,
    x: Tensor,
    site: str,
    until: str,
    read: Sequence[Reading],
) -> dict[Reading, Tensor]:
    still = encoder.images and x.shape[1] * encoder.grid[0] == encoder.tokens
    grid = grid_of(encoder, 1 if still else encoder.request.frames)
    widths = {reading: site_width(encoder, reading[0]) for reading in read}
    pools = StreamedPools(widths, batch=len(x), grid=grid, device=x.device)
    packing = Packing.full(len(x), x.shape[1], x.device)
    encoder.resume(x.flatten(0, 1), packing, after=site, edits=pools.edits, until=until)
    return pools.rows
