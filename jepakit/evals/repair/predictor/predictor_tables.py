"""Tables of a predictor's errors: by what it reads, what leaks, and which sites carry it."""

from __future__ import annotations

from collections.abc import Mapping

from jepakit.evals.pages.report import Table
from jepakit.evals.repair.images.occluded_images import REGIONS
from jepakit.evals.repair.predictor.carried_errors import CarriedErrors, CarriedSite
from jepakit.evals.repair.predictor.hidden_errors import CONTEXTS, HiddenErrors
from jepakit.evals.repair.scene_statistics import SceneStatistics
from jepakit.evals.repair.value_text import drift_text, interval_text, p_text, share_text

MOST_SITES = 10
UNRESOLVED = "not resolved"
TITLES = {
    "dropped": "dropped (as trained)",
    "filled": "pixels filled",
    "seen": "seen (bound)",
    "another scene": "another scene",
    "no context": "no context",
}
"""What contexts are called."""


def contexts_table(found: Mapping[str, HiddenErrors]) -> Table:
    """Errors by what the predictor reads, a row per model and region."""
    rows = []
    for model, errors in found.items():
        scenes = SceneStatistics(errors.groups)
        for region in REGIONS:
            contexts = errors.regions[region].contexts
            cells = []
            for name in CONTEXTS:
                one = contexts[name]
                angle = drift_text(float(one.angle.mean()))
                cells.append(f"{interval_text(scenes.mean(one.error))}, 1-cos {angle}")
            own, other = contexts["dropped"].error, contexts["another scene"].error
            known = interval_text(scenes.mean(other - own), signed=True)
            rows.append([f"{model}\n{region}", *cells, known])
    caption = (
        "Training loss on the hidden tokens, mean over those of an image, then over images, with "
        "95 % intervals over scenes; 1-cos: of prediction and target, both centred. Another scene: "
        "visible tokens of the same places elsewhere. No context: the mean of the predictions for "
        "other scenes. Known from context: what the error as trained lies below another scene's."
    )
    return Table(["hidden", *TITLES.values(), "known from context"], rows, caption, strong=(1, 6))


def leaks_table(carried: Mapping[str, CarriedErrors]) -> Table:
    """What visible tokens that saw the region know of it beyond those that did not."""
    rows = []
    for model, one in carried.items():
        for run, bound in one.bounds.items():
            rows.append(
                [
                    f"{model}\n{run}",
                    interval_text(bound.object, signed=True),
                    share_text(bound.share),
                    interval_text(bound.background, signed=True),
                    interval_text(bound.gap, signed=True),
                    p_text(bound.gap_p),
                ]
            )
    header = ["error minus that of seen", "object", "of its error", "background"]
    header += ["object minus background", "p"]
    caption = (
        "What visible tokens gain from having seen the hidden region: positive where something of "
        "it passed on to them that the predictor can use, negative where tokens of whole pictures, "
        "on which it was not trained, make it worse. p: sign flips of whole scenes."
    )
    return Table(header, rows, caption, strong=(4,))


def carried_table(model: str, carried: CarriedErrors) -> Table:
    """The sites that carry most, over both runs."""
    order = sorted(carried.sites, key=lambda site: -abs(site.carried.estimate))[:MOST_SITES]
    rows = [_row(site) for site in order]
    kept = sum(site.adjusted <= 0.05 for site in carried.sites)
    gaps = sum(site.gap_adjusted <= 0.05 for site in carried.sites)
    caption = (
        f"{model}: the {len(rows)} of {len(carried.sites)} sites and runs that carry most, of "
        "either sign; all are in repair.json. Visible tokens of the site hold what they hold when "
        "the whole picture is seen. Of error: of the error without a patch; of bound: of what the "
        f"whole picture takes back. After Holm over all of them {kept} stay at or below 0.05 for "
        f"the object and {gaps} for object minus background; {p_text(carried.floor)} is the "
        "smallest that so many scenes can give."
    )
    header = ["site", "error carried", "of error", "of bound", "background"]
    header += ["object minus background", "Holm", "Holm of the difference"]
    return Table(header, rows, caption, strong=(1,))


def strongest(carried: CarriedErrors, run: str) -> CarriedSite:
    """The single part, not the whole stream, that carries most of the error in a run."""
    own = [site for site in carried.sites if site.run == run and site.part != "resid"]
    return max(own or carried.sites, key=lambda site: site.carried.estimate)


def _row(site: CarriedSite) -> list[str]:
    of_bound = UNRESOLVED
    if site.of_bound is not None:
        one = site.of_bound
        of_bound = f"{one.estimate:.0%}\n[{one.low:.0%}, {one.high:.0%}]"
    return [
        f"{site.block}.{site.part}\n{site.run}",
        interval_text(site.carried, signed=True),
        share_text(site.share),
        of_bound,
        interval_text(site.background, signed=True),
        interval_text(site.gap, signed=True),
        p_text(site.adjusted),
        p_text(site.gap_adjusted),
    ]
