"""Tables of single sites, of rectangles and of the linear predictor."""

from __future__ import annotations

import numpy as np

from jepakit.evals.pages.report import Table
from jepakit.evals.repair.advantage import mean_interval
from jepakit.evals.repair.geometry import GeometryCell
from jepakit.evals.repair.page.paper_values import PROXY
from jepakit.evals.repair.page.repair_tables import MODES
from jepakit.evals.repair.predictor_proxy import ProxyErrors
from jepakit.evals.repair.site_sweep import SiteSweep
from jepakit.evals.repair.site_tests import SiteTests
from jepakit.evals.repair.value_text import drift_text, interval_text, p_text

MOST_SITES = 12
PAPERS_PROXY = "16x3"


def sites_table(model: str, sweep: SiteSweep, tests: SiteTests) -> Table:
    """The sites that take back most, with p before and after Holm."""
    order = np.argsort(-sweep.mean, axis=None, kind="stable")[:MOST_SITES]
    rows = []
    for block, part, mode in zip(*np.unravel_index(order, sweep.mean.shape), strict=True):
        found = sweep.rescue[block, part, mode]
        share = found.mean() / sweep.base.mean() if sweep.base.mean() > 0 else float("nan")
        rows.append(
            [
                f"{block}.{sweep.parts[part]}",
                MODES[sweep.modes[mode]],
                interval_text(mean_interval(found, np.arange(len(found)))),
                f"{share:.1%}",
                p_text(float(tests.p[block, part, mode])),
                p_text(float(tests.adjusted[block, part, mode])),
            ]
        )
    count = int((tests.adjusted <= 0.05).sum())
    caption = (
        f"{model}: the {len(rows)} of {sweep.mean.size} sites and modes with the largest rescue "
        "while the object is hidden; all are in repair.json. Holm: corrected for having looked at "
        f"all of them; {count} stay at or below 0.05, sites that add drift included, and "
        f"{p_text(tests.floor)} is the smallest that {len(sweep.base)} images can give."
    )
    return Table(["site", "tokens", "rescue", "of base", "p", "Holm"], rows, caption, strong=(2,))


def geometry_table(model: str, depth: int, cells: tuple[GeometryCell, ...]) -> Table:
    """Late drift by rectangle."""
    rows = [
        [
            f"{cell.rectangle.area:.0%}",
            f"{cell.rectangle.aspect:g}",
            f"{cell.rectangle.hidden.mean():.1%}",
            interval_text(mean_interval(cell.late, np.arange(len(cell.late)))),
            drift_text(float(cell.masked[-1])),
            "never" if cell.onset is None else f"L{cell.onset} of {depth}",
        ]
        for cell in cells
    ]
    header = ["area", "width / height", "hidden", "late context drift", "hidden tokens", "onset"]
    return Table(header, rows, f"{model}: rectangles in the middle of the picture.", strong=(3,))


def proxy_table(model: str, errors: ProxyErrors) -> Table:
    """The linear map's errors and what patches take back of them, beside the paper's."""
    unpatched = errors.context["unpatched"]
    rows = [
        ["clean tokens, all", _mean(errors.clean), "", f"{PROXY.clean:.4f}", ""],
        ["clean tokens copied, all", _mean(errors.identity), "", "", ""],
    ]
    for name, values in errors.context.items():
        title = "object hidden, visible tokens" if name == "unpatched" else f"patched: {name}"
        taken = "" if name == "unpatched" else _mean(unpatched - values)
        theirs = f"{PROXY.object:.4f}" if name == "unpatched" else ""
        quoted = f"{PROXY.rescue[name]:.4f}" if name in PROXY.rescue else ""
        rows.append([title, _mean(values), taken, theirs, quoted])
    caption = (
        f"{model}: drift of what a ridge on the stream before the last block says of the clean "
        "stream after it, fitted on other images. Paper: on its "
        f"{PAPERS_PROXY} slice, ridge and split not stated; with background hidden its error is "
        f"{PROXY.background:.4f}."
    )
    header = ["the map reads", "error", "taken back", "paper: error", "taken back"]
    return Table(header, rows, caption, strong=(1,))


def _mean(values: np.ndarray) -> str:
    return interval_text(mean_interval(values, np.arange(len(values))))
