"""Labelled clips, and the tokens that frozen encoders make of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Int
from rich.progress import Progress
from torch import Tensor

from jepakit.evals.classification.labelled_clips import ClipTable, LabelledClips
from jepakit.protocols import Encoder
from jepakit.seeds import generator


@dataclass(frozen=True)
class TokenBatch:
    """Tokens of some clips by one encoder, float32, with their labels and videos."""

    tokens: Float[Tensor, "b n d"]
    labels: Int[Tensor, " b"]
    videos: tuple[str, ...]


@torch.no_grad()
def encode_clips(encoder: Encoder, clips: LabelledClips) -> Float[Tensor, "b n d"]:
    """Tokens of every clip, the segments of a longer one behind one another.

    Raises:
        ValueError: frames that are no whole number of segments, or tokens that are not finite.
    """
    given, wanted = clips.frames.shape[1], encoder.request.frames
    if given % wanted:
        raise ValueError(
            f"Clips of {given} frames are no whole number of the encoder's {wanted} frames."
        )
    parts = rearrange(clips.frames, "b (s t) h w c -> (b s) t h w c", t=wanted)
    tokens = rearrange(encoder.encode(parts), "(b s) n d -> b (s n) d", b=len(clips))
    fine = tokens.isfinite().flatten(1).all(dim=1).tolist()
    if not all(fine):
        bad = [video for video, good in zip(clips.videos, fine, strict=True) if not good]
        raise ValueError(f"Tokens are not finite for {bad[:5]} ({len(bad)} clips of a batch).")
    return tokens


class FrozenClips:
    """A set of clips, gone through once: who they are, their pooled tokens, and perhaps all tokens.

    Kept tokens make this pass the only one; the clips are then mixed anew in every round. Without,
    whoever asks for tokens has the clips read and encoded again, in the batches (and with the
    augmentations) that the iterable gives.

    Attributes:
        table: label, video, group and view of each clip.
        pooled: mean over the tokens of each clip, by encoder.
    """

    def __init__(
        self,
        clips: Iterable[LabelledClips],
        encoders: Mapping[str, Encoder],
        *,
        keep: bool = True,
        device: torch.device | str = "cpu",
        progress: Progress | None = None,
        title: str = "clips",
    ) -> None:
        """Go through the clips.

        Args:
            clips: batches of clips; with ``keep=False`` something that can be iterated over again.
            encoders: frozen encoders by name, on ``device``.
            keep: keep every token in the host's memory: ``4 n d`` bytes per clip and encoder.
            device: where the encoders live.
            progress: a running progress display to draw on; none is drawn without it.
            title: what that display calls the clips.

        Raises:
            ValueError: no clips, or a video with two labels or two groups.
        """
        self._clips, self._encoders, self._device = clips, dict(encoders), torch.device(device)
        pooled: dict[str, list[Tensor]] = {name: [] for name in encoders}
        kept: dict[str, list[Tensor]] = {name: [] for name in encoders}
        seen: list[LabelledClips] = []
        task = progress.add_task(title, total=None) if progress else None
        for batch in clips:
            for name, encoder in self._encoders.items():
                tokens = encode_clips(encoder, batch.to(self._device))
                pooled[name].append(tokens.float().mean(dim=1).cpu())
                if keep:
                    kept[name].extend(tokens.cpu().unbind())
            seen.append(batch.without_frames())
            if progress and task is not None:
                progress.advance(task, len(batch))
        self.table = ClipTable.of(seen)
        self._kept = kept if keep else None
        self.pooled = {name: torch.cat(rows).numpy() for name, rows in pooled.items()}

    def once(
        self, encoder: str, groups: Collection[str], *, batch_size: int = 32
    ) -> Iterator[TokenBatch]:
        """Every clip of these groups once, in stored order.

        Args:
            encoder: whose tokens.
            groups: which clips.
            batch_size: clips at a time, where tokens are kept.
        """
        if self._kept is not None:
            rows = self._rows(groups)
            for chosen in torch.from_numpy(rows).split(batch_size) if len(rows) else ():
                yield self._gather(encoder, chosen.tolist())
            return
        for batch in self._clips:
            own = batch.of_groups(groups).to(self._device)
            if len(own):
                tokens = encode_clips(self._encoders[encoder], own).float()
                yield TokenBatch(tokens, own.labels, own.videos)

    def endless(
        self, encoder: str, groups: Collection[str], *, batch_size: int, seed: int
    ) -> Iterator[TokenBatch]:
        """Round after round of the clips of these groups, for training.

        Args:
            encoder: whose tokens.
            groups: which clips.
            batch_size: clips at a time, where tokens are kept; at most as many as there are.
            seed: of the orders, where tokens are kept.

        Raises:
            ValueError: no clips of these groups, or a second round finds none, because the clips
                could be read only once.
        """
        rows, draws = self._rows(groups), generator("probe batches", seed)
        if not len(rows):
            raise ValueError(f"No clip is of the groups {sorted(groups)[:5]}.")
        if self._kept is not None:
            size = min(batch_size, len(rows))
            while True:
                order = rows[torch.randperm(len(rows), generator=draws).numpy()]
                for start in range(0, len(rows) - size + 1, size):
                    yield self._gather(encoder, order[start : start + size].tolist())
        while True:
            empty = True
            for batch in self.once(encoder, groups):
                empty = False
                yield batch
            if empty:
                raise ValueError(
                    "The clips can be read only once: hand over a loader or a list, not a "
                    "generator, or keep the tokens."
                )

    def _rows(self, groups: Collection[str]) -> Int[np.ndarray, " rows"]:
        return np.flatnonzero(np.isin(self.table.groups, list(groups)))

    def _gather(self, encoder: str, rows: list[int]) -> TokenBatch:
        assert self._kept is not None
        tokens = torch.stack([self._kept[encoder][row] for row in rows])
        return TokenBatch(
            tokens=tokens.to(self._device).float(),
            labels=torch.from_numpy(self.table.labels[rows]).to(self._device),
            videos=tuple(self.table.videos[rows].tolist()),
        )
