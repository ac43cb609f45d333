"""The typed item, masks brought to the size of their photograph, and the encoder's window."""

import numpy as np
import pytest
from masked_trees import SHAPE, box_mask, image_set, masked, save_indices, save_photograph
from PIL import Image

from jepakit.evals.repair.images.fitting import Fit
from jepakit.evals.repair.images.mask_files import (
    nearest,
    read_indices,
    read_photograph,
    read_segments,
    same_size,
    touching,
)
from jepakit.evals.repair.images.masked_images import (
    MaskedImage,
    MaskedImageSet,
    UnusableImage,
    count_skipped,
)


def test_masks_as_large_as_the_frames():
    item = masked(box_mask())
    assert item.area == 200 / (48 * 64)
    for name in ("mask", "void"):
        masks = {"mask": item.mask, "void": item.void, name: np.zeros((1, 48, 63), bool)}
        with pytest.raises(UnusableImage, match=rf"mask of another size: a: {name} \(1, 48, 63\)"):
            MaskedImage(item.frames, label="cat", key="a", group="a", **masks)


def test_a_set_counts_its_classes_and_what_cannot_be_read():
    images = image_set({"dog": 2, "cat": 1})
    assert len(images) == 3
    assert images.counts == {"cat": 1, "dog": 2}
    skipped: dict[str, UnusableImage] = {}
    assert [item.key for item in images.readable(skipped)] == ["dog-0", "dog-1", "cat-0"]
    assert count_skipped(skipped) == "none skipped"

    def fail() -> MaskedImage:
        raise UnusableImage("unreadable", "torn")

    records = [type(r)(r.key, r.label, r.group, fail) for r in images.records[:2]]
    assert not list(MaskedImageSet("x", tuple(records)).readable(skipped))
    skipped["z"] = UnusableImage("no mask", "nowhere")
    assert count_skipped(skipped) == "3 skipped (2 unreadable, 1 no mask)"


def test_refuses_sets_without_items_or_with_a_name_twice():
    skipped = {"a": UnusableImage("no mask", "there is no a.png.")}
    with pytest.raises(ValueError, match=r"No image of x .*1 skipped \(1 no mask\).*a\.png"):
        MaskedImageSet("x", (), skipped)
    with pytest.raises(ValueError, match="No image of x can be used: none skipped"):
        MaskedImageSet("x", ())
    record = image_set({"dog": 1}).records[0]
    with pytest.raises(ValueError, match=r"1 names in x occur twice, such as \['dog-0'\]"):
        MaskedImageSet("x", (record, record))


def test_nearest_is_the_pixel_below_the_centre_of_a_part():
    assert nearest(4, 4).tolist() == [0, 1, 2, 3]
    assert nearest(8, 4).tolist() == [1, 3, 5, 7]  # centres at 1, 3, 5, 7
    assert nearest(3, 6).tolist() == [0, 0, 1, 1, 2, 2]
    assert nearest(500, 224).max() == 498


def test_masks_of_half_the_size_fit_and_those_of_another_shape_do_not():
    full = box_mask((96, 128))
    full[:] = np.kron(box_mask(), np.ones((2, 2), bool))
    assert (same_size(full, SHAPE, "m") == box_mask()).all()
    assert (same_size(box_mask(), (96, 128), "m") == full).all()
    assert same_size(box_mask((375, 500)), (188, 250), "m").shape == (
        188,
        250,
    )  # a pixel of rounding
    with pytest.raises(UnusableImage, match="m: the mask has 64x48 pixels, the image 48x64"):
        same_size(box_mask().T, SHAPE, "m")


def test_only_pieces_beside_the_object_touch_it():
    mask, part = np.zeros((8, 8), bool), np.zeros((8, 8), bool)
    mask[2:4, 2:4] = True
    part[4, 4:7] = True  # at a corner
    part[0, 0] = True  # two pixels away
    part[7, :3] = True
    kept = touching(part, mask)
    assert kept[4, 4:7].all()
    assert kept.sum() == 3


def test_reads_indices_not_colours_and_names_damaged_files(tmp_path):
    values = np.array([[0, 7], [255, 15]], np.uint8)
    save_indices(tmp_path / "p.png", values)
    save_indices(tmp_path / "l.png", values, palette=False)
    assert (read_indices(tmp_path / "p.png") == values).all()
    assert (read_indices(tmp_path / "l.png") == values).all()
    save_photograph(tmp_path / "rgb.png")
    with pytest.raises(UnusableImage, match="mode RGB; one 8-bit number per pixel expected"):
        read_indices(tmp_path / "rgb.png")
    Image.new("I;16", (4, 4)).save(tmp_path / "deep.png")
    with pytest.raises(UnusableImage, match="mode I;16; 8 bits per colour expected"):
        read_photograph(tmp_path / "deep.png")
    torn = tmp_path / "torn.png"
    torn.write_bytes((tmp_path / "rgb.png").read_bytes()[:2000])
    for read in (read_indices, read_photograph, read_segments):
        with pytest.raises(UnusableImage, match=r"unreadable: .*torn\.png") as caught:
            read(torn)
        assert caught.value.reason == "unreadable"
    for read in (read_indices, read_segments):
        with pytest.raises(UnusableImage, match=r"no mask: there is no .*nowhere"):
            read(tmp_path / "nowhere.png")


def test_photographs_stay_as_stored_as_their_masks_do(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    Image.new("RGB", (6, 4)).save(tmp_path / "turned.jpg", exif=exif)
    assert read_photograph(tmp_path / "turned.jpg").shape == (4, 6, 3)


def test_image_and_mask_go_through_one_window():
    """An object that is white on black stays where its mask is, for any crop."""
    mask = np.zeros((120, 200), bool)
    mask[30:90, 60:130] = True
    item = masked(mask)
    item.frames[:] = mask[None, ..., None] * np.uint8(255)
    for fit in (Fit((56, 56)), Fit((56, 84), crop=0.875), Fit((56, 56), crop=None)):
        seen = fit(item)
        assert seen.frames.shape == (1, *fit.size, 3)
        bright = seen.frames[..., 0] > 127
        border = (bright ^ seen.mask).sum() / seen.mask.sum()
        assert border < 0.07, border  # antialiased against nearest: at most a pixel of the rim
    same = Fit((120, 200))(item)
    assert (same.frames == item.frames).all()
    assert (same.mask == item.mask).all()


def test_the_crop_is_the_centre():
    mask = np.zeros((40, 80), bool)
    mask[:, 20:60] = True
    seen = Fit((40, 40))(masked(mask))
    assert seen.mask.all()
    whole = Fit((40, 40), crop=None)(masked(mask))
    assert whole.mask.mean() == 0.5
    small = np.pad(np.ones((20, 20), bool), 10)
    half, full = (Fit((20, 20), crop=crop)(masked(small, void=~small)) for crop in (0.5, 1.0))
    assert half.mask.all()
    assert not half.void.any()
    assert full.mask.mean() == 0.25


def test_objects_of_which_too_little_is_in_the_window():
    mask = np.zeros((40, 80), bool)
    mask[:20, 10:30] = True  # half of it
    item = masked(mask)
    assert Fit((40, 40))(item).mask.sum() == 200
    with pytest.raises(UnusableImage, match="of 400 pixels of 'cat' 200 are in the window"):
        Fit((40, 40), kept=0.6)(item)
    gone = masked(np.pad(np.ones((40, 5), bool), ((0, 0), (0, 75))))
    with pytest.raises(UnusableImage, match="object outside of the crop") as caught:
        Fit((40, 40), kept=0.0)(gone)
    assert caught.value.reason == "object outside of the crop"


def test_pictures_are_repeated_and_clips_cut():
    assert Fit(SHAPE, frames=4)(masked(box_mask())).frames.shape == (4, 48, 64, 3)
    clip = masked(np.stack([box_mask()] * 3))
    assert (Fit(SHAPE, frames=2)(clip).frames == clip.frames[:2]).all()
    assert len(Fit(SHAPE)(clip).frames) == 3
    with pytest.raises(ValueError, match="a has 3 frames, the encoder takes 4"):
        Fit(SHAPE, frames=4)(clip)


def test_refuses_impossible_windows():
    for size, frames in (((0, 4), None), ((4, 4), -1)):
        with pytest.raises(ValueError, match="Sizes must be positive"):
            Fit(size, frames=frames)
    for crop in (0.0, 1.5):
        with pytest.raises(ValueError, match=r"crop is a share in \(0, 1\] or None"):
            Fit((4, 4), crop=crop)
    with pytest.raises(ValueError, match=r"kept is a share in \[0, 1\], got 1.2"):
        Fit((4, 4), kept=1.2)
