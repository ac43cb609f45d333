"""Action anticipation (EPIC-KITCHENS-100): tokens seen and tokens predicted, asked three questions.

What exists: the frozen encoder with its predictor, the probe, and the published probe files both
ways (:mod:`vjepa2.anticipation_files`). Annotations, training with the focal loss and the mean
recall at 5 of the benchmark do not.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from jepakit.batch import TokenMasks
from jepakit.nn.attentive_pooler import AttentivePooler
from jepakit.nn.vit import VisionTransformer
from vjepa2.predictor import Predictor

QUESTIONS = ("verb", "noun", "action")


class AnticipatingEncoder(nn.Module):
    """Tokens of a clip, and behind them those that the predictor expects some time after it.

    With ``n`` tokens of the clip and ``hh ww`` of a tubelet, the predicted ones lie from position
    ``n + hh ww floor(seconds fps / tubelet)`` on, and come from one mask token.

    Source: V-JEPA 2, ``vit_encoder_predictor_concat_ar``, which takes the second mask token, number
    1, where pretraining learns the first. Differs: one step; the predictor is not fed with its own
    predictions, as in the released settings.
    """

    def __init__(
        self,
        encoder: VisionTransformer,
        predictor: Predictor,
        *,
        frames: int = 32,
        fps: float = 8.0,
        predicted_frames: int = 2,
        mask_token: int = 1,
    ) -> None:
        """Put the two together; their weights are shared.

        Args:
            encoder: with clips as long as what is seen, the time between and what is predicted (64
                frames in published files).
            predictor: on the grid of that encoder.
            frames: of the clip that is seen.
            fps: frames per second of that clip (Hz).
            predicted_frames: frames to predict tokens of.
            mask_token: which mask token stands for them.

        Raises:
            ValueError: frames that are no whole tubelets or that leave no room, a mask token that
                does not exist, or a predictor of several levels (V-JEPA 2.1).
        """
        super().__init__()
        tubelet = encoder.request.tubelet
        if frames % tubelet or predicted_frames % tubelet or min(frames, predicted_frames) < 1:
            raise ValueError(
                f"frames ({frames}) and predicted_frames ({predicted_frames}) must be multiples of "
                f"the tubelet ({tubelet})."
            )
        if not 0 <= mask_token < len(predictor.mask_tokens):
            raise ValueError(
                f"The predictor has {len(predictor.mask_tokens)} mask tokens from number 0, so no "
                f"{mask_token}."
            )
        if predictor.hierarchy:
            raise ValueError(
                "The predictor reads several levels (V-JEPA 2.1); anticipation is of V-JEPA 2.0."
            )
        self.encoder = encoder.resized(frames=frames)
        self.predictor = predictor
        self.grid = encoder.grid
        self.fps, self.tubelet = fps, tubelet
        self.predicted = predicted_frames // tubelet
        self.mask_token = mask_token

    @property
    def width(self) -> int:
        """``d``, the width of a token."""
        return self.encoder.width

    @torch.no_grad()
    def forward(
        self,
        frames: UInt8[Tensor, "b t h w 3"] | Float[Tensor, "b t h w 3"],
        seconds: Float[Tensor, " b"],
    ) -> Float[Tensor, "b n d"]:
        """Seen and predicted tokens, without gradient.

        Args:
            frames: RGB, 0..255; or floats that are normalised already.
            seconds: time from the end of each clip to what is predicted.

        Raises:
            ValueError: a time before the end of the clip or beyond the predictor's grid.
        """
        seen = self.encoder(frames).dense()
        masks = self.masks(seconds).to(seen.device)
        answer = self.predictor(seen.flatten(0, 1), masks, mask_token=self.mask_token).target
        ahead = rearrange(answer, "(b m) d -> b m d", b=len(seen))
        return torch.cat([seen, ahead], dim=1)

    def masks(self, seconds: Float[Tensor, " b"]) -> TokenMasks:
        """What is seen and what is predicted on the grid of the predictor.

        Raises:
            ValueError: a time before the end of the clip or beyond that grid.
        """
        tubelets, rows, columns = self.grid
        seen = self.encoder.grid[0]
        # As there: the product in the precision of the times, cut down to whole tubelets.
        first = seen + (seconds.cpu() * self.fps / self.tubelet).long()
        latest = tubelets - self.predicted
        if bool((seconds < 0).any()) or int(first.max()) > latest:
            raise ValueError(
                f"seconds must be from 0 to below {(latest - seen + 1) * self.tubelet / self.fps}, "
                f"which is where the predictor's {tubelets} tubelets end, came "
                f"{seconds.tolist()}."
            )
        place = torch.arange(tubelets).expand(len(seconds), -1)
        hidden = (place >= first[:, None]) & (place < first[:, None] + self.predicted)
        context, target = (
            part.repeat_interleave(rows * columns, dim=1) for part in (place < seen, hidden)
        )
        nothing: list[tuple[int, ...]] = [()] * len(seconds)
        return TokenMasks.build(context, target.long() - 1, nothing, [False] * len(seconds))


class ActionAnticipationProbe(nn.Module):
    """An attentive pooler with a query per question, and a linear layer for each.

    Source: V-JEPA 2, ``action_anticipation_frozen``: verb, noun and action in this order, or the
    action alone where it is no pair of a verb and a noun.
    """

    def __init__(
        self,
        width: int,
        classes: Mapping[str, int],
        *,
        heads: int = 16,
        blocks: int = 3,
        mlp_ratio: float = 4.0,
        eps: float = 1e-5,
    ) -> None:
        """Build the probe; arguments as for :class:`AttentivePooler`.

        Args:
            width: width of a token.
            classes: number of classes of each question: ``verb``, ``noun``, ``action``, or only the
                last.
            heads: attention heads.
            blocks: self-attention blocks before the queries read.
            mlp_ratio: hidden width of the MLPs over ``width``.
            eps: of all LayerNorms.

        Raises:
            ValueError: other questions.
        """
        super().__init__()
        if tuple(classes) not in (QUESTIONS, QUESTIONS[2:]):
            raise ValueError(f"Questions are {QUESTIONS} or ('action',), came {tuple(classes)}.")
        self.pooler = AttentivePooler(
            width, heads=heads, blocks=blocks, queries=len(classes), mlp_ratio=mlp_ratio, eps=eps
        )
        self.heads = nn.ModuleDict({name: nn.Linear(width, n) for name, n in classes.items()})

    def forward(self, tokens: Float[Tensor, "b n d"]) -> dict[str, Float[Tensor, "b classes"]]:
        """Logits of every question."""
        answers = self.pooler(tokens).unbind(dim=1)
        return {
            name: head(answer)
            for (name, head), answer in zip(self.heads.items(), answers, strict=True)
        }
