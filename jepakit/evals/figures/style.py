"""How figures look, and their bytes in a light and a dark edition.

Figures are made with ``matplotlib.figure.Figure`` directly: no pyplot, no global state, nothing to
close. Ink, rules and paper are drawn in the colours below, so that the dark edition only has to
exchange those; data colours stay.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, ParamSpec

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

P = ParamSpec("P")
Theme = Literal["light", "dark"]

INK, MUTED, RULE, BAND, PAPER = "#1c2230", "#5a6474", "#d5dae3", "#f3f5f8", "#ffffff"
DARK = {
    INK: "#e8ebf1",
    MUTED: "#a0aabb",
    RULE: "#3a4250",
    BAND: "#1f252f",
    PAPER: "#171b22",
    "#0072b2": "#4aa5e0",  # the palette's blue is too dark on dark paper
}
# Okabe and Ito 2008: distinguishable with every common form of colour blindness.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442")
NEUTRAL = "#8a93a3"
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
WIDTH = 7.6  # inches; the page shows it at most this wide

RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.facecolor": PAPER,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 8.5,
    "axes.titlecolor": INK,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "figure.facecolor": PAPER,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.6,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
}


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw a figure under this style, whatever the settings of the process are."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(RC):
            return draw(*args, **kwargs)

    return drawn


def new_figure(width: float, height: float, *, pad: float = 0.04) -> Figure:
    """An empty figure, in inches, laid out so that nothing overlaps."""
    return Figure((width, height), layout=ConstrainedLayoutEngine(h_pad=pad, w_pad=pad))


def to_png(figure: Figure, *, theme: Theme = "light", dpi: int = 150) -> bytes:
    """The figure as PNG; ``dark`` exchanges ink, rules and paper and puts them back afterwards."""
    out = io.BytesIO()
    with _recoloured(figure, DARK if theme == "dark" else {}):
        figure.savefig(out, format="png", dpi=dpi, facecolor=figure.get_facecolor())
    return out.getvalue()


@contextmanager
def _recoloured(figure: Figure, colours: dict[str, str]) -> Iterator[None]:
    _exchange(figure, colours)
    try:
        yield
    finally:
        _exchange(figure, {new: old for old, new in colours.items()})


def _exchange(figure: Figure, colours: dict[str, str]) -> None:
    if not colours:
        return
    for artist in figure.findobj():
        for getter, setter in _colour_properties(artist):
            now = to_hex(getter())
            if now in colours:
                setter(colours[now])


def _colour_properties(
    artist: Artist,
) -> list[tuple[Callable[[], Any], Callable[[str], None]]]:
    if isinstance(artist, Text):
        return [(artist.get_color, artist.set_color)]
    if isinstance(artist, Line2D):
        return [
            (artist.get_color, artist.set_color),
            (artist.get_markerfacecolor, artist.set_markerfacecolor),
            (artist.get_markeredgecolor, artist.set_markeredgecolor),
        ]
    if isinstance(artist, Patch):
        return [
            (artist.get_facecolor, artist.set_facecolor),
            (artist.get_edgecolor, artist.set_edgecolor),
        ]
    return []
