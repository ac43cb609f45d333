"""What clicks and messages mean, without a browser."""

from __future__ import annotations

import gradio as gr
import pytest
from app_studio import extracted, small_studio

from explorer.app.click_board import ClickBoard
from explorer.app.clip_controls import cost_html, sizes_of
from explorer.app.listening import told
from explorer.app.segment_tab import BACKGROUND, labels_of, marks_of
from explorer.app.studio import Studio
from explorer.app.track_tab import NOT, THIS, queries_of, with_click
from explorer.latents import Latents
from explorer.views.marked_frame import enlargement


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return small_studio(tmp_path_factory.mktemp("artifacts"))


@pytest.fixture(scope="module")
def latents(studio: Studio) -> Latents:
    return studio.exhibit(extracted(studio)).latents


def test_a_pixel_names_its_token(latents: Latents) -> None:
    factor = enlargement(latents)
    assert factor == 8  # 48 pixels shown as 384
    event = gr.SelectData(None, {"index": [7 * factor * 3, 5 * factor * 8 + 63], "value": None})
    assert ClickBoard.clicked(latents, 5, event) == (2, 5, 2)
    assert ClickBoard.said((2, 5, 7)) == "slice 2, row 5, column 7"
    with pytest.raises(ValueError, match="below"):
        ClickBoard.numbered(latents, 0, 6, 0)


def test_clicks_gather_by_object_and_leave_the_old_ones() -> None:
    first = with_click({}, "object 1", THIS, (0, 1, 1))
    second = with_click(first, "object 1", NOT, (0, 2, 2))
    third = with_click(second, "object 2", NOT, (0, 3, 3))
    assert first == {"object 1": {THIS: [(0, 1, 1)], NOT: []}}
    (query,) = queries_of(third)  # object 2 has nothing to look for
    assert (query.positives, query.negatives) == (((0, 1, 1),), ((0, 2, 2),))
    assert with_click(second, "object 1", THIS, (0, 1, 1)) == second


def test_labels_of_a_scene_keep_its_numbers(latents: Latents) -> None:
    truth = latents.clip.truth
    assert truth is not None
    row, column = truth.centres[2, 0]
    token = latents.token_at(float(column), float(row), 0)
    labels = labels_of(latents, [("object 1", token)], grow=False)
    assert labels[token[1], token[2]] in (1, 3)
    assert (labels > 0).sum() == 1
    with pytest.raises(ValueError, match="Nothing is labelled"):
        labels_of(latents, [(BACKGROUND, token)], grow=True)
    assert marks_of([(BACKGROUND, token)])[0][0] == token


class TestMessages:
    def test_our_sentences_are_shown_without_markup(self, monkeypatch: pytest.MonkeyPatch) -> None:
        heard: list[str] = []
        monkeypatch.setattr(gr, "Warning", lambda text, **_: heard.append(text))

        @told
        def refuse(name: str) -> str:
            raise ValueError(f"<b>{name}</b> is not possible.")

        assert refuse("<script>") == gr.skip()
        assert heard == ["&lt;b&gt;&lt;script&gt;&lt;/b&gt; is not possible."]

    def test_other_errors_say_nothing_of_themselves(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        heard: list[str] = []
        monkeypatch.setattr(gr, "Warning", lambda text, **_: heard.append(text))

        @told
        def fail() -> str:
            raise RuntimeError("secret of the machine")

        fail()
        assert "secret" not in heard[0]
        assert "secret of the machine" in caplog.text

    def test_costs_are_escaped(self) -> None:
        assert "<b>" not in cost_html("red", "<b>")


def test_sizes_are_multiples_of_the_patch(studio: Studio) -> None:
    model = studio.catalogue.open(studio.catalogue.entries()[0].id)
    assert all(size % model.patch == 0 for size in sizes_of(model))
    assert model.size[0] in sizes_of(model)
