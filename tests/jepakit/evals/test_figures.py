"""Figures: the numbers behind them, their shapes, and that something is drawn."""

import io

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from jepakit.evals.figures import (
    ForestPanel,
    ForestPoint,
    animated_webp,
    clip_strip,
    counterfactual_figure,
    enlarge,
    forest_plot,
    hide_tokens,
    join_clips,
    paint_objects,
    pixel_change,
    rank_agreement,
    still_png,
    to_png,
    token_components,
    token_similarity,
    training_curves,
)
from jepakit.evals.figures.clips import frame_titles
from jepakit.evals.figures.curves import running_mean
from jepakit.evals.figures.frame_grid import pick_columns
from jepakit.evals.figures.overlays import object_colour
from jepakit.evals.figures.style import DARK, INK, PAPER
from jepakit.evals.figures.tokens import component_colours, cosine_to

GRID = (4, 4, 6)


def scene(seed=0):
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 256, (8, 32, 48, 3), dtype=np.uint8)
    labels = np.zeros((8, 32, 48), np.uint8)
    labels[:, 8:20, 10:22] = 1
    labels[:, 16:30, 30:44] = 2
    return frames, labels


def tokens(seed=0):
    return np.random.default_rng(seed).normal(size=(*GRID, 10))


def visible():
    mask = np.ones(GRID, dtype=bool)
    mask[:, 1:3, 1:3] = False
    return mask


def points(series=("encoder", "random init", "majority / mean"), level=0.7):
    return [
        ForestPoint(label, name, level - 0.1 * i, level - 0.1 * i - 0.05, level - 0.1 * i + 0.05)
        for label in ("solved", "touches")
        for i, name in enumerate(series)
    ]


def counterfactual(**changes):
    frames, _ = scene()
    other = frames.copy()
    other[4:, 8:16, 8:40] = 0
    truth = pixel_change(frames, other, GRID)
    arguments = {"latent_change": truth, "predicted": truth + 0.1, "visible": visible()}
    return counterfactual_figure(frames, other, **(arguments | changes))


FIGURES = {
    "strip": lambda: clip_strip(scene()[0], labels=scene()[1], visible=visible(), fps=8.0),
    "similarity": lambda: token_similarity(scene()[0], {"a": tokens(), "b": tokens(1)}, (2, 1, 3)),
    "components": lambda: token_components(scene()[0], {"a": tokens()}, fps=4.0),
    "counterfactual": counterfactual,
    "curves": lambda: training_curves(
        {"loss": {"total": (np.arange(99), np.arange(99.0)), "causal": ([1, 2], [3.0, 1.0])}}
    ),
    "forest": lambda: forest_plot([ForestPanel("AUROC", points(), chance=0.5)]),
}


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(float)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_something_is_drawn_on_the_right_paper(name, theme):
    figure = FIGURES[name]()
    assert isinstance(figure, Figure)
    picture = pixels(to_png(figure, theme=theme, dpi=50))
    width, height = figure.get_size_inches()
    assert picture.shape[:2] == pytest.approx((height * 50, width * 50), abs=1)
    assert picture.std() > 8
    paper = np.array(mpl.colors.to_rgb(PAPER if theme == "light" else DARK[PAPER])) * 255
    np.testing.assert_allclose(picture[-1, 0], paper, atol=1)
    assert (np.abs(picture - paper).max(axis=2) > 30).mean() > 0.01


def test_dark_edition_leaves_the_figure_as_it_was():
    figure = FIGURES["forest"]()
    before = to_png(figure, dpi=50)
    to_png(figure, theme="dark", dpi=50)
    assert to_png(figure, dpi=50) == before


def test_drawing_leaves_settings_and_pyplot_alone():
    import sys

    before = dict(mpl.rcParams)
    FIGURES["curves"]()
    assert dict(mpl.rcParams) == before
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


def test_ink_is_exchanged_in_every_kind_of_text():
    figure = FIGURES["forest"]()
    titles = [text for axes in figure.axes for text in (axes.title, axes._left_title)]
    assert {mpl.colors.to_hex(t.get_color()) for t in titles if t.get_text()} == {INK}


def test_paint_objects_colours_each_and_fades_the_rest():
    frames, labels = scene()
    painted = paint_objects(frames, labels)
    assert painted.shape == frames.shape
    for identity in (1, 2):
        mean = painted[labels == identity].mean(axis=0)
        direction = mean / np.linalg.norm(mean)
        colour = np.array(object_colour(identity))
        assert direction @ colour / np.linalg.norm(colour) > 0.999
    background = painted[labels == 0].astype(int)
    assert (background.max(axis=1) == background.min(axis=1)).all()
    assert background.min() >= 140 - 1


def test_outline_is_darker_than_the_inside():
    labels = np.zeros((1, 20, 20), np.uint8)
    labels[0, 5:15, 5:15] = 1
    painted = paint_objects(np.full((1, 20, 20, 3), 255, np.uint8), labels)
    assert painted[0, 5, 5].sum() < painted[0, 10, 10].sum()


def test_hidden_tokens_lose_their_pixels_and_others_keep_them():
    frames, _ = scene()
    hidden = hide_tokens(frames, visible())
    assert np.ptp(hidden[3, 8:24, 8:24].reshape(-1, 3).std(axis=1)) < 10
    np.testing.assert_array_equal(hidden[:, :8], frames[:, :8])
    np.testing.assert_array_equal(hidden[:, :, 24:], frames[:, :, 24:])
    other = frames.copy()
    other[:, 8:24, 8:24] = 7
    np.testing.assert_array_equal(hide_tokens(other, visible()), hidden)


def test_refuses_a_grid_that_does_not_divide():
    with pytest.raises(ValueError, match=r"\(3, 4, 6\) does not divide a clip of \(8, 32, 48\)"):
        hide_tokens(scene()[0], np.ones((3, 4, 6), dtype=bool))


def test_enlarge_repeats_pixels():
    frames, labels = scene()
    assert enlarge(frames, 100).shape == (8, 128, 192, 3)
    np.testing.assert_array_equal(enlarge(labels, 64)[:, ::2, 1::2], labels)


def test_cosine_matches_its_definition():
    latents = tokens()
    found = cosine_to(latents, (1, 2, 3))
    flat = latents.reshape(-1, 10) - latents.reshape(-1, 10).mean(axis=0)
    query = flat[np.ravel_multi_index((1, 2, 3), GRID)]
    expected = flat @ query / np.linalg.norm(flat, axis=1) / np.linalg.norm(query)
    np.testing.assert_allclose(found.ravel(), expected, atol=1e-12)
    assert found[1, 2, 3] == pytest.approx(1)


def test_constant_tokens_are_similar_to_nothing():
    assert not cosine_to(np.ones((2, 2, 2, 3)), (0, 0, 0)).any()


def test_refuses_a_query_outside():
    with pytest.raises(ValueError, match=r"\(0, 4, 0\) lies outside the grid \(4, 4, 6\)"):
        cosine_to(tokens(), (0, 4, 0))


def test_components_follow_the_planted_axes_whatever_their_sign():
    rng = np.random.default_rng(0)
    planted = rng.normal(size=(*GRID, 3)) * [9, 3, 1]
    mixing = np.linalg.qr(rng.normal(size=(10, 10)))[0][:3]
    colours = component_colours(planted @ mixing)
    for channel in range(3):
        rank = np.corrcoef(colours[..., channel].ravel(), planted[..., channel].ravel())[0, 1]
        assert abs(rank) > 0.9
    assert colours.min() == 0
    assert colours.max() == 1


def test_flipping_latents_flips_no_colour():
    latents = tokens()
    np.testing.assert_allclose(
        component_colours(latents), 1 - component_colours(-latents), atol=1e-9
    )


def test_pixel_change_is_the_mean_in_each_token():
    first, second = scene()[0], scene(1)[0]
    change = pixel_change(first, second, GRID)
    block = np.s_[2:4, 8:16, 40:48]
    expected = np.abs(first[block].astype(int) - second[block].astype(int)).mean()
    assert change[1, 1, 5] == pytest.approx(expected)
    assert not pixel_change(first, first, GRID).any()


def test_rank_agreement_sees_visible_tokens_only():
    truth, mask = np.arange(96.0).reshape(GRID), visible()
    guess = np.where(mask, truth**3, -1e6)
    assert rank_agreement(guess, truth, mask) == pytest.approx(1)
    assert rank_agreement(-guess, truth, mask) == pytest.approx(-1)


def test_rank_agreement_with_a_constant_is_undefined():
    assert np.isnan(rank_agreement(np.ones(GRID), np.arange(96.0).reshape(GRID), visible()))
    figure = counterfactual(predicted=np.zeros(GRID))
    assert figure.texts[-1].get_text().count("undefined") == 2


def test_counterfactual_says_how_well_it_agrees():
    caption = counterfactual().texts[-1].get_text().replace("\n", " ")
    assert "+1.00 with the" in caption
    assert f"{visible().sum()} visible tokens" in caption


def test_counterfactual_hatches_what_was_hidden():
    row = counterfactual().axes
    hatched = [axes for axes in row if axes.patch.get_hatch()]
    assert len(hatched) == 4  # one per tubelet, in the row of the prediction only


def test_running_mean_matches_a_loop():
    values = np.random.default_rng(0).normal(size=23)
    expected = [values[max(i - 3, 0) : i + 4].mean() for i in range(23)]
    np.testing.assert_allclose(running_mean(values, 6), expected)
    np.testing.assert_allclose(running_mean(values, 0), values)


def test_curves_survive_values_that_are_not_finite():
    values = np.ones(200)
    values[50] = np.nan
    figure = training_curves({"loss": {"total": (np.arange(200), values)}})
    assert np.isfinite(figure.axes[0].lines[-1].get_ydata()).all()


def test_refuses_an_empty_log():
    with pytest.raises(ValueError, match="No curves to draw"):
        training_curves({})


def test_panels_without_partner_are_hidden():
    figure = training_curves({name: {"x": ([0, 1], [1, 2])} for name in "abc"})
    assert [axes.get_visible() for axes in figure.axes] == [True, True, True, False]


def test_forest_shows_every_point_once_and_one_legend():
    figure = forest_plot([ForestPanel("AUROC", points()), ForestPanel("R²", points())])
    assert len(figure.legends) == 1
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["encoder", "random init", "majority / mean"]
    marks = [line for line in figure.axes[0].lines if line.get_linestyle() == "None"]
    assert len(marks) == 6


def test_forest_points_at_what_is_far_below():
    figure = forest_plot([ForestPanel("R²", points(level=-7.0), floor=-0.5)])
    assert {line.get_marker() for line in figure.axes[0].lines} == {"<"}
    assert "-7" in figure.axes[0].texts[0].get_text()


def test_forest_drops_empty_panels_and_refuses_nothing():
    assert len(forest_plot([ForestPanel("AUROC", points()), ForestPanel("R²", [])]).axes) == 1
    with pytest.raises(ValueError, match="No scores to draw"):
        forest_plot([ForestPanel("R²", [])])


def test_columns_are_spread_and_keep_both_ends():
    assert pick_columns(16, 4).tolist() == [0, 5, 10, 15]
    assert pick_columns(3, 8).tolist() == [0, 1, 2]
    assert frame_titles(np.array([0, 4]), 8.0) == ["0.0 s", "0.5 s"]
    assert frame_titles(np.array([0, 4]), None) == ["frame 0", "frame 4"]


def test_animation_plays_every_frame_back():
    frames, _ = scene()
    played = Image.open(io.BytesIO(animated_webp(frames, fps=8.0)))
    assert played.n_frames == 8
    for number in (0, 5):
        played.seek(number)
        np.testing.assert_array_equal(np.asarray(played.convert("RGB")), frames[number])


def test_joined_clips_have_transparent_gaps():
    frames, _ = scene()
    joined = join_clips([frames, frames[:, :, :16]])
    assert joined.shape == (8, 32, 48 + 8 + 16, 4)
    assert (joined[:, :, 48:56, 3] == 0).all()
    np.testing.assert_array_equal(joined[:, :, :48, :3], frames)
    png = np.asarray(Image.open(io.BytesIO(still_png(joined[0]))))
    np.testing.assert_array_equal(png, joined[0])


def test_refuses_clips_that_do_not_fit():
    frames, _ = scene()
    with pytest.raises(ValueError, match="one length and height"):
        join_clips([frames, frames[:4]])


@pytest.mark.parametrize(("count", "fps"), [(0, 8.0), (4, 0.0)])
def test_refuses_an_animation_without_motion(count, fps):
    with pytest.raises(ValueError, match="frames and a positive rate"):
        animated_webp(scene()[0][:count], fps=fps)
