"""Tables of one study, ours beside the paper's values."""

from __future__ import annotations

import numpy as np

from jepakit.evals.pages.report import Table
from jepakit.evals.states.page.effect_figures import PATCHES, TITLES
from jepakit.evals.states.page.layer_names import place_of_block, short_name
from jepakit.evals.states.page.paper_values import MEANS_4, PublishedEffect, PublishedStudy
from jepakit.evals.states.page.portability_figures import METHODS, published_rows
from jepakit.evals.states.page.ratio_text import readable_ratio
from jepakit.evals.states.page.study_summary import carried
from jepakit.evals.states.probes.state_subspaces import Method
from jepakit.evals.states.result import EffectRow, PortableRow, StudyResult
from jepakit.evals.statistics import Interval

OTHER = {"donor gain": "rise of the donor's class", "source drop": "fall of the source's class"}


def effects_table(result: StudyResult, paper: PublishedStudy | None) -> Table:
    """Table 1: every intervention with its effect, and how much larger the found subspace's is."""
    header = ["intervention", "layer", "causal effect", "found / this"]
    quoted = bool(paper and paper.effects)
    rows = []
    for row in result.rows:
        cells = [TITLES.get(row.name, row.name), short_name(row.layer), _effect(row)]
        cells.append(readable_ratio(row.ratio))
        theirs = paper.effects.get(row.name) if paper else None
        rows.append(cells + (_published_effect(row.name, theirs) if quoted else []))
    header += ["paper", "paper's ratio"] if quoted else []
    caption = (
        "Fall of the true class's probability, mean over clips ± its standard error, with its "
        f"95 % interval. Before: {result.before:.3f}; an answer without any information has an "
        f"effect of {result.before - result.chance:.3f}."
    )
    return Table(header, rows, caption, strong=(2,))


def measures_table(result: StudyResult) -> list[Table]:
    """Other measures of the same effects; nothing where there are none."""
    rows = []
    for row in result.rows:
        values = (row.absolute, row.normalised, row.accuracy_drop)
        if any(value is not None for value in values):
            rows.append([TITLES.get(row.name, row.name), *map(_number, values)])
    caption = (
        "Size: mean of the change of probability, whichever its sign. Of the possible: the effect "
        "by that of an answer without any information. Accuracy lost: share of clips."
    )
    header = ["the same effects", "size", "of the possible", "accuracy lost"]
    return [Table(header, rows, caption)] if rows else []


def layers_table(result: StudyResult, paper: PublishedStudy | None) -> Table:
    """The dense curve of Figure 2 as numbers."""
    mean, folds = result.accuracy.mean(axis=1), result.accuracy.shape[1]
    error = result.accuracy.std(axis=1, ddof=min(1, folds - 1)) / np.sqrt(folds)
    quoted = (
        _by_layer({b: f"{v:.3f}" for b, v in paper.dense.items()}, paper, result) if paper else {}
    )
    rows = []
    for layer, value, se in zip(result.layers, mean, error, strict=True):
        times = result.chosen.count(layer)
        cells = [short_name(layer), _plus_minus(float(value), float(se))]
        cells += [f"{times} of {len(result.chosen)}" if times else ""]
        rows.append(cells + ([quoted.get(layer, "")] if quoted else []))
    caption = (
        f"Balanced accuracy on held-out clips, mean over {folds} folds ± its standard error. "
        f"Chance: {result.chance:.3f}. Chosen: by how many rounds."
    )
    header = ["layer", "dense probe", "chosen", *(["paper"] if quoted else [])]
    return Table(header, rows, caption, strong=(1,))


def sparse_table(result: StudyResult, paper: PublishedStudy | None) -> list[Table]:
    """The sparse probes of Figure 2; nothing where there are none."""
    if not result.sparse:
        return []
    quoted = (
        _by_layer({b: f"{v:.3f}" for b, v in paper.sparse.items()}, paper, result) if paper else {}
    )
    rows = []
    for one in result.sparse:
        cells = [short_name(one.layer), _plus_minus(one.accuracy, one.standard_error)]
        cells += [f"{one.used}/{one.width}", f"{one.used / one.width:.3f}"]
        cells += [f"{one.iterations}{'' if one.converged else ', not converged'}"]
        rows.append(cells + ([quoted.get(one.layer, "")] if quoted else []))
    header = ["layer", "sparse probe", "dimensions", "share", "iterations"]
    caption = (
        "The sparsest probe whose accuracy is within one standard error of the best; dimensions "
        "are counted in a probe of all clips, and their number depends on how far the solver runs."
    )
    return [Table(header + (["paper"] if quoted else []), rows, caption + _used_by(paper))]


def patching_table(result: StudyResult, paper: PublishedStudy | None) -> Table:
    """Success of patching by what was patched, and what it does to probabilities."""
    quoted = paper is not None and paper.success is not None
    rows = []
    for name, one in result.success.items():
        is_share = name in PATCHES
        title = f"patched: {PATCHES[name]}" if is_share else OTHER.get(name, name)
        kind = "share of trials" if is_share else "probability"
        cells = [title, kind, _interval(one)]
        if quoted and paper is not None:
            cells.append(f"{paper.success:.2f}" if name == "causal" else "")
        rows.append(cells)
    header = ["what", "measured as", "value", *(["paper"] if quoted else [])]
    caption = (
        "Patching success rate: the share of patched clips that then get the donor's class. What "
        "to compare with is not 1 / classes: untouched clips (nothing) hardly ever get it, and a "
        "donor's whole vector sets the limit."
    )
    return Table(header, rows, caption, strong=(2,))


def steering_table(result: StudyResult) -> Table:
    """The sweep of alpha as numbers; the paper prints its curves without numbers."""
    names = list(result.steering)
    alphas = list(dict.fromkeys(a for swept in result.steering.values() for a in swept))
    rows = [
        [f"{alpha:g}", *(_interval(result.steering[name].get(alpha)) for name in names)]
        for alpha in alphas
    ]
    caption = "Alpha 0 removes the subspace, 1 changes nothing. The paper prints no numbers."
    return Table(["alpha", *(PATCHES.get(name, name) for name in names)], rows, caption)


def portability_table(result: StudyResult, paper: PublishedStudy | None) -> Table:
    """Table 4 with what is needed to read it."""
    quoted = published_rows(result.portable, paper)
    header = ["method", "layer", "SAS", "noise alone", "weighted", "RCE"]
    header += ["paper: SAS", "paper: RCE"] if any(quoted) else []
    rows = []
    for row, theirs in zip(result.portable, quoted, strict=True):
        cells = [METHODS[row.method], short_name(row.layer), *_portable_cells(row)]
        if any(quoted):
            cells += ["", ""]
        if theirs:
            where = f"\nL{theirs.layer}"
            cells[-2:] = [f"{theirs.alignment:.3f}{where}", f"{theirs.retained:.3f}{where}"]
        rows.append(cells)
    chance = ", ".join(dict.fromkeys(f"{row.found.chance:.4f}" for row in result.portable))
    caption = (
        f"SAS: alignment, mean and range over splits; by chance {chance}. Noise alone: 5 % "
        "quantile and median of the alignment of two noisy copies of one subspace (of class means, "
        "so that it says nothing on sparse probes). Weighted: alignment where directions count by "
        "how far they part the classes. RCE: retained causal effect with a joint bootstrap over "
        "clips, 95 %; never clipped."
    )
    return Table(header, rows, caption, strong=(2, 5))


def carrying_table(result: StudyResult) -> Table:
    """The effects that retained effects are made of."""
    rows = [
        [
            METHODS[row.method],
            short_name(row.layer),
            f"{row.found.own:.3f}",
            f"{row.found.cross:.3f}",
            _number(row.found.retained.excess),
        ]
        for row in result.portable
    ]
    caption = "Over random: after both effects lost that of random directions."
    header = ["method", "layer", "own effect", "carried over", "RCE over random"]
    return Table(header, rows, caption)


def means_table(result: StudyResult, paper: PublishedStudy | None) -> Table:
    """The last rows of Table 4: means over layers."""
    quoted = MEANS_4 if paper is not None and paper.portable else {}
    rows = []
    groups: dict[str, tuple[Method, ...]] = {"PCA/DIM": ("pca", "dim"), "sparse": ("sparse",)}
    for name, methods in groups.items():
        found = carried(result, *methods)
        if found is None:
            continue
        cells = [f"mean, {name}", f"{found.alignment:.3f}", found.retained_text()]
        rows.append(cells + ([f"{value:.3f}" for value in quoted[name]] if quoted else []))
    header = ["over layers", "SAS", "RCE", *(["paper: SAS", "paper: RCE"] if quoted else [])]
    return Table(header, rows, "RCE: over the layers where it is defined.")


def impossible_table(result: StudyResult) -> list[Table]:
    """Controls that could not be made, and why; nothing where all could."""
    rows = [
        [TITLES.get(row.name, row.name), short_name(row.layer), row.impossible]
        for row in result.rows
        if row.effect is None
    ]
    return [Table(["not possible", "layer", "why"], rows)] if rows else []


def undefined_table(result: StudyResult) -> list[Table]:
    """Retained effects that have no value, and why; nothing where all have."""
    rows = [
        [METHODS[row.method], short_name(row.layer), row.found.retained.why or ""]
        for row in result.portable
        if row.found.retained.value is None
    ]
    return [Table(["RCE undefined", "layer", "why"], rows)] if rows else []


def _effect(row: EffectRow) -> str:
    if row.effect is None or row.standard_error is None:
        return "not possible"
    value, _, ends = _interval(row.effect).partition("\n")
    return f"{value}\u00a0±\u00a0{row.standard_error:.3f}\n{ends}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value + 0.0:.3f}"


def _published_effect(name: str, theirs: PublishedEffect | None) -> list[str]:
    if theirs is None:
        return ["", ""]
    ratio = "" if theirs.ratio is None or name == "causal" else f"{theirs.ratio:g}x"
    if theirs.effect is None:
        return ["", ratio]
    where = [] if theirs.standard_error is None else [f"± {theirs.standard_error:.3f}"]
    where += [] if theirs.layer is None else [f"L{theirs.layer}"]
    return [f"{theirs.effect:.3f}\n{', '.join(where)}", ratio]


def _used_by(paper: PublishedStudy | None) -> str:
    """The paper's numbers of dimensions, in a sentence."""
    if paper is None or not paper.used:
        return ""
    told = ", ".join(
        f"{k}/{d} ({k / d:.3f}) at {f'L{block}' if block >= 0 else 'a layer not stated'}"
        for block, (k, d) in paper.used.items()
    )
    return f" Paper: {told}."


def _plus_minus(value: float, error: float) -> str:
    return f"{value:.3f}\u00a0±\u00a0{error:.3f}"


def _by_layer(values: dict[int, str], paper: PublishedStudy, result: StudyResult) -> dict[str, str]:
    """The paper's values by our layer at the same relative depth, the first of several.

    Its block is named where it has another number.
    """
    found: dict[str, str] = {}
    for block, text in values.items():
        layer = result.layers[round(place_of_block(block, paper.blocks, result.layers))]
        named = text if short_name(layer) == f"L{block}" else f"{text} (L{block})"
        found.setdefault(layer, named)
    return found


def _portable_cells(row: PortableRow) -> list[str]:
    found, kept = row.found, row.found.retained
    sas = (
        f"{found.alignment.mean():.3f}\n[{found.alignment.min():.3f}, {found.alignment.max():.3f}]"
    )
    noise = "" if row.method == "sparse" else f"{found.ceiling[0]:.3f}\n{found.ceiling[1]:.3f}"
    rce = "undefined"
    if kept.value is not None:
        ends = (
            "" if kept.interval is None else f"\n[{kept.interval[0]:.3f}, {kept.interval[1]:.3f}]"
        )
        rce = f"{kept.value:.3f}{ends}"
    return [sas, noise, f"{found.energy_weighted.mean():.3f}", rce]


def _interval(one: Interval | None) -> str:
    return "" if one is None else str(one).replace(" [", "\n[")
