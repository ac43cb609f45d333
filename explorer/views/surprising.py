"""How badly the model predicts each part of a clip, and which future it holds for likely."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from explorer.clip import Clip
from explorer.pictures import encode_video, side_by_side
from explorer.prediction import (
    Surprise,
    future_energies,
    futures_figure,
    surprise,
    surprise_figure,
    surprise_frames,
)
from explorer.prediction.hiding import Hide
from explorer.view import Movie, Part, View
from jepakit.evals.pages.report import Facts, Figure

MODEL, UNTRAINED = "model", "untrained twin"
WORDS: dict[Hide, str] = {
    "slice": "one time slice, given all others",
    "future": "each time slice and all after it, given those before",
    "blocks": "a square of tokens in every slice, given all around it",
}


def surprising(
    model: object, clip: Clip, *, untrained: object | None = None, hide: Hide = "slice"
) -> View:
    """Surprise over time.

    Args:
        model: predicts hidden tokens.
        clip: of the length and size that it was trained on.
        untrained: the same model with random weights.
        hide: what is hidden in turn.

    Raises:
        ValueError: the model predicts nothing, or the clip does not fit.
    """
    found = {MODEL: surprise(model, clip, hide=hide)}
    if untrained is not None:
        found[UNTRAINED] = surprise(untrained, clip, hide=hide)
    clips = {clip.name: clip.frames}
    clips |= {f"surprise, {name}": surprise_frames(one, least=1) for name, one in found.items()}
    film = Movie(
        encode_video(side_by_side(*clips.values(), least=240), clip.fps),
        alt="The clip, and the error of each token's prediction painted over it",
        titles=list(clips),
        caption="Bright: badly predicted, each picture from its least to its largest error.",
    )
    first = found[MODEL]
    curve = Figure(surprise_figure(found), f"Surprise by time slice, highest in {first.peak}")
    parts: list[Part] = [film, curve, Facts(_facts(first, found.get(UNTRAINED)))]
    sentence = (
        f"The model is shown the clip with a part hidden ({WORDS[hide]}) and has to predict the "
        "tokens there. Where it is wrong, it is surprised. An untrained twin is about equally "
        "wrong everywhere; the guess that the last frame stays is right where nothing moves."
    )
    files = {"surprise.csv": _csv(first)}
    return View("surprise", "Surprise over time", sentence, parts, files)


def futures(
    model: object, clip: Clip, *, others: Sequence[Clip] = (), untrained: object | None = None
) -> View:
    """Energy of candidate futures.

    Args:
        model: predicts hidden tokens.
        clip: of the length and size that it was trained on.
        others: clips whose second halves are candidates.
        untrained: the same model with random weights.

    Raises:
        ValueError: the model predicts nothing, or a clip does not fit.
    """
    found = {MODEL: future_energies(model, clip, others=others)}
    if untrained is not None:
        found[UNTRAINED] = future_energies(untrained, clip, others=others)
    told = ", ".join(f"{name} {value:.3g}" for name, value in found[MODEL].energies.items())
    drawing = Figure(futures_figure(found), f"Energies of the candidates: {told}")
    sentence = (
        "The model sees the first half and predicts the second. The energy of a candidate is how "
        "far its tokens lie from that prediction: is the truth the lowest? Beware of the frame "
        "held still, which is close to the truth wherever little moves."
    )
    margin = found[MODEL].margin
    best = f"{abs(margin):.1%} {'above' if margin >= 0 else 'below'} the truth"
    return View(
        "futures", "Energy of candidate futures", sentence,
        [drawing, Facts({"Best other candidate": best})],
    )  # fmt: skip


def _facts(found: Surprise, twin: Surprise | None) -> dict[str, str]:
    facts = {"Most surprising slice": str(found.peak)}
    if found.against_held is not None:
        facts["Error over that of a held frame"] = f"{found.against_held:.2f}"
    if twin is not None:
        share = float(np.nanmean(found.errors) / np.nanmean(twin.errors))
        facts["Error over that of the untrained twin"] = f"{share:.2f}"
    return facts


def _csv(found: Surprise) -> bytes:
    place = np.indices(found.errors.shape).reshape(3, -1)
    out = io.StringIO()
    table = np.concatenate([place, found.errors.reshape(1, -1)]).T
    header = "slice,row,column,error"
    np.savetxt(out, table, delimiter=",", fmt=["%d"] * 3 + ["%.6g"], header=header, comments="")
    return out.getvalue().encode()
