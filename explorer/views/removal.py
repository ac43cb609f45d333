"""An object taken out: where the model says the scene will change, and where it does."""

from __future__ import annotations

from explorer.clip import Clip
from explorer.pictures import encode_video, side_by_side
from explorer.prediction import (
    Counterfactual,
    Fidelity,
    counterfactual,
    fidelity,
    object_effects,
    removal_panels,
)
from explorer.view import Movie, Part, View
from jepakit.evals.pages.report import Facts, Table, Text

SENTENCE = (
    "The object is hidden from the model, which says from what is left how the tokens of "
    "everything else would change if the object had never been there. Beside it: the same "
    "world simulated again without the object, and what truly changes. An untrained model, "
    "and the plain guess that near things change, stand in the table."
)


def removal(model: object, clip: Clip, removed: int, *, untrained: object | None = None) -> View:
    """The counterfactual view of one object.

    Args:
        model: of Causal-JEPA.
        clip: with masks, of the length and size that the model was trained on.
        removed: id of the object.
        untrained: the same model with random weights.

    Raises:
        ValueError: the model cannot tell, or the clip has no masks or does not fit.
    """
    found = counterfactual(model, clip, removed)
    twin = None if untrained is None else counterfactual(untrained, clip, removed)
    numbers = fidelity(found, untrained=twin)
    parts: list[Part] = [_film(found), *_numbers(numbers), _objects(found)]
    return View(f"without-{removed}", f"Without {found.name}", SENTENCE, parts)


def _film(found: Counterfactual) -> Movie:
    panels = removal_panels(found)
    return Movie(
        encode_video(side_by_side(*panels.values(), least=240), found.clip.fps),
        alt=f"The clip with and without {found.name}, and the predicted and true changes",
        titles=list(panels),
        caption="Hatched: tokens that show the removed object, which the model does not see. Each "
        "change is on its own scale.",
    )


def _numbers(numbers: Fidelity | None) -> list[Part]:
    if numbers is None:
        return [Text("This clip has no simulation without the object, so nothing to compare with.")]
    rows = [
        [name, f"{value:.2f}", f"{numbers.everywhere[name]:.2f}"]
        for name, value in numbers.auroc.items()
    ]
    caption = (
        f"AUROC: chance that a token which truly changes scores above one which does not, 0.5 is "
        f"chance. {numbers.changed} of {numbers.tokens} tokens of other objects change."
    )
    return [
        Table(["Score", "Tokens of other objects", "All visible tokens"], rows, caption),
        Facts(
            {"Residual against true change of latents, rank correlation": f"{numbers.rank:+.2f}"}
        ),
    ]


def _objects(found: Counterfactual) -> Part:
    rows = [
        [
            effect.name,
            f"{effect.predicted:.3g}",
            "unknown" if effect.changed is None else f"{100 * effect.changed:.0f} %",
        ]
        for effect in object_effects(found)
    ]
    if not rows:
        return Text("No other object is in sight.")
    header = ["Object that stays", "Predicted change", "Pixels that truly change"]
    return Table(header, rows, "The most affected first, by the model's word.")
