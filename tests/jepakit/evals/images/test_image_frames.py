"""Pictures at the size of a run, damaged ones, and the features of what is whole."""

from pathlib import Path

import numpy as np
import pytest
import torch
from labelled_pictures import CLASSES, as_archives, as_folders
from PIL import Image
from torchvision.transforms import v2

from jepakit.evals.images.image_features import encoder_levels, image_features, picture_pixels
from jepakit.evals.images.image_folders import open_images
from jepakit.evals.images.image_frames import ImageFrames, frame_batches
from jepakit.nn.vit import VisionTransformer

SMALL = {"width": 24, "depth": 3, "heads": 2, "frames": 4, "size": 16, "patch": 8, "tubelet": 2}


@pytest.mark.parametrize("shape", [(96, 64), (64, 96), (64, 64)])
def test_resize_and_crop_are_those_of_torchvision(shape, tmp_path):
    """Smooth pictures: torchvision resizes all of the picture, here only what is seen."""
    rows, columns = np.mgrid[: shape[0], : shape[1]] / 96
    smooth = np.stack([rows, columns, (rows + columns) / 2], axis=2) * 255
    for name in "ab":
        (tmp_path / name).mkdir()
        Image.fromarray(smooth.astype(np.uint8)).save(tmp_path / name / "1.png")
    images = ImageFrames(open_images(str(tmp_path)), (28, 28), crop=0.875)
    _, frame = images[0]
    steps = [v2.Resize(32, antialias=True), v2.CenterCrop(28)]
    expected = v2.Compose(steps)(torch.from_numpy(smooth.astype(np.uint8)).permute(2, 0, 1))
    gap = (frame.int() - expected.permute(1, 2, 0).int()).abs()
    assert gap.max() <= 4  # half a pixel of the slope, at the border
    assert gap.float().mean() < 1.5


def damaged(folder: str, count: int) -> str:
    for file in sorted(Path(folder).rglob("*.png"))[:count]:
        file.write_bytes(file.read_bytes()[:100])
    return folder


@pytest.mark.parametrize("archived", [False, True])
def test_damaged_pictures_are_counted_named_and_left_out(archived, tmp_path):
    path = damaged(as_folders(tmp_path / "train", each=4), 2)
    images = open_images(as_archives(path, tmp_path / "tars") if archived else path)
    frames = ImageFrames(images, (16, 16))
    table = image_features({"x": picture_pixels(2)}, frames, CLASSES, batch_size=2, budget=0.2)
    assert list(table.faults) == ["bird/00.png", "bird/01.png"]
    assert all("00.png" in v or "01.png" in v for v in table.faults.values())
    assert table.labels.tolist() == [0] * 2 + [1] * 4 + [2] * 4
    assert table.names[0] == "bird/02.png"
    assert table.values["x"].shape == (10, 1, 12)
    with pytest.raises(
        ValueError, match=r"2 damaged samples, but bad_sample_budget allows 1 of 12"
    ):
        list(frame_batches(frames, batch_size=2, budget=0.05))
    all_lost = ImageFrames(open_images(damaged(path, 12)), (16, 16))
    with pytest.raises(ValueError, match=r"No picture of .* can be read"):
        image_features({"x": picture_pixels(2)}, all_lost, CLASSES, budget=1.0)


def test_levels_are_means_over_tokens_and_the_last_is_the_output():
    torch.manual_seed(0)
    encoder = VisionTransformer(**SMALL).eval()
    pictures = torch.randint(0, 256, (5, 16, 16, 3), dtype=torch.uint8)
    featurise, levels = encoder_levels(encoder, levels=4)
    assert levels == 3  # as many as there are
    with torch.no_grad():
        found = featurise(pictures)
        clip = pictures.unsqueeze(1).repeat(1, 4, 1, 1, 1)
        expected = encoder.encode(clip).mean(dim=1)
        lower = encoder(clip, capture=["blocks.00.out"]).captured["blocks.00.out"]
        first = encoder.norm(lower).unflatten(0, (5, -1)).mean(dim=1)
    assert found.shape == (5, 3, 24)
    torch.testing.assert_close(found[:, -1], expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found[:, 0], first, rtol=1e-5, atol=1e-6)
    two, levels = encoder_levels(encoder, levels=2)
    assert levels == 2
    torch.testing.assert_close(two(pictures), found[:, 1:])


def test_still_images_by_their_own_tokenizer():
    encoder = VisionTransformer(**SMALL, position="rope", levels=(1, 2), images=True).eval()
    pictures = torch.randint(0, 256, (5, 16, 16, 3), dtype=torch.uint8)
    featurise, levels = encoder_levels(encoder, still=True)
    assert levels == 2  # those that it has norms for
    with torch.no_grad():
        expected = encoder(pictures.unsqueeze(1)).dense().mean(dim=1)
    torch.testing.assert_close(featurise(pictures)[:, -1], expected, rtol=1e-5, atol=1e-6)
    repeated, _ = encoder_levels(encoder)
    assert (repeated(pictures) - featurise(pictures)).abs().max() > 1e-3
    with pytest.raises(ValueError, match="no tokenizer for still images"):
        encoder_levels(VisionTransformer(**SMALL), still=True)
    with pytest.raises(ValueError, match="levels must be at least 1, got 0"):
        encoder_levels(encoder, levels=0)


def test_features_that_are_not_finite(tmp_path):
    frames = ImageFrames(open_images(as_folders(tmp_path / "a", each=2)), (16, 16))
    with pytest.raises(ValueError, match=r"'x' are not finite for \['bird/00.png'"):
        image_features({"x": lambda p: torch.full((len(p), 1, 2), np.nan)}, frames, CLASSES)


def test_workers_change_nothing(tmp_path):
    frames = ImageFrames(open_images(as_folders(tmp_path / "a", each=2)), (16, 16))
    one, two = (
        image_features({"x": picture_pixels(4)}, frames, CLASSES, batch_size=4, workers=n)
        for n in (0, 1)
    )
    np.testing.assert_array_equal(one.values["x"], two.values["x"])
    assert one.digests == two.digests
