"""The official V-JEPA 2 training step, from a checkout of its repository."""

from __future__ import annotations

import copy
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FRAMES, SIZE, BATCH = 8, 112, 4
"""Clips of the comparison: frames, pixels a side, and how many of them a step takes."""


class OfficialStep:
    """Encoder, predictor, teacher and optimizer of the released code, and one step of its loop.

    As in its training loop: every mask runs on its own, the optimizer is AdamW as it comes, the
    teacher is moved by two passes over lists made anew in each step.
    """

    def __init__(self, checkout: Path, predictor: dict[str, int], *, checkpointing: bool) -> None:
        """Build ViT-S and its predictor.

        Args:
            checkout: of github.com/facebookresearch/vjepa2.
            predictor: ``width``, ``depth`` and ``heads``.
            checkpointing: whether blocks run again in the backward pass, as released.

        Raises:
            SystemExit: there is no such checkout.
        """
        if not (checkout / "src" / "models" / "vision_transformer.py").is_file():
            raise SystemExit(f"{checkout} is no checkout of facebookresearch/vjepa2.")
        if str(checkout) not in sys.path:
            sys.path.insert(0, str(checkout))
        models = importlib.import_module("src.models.vision_transformer")
        predictors = importlib.import_module("src.models.predictor")
        wrappers = importlib.import_module("src.utils.wrappers")
        self.pick: Callable[..., list[Tensor]] = importlib.import_module(
            "src.masks.utils"
        ).apply_masks
        common = {
            "img_size": (SIZE, SIZE),
            "num_frames": FRAMES,
            "patch_size": 16,
            "tubelet_size": 2,
            "use_sdpa": True,
            "use_rope": True,
            "uniform_power": True,
            "use_activation_checkpointing": checkpointing,
        }
        self.encoder: nn.Module = wrappers.MultiSeqWrapper(models.vit_small(**common))
        self.predictor: nn.Module = wrappers.PredictorMultiSeqWrapper(
            predictors.vit_predictor(
                **common,
                embed_dim=384,
                predictor_embed_dim=predictor["width"],
                depth=predictor["depth"],
                num_heads=predictor["heads"],
                use_mask_tokens=True,
                num_mask_tokens=2,
                zero_init_mask_tokens=True,
            )
        )
        self.teacher = copy.deepcopy(self.encoder).requires_grad_(requires_grad=False)
        trained = [*self.encoder.parameters(), *self.predictor.parameters()]
        self.optimizer = torch.optim.AdamW(trained, lr=0.0, weight_decay=0.0)

    def load(self, other: OfficialStep) -> None:
        """Take the weights of another one."""
        for name in ("encoder", "predictor", "teacher"):
            getattr(self, name).load_state_dict(getattr(other, name).state_dict())

    def __call__(self, clips: Tensor, context: list[Tensor], target: list[Tensor]) -> float:
        """One optimizer step.

        Args:
            clips: ``(b, 3, t, h, w)``, normalised.
            context: for each mask the visible positions ``(b, c)``.
            target: for each mask the hidden positions ``(b, m)``.
        """
        with torch.no_grad():
            (full,) = self.teacher([clips])
            full = F.layer_norm(full, (full.shape[-1],))
        latents: Any = self.encoder([clips], [context])
        predicted = self.predictor(latents, [context], [target])[0]
        wanted = self.pick(full, target, concat=False)
        parts = [(a - b).abs().mean() for a, b in zip(predicted, wanted, strict=True)]
        loss = sum(parts[1:], parts[0]) / len(parts)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        with torch.no_grad():
            teachers: list[Tensor] = list(self.teacher.parameters())
            students: list[Tensor] = list(self.encoder.parameters())
            torch._foreach_mul_(teachers, 0.999)
            torch._foreach_add_(teachers, students, alpha=0.001)
        return float(loss.detach())
