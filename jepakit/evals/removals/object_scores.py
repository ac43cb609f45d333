"""How strongly one object is said to depend on another, by a model and by things that know none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from jepakit.evals.removals.removal_clips import RemovalClip
from jepakit.nn.attention_maps import mean_attention
from jepakit.nn.edits import Edit
from jepakit.nn.vit import VisionTransformer
from jepakit.protocols import Encoder, Intervenes

Scores = Float[np.ndarray, "r k"]


def visible_weights(
    clip: RemovalClip, removed: Sequence[int], device: torch.device | str
) -> Float[Tensor, "r k n"]:
    """How much of an object each token shows, 0 where it shows the removed one too.

    Rows of ones in sum; NaN where nothing of an object is left.
    """
    coverage = torch.from_numpy(clip.tokens).to(device).float()
    left = coverage[[i - 1 for i in removed]] == 0
    weights = coverage.unsqueeze(0) * left.unsqueeze(1)
    return weights / weights.sum(dim=-1, keepdim=True)


@torch.no_grad()
def residual_scores(model: Intervenes, clip: RemovalClip, removed: Sequence[int]) -> Scores:
    """Norm of the predicted residual, mean over each object's tokens.

    Args:
        model: predicts the change that a removal makes.
        clip: the scene, of ``k`` objects.
        removed: ids of the objects to remove, one after another: a row each.
    """
    device = _device(model)
    frames = torch.from_numpy(clip.frames).to(device).unsqueeze(0)
    coverage = torch.from_numpy(clip.coverage).to(device).unsqueeze(0)
    rows = len(removed)
    answer = model.intervene(
        frames.expand(rows, -1, -1, -1, -1),
        coverage.expand(rows, -1, -1, -1, -1),
        [[i] for i in removed],
    )
    norm = answer.residual.float().norm(dim=-1)
    return _means(norm, visible_weights(clip, removed, device))


@torch.no_grad()
def change_scores(encoder: Encoder, clip: RemovalClip, removed: Sequence[int]) -> Scores:
    """Norm of the true change: latents of the clip minus those of the re-simulation."""
    device = _device(encoder)
    others = np.stack([clip.frames, *(clip.without[i].frames for i in removed)])
    tokens = encoder.encode(torch.from_numpy(others).to(device)).float()
    norm = (tokens[:1] - tokens[1:]).norm(dim=-1)
    return _means(norm, visible_weights(clip, removed, device))


@torch.no_grad()
def attention_scores(
    encoder: VisionTransformer, clip: RemovalClip, removed: Sequence[int]
) -> Scores:
    """Attention of each object's tokens to the removed one's, mean over heads and blocks."""
    device = _device(encoder)
    frames = torch.from_numpy(clip.frames).to(device).unsqueeze(0)
    maps = mean_attention(encoder, frames)[0]
    coverage = torch.from_numpy(clip.tokens).to(device).float() / 255
    received = coverage[[i - 1 for i in removed]] @ maps.T
    return _means(received, visible_weights(clip, removed, device))


def gradient_scores(
    encoder: VisionTransformer,
    clip: RemovalClip,
    removed: Sequence[int],
    *,
    generator: torch.Generator,
    probes: int = 2,
) -> Scores:
    """How much an object's mean latent moves with the embedded tokens of the removed one.

    ``|| d m_j / d x_i ||_F``, estimated from the gradients of ``probes`` random directions ``u`` of
    ``m_j``: the mean of ``|| d (u . m_j) / d x_i ||^2`` with ``u ~ N(0, 1)`` is its square.
    """
    device = _device(encoder)
    frames = torch.from_numpy(clip.frames).to(device).unsqueeze(0)
    leaf = {"embed": Edit.apply(lambda x: x.detach().requires_grad_())}
    with torch.enable_grad():
        encoded = encoder(frames, capture=("embed",), edits=leaf)
        tokens, embed = encoded.tokens.float(), encoded.captured["embed"]
        coverage = torch.from_numpy(clip.tokens).to(device).float()
        weights = coverage / coverage.sum(dim=1, keepdim=True).clamp(min=1)
        means = weights @ tokens
        directions = torch.randn(probes, means.shape[1], generator=generator).to(device)
        squares = torch.zeros(len(means), len(embed), device=device)
        for direction in directions:
            for row, value in enumerate(means @ direction):
                (slope,) = torch.autograd.grad(value, embed, retain_graph=True)
                squares[row] += slope.float().square().sum(dim=1) / probes
    touched = (coverage[[i - 1 for i in removed]] > 0).float()
    seen = visible_weights(clip, removed, device).isfinite().all(dim=-1)
    influence = (touched @ squares.T).sqrt()
    return torch.where(seen, influence, torch.nan).cpu().double().numpy()


def nearness(clip: RemovalClip, removed: Sequence[int]) -> Scores:
    """Minus the smallest gap between two objects in any frame, in pixels; 1 px if they touch."""
    rows = [_gaps(clip, identity) for identity in removed]
    return -np.stack(rows)


def size(clip: RemovalClip, removed: Sequence[int]) -> Scores:
    """Mean pixels of each object, whichever is removed."""
    pixels = np.bincount(clip.labels.ravel(), minlength=len(clip.coverage) + 1)[1:]
    return np.tile(pixels / len(clip.labels), (len(removed), 1))


def motion(clip: RemovalClip, removed: Sequence[int]) -> Scores:
    """Share of each object's pixels that are not its own in the next frame: how much it moves."""
    now, then = clip.labels[:-1], clip.labels[1:]
    count = len(clip.coverage) + 1
    gone = np.bincount(now[now != then], minlength=count)[1:]
    pixels = np.bincount(now.ravel(), minlength=count)[1:]
    return np.tile(gone / np.maximum(pixels, 1), (len(removed), 1))


def _gaps(clip: RemovalClip, identity: int) -> Float[np.ndarray, " k"]:
    away = float(sum(clip.labels.shape[1:]))
    gaps = np.full(len(clip.coverage) + 1, away)
    for labels in clip.labels:
        here = labels == identity
        if here.any():
            np.minimum.at(gaps, labels, distance_transform_edt(~here))
    return gaps[1:]


def _means(values: Float[Tensor, "r n"], weights: Float[Tensor, "r k n"]) -> Scores:
    return torch.einsum("rn,rkn->rk", values, weights).cpu().double().numpy()


def _device(model: object) -> torch.device:
    parameters = model.parameters() if isinstance(model, torch.nn.Module) else iter(())
    first = next(parameters, None)
    return torch.device("cpu") if first is None else first.device
