"""Pictures of differences: exact colours, one scale for all slices."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from windowed_encoders import Neighbours, clip, drawn

from explorer.windows import (
    colour_scale,
    compare_windows,
    difference_maps,
    difference_picture,
    profile_figure,
    signed_colours,
)
from jepakit.evals.figures.style import to_png


def test_zero_is_white_and_signs_are_mirrored():
    values = np.array([0.0, 1.0, -1.0, 0.5, 9.0, -9.0])
    colours = signed_colours(values, scale=1.0).tolist()
    assert colours[0] == [255, 255, 255]
    assert colours[1] == colours[4] == [178, 24, 43]
    assert colours[2] == colours[5] == [33, 102, 172]
    assert colours[3] == pytest.approx([(255 + v) / 2 for v in (178, 24, 43)], abs=0.5)


def test_all_slices_share_one_scale():
    found = drawn(np.random.default_rng(0), level=np.linspace(0.1, 2, 9))
    sizes = np.abs(found.difference)
    assert colour_scale(found) == pytest.approx(np.quantile(sizes, 0.999))
    assert colour_scale(found, quantile=1.0) == sizes.max()
    other = drawn(np.random.default_rng(0), scale=3.0)
    assert colour_scale(found, other) == max(colour_scale(found), colour_scale(other))
    scale = colour_scale(found)
    for shared in (0, 8):
        picture = difference_picture(found, shared)
        assert picture.shape == (36, 64, 3)
        flat = found.difference[shared].reshape(36, 64)
        assert np.array_equal(picture[3:4], signed_colours(flat[3:4], scale=scale))


def test_equal_slices_are_all_white():
    found = compare_windows(Neighbours(1), clip(), window=20)
    assert (difference_picture(found, 4) == 255).all()
    assert (difference_picture(found, 0) != 255).any()
    still = compare_windows(Neighbours(0), clip(), window=20)
    assert colour_scale(still) == 1.0
    assert (difference_picture(still, 0) == 255).all()


def test_rare_differences_still_have_a_scale():
    found = drawn(np.random.default_rng(0), level=0.0)
    found.difference[2, 0, 0, 0] = 0.25
    assert colour_scale(found) == 0.25


def test_figures_say_slices_frames_and_numbers():
    found = compare_windows(Neighbours(1), clip(), window=20)
    figure = difference_maps(found)
    shown = figure.axes[:3]
    titles = [axes.get_title(loc="left") for axes in shown]
    assert titles == ["slice 1/9", "slice 5/9", "slice 9/9"]
    assert "frames 3 to 4" in shown[0].get_xlabel()
    assert shown[1].get_xlabel().endswith("mean |difference| 0\nall close")
    assert "not all close" in shown[2].get_xlabel()
    assert to_png(figure).startswith(b"\x89PNG")
    curves = profile_figure({"trained": found, "untrained": found})
    assert isinstance(curves, Figure)
    lines = curves.axes[0].get_lines()
    assert [line.get_label() for line in lines] == ["trained", "untrained"]
    assert lines[0].get_ydata() == pytest.approx(found.profile)
    lost = curves.axes[2].get_lines()[0].get_ydata()
    assert lost == pytest.approx(1 - found.cosine_profile, abs=1e-12)


def test_impossible_pictures_are_refused():
    found = compare_windows(Neighbours(1), clip(), window=20)
    with pytest.raises(ValueError, match="0 to 8, came 9"):
        difference_picture(found, 9)
    with pytest.raises(ValueError, match="came 0 and"):
        colour_scale()
    with pytest.raises(ValueError, match=r"\(0, 1\]"):
        colour_scale(found, quantile=0.0)
    with pytest.raises(ValueError, match="same windows"):
        profile_figure({})
    other = compare_windows(Neighbours(1), clip(), window=18)
    with pytest.raises(ValueError, match="same windows"):
        profile_figure({"a": found, "b": other})
