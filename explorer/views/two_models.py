"""Two models on one clip: the same colours mean the same, and how alike they are."""

from __future__ import annotations

from collections.abc import Sequence

from explorer.comparison.aligned_colours import AlignedColours, aligned_colours
from explorer.comparison.cka import chance_cka, linear_cka
from explorer.comparison.common_grid import paired_tokens
from explorer.comparison.disagreement import disagreement_map
from explorer.comparison.layers import cka_by_layer, layer_figure
from explorer.latents import Latents
from explorer.pictures import encode_video, latent_frames, side_by_side
from explorer.prediction.heat import heat_over
from explorer.view import Movie, Part, View
from jepakit.evals.pages.report import Facts, Figure

SENTENCE = (
    "Each model has axes of its own, so its colours are turned (Procrustes) until they fit those "
    "of the first as well as they can: what then differs in colour, the models see differently. "
    "CKA says how far both find the same tokens alike: 1 for a turned copy, and not 0 but the "
    "stated chance for unrelated ones. Compare with an untrained encoder before calling it high."
)


def two_models(
    first: Latents,
    second: Latents,
    *,
    layers: tuple[Sequence[Latents], Sequence[Latents]] | None = None,
) -> View:
    """Two checkpoints side by side.

    Args:
        first: of one model.
        second: of the other, of the same clip.
        layers: further layers of both, for CKA between all of them.

    Raises:
        ValueError: other clips.
    """
    colours = aligned_colours(first, second)
    one, other = colours.rgb
    clips = {
        first.clip.name: first.clip.frames,
        first.model or "first model": latent_frames(
            one, first.clip, first.tubelet, patch=first.patch
        ),
        _second_name(first, second): latent_frames(
            other, second.clip, second.tubelet, patch=second.patch
        ),
        "where they disagree": heat_over(
            first.clip.frames, disagreement_map(first, second), least=1
        ),
    }
    film = Movie(
        encode_video(side_by_side(*clips.values(), least=240), first.clip.fps),
        alt="The clip, the tokens of both models in common colours, and where the models disagree",
        titles=list(clips),
    )
    parts: list[Part] = [film, Facts(_facts(first, second, colours))]
    if layers is not None:
        drawing = layer_figure(cka_by_layer(*layers, most=2048))
        parts.append(Figure(drawing, alt="Linear CKA between all layers of both models"))
    return View("two-models", "Two models side by side", SENTENCE, parts)


def _second_name(first: Latents, second: Latents) -> str:
    name = second.model or "second model"
    return name if name != first.model else f"{name} (second)"


def _facts(first: Latents, second: Latents, colours: AlignedColours) -> dict[str, str]:
    one, other, _ = paired_tokens(first, second)
    held_out = ", ".join(f"{value:.2f}" for value in colours.held_out)
    return {
        "Linear CKA": f"{linear_cka(one, other):.3f}",
        "CKA of unrelated tokens": f"{chance_cka(one, other):.3f}",
        "Correlation of red, green, blue, held out": held_out,
    }
