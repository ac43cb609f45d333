"""What a predictor's errors cannot show, said where they are printed."""

from __future__ import annotations

from collections.abc import Mapping

from jepakit.evals.repair.images.occluded_images import OBJECT
from jepakit.evals.repair.predictor.hidden_errors import HiddenErrors
from jepakit.evals.repair.scene_statistics import SceneStatistics

FLOORS = ("another scene", "no context")

MEANING = (
    "The context encoder reads the visible tokens, the predictor says what the target encoder "
    "makes of the hidden ones. A patch gives visible tokens at one site what they hold when the "
    "region is in sight: if the predictor then errs less, knowledge of the region passes on to its "
    "surroundings at that site, in a form that the predictor can use."
)
OUT_OF_RANGE = (
    "The predictor was trained on tokens that never saw what is hidden. Those of whole or filled "
    "pictures are new to it: a larger error there need not mean that nothing passed on. Where the "
    "bound does not lie above 0 with its interval, no share of it is given."
)
SAME_START = (
    "Visible tokens start as in the whole picture, so that patches of the embedding carry nothing "
    "by construction, and the whole stream after the last block carries exactly the bound."
)
ONE_REGION = (
    "The region is hidden as one slot, object or not; models whose training hid several regions at "
    "once, or other shapes, meet masks that they were not trained on. Twins differ in this too."
)
PLACES = (
    "No context does not know the place of a token either, another scene does: what lies between "
    "these two is known from the place alone, and only what lies below another scene comes from "
    "what is visible."
)
BLIND = (
    "{names}: the error is not resolved to lie below that of another scene. These predictors say "
    "from what is visible next to nothing about this object, and no site can carry more than that."
)


def predictor_caveats(found: Mapping[str, HiddenErrors]) -> tuple[str, ...]:
    """Of a page with these models."""
    blind = [name for name, errors in found.items() if not predicts(errors)]
    said = (MEANING, PLACES, OUT_OF_RANGE, SAME_START, ONE_REGION)
    return (*said, BLIND.format(names=", ".join(blind))) if blind else said


def predicts(errors: HiddenErrors) -> bool:
    """Whether the error on hidden objects lies below both floors, with its interval over scenes."""
    contexts, scenes = errors.regions[OBJECT].contexts, SceneStatistics(errors.groups)
    own = contexts["dropped"].error
    return all(scenes.mean(contexts[floor].error - own).low > 0 for floor in FLOORS)


def without_text(reasons: Mapping[str, str]) -> str:
    """Models that have nothing to show here, and why."""
    return " ".join(f"{name} is not in this section: {why}." for name, why in reasons.items())
