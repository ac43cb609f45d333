import pytest

from jepakit.data.schema import ClipFormat


def test_grid_and_round_trip():
    form = ClipFormat(16, 224, 112, patch=16, tubelet=2)
    assert form.grid == (8, 14, 7)
    assert ClipFormat.from_json(form.to_json()) == form


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"frames": 0}, "positive"),
        ({"frames": 3}, "3 frames of 32x32 do not divide into tubelets of 2"),
        ({"patch": 7}, "patches of 7"),
        ({"image": "webp"}, "'jpg', 'png' or 'mp4', got 'webp'"),
        ({"subsampling": "420"}, "leaks colour"),
        ({"quality": 0}, "quality from 1 to 100, got 0"),
        ({"height": 36, "patch": 4}, "multiple of 8"),
        ({"frames": 4096}, "at most 65535 rows"),
    ],
)
def test_refusals(change, words):
    fields = {"frames": 4, "height": 32, "width": 32, "patch": 8, "tubelet": 2, **change}
    with pytest.raises(ValueError, match=words):
        ClipFormat.from_json(fields)


def test_png_strips_take_any_height():
    form = ClipFormat(4096, 36, 36, patch=4, tubelet=2, image="png")
    assert form.shape == (4096, 36, 36)
