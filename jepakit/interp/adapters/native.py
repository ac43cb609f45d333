"""Sites of our own vision transformers."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from jepakit.batch import Packing
from jepakit.interp.patchable import (
    EMBED,
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
from jepakit.nn.edits import Edit
from jepakit.nn.encoded import Encoded
from jepakit.nn.stretch import NORM, block_prefix
from jepakit.nn.vit import VisionTransformer

OWN_PARTS = {RESID: "out", "mlp_hidden": "mlp.hidden"}
"""Parts that a block calls otherwise."""


class NativeEncoder:
    """A :class:`~jepakit.nn.vit.VisionTransformer` whose sites are its own named intermediates."""

    prefix_tokens = 0

    def __init__(
        self, encoder: VisionTransformer, *, name: str | None = None, stills: bool = False
    ) -> None:
        """Wrap an encoder; its weights are shared.

        Args:
            encoder: any of ours.
            name: in tables; sizes by default.
            stills: clips are single images, for an encoder with a tokenizer of its own for them.

        Raises:
            ValueError: ``stills`` with an encoder that has none.
        """
        if stills and not encoder.images:
            raise ValueError(
                "stills=True is for encoders with images=True; others take images as clips of "
                f"frames={encoder.request.frames}."
            )
        tubelets, rows, columns = encoder.grid
        self.encoder = encoder
        self.depth = len(encoder.blocks)
        self.width = encoder.width
        self.name = name or f"ViT {self.width} x {self.depth}"
        self.grid = (1 if stills else tubelets, rows, columns)
        self.frames = 1 if stills else encoder.request.frames
        self.sites = all_sites(self.depth)

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
        wanted = (self.frames, *self.encoder.request.size, 3)
        if tuple(frames.shape[1:]) != wanted:
            raise ValueError(
                f"{self.name} takes clips (t h w 3) of shape {wanted}, which make {self.grid} "
                f"tokens; came {tuple(frames.shape[1:])}."
            )
        capture, own_edits = self._translated(0, record, edits, prefix_edits)
        with frozen(self.encoder):
            frames = frames.to(self.encoder.norm.weight.device)
            encoded = self.encoder(frames, capture=capture, edits=own_edits)
        return self._recorded(encoded, 0, record)

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
        if prefix is not None and prefix.shape[1]:
            raise ValueError(f"{self.name} has no class tokens, came {prefix.shape[1]}.")
        capture, own_edits = self._translated(first, record, edits, prefix_edits)
        with frozen(self.encoder):
            packing = Packing.full(len(stream), stream.shape[1], stream.device)
            encoded = self.encoder.resume(
                stream.flatten(0, 1),
                packing,
                after=own_name(after),
                capture=capture,
                edits=own_edits,
            )
        return self._recorded(encoded, first, record)

    def _translated(
        self,
        first: int,
        record: Collection[str],
        edits: Mapping[str, Edit] | None,
        prefix_edits: Mapping[str, Edit] | None,
    ) -> tuple[list[str], dict[str, Edit]]:
        """What to capture and to edit, by the encoder's own names."""
        if prefix_edits:
            raise ValueError(f"{self.name} has no class tokens to edit: {sorted(prefix_edits)}.")
        points = stream_points(self.depth)
        check_sites({*record, *(edits or {})}, self.sites[self.sites.index(points[first]) :])
        capture = [own_name(site) for site in {*points[first:], *record}]
        return capture, {own_name(site): edit for site, edit in (edits or {}).items()}

    def _recorded(self, encoded: Encoded, first: int, record: Collection[str]) -> Recorded:
        def dense(site: str) -> Tensor:
            value = encoded.captured[own_name(site)]
            return value.unflatten(0, (encoded.packing.batch, -1))

        stream = torch.stack([dense(name) for name in stream_points(self.depth)[first:]])
        values = {site: dense(site) for site in record}
        recorded = Recorded(stream, values, stream[:, :, :0], first=first)
        return check_finite(recorded, self.sites)


def own_name(site: str) -> str:
    """The name that our encoders have for a site."""
    if site in (EMBED, FINAL):
        return NORM if site == FINAL else EMBED
    number, part = site.split(".")
    return block_prefix(int(number)) + OWN_PARTS.get(part, part)
