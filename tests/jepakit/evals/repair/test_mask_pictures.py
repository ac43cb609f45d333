"""Contact sheets show every item with its masks; colours are kept inside them and fade outside."""

from pathlib import Path

import numpy as np
import pytest
from masked_trees import box_mask, masked
from matplotlib.colors import to_rgb

from jepakit.evals.figures.style import to_png
from jepakit.evals.repair.images.coco_panoptic import open_coco_panoptic
from jepakit.evals.repair.images.fitting import Fit
from jepakit.evals.repair.images.mask_pictures import (
    BACKGROUND,
    OBJECT,
    VIEWS,
    mask_sheet,
    mask_strip,
    rectangle_sheet,
    spotlight,
)
from jepakit.evals.repair.images.occlusion import occlusion_pair, rectangle_sweep
from jepakit.evals.repair.images.pixel_fill import hidden_pixels
from jepakit.evals.repair.images.slices import every_item

SAMPLE = Path(__file__).resolve().parents[5] / "shared/data/images_masks/coco_panoptic_sample"
GRID = (1, 12, 16)


def pictures(axes) -> list[np.ndarray]:
    return [np.asarray(image.get_array()) for image in axes.get_images()]


def test_spotlight_keeps_colour_inside_and_fades_the_rest():
    frames = np.full((1, 40, 40, 3), (200, 20, 20), np.uint8)
    pixels, outline = np.zeros((2, 1, 40, 40), bool)
    pixels[0, 10:30, 10:30] = True
    outline[0, 34:38, 34:38] = True
    out = spotlight(frames, pixels, colour=OBJECT, outline=outline)
    assert (out[0, 14:26, 14:26] == (200, 20, 20)).all()
    assert np.allclose(out[0, 10, 10:30], 255 * np.array(to_rgb(OBJECT)), atol=1)
    faded = out[0, 0, 0]
    assert faded[0] == faded[1] == faded[2] == round(0.42 * 80 + 0.58 * 255)
    assert (out[0, 33, 34:38] == 255).all()  # around the object, not on it
    assert (out[0, 35, 35] == faded).all()


def test_a_row_per_item_with_its_count():
    items = [masked(box_mask(), label=name, key=name) for name in ("cat", "dog", "owl")]
    rng = np.random.default_rng(0)
    pairs = [occlusion_pair(item, GRID, budget=0.5, rng=rng) for item in items]
    figure = mask_sheet(items, pairs, caption="Some words.")
    assert len(figure.axes) == 3 * len(VIEWS)
    assert [axes.get_title() for axes in figure.axes[:5]] == list(VIEWS)
    assert [text.get_text() for text in figure.texts] == ["cat", "dog", "owl", "Some words."]
    assert figure.axes[5].texts[0].get_text() == f"{pairs[1].count} of 192 tokens"
    (without_object,) = pictures(figure.axes[8])
    black = (without_object == 0).all(axis=-1)
    factor = len(black) // 48
    assert (black[::factor, ::factor] == hidden_pixels(pairs[1].object, (1, 48, 64))[0]).all()
    assert len(mask_sheet(items, pairs, most=2).axes) == 2 * len(VIEWS)
    assert to_png(figure, theme="dark", dpi=30).startswith(b"\x89PNG")


def test_the_frame_of_a_clip_in_which_the_object_is_largest():
    mask = np.zeros((4, 48, 64), bool)
    mask[:, 8:12, 8:12] = True
    mask[2, 8:30, 8:30] = True
    item = masked(mask)
    pair = occlusion_pair(item, (2, 12, 16), rng=np.random.default_rng(0))
    figure = mask_sheet([item], [pair])
    (shown,) = pictures(figure.axes[0])
    assert (shown[:: len(shown) // 48, :: len(shown) // 48] == item.frames[2]).all()
    assert figure.axes[0].texts[0].get_text() == f"{pair.object[1].sum()} of 192 tokens"
    strip = mask_strip(item, pair, fps=2.0)
    assert len(strip.axes) == 5 * 4
    assert [axes.get_title() for axes in strip.axes[:4]] == ["0.0 s", "0.5 s", "1.0 s", "1.5 s"]


def test_rectangles_by_area_and_aspect():
    item = masked(box_mask())
    sweep = rectangle_sweep(GRID, areas=(0.1, 0.5), aspects=(1.0, 4.0))
    figure = rectangle_sheet(item.frames, sweep, fill="noise")
    shown = [len(axes.get_images()) for axes in figure.axes]
    assert shown == [1, 1, 1, 0]  # half of the tokens at 4 : 1 do not fit
    assert figure.axes[1].get_title() == "4 : 1"


def test_refuses_sheets_of_nothing():
    with pytest.raises(ValueError, match="a pair per item, got 0 and 0"):
        mask_sheet([], [])
    with pytest.raises(ValueError, match="a pair per item, got 1 and 0"):
        mask_sheet([masked(box_mask())], [])
    with pytest.raises(ValueError, match="at least one rectangle"):
        rectangle_sheet(masked(box_mask()).frames, [])


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="needs ../shared/data/images_masks")
def test_the_sheet_of_the_coco_sample():
    grid = (1, 16, 16)
    drawn = every_item(open_coco_panoptic(str(SAMPLE)), fit=Fit((224, 224)), grid=grid)
    items = drawn.slices[0].items[::6]
    rng = np.random.default_rng(0)
    pairs = [occlusion_pair(item, grid, rng=rng) for item in items]
    figure = mask_sheet(items, pairs)
    for row, colour in ((1, OBJECT), (2, BACKGROUND)):
        (picture,) = pictures(figure.axes[row])
        framed = np.abs(picture - 255 * np.array(to_rgb(colour))).max(axis=-1) < 1.5
        assert 0.002 < framed.mean() < 0.1
