"""A report as one HTML page that needs nothing else: no network, no scripts, pictures inside."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure as Drawing

from jepakit.evals.figures.animation import animated_webp, join_clips, still_png
from jepakit.evals.figures.style import to_png
from jepakit.evals.pages.report_style import CSS

# Nothing may be fetched or run, whatever a caption contains.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
NUMERIC = re.compile(r"([-+−]?[\d.,]+(e[-+]\d+)?( ?(%|×|[a-zA-Z/²]+))?( \*)?(\n.*)?)?")


@dataclass(frozen=True)
class Text:
    """Paragraphs, parted by empty lines; ``note`` sets them off, ``code`` keeps them as is."""

    text: str
    style: Literal["plain", "note", "code"] = "plain"


@dataclass(frozen=True)
class Facts:
    """Short values under their names, as tiles."""

    values: dict[str, str]


@dataclass(frozen=True)
class Table:
    """Rows of text. Columns of numbers are set to the right, ``strong`` columns in bold.

    What follows a line break in a cell is set small below, as intervals are.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    strong: Sequence[int] = ()


@dataclass(frozen=True)
class Figure:
    """A drawing, shown in the edition that fits the reader's light or dark screen."""

    drawing: Drawing
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Animation:
    """Repeating clips side by side, each below its title.

    They are one picture, so that they never run apart. Readers who asked their system for less
    motion see the last frame.
    """

    clips: Mapping[str, UInt8[np.ndarray, "t h _ 3"]]
    alt: str
    fps: float = 8.0
    caption: str = ""


@dataclass(frozen=True)
class Markup:
    """HTML of the caller's making, shown as it is: its text has to be escaped already."""

    html: str


Part = Text | Facts | Table | Figure | Animation | Markup


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    title: str
    parts: Sequence[Part]


def build_report(
    sections: Sequence[Section],
    *,
    title: str = "Report",
    kicker: str = "",
    lede: str = "",
    footer: str = "",
    policy: str = POLICY,
    head: str = "",
) -> str:
    """The page as a string; write it as UTF-8.

    Args:
        sections: in reading order; each gets an entry in the contents.
        title: of the page.
        kicker: a few words above the title.
        lede: one or two sentences below it.
        footer: a last line.
        policy: what the page may load and run.
        head: further HTML of the page's head.
    """
    contents = "".join(
        f'<li><a href="#part-{number}">{escape(section.title)}</a></li>'
        for number, section in enumerate(sections, start=1)
    )
    body = "".join(
        f'<section id="part-{number}"><h2>{escape(section.title)}</h2>'
        f"{''.join(render_part(part) for part in section.parts)}</section>\n"
        for number, section in enumerate(sections, start=1)
    )
    top = [
        f'<p class="kicker">{escape(kicker)}</p>' if kicker else "",
        f"<h1>{escape(title)}</h1>",
    ]
    top += [f'<p class="lede">{escape(lede)}</p>' if lede else ""]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<title>{escape(title)}</title>\n<style>{CSS}</style>\n{head}</head>\n<body>\n"
        f'<div class="page">\n<header>{"".join(top)}</header>\n'
        f'<nav aria-label="Contents"><ol>{contents}</ol></nav>\n<main>\n{body}</main>\n'
        f"{f'<footer>{escape(footer)}</footer>' if footer else ''}\n</div>\n</body>\n</html>\n"
    )


def render_part(part: Part) -> str:
    """One part as HTML, its text escaped."""
    match part:
        case Text():
            return _text(part)
        case Facts():
            tiles = (
                f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
                for name, value in part.values.items()
            )
            return f'<dl class="facts">{"".join(tiles)}</dl>\n'
        case Table():
            return _table(part)
        case Figure():
            return _figure(part)
        case Animation():
            return _animation(part)
        case Markup():
            return part.html


def _text(part: Text) -> str:
    if part.style == "code":
        return f"<pre><code>{escape(part.text.strip())}</code></pre>\n"
    kind = ' class="note"' if part.style == "note" else ""
    paragraphs = (block.strip() for block in re.split(r"\n\s*\n", part.text))
    return "".join(f"<p{kind}>{escape(block)}</p>\n" for block in paragraphs if block)


def _table(part: Table) -> str:
    columns = list(zip(*part.rows, strict=True)) or [()] * len(part.header)
    if len(columns) != len(part.header):
        raise ValueError(
            f"A table with {len(part.header)} titles got rows of {len(columns)} cells."
        )
    kinds = []
    for number, cells in enumerate(columns):
        names = ["number"] if cells and all(map(NUMERIC.fullmatch, cells)) else []
        names += ["strong"] if number in part.strong else []
        kinds.append(f' class="{" ".join(names)}"' if names else "")
    titles = zip(kinds, part.header, strict=True)
    head = "".join(f'<th scope="col"{kind}>{escape(text)}</th>' for kind, text in titles)
    rows = (
        "".join(f"<td{kind}>{_cell(text)}</td>" for kind, text in zip(kinds, row, strict=True))
        for row in part.rows
    )
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return _framed(table, part.caption)


def _cell(text: str) -> str:
    first, *rest = text.split("\n", 1)
    return escape(first) + "".join(f"<small>{escape(line)}</small>" for line in rest)


def _figure(part: Figure) -> str:
    width, height = (round(inches * 96) for inches in part.drawing.get_size_inches())
    light, dark = (_data("png", to_png(part.drawing, theme=theme)) for theme in ("light", "dark"))
    picture = (
        f'<picture><source srcset="{dark}" media="(prefers-color-scheme: dark)">'
        f'<img src="{light}" alt="{escape(part.alt)}" width="{width}" height="{height}"></picture>'
    )
    return _framed(picture, part.caption)


def _animation(part: Animation) -> str:
    frames = join_clips(list(part.clips.values()))
    height, width = frames.shape[1:3]
    moving = _data("webp", animated_webp(frames, fps=part.fps))
    still = _data("png", still_png(frames[-1]))
    titles = "".join(f"<span>{escape(title)}</span>" for title in part.clips)
    picture = (
        f'<div class="titles">{titles}</div><picture>'
        f'<source srcset="{still}" media="(prefers-reduced-motion: reduce)">'
        f'<img src="{moving}" alt="{escape(part.alt)}" width="{width}" height="{height}"></picture>'
    )
    return _framed(picture, part.caption, kind="card reel")


def _framed(inside: str, caption: str, kind: str = "card") -> str:
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure><div class="{kind}">{inside}</div>{below}</figure>\n'


def _data(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
