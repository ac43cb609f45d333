"""Tokens as a cloud of points: principal components, UMAP, or seven dimensions at once."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8

from explorer.latents import Latents
from explorer.pictures import point_cloud, seven_d
from explorer.reductions import Mode, pca, slice_colours, to_rgb, umap_points
from explorer.view import Cloud, Part, View
from jepakit.evals.pages.report import Facts

Method = Literal["pca", "umap"]
Colour = Literal["components", "pixels", "time"]

SENTENCES = {
    "pca": "Each point is one token, placed by the directions in which the tokens of this clip "
    "differ most. Run through the slices: groups that keep their place while things move are "
    "about what a token shows, not where it is. Directions of an untrained encoder follow "
    "position and brightness instead.",
    "umap": "Each point is one token, laid out so that similar tokens are neighbours. Who is "
    "beside whom says something; distances between groups and their size do not. UMAP draws groups "
    "even into tokens of an untrained encoder: compare before you believe one.",
}


def latent_space(
    latents: Latents,
    *,
    method: Method = "pca",
    mode: Mode = "global",
    dimensions: Literal[2, 3, 7] = 3,
    colour: Colour = "components",
    play: bool = True,
) -> View:
    """A cloud of the clip's tokens.

    Args:
        latents: of the clip.
        method: of the reduction.
        mode: tokens whose principal components are found; every token is placed along them.
        dimensions: of the picture; 7 are three of place, three of colour and one of opacity.
        colour: of the points, of 2 or 3 dimensions.
        play: whether the figure has a button that runs through the slices.

    Raises:
        MissingExtra: plotly or umap-learn is not installed.
        ValueError: more components than the clip's tokens have.
    """
    facts = {}
    components = max(dimensions, 3)
    if method == "pca":
        reduction = pca(latents.flat, components=components, mode=mode, grid=latents.grid)
        points = reduction.project(latents.flat)
        shares = reduction.explained[:dimensions]
        facts = {f"Component {i}": f"{100 * s:.1f} %" for i, s in enumerate(shares, start=1)}
    else:
        points = umap_points(latents.flat, components=components if dimensions > 2 else 2)
    axis = "component" if method == "pca" else "UMAP"
    if dimensions == 7:
        figure = seven_d(points, latents.grid, axis=axis, play=play)
    else:
        figure = point_cloud(
            points, _colours(latents, points, colour), latents.grid,
            dimensions=dimensions, axis=axis, play=play,
        )  # fmt: skip
    slices, rows, columns = latents.grid
    name = "principal components" if method == "pca" else "UMAP"
    parts: list[Part] = [
        Cloud(figure, alt=f"{slices * rows * columns} tokens in {dimensions} dimensions ({name})")
    ]
    if facts:
        parts.append(Facts(facts))
    files = {f"{method}-{dimensions}d.csv": _csv(latents, points, axis)}
    key = f"latent-space-{method}-{dimensions}d"
    return View(key, f"Latent space, {name}, {dimensions}-D", SENTENCES[method], parts, files)


def _colours(
    latents: Latents, points: Float[np.ndarray, "n k"], colour: Colour
) -> UInt8[np.ndarray, "n 3"]:
    if colour == "time":
        return slice_colours(latents.grid)
    if colour == "pixels":
        return token_pixels(latents)
    if points.shape[1] < 3:
        points = np.concatenate([points, np.zeros((len(points), 1))], axis=1)
    return to_rgb(points)


def token_pixels(latents: Latents) -> UInt8[np.ndarray, "n 3"]:
    """The mean colour of the pixels that a token stands for."""
    slices, rows, columns = latents.grid
    used = latents.clip.frames[
        : slices * latents.tubelet, : rows * latents.patch, : columns * latents.patch
    ]
    shape = (slices, latents.tubelet, rows, latents.patch, columns, latents.patch, 3)
    return used.reshape(shape).mean(axis=(1, 3, 5)).round().astype(np.uint8).reshape(-1, 3)


def _csv(latents: Latents, points: Float[np.ndarray, "n k"], axis: str) -> bytes:
    place = np.stack(np.unravel_index(np.arange(len(points)), latents.grid), axis=1)
    names = [f"{axis}_{number}".lower() for number in range(1, points.shape[1] + 1)]
    out = io.StringIO()
    np.savetxt(
        out,
        np.concatenate([place, points], axis=1),
        delimiter=",",
        fmt=["%d"] * 3 + ["%.6g"] * points.shape[1],
        header=",".join(["slice", "row", "column", *names]),
        comments="",
    )
    return out.getvalue().encode()
