"""The report, and the markup that it shares with the app."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from app_studio import extracted, small_studio
from matplotlib.figure import Figure as Drawing

from explorer.latents import Latents
from explorer.markup import part_files, part_html, parts_html
from explorer.pictures import VideoBytes
from explorer.report import explorer_report, provenance
from explorer.tour import VIEWS, Subject, tour
from explorer.tracking import Query, track
from explorer.view import Cloud, Movie, Picture, View
from explorer.view_files import write_view
from explorer.views.following import following
from jepakit.evals.pages.report import Facts, Figure, Table, Text

SLOW = ("what-if", "surprise", "futures", "windows", "specialists", "two-models")
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    studio = small_studio(tmp_path_factory.mktemp("artifacts"))
    exhibit = studio.exhibit(extracted(studio, frames=16, size=96))
    entry = studio.catalogue.entries()[0].id
    twin = studio.catalogue.open(entry, untrained=0)
    return Subject(exhibit.latents, studio.catalogue.open(entry), twin)


class TestMarkup:
    @pytest.mark.parametrize(
        "part",
        [
            Picture(np.zeros((2, 2, 3), np.uint8), alt=EVIL, caption=EVIL),
            Movie(VideoBytes(b"x", "video/mp4"), alt=EVIL, titles=[EVIL], caption=EVIL),
            Text(EVIL),
            Facts({EVIL: EVIL}),
            Table([EVIL], [[EVIL]], EVIL),
            Figure(Drawing((1, 1)), alt=EVIL, caption=EVIL),
        ],
        ids=lambda part: type(part).__name__,
    )
    def test_texts_are_escaped(self, part: object) -> None:
        html = part_html(part)  # type: ignore[arg-type]
        assert "<img src=x" not in html
        assert "&lt;img src=x onerror=alert(1)&gt;" in html

    def test_a_figure_cannot_end_its_script(self) -> None:
        plotly = pytest.importorskip("plotly.graph_objects")
        figure = plotly.Figure(layout={"title": {"text": "</script><b>"}})
        html = part_html(Cloud(figure, alt="points"))
        assert html.count("</script>") == 1
        data = re.search(r'<script type="application/json">(.*)</script>', html, re.DOTALL)
        assert data is not None
        assert json.loads(data[1])["layout"]["title"]["text"] == "</script><b>"

    def test_parts_as_files(self) -> None:
        movie = Movie(VideoBytes(b"film", "video/webm"), alt="")
        assert part_files(movie) == {".webm": b"film"}
        table = part_files(Table(["a"], [["1"]]))[".table.json"]
        assert json.loads(table) == {"header": ["a"], "rows": [["1"]]}
        assert part_files(Text("only words")) == {}


class TestNumbers:
    def test_a_followed_thing_is_off_by_tokens(self, subject: Subject) -> None:
        latents, truth = subject.latents, subject.clip.truth
        assert truth is not None
        row, column = truth.centres[0, 0]
        query = Query((latents.token_at(float(column), float(row), 0),))
        (path,) = track(latents, [query])
        middles = truth.centres[0].reshape(len(path.tokens), latents.tubelet, 2).mean(axis=1)
        pixels = np.median(np.linalg.norm(path.pixels - middles, axis=1))
        (facts,) = [one for one in following(latents, [query]).parts if isinstance(one, Facts)]
        wanted = f"{pixels / latents.patch:.1f} tokens off (median)"
        assert facts.values == {f"object 1 against {truth.names[0]}": wanted}

    @pytest.mark.slow
    def test_the_other_clip_is_another(self, subject: Subject) -> None:
        (figure,) = [one for one in VIEWS["futures"](subject).parts if isinstance(one, Figure)]
        told = dict(re.findall(r"(true future|another clip) ([\d.]+)", figure.alt))
        assert told["true future"] != told["another clip"]


class TestTour:
    @pytest.mark.parametrize(
        "name",
        [
            pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else [])
            for name in VIEWS
            if name != "umap-3d"
        ],
    )
    def test_every_view_is_made(self, subject: Subject, name: str) -> None:
        ((_, view),) = tour(subject, [name])
        assert "not shown" not in view.title, view.sentence
        assert view.parts
        assert parts_html(view.parts)

    def test_latents_alone_show_what_they_can(self, subject: Subject) -> None:
        alone = Subject(subject.latents)
        views = dict(tour(alone, ["latent-video", "surprise", "two-models"]))
        assert views["latent-video"].title == "Latent video"
        assert views["surprise"].title == "Surprise: not shown"
        assert "extract the clip again" in views["surprise"].sentence
        assert "no untrained twin" in views["two-models"].sentence

    def test_an_unknown_view_is_refused(self, subject: Subject) -> None:
        with pytest.raises(ValueError, match="no view dreams; choose from latent-video"):
            next(tour(subject, ["dreams"]))


class TestReport:
    def test_nothing_is_loaded_and_plotly_is_there_once(self, subject: Subject) -> None:
        pytest.importorskip("plotly")
        views = [view for _, view in tour(subject, ["latent-video", "pca-2d", "pca-3d"])]
        page = explorer_report(views, subject.latents, command="python explore.py export")
        assert "default-src 'none'" in page
        markup = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
        assert not re.search(r'(src|href|url\()="?(https?:)?//', markup)
        assert page.count("plotly.js v") <= 2  # its own two comments
        assert len(re.findall(r'<script type="application/json">', page)) == 2
        assert "Made by python explore.py export" in page

    def test_without_clouds_there_is_no_script_of_plotly(self, subject: Subject) -> None:
        view = View("words", "Words", "Only words.", [Text("and more")])
        assert len(explorer_report([view], subject.latents)) < 40_000

    def test_the_origin_is_told(self, subject: Subject) -> None:
        told = provenance(subject.latents)
        assert told["Tokens"] == "8 x 12 x 12 of 128"
        assert told["Source frames"] == "0 to 15"
        assert re.fullmatch(r"[0-9a-f]{64}", told["Weights sha256"])
        assert told["Torch"].startswith("2.")
        assert re.match(r"python 3\.\d+\.\d+, jepakit 0\.1\.0.*, numpy 2\.", told["Pictures by"])

    def test_names_of_clips_are_escaped(self, subject: Subject) -> None:
        latents: Latents = replace(subject.latents, clip=replace(subject.clip, name=EVIL))
        page = explorer_report([], latents)
        assert "<img src=x" not in page
        assert "<title>&lt;img" in page


def test_a_view_says_its_files(tmp_path: Path) -> None:
    view = View("v", "V", "s", [Facts({"a": "1"})], {"more.csv": b"a,b"})
    names = sorted(path.name for path in write_view(tmp_path, "v", view))
    assert names == ["v-0.facts.json", "v-more.csv", "v.json"]
    assert json.loads((tmp_path / "v.json").read_text())["files"] == names[:2]
