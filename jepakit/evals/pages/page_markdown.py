"""The parts of a report as Markdown, so that a page and its plain edition say the same."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape

from matplotlib.figure import Figure as Drawing

from jepakit.evals.pages.report import (
    NUMERIC,
    Animation,
    Facts,
    Figure,
    Markup,
    Part,
    Section,
    Table,
    Text,
)


def page_markdown(
    title: str,
    lede: str,
    sections: Sequence[Section],
    pictures: Mapping[str, Drawing],
) -> str:
    """The page as Markdown.

    Args:
        title: of the page.
        lede: below it.
        sections: as of the page.
        pictures: drawings by the name of their file; others are left out.
    """
    files = {id(drawing): name for name, drawing in pictures.items()}
    blocks = [f"# {_plain(title)}", _plain(lede)]
    for section in sections:
        blocks.append(f"## {_plain(section.title)}")
        for part in section.parts:
            blocks += _blocks(part, files)
    return "\n\n".join(block for block in blocks if block) + "\n"


def markdown_table(table: Table) -> str:
    """Rows with pipes; columns of numbers to the right."""
    columns = list(zip(*table.rows, strict=True)) or [()] * len(table.header)
    marks = ["---:" if all(map(NUMERIC.fullmatch, cells)) else "---" for cells in columns]
    lines = [_row(table.header), f"|{'|'.join(marks)}|", *map(_row, table.rows)]
    return "\n".join(lines)


def _blocks(part: Part, files: Mapping[int, str]) -> list[str]:
    match part:
        case Text(style="code"):
            return [f"```\n{part.text.strip()}\n```"]
        case Text():
            paragraphs = (_plain(block) for block in re.split(r"\n\s*\n", part.text))
            mark = "> " if part.style == "note" else ""
            return [mark + block for block in paragraphs if block]
        case Facts():
            return ["\n".join(f"- **{_plain(k)}**: {_plain(v)}" for k, v in part.values.items())]
        case Table():
            return [markdown_table(part), _plain(part.caption)]
        case Figure():
            name = files.get(id(part.drawing))
            return [f"![{_plain(part.alt)}]({name})" if name else "", _plain(part.caption)]
        case Animation():
            return [_plain(part.caption)]
        case Markup():
            return []  # the page alone shows it


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_plain(cell) for cell in cells)} |"


def _plain(text: str) -> str:
    """One line in which nothing is markup."""
    return re.sub(r"([\\`*|])", r"\\\1", escape(" ".join(text.split()), quote=False))
