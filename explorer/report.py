"""All views of a clip as one HTML file that opens without a network."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

from explorer.latents import Latents
from explorer.markup import CSS, DRAW_CLOUDS, parts_html
from explorer.pictures import plotly_js
from explorer.view import Cloud, View
from jepakit.evals.pages.report import Facts, Markup, Section, Text, build_report
from jepakit.training.versions import versions

# plotly.js makes functions of text; everything it needs is in the file, and nothing leaves it.
POLICY = (
    "default-src 'none'; img-src data: blob:; media-src data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline' 'unsafe-eval' blob:; worker-src blob:; font-src data:"
)
PICTURE_PACKAGES = ("numpy", "scikit-learn", "umap-learn", "plotly", "av")


def explorer_report(views: Sequence[View], latents: Latents, *, command: str = "") -> str:
    """The page as a string; write it as UTF-8.

    plotly.js is in it once, and only where a view has a cloud.

    Args:
        views: in reading order.
        latents: that they show, for the provenance.
        command: what made the page, for its foot.
    """
    sections = [
        Section(view.title, [Text(view.sentence), Markup(parts_html(view.parts))]) for view in views
    ]
    sections.append(Section("Where this comes from", [Facts(provenance(latents))]))
    clouds = any(isinstance(part, Cloud) for view in views for part in view.parts)
    slices, rows, columns = latents.grid
    return build_report(
        sections,
        title=latents.clip.name,
        kicker="Latent explorer",
        lede=f"{len(latents.clip)} frames as {latents.model or 'an encoder'} sees them: {slices} "
        f"time slices of {rows} x {columns} tokens of {latents.width} numbers.",
        footer=f"Made by {command}" if command else "",
        policy=POLICY,
        head=f"<style>{CSS}</style>\n{_scripts() if clouds else ''}\n",
    )


def provenance(latents: Latents) -> dict[str, str]:
    """Where the tokens come from: clip, model, transform and versions."""
    clip = latents.clip
    slices, rows, columns = latents.grid
    height, width = clip.size
    software = versions(PICTURE_PACKAGES)
    return {
        "Clip": clip.name,
        "Source frames": _ranges(clip.source_frames),
        "Frames": f"{len(clip)} of {width} x {height} px at {clip.fps:.4g} per second",
        "Tokens": f"{slices} x {rows} x {columns} of {latents.width}",
        "Token": f"{latents.tubelet} frames, {latents.patch} px",
        "Model": latents.model,
        "Site": latents.site,
        **{name.replace("_", " ").capitalize(): text for name, text in latents.facts.items()},
        "Pictures by": ", ".join(f"{name} {number}" for name, number in software.items()),
        "Made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _scripts() -> str:
    return f"<script>{plotly_js()}</script>\n<script>{DRAW_CLOUDS}</script>"


def _ranges(numbers: Sequence[int]) -> str:
    """``0 to 30 in steps of 2``, or the numbers."""
    steps = {b - a for a, b in pairwise(numbers)}
    if len(steps) == 1:
        (step,) = steps
        return f"{numbers[0]} to {numbers[-1]}" + (f" in steps of {step}" if step != 1 else "")
    return ", ".join(map(str, numbers))
