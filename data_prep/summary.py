"""What was written, on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from jepakit.data.manifest import Manifest


def show_summary(out: str, manifest: Manifest) -> None:
    """One row per split."""
    form = manifest.description.form
    table = Table(
        title=f"{out}: {form.frames} frames {form.height}x{form.width}, {form.image}",
        title_justify="left",
    )
    for column in (
        "split",
        "shards",
        "clips",
        "MB",
        "kB per clip",
        "with re-simulation",
        "rejected",
    ):
        table.add_column(column, justify="left" if column == "split" else "right")
    for split in manifest.splits:
        shards = [shard for shard in manifest.shards if shard.split == split]
        clips, size = sum(s.samples for s in shards), sum(s.size for s in shards)
        again = sum(s.counts["with_counterfactuals"] for s in shards)
        rejected = sum(s.counts["rejected"] for s in shards)
        per_clip = f"{size / clips / 1e3:.1f}" if clips else "-"
        cells = (split, len(shards), clips, f"{size / 1e6:.1f}", per_clip, again, rejected)
        table.add_row(*map(str, cells))
    Console().print(table)
