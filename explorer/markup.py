"""The parts of a view as HTML that needs nothing from a network."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from html import escape

from explorer.view import Cloud, Movie, Part, Picture
from jepakit.evals.figures.animation import still_png
from jepakit.evals.figures.style import to_png
from jepakit.evals.pages.report import Facts, Figure, Table, Text, render_part

CSS = """
.film video, .film img { display: block; width: 100%; height: auto; }
.film { width: min(100%, 760px); }
.film.sharp video, .film.sharp img { image-rendering: pixelated; }
.film .titles { display: grid; grid-auto-flow: column; grid-auto-columns: 1fr; gap: 8px;
  padding-bottom: 6px; }
.film .titles span { font-size: .85rem; color: var(--muted); text-align: center; }
.playing { display: flex; gap: 10px; align-items: center; padding-top: 8px; }
.playing button { font: inherit; font-size: .82rem; min-width: 4.2rem; padding: 3px 10px;
  border: 1px solid var(--rule); border-radius: 6px; background: var(--card); color: var(--ink);
  cursor: pointer; }
.playing input { flex: 1; min-width: 0; accent-color: var(--accent); }
.playing button:focus-visible, .playing input:focus-visible { outline: 2px solid var(--accent);
  outline-offset: 2px; }
.cloud { width: 100%; min-height: 480px; }
.card.wide { width: 100%; }
"""
"""Rules beyond those of :mod:`jepakit.evals.pages.report_style`."""


def parts_html(parts: Iterable[Part], *, clouds: bool = True) -> str:
    """All parts, one after the other.

    Args:
        parts: of a view.
        clouds: whether to draw clouds, for which the page needs plotly.js; they are left out
            otherwise.
    """
    return "".join(part_html(p) for p in parts if clouds or not isinstance(p, Cloud))


def part_html(part: Part) -> str:
    """One part; whatever text it carries is escaped."""
    match part:
        case Picture():
            return _picture(part)
        case Movie():
            return _movie(part)
        case Cloud():
            return _cloud(part)
        case _:
            return render_part(part)


def part_files(part: Part) -> dict[str, bytes]:
    """The part as files, by the ending of their names; what is text alone has none."""
    match part:
        case Picture():
            return {".png": still_png(part.pixels)}
        case Movie():
            return {part.video.suffix: part.video.data}
        case Cloud():
            return {".plotly.json": part.figure.to_json().encode()}
        case Figure():
            return {".png": to_png(part.drawing)}
        case Table():
            rows = {"header": list(part.header), "rows": [list(row) for row in part.rows]}
            return {".table.json": json.dumps(rows, ensure_ascii=False).encode()}
        case Facts():
            return {".facts.json": json.dumps(part.values, ensure_ascii=False).encode()}
        case Text():
            return {}


def _picture(part: Picture) -> str:
    height, width = part.pixels.shape[:2]
    source = "data:image/png;base64," + base64.b64encode(still_png(part.pixels)).decode()
    inside = f'<img src="{source}" alt="{escape(part.alt)}" width="{width}" height="{height}">'
    return _framed(inside, part.caption, "film" if part.smooth else "film sharp")


# The browser's own controls would cover a good part of such small films.
CONTROLS = (
    '<div class="playing"><button type="button" onclick="const v=this.closest(\'.film\')'
    ".querySelector('video');if(v.paused){v.play()}else{v.pause()}\">Pause</button>"
    '<input type="range" min="0" max="1" step="any" value="0" aria-label="Time" oninput="const v='
    "this.closest('.film').querySelector('video');v.pause();v.currentTime=this.value*v.duration\">"
    "</div>"
)
FOLLOWED = (
    "onplay=\"this.closest('.film').querySelector('button').textContent='Pause'\" "
    "onpause=\"this.closest('.film').querySelector('button').textContent='Play'\" "
    "ontimeupdate=\"this.closest('.film').querySelector('input').value="
    'this.currentTime/(this.duration||1)"'
)


def _movie(part: Movie) -> str:
    titles = "".join(f"<span>{escape(title)}</span>" for title in part.titles)
    head = f'<div class="titles">{titles}</div>' if titles else ""
    inside = (
        f'{head}<video src="{part.video.uri}" aria-label="{escape(part.alt)}" '
        f"loop muted autoplay playsinline {FOLLOWED}></video>{CONTROLS}"
    )
    return _framed(inside, part.caption, "film sharp")


# Each cloud takes a WebGL context and a second or so: they are drawn as they come into view.
DRAW_CLOUDS = """
addEventListener('DOMContentLoaded', () => {
  const seen = new IntersectionObserver(entries => entries.forEach(e => {
    if (!e.isIntersecting) return;
    seen.unobserve(e.target);
    const figure = JSON.parse(e.target.nextElementSibling.textContent);
    const settings = {responsive: true, displaylogo: false};
    Plotly.newPlot(e.target, figure.data, figure.layout, settings)
      .then(() => Plotly.addFrames(e.target, figure.frames || []))
      .then(() => e.target.setAttribute('aria-busy', 'false'));
  }), {rootMargin: '200px'});
  document.querySelectorAll('.cloud').forEach(cloud => seen.observe(cloud));
});
"""


def _cloud(part: Cloud) -> str:
    # Nothing in a script element may look like its end.
    figure = part.figure.to_json().replace("<", "\\u003c")
    inside = (
        f'<div class="cloud" role="img" aria-label="{escape(part.alt)}" aria-busy="true"></div>'
        f'<script type="application/json">{figure}</script>'
    )
    return _framed(inside, part.caption, "wide")


def _framed(inside: str, caption: str, kind: str) -> str:
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure><div class="card {kind}">{inside}</div>{below}</figure>\n'
