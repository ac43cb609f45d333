"""The tab that puts all views into one file."""

from __future__ import annotations

from typing import Any

import gradio as gr

from explorer.app.desk import Desk
from explorer.app.listening import HEAVY, told
from explorer.app.studio import Choice
from explorer.report import explorer_report
from explorer.tour import VIEWS, Subject, tour

LEAD = (
    "One HTML file with the views that you tick, with default settings: films, pictures, clouds to "
    "turn, tables, and where everything comes from. It opens without a network, so it can be "
    "mailed. The same from a terminal: `python explore.py export --out DIR`."
)
SLOW = ("umap-3d",)


def report_tab(desk: Desk) -> None:
    """Choose views, make the file, download it."""
    with gr.Tab("Report", id="report", elem_id="tab-report"):
        gr.Markdown(LEAD, elem_classes="lead")
        names = gr.CheckboxGroup(
            list(VIEWS), value=[name for name in VIEWS if name not in SLOW], label="Views",
            elem_id="report-views",
        )  # fmt: skip
        go = gr.Button("Make the report", variant="primary", elem_id="report-go")
        words = gr.Textbox(
            label="Report", interactive=False, value="not made yet", elem_id="report-note"
        )
        file = gr.DownloadButton(
            "Download the report", interactive=False, elem_id="report-file", variant="primary"
        )

    @told
    def make(name: str, names: list[str], progress: gr.Progress = gr.Progress()) -> Any:  # noqa: B008
        exhibit = desk.exhibit(name)
        if not names:
            raise ValueError("Tick at least one view.")
        model = twin = None
        if exhibit.choice is not None:
            model = desk.studio.open(exhibit.choice)
            if exhibit.choice.weights != "untrained":
                twin = desk.studio.open(Choice(exhibit.choice.model, "untrained"))
        ordered = [view for view in VIEWS if view in names]
        subject = Subject(exhibit.latents, model, twin)
        made = []
        for number, (_, view) in enumerate(tour(subject, ordered), start=1):
            made.append(view)
            progress(number / len(ordered), desc=view.title)
        text = explorer_report(made, exhibit.latents).encode()
        path = desk.download("latent-explorer-report.html", text)
        return f"{len(made)} views, {len(text) / 1e6:.1f} MB", gr.update(
            value=path, interactive=True
        )

    go.click(make, [desk.shown, names], [words, file], **HEAVY)
