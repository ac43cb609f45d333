"""The same frames in two windows, and the dimensions that feel the difference."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

import numpy as np

from explorer.clip import Clip
from explorer.view import Part, View
from explorer.windows.difference_pictures import difference_maps
from explorer.windows.profile_figure import profile_figure
from explorer.windows.specialists import Specialist, Specialists, specialists
from explorer.windows.window_comparison import (
    Encode,
    WindowComparison,
    compare_encoders,
    compare_windows,
)
from jepakit.evals.pages.report import Facts, Figure, Table, Text

SENTENCE = (
    "Two windows of the clip overlap, each encoded by itself. The frames they share are the same "
    "pixels; only what surrounds them differs. Every row of a heat map is a token, every column a "
    "dimension: white is no difference. What an untrained "
    "encoder shows as well was not learned: positions that are added to tokens tell it the time."
)


def window_shift(
    encoders: Mapping[str, Encode],
    clip: Clip,
    *,
    window: int,
    shift: int = 2,
    start: int = 0,
    tubelet: int = 2,
) -> View:
    """The window comparison.

    Args:
        encoders: by name, the first one in the heat maps; the others are baselines.
        clip: long enough for both windows.
        window: frames of a window.
        shift: frames from the start of the first window to that of the second.
        start: frame at which the first window starts.
        tubelet: frames of a time slice.

    Raises:
        ValueError: a shift that is no multiple of the tubelet, or windows that do not fit.
    """
    found = compare_encoders(
        encoders, clip.frames, window=window, shift=shift, tubelet=tubelet, start=start
    )
    first = next(iter(found.values()))
    parts: list[Part] = [
        Facts(_facts(first)),
        Figure(
            difference_maps(first),
            alt="Signed difference of the first, a middle and the last shared slice",
            caption="All slices on one symmetric colour scale.",
        ),
        Figure(profile_figure(found), alt="Difference and cosine by shared slice, by encoder"),
        Text(str(first.edges), style="note"),
        Table(
            ["Shared slice", "Frames", "Mean |difference|", "In sd", "Mean cosine", "All close"],
            _rows(first),
            "Frames are counted from 1, as people do.",
        ),
    ]
    files = {"windows.csv": _csv(found)}
    return View("windows", "Window comparison", SENTENCE, parts, files)


def specialist_dimensions(
    encode: Encode,
    clips: Sequence[Clip],
    *,
    window: int,
    shift: int = 2,
    tubelet: int = 2,
    top: int = 10,
) -> View:
    """Temporal specialists over several videos.

    Args:
        encode: gives the latents of a window.
        clips: three or more videos.
        window: frames of a window.
        shift: frames from the start of the first window to that of the second.
        tubelet: frames of a time slice.
        top: how many dimensions of a video count as its first.

    Raises:
        ValueError: fewer than 3 videos, or windows with fewer than 3 shared slices.
    """
    options = {"window": window, "shift": shift, "tubelet": tubelet}
    found = specialists(
        [compare_windows(encode, clip.frames, repeat=False, **options) for clip in clips],
        rng=np.random.default_rng(0),
        top=top,
    )
    rows = found.table(rows=top)
    own = sum(row.own_holm < 0.05 for row in rows)
    text = (
        f"{own} of these {len(rows)} dimensions change more at the edges than the others do, "
        "beyond chance (Holm-adjusted p below 0.05 over orders of slices)."
    )
    header = [
        "Dimension",
        "Score",
        "Edge / middle",
        "Median rank",
        "In top",
        "Sign",
        "Own p (Holm)",
    ]
    parts: list[Part] = [
        Facts(_agreement(found, len(clips))),
        Text(text, style="note"),
        Table(header, [_specialist(row) for row in rows], "Score: difference at the edges in sd."),
    ]
    sentence = (
        "Which dimensions feel where in the window a frame is, whatever the video? Those that rank "
        f"high in all {len(clips)} videos are candidates; chance says how many that would be."
    )
    return View("specialists", "Temporal specialists", sentence, parts)


def _facts(found: WindowComparison) -> dict[str, str]:
    windows = found.windows
    first, second = windows.first_window, windows.second_window
    return {
        "First window": f"frames {first.start + 1} to {first.stop}",
        "Second window": f"frames {second.start + 1} to {second.stop}",
        "Shared slices": str(len(found)),
        "Same bits when repeated": {True: "yes", False: "no", None: "not tried"}[found.repeatable],
        "Edge over middle": _ratio(found),
    }


def _ratio(found: WindowComparison) -> str:
    profile = found.profile
    middle = float(profile[list(found.windows.middle)].mean())
    return f"{(profile[0] + profile[-1]) / 2 / middle:.2f}" if middle > 0 else "nothing differs"


def _rows(found: WindowComparison) -> list[list[str]]:
    columns = zip(
        found.profile, found.relative_profile, found.cosine_profile, found.all_close(), strict=True
    )
    rows = []
    for shared, (mean, relative, cosine, close) in enumerate(columns):
        frames = found.windows.frames_of(shared)
        span = f"{frames[0] + 1}–{frames[-1] + 1}"
        told = "yes" if close else "no"
        rows.append(
            [str(shared + 1), span, f"{mean:.4f}", f"{relative:.3f}", f"{cosine:.4f}", told]
        )
    return rows


def _csv(found: Mapping[str, WindowComparison]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["encoder", "shared_slice", "mean_abs_difference", "in_sd", "mean_cosine"])
    for name, one in found.items():
        columns = zip(one.profile, one.relative_profile, one.cosine_profile, strict=True)
        for shared, values in enumerate(columns, start=1):
            writer.writerow([name, shared, *(f"{value:.6g}" for value in values)])
    return out.getvalue().encode()


def _agreement(found: Specialists, videos: int) -> dict[str, str]:
    overlap, correlation = found.overlap, found.rank_correlation
    pairs = correlation[np.triu_indices(videos, 1)]
    return {
        "Videos": str(videos),
        "In the first of all videos": f"{overlap.common} (chance {overlap.common_chance:.2g})",
        "Chance of so many": f"{overlap.common_p:.2g}",
        "Spearman between videos": f"{np.nanmean(pairs):.2f}",
    }


def _specialist(row: Specialist) -> list[str]:
    return [
        str(row.dimension),
        f"{row.score:.2f}",
        f"{row.contrast:.1f}",
        f"{row.median_rank:.1f}",
        f"{100 * row.in_top:.0f} %",
        f"{row.sign_first:+.1f} / {row.sign_last:+.1f}",
        f"{row.own_holm:.2g}",
    ]
