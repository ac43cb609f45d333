"""Figures of clips as tables for the terminal."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from rich.bar import Bar
from rich.console import RenderableType
from rich.table import Table

from data_prep.finished.clip_facts import ClipFacts

BAR = 28  # letters of the longest bar
AREAS = (0.0, 0.01, 0.02, 0.05, 0.10, 0.20, 0.40, 1.0)
COUNTS = (0, 1, 2, 3, 4, 5, 6, 8, 11, 16, 32, 256)  # first number of each bin of objects per clip


def split_table(facts: Sequence[ClipFacts], clips: Mapping[str, int]) -> Table:
    """One row per split.

    Args:
        facts: of the clips that were looked at.
        clips: of the data set by split.
    """
    table = _table("clips", "split", "clips", "read", "seconds", "fps", "objects per clip")
    for name in ("eligible objects", "clips without"):
        table.add_column(name, justify="right")
    table.caption = "clips without an eligible object fall back to multi-block masks"
    for split, total in clips.items():
        here = [fact for fact in facts if fact.split == split]
        if not here:
            table.add_row(split, str(total), "0", *[""] * 5)
            continue
        objects = sum(len(fact.eligible) for fact in here)
        eligible = sum(sum(fact.eligible) for fact in here)
        without = sum(not any(fact.eligible) for fact in here)
        table.add_row(
            split,
            str(total),
            str(len(here)),
            _range([fact.seconds for fact in here]),
            _range([fact.fps for fact in here]),
            f"{objects / len(here):.1f}",
            _percent(eligible, objects),
            _percent(without, len(here)),
        )
    return table


def count_table(facts: Sequence[ClipFacts]) -> Table:
    """How many clips have how many objects."""
    table = _table("objects per clip", "objects", "clips", "share", "")
    numbers = [len(fact.eligible) for fact in facts]
    tops = [first - 1 for first in COUNTS[1:]]
    counts = np.histogram(numbers, COUNTS)[0].tolist()
    shown = [bin_ for bin_, count in enumerate(counts) if count]
    for bin_ in range(shown[0], shown[-1] + 1):
        low, top = COUNTS[bin_], tops[bin_]
        name = str(low) if low == top else f"{low} to {top}"
        share = _percent(counts[bin_], len(facts))
        table.add_row(name, str(counts[bin_]), share, _bar(counts[bin_], max(counts)))
    return table


def area_table(facts: Sequence[ClipFacts], eligible: tuple[float, float]) -> Table:
    """How large objects are, in pixels and in tokens."""
    low, high = eligible
    table = _table(
        f"objects by area; eligible ones appear in {100 * low:g} to {100 * high:g} % of the tokens",
        "area",
        "of pixels",
        "",
        "of tokens",
        "",
    )
    pictures = _by_area(area for fact in facts for area in fact.areas)
    tokens = _by_area(share for fact in facts for share in fact.tokens)
    longest = max(*pictures, *tokens)
    for bin_, (picture, token) in enumerate(zip(pictures, tokens, strict=True)):
        name = f"{100 * AREAS[bin_]:.0f} to {100 * AREAS[bin_ + 1]:.0f} %"
        short = BAR // 2
        cells = (
            str(picture),
            _bar(picture, longest, short),
            str(token),
            _bar(token, longest, short),
        )
        table.add_row(name, *cells)
    return table


def persistence_table(facts: Sequence[ClipFacts]) -> Table:
    """For how long ids last."""
    table = _table(
        "ids over the frames of a clip", "share of frames that show an object", "objects"
    )
    table.add_column("")
    visible = np.array([share for fact in facts for share in fact.visible])
    counts = {
        "every frame": int((visible >= 1).sum()),
        "half of them or more": int(((visible >= 0.5) & (visible < 1)).sum()),
        "less than half": int(((visible > 0) & (visible < 0.5)).sum()),
        "none": int((visible == 0).sum()),
    }
    for name, count in counts.items():
        table.add_row(name, str(count), _bar(count, max(counts.values())))
    table.caption = f"mean {100 * visible.mean():.1f} %"
    return table


def mask_table(facts: Sequence[ClipFacts]) -> Table | None:
    """How masks were found, what was left out and how good they are; None if nothing is said."""
    told = [fact for fact in facts if fact.method is not None]
    if not told:
        return None
    table = _table("masks", "", "", "clips")
    for method, clips in Counter(fact.method for fact in told).most_common():
        table.add_row("method", method, str(clips))
    dropped: Counter[str] = Counter()
    for fact in told:
        dropped.update(fact.dropped)
    for reason, count in dropped.most_common():
        among = sum(reason in fact.dropped for fact in told)
        table.add_row(f"dropped: {reason}", str(count), str(among))
    for name in sorted({name for fact in told for name in fact.quality}):
        known = [fact.quality[name] for fact in told if name in fact.quality]
        known = [value for value in known if value is not None and math.isfinite(value)]
        mean = f"mean {np.mean(known):.3f}, least {min(known):.3f}" if known else "undefined"
        table.add_row(f"quality: {name}", mean, str(len(known)))
    return table


def label_table(kinds: Mapping[str, str], labels: Sequence[Mapping[str, float]]) -> Table:
    """Range of every label.

    Args:
        kinds: of the labels by name.
        labels: of each clip; NaN, or no entry, where undefined.
    """
    table = _table("labels", "label", "kind", "defined", "mean", "least", "most")
    for name, kind in kinds.items():
        values = [clip.get(name, math.nan) for clip in labels]
        known = [value for value in values if not math.isnan(value)]
        if known:
            figures = (sum(known) / len(known), min(known), max(known))
            table.add_row(name, kind, str(len(known)), *(f"{figure:.3f}" for figure in figures))
        else:
            table.add_row(name, kind, "0", "", "", "")
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left")
    words = ("split", "label", "kind", "")
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place == 0 or column in words else "right")
    return table


def _by_area(shares: Iterable[float]) -> list[int]:
    return np.histogram(list(shares), AREAS)[0].tolist()


def _bar(value: int, longest: int, width: int = BAR) -> RenderableType:
    return Bar(max(1, longest), 0, value, width=width)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _range(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.4g}" if math.isclose(low, high) else f"{low:.4g} to {high:.4g}"
