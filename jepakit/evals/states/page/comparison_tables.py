"""Tables with a column or a row per study, and the paper's Tables 2 and 3."""

from __future__ import annotations

from collections.abc import Mapping

from jepakit.evals.pages.report import Table
from jepakit.evals.states.page.effect_figures import TITLES
from jepakit.evals.states.page.layer_names import short_name
from jepakit.evals.states.page.paper_values import (
    ONSETS,
    PROXY,
    TABLE_2,
    TABLE_3,
    PublishedStudy,
    published_for,
)
from jepakit.evals.states.page.portability_figures import METHODS
from jepakit.evals.states.page.ratio_text import readable_ratio
from jepakit.evals.states.page.study_summary import ONSET, carried, summary_of
from jepakit.evals.states.probes.state_subspaces import METHODS as ORDER
from jepakit.evals.states.result import EffectRow, StudyResult
from jepakit.evals.statistics import Interval

Results = Mapping[str, StudyResult]


def facts_by_study(results: Results) -> Table:
    """A row per fact, a column per study."""
    names = list(dict.fromkeys(name for one in results.values() for name in one.facts))
    rows = [
        [name, *(short_name(one.facts.get(name, "")) for one in results.values())] for name in names
    ]
    return Table(["", *results], rows)


def effects_by_study(results: Results) -> Table:
    """Table 1 with a column per study: the effect, and how much larger the found subspace's is."""
    names = list(dict.fromkeys(row.name for one in results.values() for row in one.rows))
    rows = []
    for name in names:
        own = [{row.name: row for row in result.rows}.get(name) for result in results.values()]
        rows.append([TITLES.get(name, name), *map(_effect_cell, own)])
    before = [f"{result.before:.3f}" for result in results.values()]
    p = ["" if r.p_value is None else f"{r.p_value:.3g}" for r in results.values()]
    rows += [["true class before", *before], ["p of permuted labels", *p]]
    caption = (
        "Causal effects with 95 % intervals, and effect of the found subspace over each; below "
        "them the probability of the true class before, and p of the whole analysis on permuted "
        "labels."
    )
    return Table(["intervention", *results], rows, caption)


def carried_table(results: Results) -> Table:
    """Alignment and retained effect of every method, means over its layers."""
    rows = []
    for method in ORDER:
        found = [carried(result, method) for result in results.values()]
        if any(found):
            cells = [f"{c.alignment:.3f} / {c.retained_text()}" if c else "" for c in found]
            rows.append([METHODS[method], *cells])
    caption = "SAS / RCE, means over layers; RCE over those where it is defined."
    return Table(["method", *results], rows, caption)


def paper_table_2(results: Results) -> Table:
    """Each study with the paper's row of the same data below it, then the paper's other rows."""
    rows: list[list[str]] = []
    quoted: list[PublishedStudy] = []
    for name, result in results.items():
        rows.append([name, result.facts.get("model", ""), *_row_2(result)])
        paper = published_for(result.facts)
        if paper is not None and not any(paper is one for one in quoted):
            quoted.append(paper)
            rows.append(_published_row_2(paper))
    others = [one for one in TABLE_2.values() if not any(one is paper for paper in quoted)]
    rows += map(_published_row_2, others)
    header = ["experiment", "model", "best accuracy", "effect", "CE ratio", "PSR", "SAS / RCE"]
    caption = (
        "CE ratio: over random directions. PSR: patching success rate. SAS / RCE: means over "
        "layers, PCA of class means."
    )
    return Table(header, rows, caption)


def paper_table_3(results: Results) -> Table:
    """Studies head to head, then the paper's columns."""
    ours = {name: _column_3(result) for name, result in results.items()}
    names = {"proxy": PROXY.name, "scs": "V-JEPA 2 (d=1024)"}
    theirs = {f"{names[key]} (paper)": _published_column_3(key) for key in TABLE_3}
    columns = {**ours, **theirs}
    metrics = (
        "best dense accuracy", "onset layer", "sparse dimensions (share)", "CE (ablation)",
        "CE (random control)", "CE ratio", "PSR", "early-layer CE", "SAS (PCA)", "RCE (PCA)",
    )  # fmt: skip
    rows = [
        [metric, *(column[i] for column in columns.values())] for i, metric in enumerate(metrics)
    ]
    caption = (
        f"Onset of ours: the first layer with a held-out accuracy of {ONSET:g}; the paper does not "
        "say what its onset is."
    )
    return Table(["metric", *columns], rows, caption)


def _effect_cell(row: EffectRow | None) -> str:
    if row is None:
        return ""
    if row.effect is None:
        return "not possible"
    ratio = readable_ratio(row.ratio).split("\n")[0]
    return f"{_stacked(row.effect)}{f' · {ratio}' if ratio else ''}"


def _row_2(result: StudyResult) -> list[str]:
    found = summary_of(result)
    kept = ""
    if found.carried is not None:
        kept = f"{found.carried.alignment:.2f} / {found.carried.retained_text()}"
    best = f"{found.best_accuracy:.1%} ({found.best_layers})"
    return [best, _stacked(found.effect), found.ratio, _stacked(found.success), kept]


def _published_row_2(paper: PublishedStudy) -> list[str]:
    best = "" if paper.best_accuracy is None else f"{paper.best_accuracy:.0%} ({paper.best_layers})"
    causal = paper.effects.get("causal")
    return [
        f"{paper.name} (paper)",
        paper.model,
        best,
        "" if causal is None else _number(causal.effect),
        "" if paper.ratio is None else f"{paper.ratio:g}x",
        _number(paper.success, 2),
        "" if paper.alignment is None else f"{paper.alignment:.2f} / {paper.retained:.2f}",
    ]


def _column_3(result: StudyResult) -> list[str]:
    found, carries = summary_of(result), carried(result, "pca")
    used = found.used
    return [
        f"{found.best_accuracy:.1%} ({found.best_layers})",
        found.onset,
        "" if used is None else f"{used.used}/{used.width} ({used.used / used.width:.2f})",
        _stacked(found.effect),
        _stacked(found.random),
        found.ratio,
        _stacked(found.success),
        _stacked(found.early),
        "" if carries is None else f"{carries.alignment:.3f}",
        "" if carries is None else carries.retained_text(),
    ]


def _published_column_3(key: str) -> list[str]:
    paper = TABLE_3[key]
    used, width = min(paper.used.values())
    block, accuracy = ONSETS[key]
    best = {"proxy": "L18 to L23", "scs": "L7 to L20"}[key]
    effects = [paper.effects[name].effect for name in ("causal", "random", "early")]
    return [
        f"100% ({best})",
        f"L{block} ({accuracy:.1%})",
        f"{used}/{width} ({used / width:.2f})",
        _number(effects[0]),
        _number(effects[1]),
        f"{paper.ratio:g}x",
        _number(paper.success, 2),
        _number(effects[2]),
        _number(paper.alignment, 2),
        _number(paper.retained, 2),
    ]


def _number(value: float | None, digits: int = 3) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _stacked(one: Interval | None) -> str:
    return "" if one is None else str(one).replace(" [", "\n[")
