"""Which clip, which part of it, which model and which layer: the controls of an extraction."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from explorer.app.desk import Desk
from explorer.app.listening import LIGHT, told
from explorer.app.studio import Choice
from explorer.clip import Clip
from explorer.clips import StoredVideo, accept_upload, read_clip, stored_path
from explorer.extraction import Estimate, estimate
from explorer.models import ExplorerModel

GENERATED, MINE = "Generated scene", "My video or picture"
CROPS = {
    "largest centred square": "centre",
    "whole picture, squeezed": "whole",
    "whole picture between bars": "letterbox",
    "a square of my own": "square",
}
WEIGHTS = {"target": "target", "context": "context", "untrained": "untrained"}
SIZES = (64, 96, 128, 160, 192, 224, 256, 320, 384, 512)
MOST_FRAMES = 64
FILES = [".mp4", ".mov", ".mkv", ".webm", ".avi", ".png", ".jpg", ".jpeg", ".webp", ".bmp"]


class ClipControls:
    """The controls, made where the constructor is called.

    Args:
        desk: what all tabs share.
    """

    def __init__(self, desk: Desk) -> None:
        self.studio = desk.studio
        self.video = gr.State("")
        self.source = gr.Radio([GENERATED, MINE], value=GENERATED, label="Clip", elem_id="source")
        self.seed = gr.Number(
            0, label="Scene number", precision=0, minimum=0, maximum=999, elem_id="seed"
        )
        self.file = gr.File(
            label="Video or picture, at most 200 MB and 10 minutes", file_types=FILES,
            visible=False, elem_id="upload", height=130, file_count="single",
        )  # fmt: skip
        self.note = gr.HTML(visible=False, elem_id="upload-note", apply_default_css=False)
        self._model_row()
        with gr.Accordion("Frames, size, crop, start", open=False, elem_id="more"):
            self._shape()

    def _model_row(self) -> None:
        entries = self.studio.catalogue.entries()
        first = self.studio.open(Choice(entries[0].id))
        with gr.Row():
            self.model = gr.Dropdown(
                [(e.title, e.id) for e in entries], value=entries[0].id, label="Model",
                elem_id="model", min_width=180, scale=4,
            )  # fmt: skip
            self.refresh = gr.Button("Refresh list", size="sm", scale=1, min_width=110)
        self.weights = gr.Radio(
            list(WEIGHTS), value="target", label="Encoder", elem_id="weights",
            info="target: average of the trained one; untrained: the baseline",
        )  # fmt: skip
        # A slider: Gradio's drop-down fails when its list gets shorter after it was once in focus.
        last = len(first.sites) - 1
        self.site = gr.Slider(
            0, last, value=last, step=1, label="Layer", elem_id="site", info=layers_words(first)
        )
        self._first = first

    def _shape(self) -> None:
        model = self._first
        self.frames = gr.Slider(
            model.tubelet, MOST_FRAMES, value=model.frames, step=model.tubelet, label="Frames",
            elem_id="frames",
        )  # fmt: skip
        self.size = gr.Dropdown(
            sizes_of(model), value=model.size[0], label="Size of a frame in pixels", elem_id="size"
        )
        self.fps = gr.Number(
            0, label="Frames per second", info="of the video; 0 takes every frame", minimum=0
        )
        self.start = gr.Number(0, label="Start in seconds", minimum=0)
        self.crop = gr.Dropdown(list(CROPS), value="largest centred square", label="Crop")
        with gr.Row(visible=False) as self.square:
            self.top, self.left, self.side = (
                gr.Number(value, label=label, precision=0, minimum=0, min_width=90)
                for value, label in ((0, "Top row"), (0, "Left column"), (256, "Side"))
            )
        self.window = gr.Number(
            0, label="Frames of one pass", precision=0, minimum=0,
            info="0 encodes the whole clip at once; windows take less memory",
        )  # fmt: skip

    @property
    def inputs(self) -> list[Any]:
        """What :meth:`chosen` takes, in order."""
        return [
            self.source, self.seed, self.video, self.model, self.weights, self.site, self.frames,
            self.size, self.fps, self.start, self.crop, self.top, self.left, self.side, self.window,
        ]  # fmt: skip

    @property
    def priced(self) -> list[Any]:
        """What :meth:`cost_of` takes, in order."""
        return [self.model, self.weights, self.site, self.frames, self.size, self.window]

    def chosen(self, *values: Any) -> tuple[Clip, Choice, str, int | None]:
        """Clip, weights, layer and frames of a pass.

        Raises:
            ValueError: no video yet, or one that cannot be read so.
        """
        source, seed, video, model, weights, site, frames, size, fps, start = values[:10]
        crop, top, left, side, window = values[10:]
        choice = Choice(model, WEIGHTS[weights])  # type: ignore[arg-type]
        length, pixels = int(frames), int(size)
        self.studio.open(choice).allows(length, (pixels, pixels))
        if source == GENERATED:
            clip = self.studio.scene(frames=length, size=pixels, seed=int(seed))
        elif not video:
            raise ValueError("Choose a video or picture first.")
        else:
            square = (int(top), int(left), int(side))
            part: Any = square if CROPS[crop] == "square" else CROPS[crop]
            kept: StoredVideo = self.studio.video(video)
            clip = read_clip(
                stored_path(self.studio.uploads, kept.id), frames=length, size=pixels,
                fps=float(fps) or None, start_s=float(start), crop=part, name=kept.name,
                facts=kept.facts,
            )  # fmt: skip
        sites = self.studio.open(choice).sites
        return clip, choice, sites[min(int(site), len(sites) - 1)], int(window) or None

    def listen(self, cost: Any) -> None:
        """Wire the controls.

        Args:
            cost: where the estimate is shown.
        """
        self.source.change(self._switched, self.source, [self.seed, self.file, self.note], **LIGHT)
        self.file.upload(self._uploaded, self.file, [self.video, self.note, self.fps], **LIGHT)
        self.file.clear(self._cleared, None, [self.video, self.note], **LIGHT)
        self.crop.change(
            lambda crop: gr.update(visible=CROPS[crop] == "square"), self.crop, self.square, **LIGHT
        )
        self.refresh.click(self._listed, self.model, self.model, **LIGHT)
        fitted = self.model.change(
            self._fitted, self.model, [self.site, self.frames, self.size], **LIGHT
        )
        # After the sliders have their new ends: values beyond them would be refused.
        fitted.then(self.cost_of, self.priced, cost, **LIGHT)
        changes = [one.input for one in self.priced if one is not self.model]
        gr.on(changes, self.cost_of, self.priced, cost, **LIGHT)

    def _switched(self, source: str) -> Any:
        generated = source == GENERATED
        return (
            gr.update(visible=generated),
            gr.update(visible=not generated),
            gr.update(visible=False),
        )

    @staticmethod
    def _cleared() -> Any:
        return "", gr.update(visible=False)

    @staticmethod
    def _sentence(video: StoredVideo) -> str:
        facts = video.facts
        length = f"{facts.frames} frames, {facts.seconds:.1f} s" if facts.seconds else "a picture"
        return f"{video.name}: {length}, {facts.width} x {facts.height} px, {facts.codec}"

    @told
    def _uploaded(self, path: str) -> Any:
        video = accept_upload(path, path, self.studio.uploads)
        self.studio.keep_video(video)
        note = f'<div class="jx estimate-green">{self._sentence(video)}</div>'
        return video.id, gr.update(value=note, visible=True), gr.update(value=0)

    def _listed(self, model: str) -> Any:
        entries = self.studio.catalogue.entries()
        known = [entry.id for entry in entries]
        value = model if model in known else known[0]
        return gr.update(choices=[(e.title, e.id) for e in entries], value=value)

    @told
    def _fitted(self, model: str) -> Any:
        opened = self.studio.open(Choice(model))
        last = len(opened.sites) - 1
        return (
            gr.update(maximum=last, value=last, info=layers_words(opened)),
            gr.update(minimum=opened.tubelet, step=opened.tubelet, value=opened.frames),
            gr.update(choices=sizes_of(opened), value=opened.size[0]),
        )

    def cost_of(self, model: str, weights: str, site: int, *shape: Any) -> str:
        """Memory and time of the extraction for the page, or why it cannot be."""
        frames, size, window = (int(number) for number in shape)
        try:
            opened = self.studio.open(Choice(model, WEIGHTS[weights]))  # type: ignore[arg-type]
            place = opened.sites[min(int(site), len(opened.sites) - 1)]
            found = estimate(opened, frames, (size, size), sites=[place], window=window or None)
        except ValueError as error:
            return cost_html("red", str(error))
        remark = opened.remark(frames, (size, size))
        return cost_html(found.level, cost_words(found), f"The model was {remark}." * bool(remark))


def layers_words(model: ExplorerModel) -> str:
    """What the numbers of the layers mean."""
    last = len(model.sites) - 1
    return f"0: embedding, 1 to {last - 1}: blocks, {last}: the encoder's output"


def sizes_of(model: ExplorerModel) -> list[int]:
    """Sides in pixels that the model's patches divide, its own among them."""
    return sorted({model.size[0], *(size for size in SIZES if size % model.patch == 0)})


def cost_words(found: Estimate) -> str:
    """The estimate in a sentence."""
    wait = "under a second" if found.seconds < 1 else f"about {found.seconds:.0f} s"
    return f"{found.tokens:,} tokens, {wait}, {found.advice}."


def cost_html(level: str, words: str, remark: str = "") -> str:
    """The estimate for the page."""
    return f'<div class="estimate-{level}" role="status">{escape(words)} {escape(remark)}</div>'
