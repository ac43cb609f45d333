import json

import h5py
import numpy as np
import pytest
from physion_files import COLOURS, FRAMES, drawn_ids, drawn_picture, write_trial
from tiny_movies import moving_square, write_movie

from data_prep.sources.physion import SOURCE

TRIAL = "Collide_testing_HDF5s/pilot_0001.hdf5"


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "data"
    write_trial(folder / TRIAL)
    return folder


def opened(root, name=TRIAL):
    return next(reader for reader in SOURCE.find(root) if reader.name == name).open()


def test_pictures_masks_states_and_label(root):
    with opened(root) as footage:
        assert np.allclose(footage.seconds, np.arange(FRAMES) / 30)
        for number, picture in zip((1, 4), footage.pictures([1, 4]), strict=True):
            assert np.abs(picture.astype(float) - drawn_picture(number)).mean() < 3
        for number, ids in zip((0, 2, 3), footage.truth([0, 2, 3]), strict=True):
            assert np.array_equal(ids, drawn_ids(number))
        t, o = np.ogrid[:FRAMES, :3]
        widths = (3, 4, 3, 3)
        parts = [
            100 * part + 10 * o[..., None] + t[..., None] + np.arange(width) / 8
            for part, width in enumerate(widths)
        ]
        assert np.allclose(footage.states, np.concatenate(parts, axis=-1))
        assert footage.labels == {"target_contacting_zone": 1.0, "objects": 3.0}
        assert footage.objects[2] == {
            "object_id": 7, "kind": "cube", "mass": 2.0, "bounciness": 0.2, "role": "target"
        }  # fmt: skip
        assert footage.objects[3]["role"] == "zone"
        assert "role" not in footage.objects[1]
        expected = sorted([(1, 1, 2), (2, 1, 2), *((t, 0, 3) for t in range(FRAMES))])
        assert footage.contacts[["step", "a", "b"]].tolist() == expected
        details = footage.details
    assert details["stimulus"] == "collide_0001"
    assert details["nominal_fps"] == 30.0
    assert details["state_objects"] == [1, 2, 3]
    assert len(details["states"]["names"]) == len(details["states"]["units"]) == 13
    json.dumps(details, allow_nan=False)
    assert set(SOURCE.label_kinds) == set(footage.labels)


def test_lossless_pictures_of_one_camera_of_several(root):
    write_trial(root / "b.h5", camera="_cam0", form="PNG", touches=False)
    with opened(root, "b.h5") as footage:
        assert np.array_equal(next(footage.pictures([3])), drawn_picture(3))
        assert np.array_equal(next(footage.truth([3])), drawn_ids(3))
        assert footage.states[2, 1, 0] == 12.0
        assert footage.labels["target_contacting_zone"] == 0.0


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("Dominoes_testing_HDF5s", "test"),
        ("Drop_dynamics_training_HDF5s/a", "train"),
        ("physion_train/readout_test", "test"),
        ("PhysionTrainMP4s", "train"),
        ("latest_data", None),
        ("trainers", None),
    ],
)
def test_splits_by_folder(tmp_path, folder, split):
    path = tmp_path / "data" / folder / "test19_0001_img.mp4"
    write_movie(path, moving_square(4), fps=30)
    (reader,) = SOURCE.find(tmp_path / "data")
    assert reader.split == split


def test_videos_with_labels_and_one_group_for_both_colourings(tmp_path):
    root = tmp_path / "Physion"
    names = {
        "collide/mp4s/it2_0001_img.mp4": 1.0,
        "collide/mp4s-redyellow/it2_0001-redyellow_img.mp4": 1.0,
        "drop/mp4s/it2_0002_img.mp4": 0.0,
        "drop/mp4s/it2_0003_img.mp4": np.nan,
    }
    for name in names:
        write_movie(root / name, moving_square(6), fps=30)
    (root / "collide/maps").mkdir()
    (root / "collide/maps/it2_0001_map.png").write_bytes(b"not read")
    (root / "labels.csv").write_text(",ground truth outcome\nit2_0001,True\nit2_0002,False\n")
    readers = SOURCE.find(root)
    assert [r.name for r in readers] == sorted(names)
    assert len({r.group for r in readers}) == 3
    for reader in readers:
        with reader.open() as footage:
            assert footage.truth is None
            assert footage.states is None
            label = footage.labels["target_contacting_zone"]
            assert np.array_equal(label, names[reader.name], equal_nan=True)
            drawn = moving_square(6)[5].astype(float)
            assert np.abs(next(footage.pictures([5])) - drawn).mean() < 4


def test_the_other_table_of_labels_and_a_wrong_one(tmp_path):
    root = tmp_path / "data"
    for number in (1, 2):
        write_movie(root / f"a_{number}_img.mp4", moving_square(4), fps=30)
    table = root / "stimulus_names_and_labels.csv"
    table.write_text("stim_ID,scenario,label\na_1,drape,True\na_2,drape,maybe\n")
    good, bad = SOURCE.find(root)
    with good.open() as footage:
        assert footage.labels["target_contacting_zone"] == 1.0
    with (
        pytest.raises(ValueError, match=r"label of a_2_img\.mp4 should be True"),
        bad.open(),
    ):
        pass
    table.write_text("name,value\na_1,True\n")
    with pytest.raises(ValueError, match="a column 'label'"):
        SOURCE.find(root)


def test_a_video_beside_its_trial_is_left_out(root):
    write_movie(root / TRIAL.replace(".hdf5", "_img.mp4"), moving_square(4), fps=30)
    (reader,) = SOURCE.find(root)
    assert (reader.name, reader.group) == (TRIAL, TRIAL.removesuffix(".hdf5"))
    (alone,) = SOURCE.find(root / TRIAL)
    assert alone.name == "pilot_0001.hdf5"


def test_no_masks_no_labels_no_objects(root):
    with h5py.File(root / TRIAL, "a") as file:
        for name in file["frames"]:
            for part in ("labels", "objects", "collisions", "env_collisions", "images/_id"):
                del file[f"frames/{name}/{part}"]
    with opened(root) as footage:
        assert footage.truth is None
        assert footage.states is None
        assert len(footage.contacts) == 0
        assert np.isnan(footage.labels["target_contacting_zone"])


def test_what_is_no_number_is_unknown(root):
    replaced(root, "static/mass", [1.0, np.nan, np.inf])
    with opened(root) as footage:
        assert [footage.objects[row]["mass"] for row in (1, 2, 3)] == [1.0, None, None]


def replaced(root, name, value):
    with h5py.File(root / TRIAL, "a") as file:
        if name in file:
            del file[name]
        if value is not None:
            file[name] = value


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("frames", None, "no 'frames'"),
        ("frames", np.zeros(3), "'/frames' should be a group"),
        ("frames/0002", None, "'frames/0002' expected, came '0003'"),
        ("frames/extra", np.zeros(3), "'frames/0005' expected, came 'extra'"),
        ("static", None, "no 'static'"),
        ("static/object_ids", None, "'static/object_ids' should be whole numbers"),
        ("static/object_ids", [1.5, 2.5, 3.5], "'static/object_ids' should be whole numbers"),
        ("static/object_ids", [3, 3, 12], "has an id twice"),
        ("static/object_ids", [3, 7], "should have 2 entries, came"),
        ("static/mass", np.ones(2), "'static/mass' should have 3 entries"),
        ("frames/0002/objects/positions", None, r"'objects/positions' should be \(3, 3\)"),
        ("frames/0002/objects/rotations", np.zeros((3, 3)), r"'objects/rotations' should be"),
        ("frames/0002/objects", None, r"'objects/positions' should be \(3, 3\)"),
        ("frames/0001/collisions/object_ids", [[3, 99]], r"unknown ids \[99\]"),
        ("frames/0001/collisions/object_ids", [3, 7, 3], "should be 2 ids a row"),
        ("frames/0001/env_collisions/object_ids", [99], r"unknown ids \[99\]"),
        ("frames/0001/labels", None, "no 'frames/0001/labels/target_contacting_zone'"),
        ("frames/0000/images", None, "no 'images'"),
    ],
)
def test_damaged_parts_are_named(root, name, value, message):
    replaced(root, name, value)
    with pytest.raises(ValueError, match=rf"pilot_0001\.hdf5.*{message}"), opened(root):
        pass


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("frames/0003/images/_img", None, "frames/0003/images/_img' is missing"),
        ("frames/0003/images/_img", np.zeros(9, np.uint8), "frames/0003/images/_img': no picture"),
        ("frames/0003/images/_id", None, "frames/0003/images/_id' is missing"),
        ("static/object_segmentation_colors", COLOURS[:2], "object_segmentation_colors' should be"),
        ("static/object_segmentation_colors", COLOURS[[0, 1, 1]], "has a colour twice"),
    ],
)
def test_damage_that_shows_with_the_frames(root, name, value, message):
    replaced(root, name, value)
    with opened(root) as footage, pytest.raises(ValueError, match=rf"pilot_0001\.hdf5.*{message}"):
        list(zip(footage.pictures([0, 3]), footage.truth([0, 3]), strict=True))


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9])
def test_files_cut_short(root, share):
    data = (root / TRIAL).read_bytes()
    (root / TRIAL).write_bytes(data[: int(share * len(data))])
    write_trial(root / "good.hdf5")
    with pytest.raises(ValueError, match=r"pilot_0001\.hdf5"), opened(root):
        pass
    with opened(root, "good.hdf5") as footage:
        assert footage.labels["objects"] == 3.0


def test_what_was_expected(tmp_path):
    with pytest.raises(ValueError, match=r"\*\.hdf5"):
        SOURCE.find(tmp_path)
