import json
import shutil

import numpy as np
import pytest
from cophy_files import FPS, FRAMES, SHOWN, SIDE, drawn_ids, states_of, write_half, write_pair

from data_prep.sources.cophy import SOURCE

THREE = ("blue", "red", "yellow")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("cophy")
    write_pair(root / "ballsCF/3/2", "ballsCF", ("purple", "lime", "green", "orange"))
    write_pair(root / "ballsCF/3/10", "ballsCF", THREE)
    write_pair(root / "blocktowerCF/3/7", "blocktowerCF", THREE)
    write_pair(root / "collisionCF/5", "collisionCF", THREE)
    return root


@pytest.fixture
def root(written, tmp_path):
    return shutil.copytree(written, tmp_path / "data")


def opened(root, name):
    return next(reader for reader in SOURCE.find(root) if reader.name == name).open()


def overlaps(found, drawn):
    """Intersection over union of each object, over all frames."""
    return {
        int(number): ((found == number) & (drawn == number)).sum()
        / ((found == number) | (drawn == number)).sum()
        for number in np.unique(drawn[drawn > 0])
    }


def test_both_halves_of_a_pair_are_one_group(written):
    readers = SOURCE.find(written)
    assert [r.name for r in readers] == [
        f"{pair}/{half}"
        for pair in ("ballsCF/3/2", "ballsCF/3/10", "blocktowerCF/3/7", "collisionCF/5")
        for half in ("ab", "cd")
    ]
    assert [r.group for r in readers[:2]] == ["ballsCF/3/2"] * 2
    assert [r.split for r in readers] == [None] * 8


def test_states_objects_and_labels(written):
    with opened(written, "blocktowerCF/3/7/ab") as footage:
        assert np.allclose(footage.seconds, np.arange(FRAMES) / FPS)
        assert np.array_equal(footage.states, states_of("blocktowerCF", THREE, 1.0))
        assert not footage.states[:, 1].any()  # green is absent
        assert footage.objects == {
            1: {"kind": "block", "colour": "red", "mass": 1.0, "friction": 0.5},
            3: {"kind": "block", "colour": "blue", "mass": 3.0, "friction": 0.5},
            4: {"kind": "block", "colour": "yellow", "mass": 4.0, "friction": 0.5},
        }
        assert footage.labels == {
            "objects": 3.0,
            "moved_objects": 3.0,  # 5 frames of 2 cm
            "all_stay": 0.0,
            "gravity_x": -0.5,
            "gravity_y": 0.0,
        }
        details = footage.details
    assert (details["half"], details["state_objects"]) == ("ab", [1, 2, 3, 4])
    assert details["confounders"]["names"] == ["mass", "friction"]
    assert details["confounders"]["values"][2] == [3.0, 0.5]
    assert details["gravity"] == {"gravity_x": -0.5, "gravity_y": 0.0}
    assert len(details["states"]["names"]) == len(details["states"]["units"]) == 13
    json.dumps(details, allow_nan=False)
    with opened(written, "collisionCF/5/cd") as footage:
        assert footage.labels["moved_objects"] == 0.0
        assert footage.labels["all_stay"] == 1.0
        assert np.isnan(footage.labels["gravity_x"])
        assert sorted(footage.objects) == [3, 4]
        assert footage.objects[4] == {
            "kind": "sphere", "colour": "red", "mass": 4.0, "friction": 0.5, "restitution": 0.1
        }  # fmt: skip
        assert footage.details["change"] == "the last object is removed"
    assert set(SOURCE.label_kinds) == set(footage.labels)


def test_masks_survive_the_codec(written):
    with opened(written, "ballsCF/3/2/ab") as footage:
        drawn = drawn_ids("ballsCF", ("purple", "lime", "green", "orange"))
        found = np.stack(list(footage.truth(range(FRAMES))))
        some = list(footage.truth([1, 4]))
        pictures = list(footage.pictures([1, 4]))
    assert found.shape == (FRAMES, SIDE, SIDE)
    assert set(np.unique(found)) == {0, 2, 5, 6, 7}
    assert min(overlaps(found, drawn).values()) > 0.93
    assert np.array_equal(np.stack(some), found[[1, 4]])
    assert np.abs(pictures[0].mean(-1) - np.where(drawn[1] > 0, 200, 90)).mean() < 4


@pytest.mark.parametrize(
    ("options", "least"),
    [
        ({"codec": "mpeg4", "side": 224}, 0.95),
        ({"side": 224}, 0.96),
        ({"floor": (255, 255, 255)}, 0.92),
        ({"floor": (120, 120, 120)}, 0.92),
        ({"shown": {**SHOWN, "green": (0, 255, 0), "yellow": (230, 230, 20)}}, 0.92),
    ],
)
def test_masks_of_other_codecs_floors_and_shades(root, options, least):
    colours = ("yellow", "green", "red", "blue")
    drawn = write_half(root / "blocktowerCF/3/7/ab", "blocktowerCF", colours, **options)
    with opened(root, "blocktowerCF/3/7/ab") as footage:
        found = np.stack(list(footage.truth(range(FRAMES))))
    assert set(np.unique(found)) == {0, 1, 2, 3, 4}
    assert min(overlaps(found, drawn).values()) > least


def test_masks_in_colours_that_say_nothing_are_refused(root):
    shown = dict(zip(SHOWN, [SHOWN[name] for name in [*list(SHOWN)[1:], "red"]], strict=True))
    write_half(root / "blocktowerCF/3/7/ab", "blocktowerCF", THREE, shown=shown)
    with (
        pytest.raises(ValueError, match=r"segm.mp4: \d of 3 objects do not show"),
        opened(root, "blocktowerCF/3/7/ab"),
    ):
        pass


def test_splits_follow_the_lists(root):
    folder = root / "dataloaders/splits"
    folder.mkdir(parents=True)
    for name, ids in {
        "ballsCF_train_3": "2\n",
        "ballsCF_test_3": "10\n",
        "ballsCF_val_4": "2\n10\n",
        "blocktowerCF_val_3_normal": "7\n",
        "blocktowerCF_test_3_generalization": "7\n",
        "blocktowerCF_train_normal": "7\n5\n",
        "collisionCF_test_normal": "5\n",
        "collisionCF_train_moving_sphere": "5\n",
    }.items():
        (folder / f"{name}.txt").write_text(ids)
    splits = {reader.name: reader.split for reader in SOURCE.find(root)}
    assert splits == {
        f"{pair}/{half}": split
        for pair, split in {
            "ballsCF/3/2": "train",
            "ballsCF/3/10": "test",
            "blocktowerCF/3/7": "val",
            "collisionCF/5": "test",
        }.items()
        for half in ("ab", "cd")
    }
    with opened(root, "blocktowerCF/3/7/ab") as footage:
        assert footage.details["splits"] == {"normal": "val", "generalization": "test"}
    (folder / "ballsCF_test_3.txt").write_text("2\n10\n")
    with (
        pytest.raises(ValueError, match="ballsCF/3/2 is in lists"),
        opened(root, "ballsCF/3/2/ab"),
    ):
        pass


def test_one_task_alone(written):
    readers = SOURCE.find(written / "collisionCF")
    assert [r.name for r in readers] == ["collisionCF/5/ab", "collisionCF/5/cd"]


PAIR = "collisionCF/5"


@pytest.mark.parametrize(
    "part",
    [
        f"{PAIR}/ab/{name}"
        for name in ("rgb.mp4", "segm.mp4", "states.npy", "bboxes.npy", "colors.txt")
    ]
    + [f"{PAIR}/confounders.npy", f"{PAIR}/explanations.txt"],
)
def test_missing_empty_and_cut_parts_are_named(root, part):
    path = root / part
    whole = path.read_bytes()
    cut = [None, b""] + ([whole[: len(whole) // 2]] if path.suffix in (".npy", ".mp4") else [])
    for data in cut:
        if path.name == "explanations.txt" and data == b"":
            continue  # says nothing, which is legal
        path.unlink()
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(ValueError, match=path.name), opened(root, f"{PAIR}/ab"):
            pass
        path.write_bytes(whole)
    with opened(root, f"{PAIR}/ab") as footage:
        assert footage.labels["objects"] == 3.0


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("states.npy", np.zeros((FRAMES, 4, 12))),
        ("states.npy", np.zeros((FRAMES, 9, 13))),
        ("states.npy", np.zeros((0, 4, 13))),
        ("states.npy", np.full((FRAMES, 4, 13), np.nan)),
        ("states.npy", np.zeros((FRAMES, 4, 13), complex)),
        ("states.npy", np.array([{}], dtype=object)),
        ("bboxes.npy", np.zeros((FRAMES - 1, 4, 4))),
    ],
)
def test_arrays_that_do_not_fit(root, name, array):
    np.save(root / PAIR / "ab" / name, array, allow_pickle=True)
    with pytest.raises(ValueError, match=name), opened(root, f"{PAIR}/ab"):
        pass


class Opener:
    """Unpickled, it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return self.path.write_text, ("opened",)


def test_no_array_is_unpickled(root, tmp_path):
    trace = tmp_path / "trace"
    array = np.array([Opener(trace)], dtype=object)
    np.save(root / PAIR / "ab/states.npy", array, allow_pickle=True)
    with pytest.raises(ValueError, match=r"states\.npy"), opened(root, f"{PAIR}/ab"):
        pass
    assert not trace.exists()


def test_lengths_must_agree(root):
    folder = root / PAIR / "ab"
    states, boxes = np.load(folder / "states.npy"), np.load(folder / "bboxes.npy")
    np.save(folder / "states.npy", states[:-1])
    np.save(folder / "bboxes.npy", boxes[:-1])
    with (
        pytest.raises(ValueError, match=r"rgb.mp4 has 6 frames, and 'states.npy' 5"),
        opened(root, f"{PAIR}/ab"),
    ):
        pass


@pytest.mark.parametrize(
    ("part", "text", "message"),
    [
        (f"{PAIR}/ab/colors.txt", "type=sphere color=brown", "'color=brown' is none of yellow"),
        (f"{PAIR}/ab/colors.txt", "nothing", "no line with 'color=NAME'"),
        ("blocktowerCF/3/7/gravity.txt", "gravity_x=0.5", "no 'gravity_y=NUMBER'"),
        ("blocktowerCF/3/7/gravity.txt", "gravity_x=up gravity_y=0", "no 'gravity_x=NUMBER'"),
    ],
)
def test_texts_that_say_something_else(root, part, text, message):
    (root / part).write_text(text)
    example = PAIR if part.startswith(PAIR) else "blocktowerCF/3/7"
    with pytest.raises(ValueError, match=message), opened(root, f"{example}/ab"):
        pass


def test_what_was_expected(tmp_path):
    with pytest.raises(ValueError, match="ballsCF/COUNT/ID"):
        SOURCE.find(tmp_path)
