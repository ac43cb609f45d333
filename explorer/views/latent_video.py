"""The clip beside the same clip in the colours of its tokens."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from explorer.latents import Latents
from explorer.pictures import encode_video, latent_frames, side_by_side
from explorer.reductions import Mode, pca, to_rgb
from explorer.view import Movie, Part, View
from jepakit.evals.pages.report import Facts

SENTENCE = (
    "Every token gets a colour: its place along three main directions in which the tokens of this "
    "clip differ become red, green and blue. Tokens that mean the same to the model have the same "
    "colour, in every frame. An untrained encoder, on the right, shows what brightness, texture "
    "and position alone would give."
)


def latent_video(
    latents: Latents,
    *,
    baseline: Latents | None = None,
    mode: Mode = "global",
    channels: tuple[int, int, int] = (0, 1, 2),
    robust: bool = True,
) -> View:
    """The RGB-mapped latent video.

    Args:
        latents: of the clip.
        baseline: of an untrained encoder of the same shape.
        mode: tokens whose directions are found: all, averages over time, or averages over space.
        channels: components that become red, green and blue, from 0.
        robust: whether the 1 % of tokens at each end may be clipped.

    Raises:
        ValueError: more components than the clip's tokens have.
    """
    clips = {latents.clip.name: latents.clip.frames}
    explained = {}
    for name, seen in _encoders(latents, baseline).items():
        reduction = pca(
            seen.flat, components=max(3, *(c + 1 for c in channels)), mode=mode, grid=seen.grid
        )
        rgb = to_rgb(reduction.project(seen.flat), robust=robust, channels=channels)
        clips[name] = _as_frames(rgb, seen)
        explained[name] = float(reduction.explained[list(channels)].sum())
    film = Movie(
        encode_video(side_by_side(*clips.values()), latents.clip.fps),
        alt=f"The clip, and its tokens in the colours of components {_numbers(channels)}",
        titles=list(clips),
    )
    shares = {
        f"Variance in these colours, {n}": f"{100 * share:.0f} %" for n, share in explained.items()
    }
    parts: list[Part] = [film, Facts(shares)]
    return View("latent-video", "Latent video", SENTENCE, parts)


def _encoders(latents: Latents, baseline: Latents | None) -> dict[str, Latents]:
    known = {latents.model or "latents": latents}
    return known | ({"untrained encoder": baseline} if baseline is not None else {})


def _as_frames(rgb: UInt8[np.ndarray, "n 3"], latents: Latents) -> UInt8[np.ndarray, "t h w 3"]:
    cells = rgb.reshape(*latents.grid, 3)
    return latent_frames(cells, latents.clip, latents.tubelet, patch=latents.patch)


def _numbers(channels: tuple[int, int, int]) -> str:
    first, second, third = (channel + 1 for channel in channels)
    return f"{first}, {second} and {third}"
