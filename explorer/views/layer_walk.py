"""One clip in the colours of every layer, from the first to the last."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, UInt8

from explorer.comparison.aligned_colours import aligned_colours
from explorer.comparison.cka import linear_cka
from explorer.latents import Latents
from explorer.pictures import encode_video, latent_frames, side_by_side
from explorer.view import Movie, Part, View
from explorer.views.charts import slice_curves
from jepakit.evals.pages.report import Figure

SHOWN = 4  # layers in one film
SENTENCE = (
    "The same clip at several depths of the encoder, in colours that mean the same throughout "
    "(each layer is turned onto the last). Early layers show pixels and positions; look where "
    "things come apart from the ground behind them. The curve says how alike each layer is to the "
    "input and to the output."
)


def layer_walk(sites: Mapping[str, Latents], *, shown: int = SHOWN) -> View:
    """Layers side by side.

    Args:
        sites: latents of one clip by their place in the encoder, in its order.
        shown: layers in the film at most, evenly spread, the last one included.

    Raises:
        ValueError: fewer than two layers.
    """
    if len(sites) < 2:
        raise ValueError(f"A walk needs two layers at least, came {list(sites)}.")
    names = list(sites)
    last = sites[names[-1]]
    picked = np.linspace(0, len(names) - 1, min(shown, len(names))).round().astype(int)
    films = {names[i]: layer_frames(sites[names[i]], last) for i in picked}
    film = Movie(
        encode_video(side_by_side(*films.values(), least=240), last.clip.fps),
        alt=f"The clip in the colours of {', '.join(films)}",
        titles=list(films),
    )
    curves = {f"CKA with {end}": _cka_with(sites, sites[end]) for end in (names[0], names[-1])}
    drawing = slice_curves(curves, ylabel="linear CKA", xlabel=f"place, {names[0]} to {names[-1]}")
    parts: list[Part] = [
        film,
        Figure(drawing, alt="CKA of every layer with the first and the last"),
    ]
    return View("layers", "Layer by layer", SENTENCE, parts)


def one_layer(sites: Mapping[str, Latents], name: str) -> View:
    """One layer beside the clip and the last layer.

    Args:
        sites: latents of one clip by their place in the encoder, in its order.
        name: of the layer.
    """
    last = sites[list(sites)[-1]]
    films = {
        last.clip.name: last.clip.frames,
        name: layer_frames(sites[name], last),
        f"{last.site}, the output": layer_frames(last, last),
    }
    film = Movie(
        encode_video(side_by_side(*films.values()), last.clip.fps),
        alt=f"The clip, and its tokens in the colours of {name} and of the output",
        titles=list(films),
    )
    return View(f"layer-{name}", f"Layer {name}", SENTENCE, [film])


def layer_frames(latents: Latents, last: Latents) -> UInt8[np.ndarray, "t h w 3"]:
    """A layer in the colours of the last one."""
    _, rgb = aligned_colours(last, latents).rgb
    return latent_frames(rgb, latents.clip, latents.tubelet, patch=latents.patch)


def _cka_with(sites: Mapping[str, Latents], end: Latents) -> Float[np.ndarray, " s"]:
    most = np.linspace(0, len(end.flat) - 1, min(2048, len(end.flat))).round().astype(int)
    return np.array([linear_cka(one.flat[most], end.flat[most]) for one in sites.values()])
