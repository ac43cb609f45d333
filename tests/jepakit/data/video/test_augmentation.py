import numpy as np
import pytest
import torch
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms.v2 import functional as reference

from jepakit.data.video.augmentation import Augmentation, Window
from jepakit.seeds import generator

FRAME = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def windows(number, size=(240, 320), **options):
    augmentation = Augmentation(**options)
    return [augmentation.draw(size, generator("test", n)) for n in range(number)]


def test_windows_have_the_asked_area_and_shape_and_lie_anywhere():
    drawn = windows(2000)
    for w in drawn:
        assert w.top >= 0
        assert w.left >= 0
        assert w.top + w.height <= 240
        assert w.left + w.width <= 320
    areas = np.array([w.height * w.width / (240 * 320) for w in drawn])
    ratios = np.array([w.width / w.height for w in drawn])
    assert areas.min() > 0.295
    assert areas.max() < 1.0
    assert ratios.min() > 0.74
    assert ratios.max() < 1.36
    assert 900 < sum(w.flip for w in drawn) < 1100
    assert {w.top == 0 for w in drawn} == {True, False}
    assert max(w.left + w.width for w in drawn) == 320


def test_windows_are_spread_like_those_of_torchvision():
    drawn = np.array([(w.top, w.left, w.height, w.width) for w in windows(4000)])
    picture = torch.empty(3, 240, 320)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        expected = np.array(
            [
                RandomResizedCrop.get_params(picture, [0.3, 1.0], [0.75, 1.35])
                for _ in range(len(drawn))
            ]
        )
    for share in (10, 25, 50, 75, 90):
        np.testing.assert_allclose(
            np.percentile(drawn, share, axis=0), np.percentile(expected, share, axis=0), atol=5
        )


def test_the_generator_decides():
    assert windows(5) == windows(5)
    assert len(set(windows(50))) == 50
    assert not any(w.flip for w in windows(50, flip=False))


def test_a_picture_of_another_shape_gives_its_centre():
    """Ten draws cannot fit a strip of 10 x 400; what is left is the widest window allowed."""
    (window,) = windows(1, size=(10, 400), scale=(0.9, 1.0), flip=False)
    assert window == Window(0, 193, 10, 14)


def test_a_window_of_the_models_size_is_copied():
    picture = Window(3, 5, 16, 16).resized(FRAME, (16, 16))
    np.testing.assert_array_equal(picture.numpy(), FRAME[3:19, 5:21])
    mirrored = Window(3, 5, 16, 16, flip=True).resized(FRAME, (16, 16))
    np.testing.assert_array_equal(mirrored.numpy(), FRAME[3:19, 5:21][:, ::-1])


@pytest.mark.parametrize("size", [(16, 16), (24, 8), (64, 80)])
def test_resizing_is_that_of_torchvision(size):
    window = Window(2, 3, 40, 50)
    part = torch.from_numpy(FRAME[2:42, 3:53].copy()).permute(2, 0, 1)
    expected = reference.resize(part, list(size), antialias=True).permute(1, 2, 0)
    assert (window.resized(FRAME, size).int() - expected.int()).abs().max() <= 1


def test_turned_frames_are_cut_as_they_are_seen():
    turned = np.rot90(FRAME)
    picture = Window(0, 0, 8, 8).resized(turned, (8, 8))
    np.testing.assert_array_equal(picture.numpy(), turned[:8, :8])


def test_the_middle_is_short_side_and_centre_crop():
    """Official evaluation: short side to 256 of 224, centre crop; here in one step, on a ramp."""
    rows, columns = np.mgrid[:240, :320]
    ramp = np.stack([rows, columns // 2, rows // 2 + columns // 4], axis=2).astype(np.uint8)
    window = Augmentation().middle((240, 320), (112, 112))
    assert window == Window(15, 55, 210, 210)
    picture = torch.from_numpy(ramp).permute(2, 0, 1)
    expected = reference.center_crop(reference.resize(picture, [128], antialias=True), [112, 112])
    got = window.resized(ramp, (112, 112)).permute(2, 0, 1)
    assert (got.int() - expected.int()).abs().max() <= 2


def test_the_middle_has_the_shape_of_the_model():
    window = Augmentation(centre=1.0).middle((240, 320), (64, 128))
    assert window == Window(40, 0, 160, 320)


@pytest.mark.parametrize(
    "options",
    [{"scale": (0.0, 1.0)}, {"scale": (0.5, 0.4)}, {"scale": (0.5, 1.1)}, {"ratio": (2.0, 1.0)}],
)
def test_empty_ranges(options):
    with pytest.raises(ValueError, match="scale must ascend within"):
        Augmentation(**options)


@pytest.mark.parametrize("centre", [0.0, 1.5])
def test_centre_is_a_share(centre):
    with pytest.raises(ValueError, match="centre is a share"):
        Augmentation(centre=centre)


@pytest.mark.parametrize(("place", "left"), [(0.0, 0), (0.25, 20), (0.5, 40), (1.0, 80)])
def test_a_window_may_lie_elsewhere_than_in_the_middle(place, left):
    window = Augmentation(centre=1.0, place=place).middle((240, 320), (112, 112))
    assert window == Window(0, left, 240, 240)
    with pytest.raises(ValueError, match=r"place is from 0 to 1, got 1\.5"):
        Augmentation(place=1.5)
