"""A report as files: the page, its plain edition, and every figure in light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure as Drawing

from jepakit.evals.figures.style import to_png
from jepakit.evals.pages.page_markdown import page_markdown
from jepakit.evals.pages.report import Section, build_report


def write_page(
    folder: Path,
    name: str,
    title: str,
    lede: str,
    sections: Sequence[Section],
    drawings: Mapping[str, Drawing],
    command: str = "",
    *,
    kicker: str = "What a video encoder knows",
) -> list[Path]:
    """Write ``NAME.md``, ``NAME.html`` and each drawing as ``NAME_*.png``."""
    files = {f"{name}_{key}.png": drawing for key, drawing in drawings.items()}
    html = build_report(
        sections, title=title, kicker=kicker, lede=lede,
        footer=f"Made by {command}" if command else "",
    )  # fmt: skip
    texts = {f"{name}.md": page_markdown(title, lede, sections, files), f"{name}.html": html}
    paths = []
    for file, text in texts.items():
        paths.append(folder / file)
        paths[-1].write_text(text, encoding="utf-8")
    for file, drawing in files.items():
        paths += [folder / file, folder / file.replace(".png", "_dark.png")]
        paths[-2].write_bytes(to_png(drawing, theme="light"))
        paths[-1].write_bytes(to_png(drawing, theme="dark"))
    return paths
