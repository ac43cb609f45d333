"""Tables of one study, ours beside the paper's values."""

from __future__ import annotations

import numpy as np

from jepakit.evals.report import Table
from jepakit.evals.states.effect_figures import PATCHES, TITLES
from jepakit.evals.states.layer_names import place_of_block, short_name
from jepakit.evals.states.paper_values import MEANS_4, PublishedEffect, PublishedStudy
from jepakit.evals.states.portability_figures import METHODS, published_rows
from jepakit.evals.states.ratio_text import readable_ratio
from jepakit.evals.states.result import EffectRow, PortableRow, SparseLayer, StudyResult
from jepakit.evals.states.state_subspaces import Method
from jepakit.evals.states.study_summary import carried
from jepakit.evals.statistics import Interval

MORE = {"absolute": "size", "normalised": "of the possible", "accuracy_drop": "accuracy lost"}
OTHER = {"donor gain": "rise of the donor's class", "source drop": "fall of the source's class"}


def effects_table(result: StudyResult, paper: PublishedStudy | None) -> Table:
    """Table 1: every intervention with its effect, and how much larger the found subspace's is."""
    header = ["intervention", "layer", "causal effect"]
    more = [name for name in MORE if any(getattr(row, name) is not None for row in result.rows)]
    quoted = bool(paper and paper.effects)
    rows = []
    for row in result.rows:
        cells = [TITLES.get(row.name, row.name), short_name(row.layer), _effect(row)]
        cells += [_number(getattr(row, name)) for name in more] + [readable_ratio(row.ratio)]
        theirs = paper.effects.get(row.name) if paper else None
        rows.append(cells + (_published_effect(row.name, theirs) if quoted else []))
    header += [*(MORE[name] for name in more), "found / this"]
    header += ["paper", "paper's ratio"] if quoted else []
    caption = (
        "Fall of the true class's probability, mean over clips, below it its standard error and "
        "95 % interval. Of the possible: by the effect of an answer without any information. "
        f"Before: {result.before:.3f}; an answer without any information has an effect of "
        f"{result.before - result.chance:.3f}."
    )
    return Table(header, rows, caption, strong=(2,))


def layers_table(result: StudyResult, paper: PublishedStudy | None) -> Table:
    """Figure 2 as numbers."""
    mean, folds = result.accuracy.mean(axis=1), result.accuracy.shape[1]
    error = result.accuracy.std(axis=1, ddof=min(1, folds - 1)) / np.sqrt(folds)
    sparse = {one.layer: one for one in result.sparse}
    dense_paper, sparse_paper, used_paper = (
        _by_layer(values, paper, result)
        for values in (
            {b: f"{v:.3f}" for b, v in paper.dense.items()} if paper else {},
            {b: f"{v:.3f}" for b, v in paper.sparse.items()} if paper else {},
            {b: f"{k}/{d} ({k / d:.3f})" for b, (k, d) in paper.used.items() if b >= 0}
            if paper
            else {},
        )
    )
    header = ["layer", "dense", "chosen"]
    header += ["sparse", "dimensions used"] if sparse else []
    header += ["paper: dense"] if dense_paper else []
    header += ["paper: sparse", "paper: used"] if sparse_paper else []
    rows = []
    for layer, value, se in zip(result.layers, mean, error, strict=True):
        times = result.chosen.count(layer)
        cells = [short_name(layer), f"{value:.3f} ± {se:.3f}"]
        cells += [f"{times} of {len(result.chosen)}" if times else ""]
        if sparse:
            cells += _sparse_cells(sparse.get(layer))
        cells += [dense_paper.get(layer, "")] if dense_paper else []
        if sparse_paper:
            cells += [sparse_paper.get(layer, ""), used_paper.get(layer, "")]
        rows.append(cells)
    caption = (
        f"Balanced accuracy on held-out clips, mean over {folds} folds ± its standard error. "
        f"Chance: {result.chance:.3f}. Chosen: by how many rounds."
    )
    return Table(header, rows, caption, strong=(1,))


def sparse_note(result: StudyResult) -> str:
    """How far the solver came, where there are sparse probes; else nothing."""
    if not result.sparse:
        return ""
    told = ", ".join(
        f"{short_name(one.layer)} {one.iterations}{'' if one.converged else ' (not converged)'}"
        for one in result.sparse
    )
    return (
        "Sparse: the sparsest probe whose accuracy is within one standard error of the best; "
        "dimensions are counted in a probe of all clips. The count depends on how far the solver "
        f"runs. Iterations: {told}."
    )


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
    header = ["method", "layer", "SAS", "noise alone", "energy-weighted SAS", "chance", "RCE"]
    header += ["RCE over random", "own effect", "carried over"]
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
    caption = (
        "SAS: alignment, mean and range over splits. Noise alone: 5 % quantile and median of the "
        "alignment of two noisy copies of one subspace (of class means, so that it says nothing on "
        "sparse probes). RCE: retained causal effect, with a joint bootstrap over clips; never "
        "clipped. Over random: after both effects lost that of random directions."
    )
    return Table(header, rows, caption, strong=(2, 6))


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
    return _interval(row.effect).replace("\n", f"\n± {row.standard_error:.3f} ")


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


def _sparse_cells(one: SparseLayer | None) -> list[str]:
    if one is None:
        return ["", ""]
    accuracy = f"{one.accuracy:.3f} ± {one.standard_error:.3f}"
    return [accuracy, f"{one.used}/{one.width} ({one.used / one.width:.3f})"]


def _by_layer(
    values: dict[int, str], paper: PublishedStudy | None, result: StudyResult
) -> dict[str, str]:
    """The paper's values by our layer at the same relative depth, its block named where it differs.

    The first of several.
    """
    found: dict[str, str] = {}
    for block, text in values.items() if paper else ():
        assert paper is not None
        layer = result.layers[round(place_of_block(block, paper.blocks, result.layers))]
        named = text if short_name(layer) == f"L{block}" else f"{text}\nL{block}"
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
    excess = "" if kept.excess is None else f"{kept.excess:.3f}"
    weighted = f"{found.energy_weighted.mean():.3f}"
    chance = f"{found.chance:.4f}"
    return [sas, noise, weighted, chance, rce, excess, f"{found.own:.3f}", f"{found.cross:.3f}"]


def _interval(one: Interval | None) -> str:
    return "" if one is None else str(one).replace(" [", "\n[")
