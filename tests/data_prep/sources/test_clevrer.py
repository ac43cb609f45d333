import json
import shutil

import numpy as np
import pytest
from clevrer_files import FRAMES, LOOKS, SIZE, annotation, drawn_masks, proposals, write_clevrer
from tiny_movies import moving_square

from data_prep.sources.clevrer import SOURCE

VIDEO = "video_train/video_00000-01000/video_00001.mp4"
NOTE = "annotation_train/annotation_00000-01000/annotation_00001.json"
MASKS = "processed_proposals/sim_00001.json"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("clevrer")
    write_clevrer(root)
    return root


@pytest.fixture
def root(written, tmp_path):
    return shutil.copytree(written, tmp_path / "data")


def opened(root, name=VIDEO):
    return next(reader for reader in SOURCE.find(root) if reader.name == name).open()


def painted(frame):
    ids = np.zeros((SIZE, SIZE), int)
    for identity, mask in enumerate(drawn_masks(frame), 1):
        ids[mask] = identity
    return ids


def test_splits_by_number(written):
    readers = SOURCE.find(written)
    assert [(r.group, r.split) for r in readers] == [
        ("video_15000", "test"),
        ("video_00000", "train"),
        ("video_00001", "train"),
        ("video_10000", "val"),
    ]


def test_annotations_of_the_validation_split(written):
    with opened(written, "video_validation/video_10000-11000/video_10000.mp4") as footage:
        assert footage.labels["collisions"] == 2.0


def test_motion_collisions_and_labels(written):
    with opened(written) as footage:
        assert np.allclose(footage.seconds, np.arange(FRAMES) / 25)
        t, o, c = np.ogrid[:FRAMES, :3, :12]
        assert np.array_equal(footage.states[:, :, :12], 100 * o + t + c / 16)
        assert np.array_equal(footage.states[:, 2, 12], np.arange(FRAMES) >= 3)
        assert footage.contacts[["step", "a", "b"]].tolist() == [(2, 1, 2), (6, 1, 3)]
        assert np.isnan(footage.contacts["impulse"]).all()
        assert footage.labels == {"objects": 3.0, "collisions": 2.0, "entering_objects": 1.0}
        assert footage.objects[2] == {
            "kind": "cube", "object_id": 1, "color": "red", "material": "metal", "shape": "cube"
        }  # fmt: skip
        details = footage.details
        drawn = moving_square(FRAMES, SIZE)
        for number, picture in zip((0, 5), footage.pictures([0, 5]), strict=True):
            assert np.abs(picture.astype(float) - drawn[number]).mean() < 4
    assert details["state_objects"] == [1, 2, 3]
    assert len(details["states"]["names"]) == len(details["states"]["units"]) == 13
    assert details["questions"][0]["answer"] == "sphere"
    assert details["questions"][1]["choices"] == [
        {"choice": "The sphere and the cube collide", "answer": "wrong"}
    ]
    assert "program" not in json.dumps(details, allow_nan=False)


def test_masks_of_the_parser_are_linked_by_looks(written):
    with opened(written) as footage:
        found = list(footage.truth([0, 1, 2, 7]))
    for frame, ids in zip((0, 1, 2, 7), found, strict=True):
        assert np.array_equal(ids, painted(frame))


def test_masks_without_an_annotation(root):
    shutil.rmtree(root / "annotation_train")
    with opened(root) as footage:
        looks = {k: (v["color"], v["material"], v["shape"]) for k, v in footage.objects.items()}
        assert set(looks.values()) == {*LOOKS, ("green", "rubber", "sphere")}
        ids = next(iter(footage.truth([4])))
        assert np.array_equal(
            np.isin(ids, [k for k in looks if looks[k] == LOOKS[2]]), drawn_masks(4)[2]
        )
        assert footage.states is None
        assert footage.contacts is None


def test_a_video_of_the_test_split_has_neither(written):
    with opened(written, "video_test/video_15000-16000/video_15000.mp4") as footage:
        assert footage.states is None
        assert footage.truth is None
        assert set(footage.labels) == set(SOURCE.label_kinds)
        assert all(np.isnan(list(footage.labels.values())))
        assert "answer" not in footage.details["questions"][0]


def test_an_object_that_a_frame_does_not_list_is_zero(root):
    value = annotation(1)
    del value["motion_trajectory"][4]["objects"][0]  # the third
    (root / NOTE).write_text(json.dumps(value))
    with opened(root) as footage:
        assert not footage.states[4, 2].any()
        assert footage.states[5, 2].all()


def test_an_object_that_never_comes_into_view_does_not_enter(root):
    value = annotation(1)
    for frame in value["motion_trajectory"]:
        frame["objects"][0]["inside_camera_view"] = False
    (root / NOTE).write_text(json.dumps(value))
    with opened(root) as footage:
        assert footage.labels["entering_objects"] == 0.0


def changed(value, path, new):
    """With the entry at ``path`` replaced, or deleted for None."""
    *outer, last = path
    place = value
    for key in outer:
        place = place[key]
    if new is None:
        del place[last]
    else:
        place[last] = new
    return value


OBJECT = ("motion_trajectory", 2, "objects", 0)


@pytest.mark.parametrize(
    ("path", "new", "message"),
    [
        (("object_property",), None, "no field 'object_property'"),
        (("object_property", 1, "color"), None, r"object_property\[1\]: no field 'color'"),
        (("object_property", 1, "object_id"), 0, "negative or there twice"),
        (("object_property", 1, "object_id"), True, "'object_id' should be int"),
        (("motion_trajectory",), {}, "'motion_trajectory' should be list"),
        (("motion_trajectory", 7), None, "has 7 frames, the video 8"),
        (("motion_trajectory", 3, "frame_id"), 4, r"\[3\]: field 'frame_id' should be 3, came 4"),
        ((*OBJECT, "location"), None, r"objects\[0\]: no field 'location'"),
        ((*OBJECT, "location"), [1, 2], "'location' should be 3 finite numbers"),
        ((*OBJECT, "velocity"), [1, 2, "3"], "'velocity' should be 3 finite numbers"),
        ((*OBJECT, "velocity"), [1, 2, float("nan")], "'velocity' should be 3 finite numbers"),
        ((*OBJECT, "inside_camera_view"), 1, "'inside_camera_view' should be bool"),
        ((*OBJECT, "object_id"), 9, "object id 9 is not in 'object_property'"),
        ((*OBJECT, "object_id"), 0, "names an object a second time"),
        (("collision", 0, "object_ids"), [0, 5], "object id 5 is not in 'object_property'"),
        (("collision", 0, "object_ids"), [0, [1]], "is not in 'object_property'"),
        (("collision", 0, "object_ids"), [1, 1], "'object_ids' should be two ids"),
        (("collision", 0, "frame_id"), 8, "'frame_id' 8 is none of the 8 frames"),
        (("collision",), None, "no field 'collision'"),
    ],
)
def test_damaged_annotations_are_named(root, path, new, message):
    (root / NOTE).write_text(json.dumps(changed(annotation(1), path, new)))
    with pytest.raises(ValueError, match=rf"annotation_00001.json.*{message}"), opened(root):
        pass
    with opened(root, VIDEO.replace("1.mp4", "0.mp4")) as footage:
        assert footage.labels["collisions"] == 2.0


PROPOSED = ("frames", 2, "objects", 1)


@pytest.mark.parametrize(
    ("path", "new", "message"),
    [
        (("frames", 7), None, "'frames' has 7 frames, the video 8"),
        (("frames", 3, "frame_index"), 2, "'frame_index' should be 3, came 2"),
        ((*PROPOSED, "shape"), None, "no field 'shape'"),
        ((*PROPOSED, "mask"), None, "no field 'mask'"),
        ((*PROPOSED, "mask", "size"), [64], "'size' should be height and width"),
        ((*PROPOSED, "mask", "counts"), 7, "'counts' should be text or numbers"),
    ],
)
def test_damaged_proposals_are_named(root, path, new, message):
    (root / MASKS).write_text(json.dumps(changed(proposals(1), path, new)))
    with pytest.raises(ValueError, match=rf"sim_00001.json.*{message}"), opened(root):
        pass


@pytest.mark.parametrize(
    ("part", "new", "message"),
    [
        ("counts", "~~", "'counts'"),
        ("counts", [5], "'counts'"),
        ("counts", "0P", "'counts'"),
        ("size", [64, 32], "masks of one size expected"),
    ],
)
def test_damaged_run_lengths_are_named(root, part, new, message):
    (root / MASKS).write_text(json.dumps(changed(proposals(1), (*PROPOSED, "mask", part), new)))
    with (
        opened(root) as footage,
        pytest.raises(ValueError, match=f"sim_00001.json.*{message}"),
    ):
        list(footage.truth([1, 2]))


@pytest.mark.parametrize("part", [NOTE, MASKS])
@pytest.mark.parametrize("text", ["", "{", "[]", "3"])
def test_files_that_are_no_json_or_other_json(root, part, text):
    (root / part).write_text(text)
    with pytest.raises(ValueError, match=part.split("/")[-1]), opened(root):
        pass


def test_missing_and_damaged_files(root):
    (root / NOTE).unlink()
    with (
        pytest.raises(ValueError, match=r"annotation_00001.json: there is no such file"),
        opened(root),
    ):
        pass
    (root / VIDEO).write_bytes(b"")
    with pytest.raises(ValueError, match=r"video_00001\.mp4"), opened(root):
        pass


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"question_type": "descriptive"}, r"train.json\[1\]: questions\[2\]: no field 'question'"),
        ({"question": 1, "question_type": "descriptive"}, "'question' should be str"),
        ("text", "an object expected"),
        ({"question": "?", "question_type": "x", "choices": [{}]}, "no field 'choice'"),
        ({"question": "?", "question_type": "x", "choices": 3}, "'choices' should be list"),
    ],
)
def test_damaged_questions_concern_their_video(root, record, message):
    scenes = json.loads((root / "train.json").read_text())
    scenes[1]["questions"].append(record)
    (root / "train.json").write_text(json.dumps(scenes))
    with pytest.raises(ValueError, match=message), opened(root):
        pass
    with opened(root, VIDEO.replace("1.mp4", "0.mp4")) as footage:
        assert len(footage.details["questions"]) == 2


def test_questions_of_no_video_end_in_the_rejects(root):
    scenes = json.loads((root / "train.json").read_text())
    (root / "train.json").write_text(json.dumps([*scenes, {"questions": []}, 5]))
    readers = SOURCE.find(root)
    assert [r.name for r in readers[-2:]] == ["train.json[2]", "train.json[3]"]
    with pytest.raises(ValueError, match="no field 'scene_index'"), readers[-2].open():
        pass
    (root / "train.json").write_text("{}")
    with pytest.raises(ValueError, match="a list of scenes expected"):
        SOURCE.find(root)


def test_what_was_expected(tmp_path):
    with pytest.raises(ValueError, match="video_00000-01000"):
        SOURCE.find(tmp_path)
