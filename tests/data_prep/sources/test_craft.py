import json

import numpy as np
import pytest
from craft_files import FRAMES, nested, question, three_videos, write_craft
from tiny_movies import moving_square

from data_prep.sources.craft import SOURCE


@pytest.fixture
def root(tmp_path):
    write_craft(tmp_path, three_videos())
    return tmp_path


def rewrite(root, questions):
    (root / "dataset_minimal.json").write_text(json.dumps(questions))
    return {reader.name: reader for reader in SOURCE.find(root)}


def test_videos_questions_and_splits(root):
    readers = SOURCE.find(root)
    assert [r.name for r in readers] == [
        "videos/sid_1/000000.mpg",
        "videos/sid_1/000001.mpg",
        "videos/sid_7/000002.mpg",
    ]
    assert [r.split for r in readers] == ["train", "val", "test"]
    assert [r.group for r in readers] == [r.name for r in readers]
    with readers[0].open() as footage:
        assert np.allclose(footage.seconds - footage.seconds[0], np.arange(FRAMES) / 60, atol=1e-3)
        numbers = [0, 7, FRAMES - 1]
        drawn = moving_square(FRAMES)
        for number, picture in zip(numbers, footage.pictures(numbers), strict=True):
            assert np.abs(picture.astype(float) - drawn[number]).mean() < 4.0
        assert footage.truth is None
        details = footage.details
    assert [q["answer"] for q in details["questions"]] == ["2", "True"]
    assert details["questions"][1]["question_type"] == "Cause"
    assert details["questions"][1]["template_id"] == "cause_1"
    assert (details["video_index"], details["scene_layout"]) == (0, "1")
    assert details["splits"] == {"split_info_random": "train", "split_info_hard": "test"}
    json.dumps(details, allow_nan=False)


def test_the_hard_split_by_its_file(root):
    assert {r.split for r in SOURCE.find(root / "split_info_hard.json")} == {"test"}


def test_without_splits_and_with_programs(root):
    for name in ("split_info_random.json", "split_info_hard.json"):
        (root / name).unlink()
    entries = [nested(0, 1, [question(0, 0), question(0, 1)]), nested(2, 7, [question(2, 3, 7)])]
    (root / "dataset_minimal.json").unlink()
    (root / "dataset.json").write_text(json.dumps(entries))
    readers = SOURCE.find(root)
    assert [(r.name, r.split) for r in readers] == [
        ("videos/sid_1/000000.mpg", None),
        ("videos/sid_7/000002.mpg", None),
    ]
    assert "program" not in readers[0].records[0]  # readers travel
    with readers[1].open() as footage:
        assert footage.details["scene_layout"] == "7"
        assert "program" not in footage.details["questions"][0]


def test_the_type_of_a_question_is_the_family_of_its_template(root):
    plain = question(0, 0)
    del plain["question_type"]
    with rewrite(root, [plain])["videos/sid_1/000000.mpg"].open() as footage:
        assert footage.details["questions"][0]["question_type"] == "Cause"


@pytest.mark.parametrize("name", ["question", "answer", "video_index", "question_index"])
def test_a_missing_field_concerns_its_video_alone(root, name):
    questions = three_videos()
    del questions[1][name]
    readers = rewrite(root, questions)
    with (
        pytest.raises(ValueError, match=rf"dataset_minimal.json.*000000.*no field '{name}'"),
        readers["videos/sid_1/000000.mpg"].open(),
    ):
        pass
    for other in ("videos/sid_1/000001.mpg", "videos/sid_7/000002.mpg"):
        with readers[other].open() as footage:
            assert len(footage.details["questions"]) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"video_index": "0"}, "'video_index' should be int"),
        ({"video_index": True}, "'video_index' should be int"),
        ({"video_index": [1]}, "'video_index' should be int"),
        ({"question": 3}, "'question' should be str"),
        ({"video_index": 5}, "'video_index' and 'simulation_id' should be the same"),
        ({"simulation_id": "9"}, "'video_index' and 'simulation_id' should be the same"),
    ],
)
def test_wrong_values_are_named(root, changes, message):
    questions = three_videos()
    questions[1] |= changes
    reader = rewrite(root, questions)["videos/sid_1/000000.mpg"]
    with pytest.raises(ValueError, match=message), reader.open():
        pass


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("text", "an object expected"),
        (None, "an object expected"),
        ({}, "no field 'question'"),
        (question(0, 5, video_file_path=None), "'video_file_path' should be str"),
        (question(0, 5, video_file_path="../../etc/passwd"), "leaves the folder"),
        (question(0, 5, video_file_path="/etc/passwd"), "leaves the folder"),
    ],
)
def test_what_names_no_video_is_known_by_its_place(root, record, message):
    readers = rewrite(root, [*three_videos(), record])
    assert len(readers) == 4
    with pytest.raises(ValueError, match=message), readers["dataset_minimal.json[4]"].open():
        pass


def test_missing_and_damaged_videos(root):
    readers = rewrite(root, [*three_videos(), question(8, 0)])
    with pytest.raises(ValueError, match=r"000008\.mpg"), readers["videos/sid_1/000008.mpg"].open():
        pass
    (root / "videos/sid_1/000001.mpg").write_bytes(b"")
    with pytest.raises(ValueError, match=r"000001\.mpg"), readers["videos/sid_1/000001.mpg"].open():
        pass


def test_a_split_that_divides_a_video(root):
    rows = [{"video_index": 0, "question_index": n} for n in (0, 1)]
    table = {"train": rows[:1], "test": rows[1:]}
    (root / "split_info_random.json").write_text(json.dumps(table))
    reader = SOURCE.find(root)[0]
    with pytest.raises(ValueError, match=r"split_info_random\.json.*is in splits"), reader.open():
        pass


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("dataset_minimal.json", "{", "not JSON"),
        ("dataset_minimal.json", "[" * 100_000, "not JSON"),
        ("dataset_minimal.json", "[]", "a list of questions expected"),
        ("split_info_random.json", '{"extra": []}', "an object with lists"),
        ("split_info_random.json", '{"val": [{"video_index": 1}]}', "no field 'question_index'"),
    ],
)
def test_top_level_files_that_are_damaged(root, file, text, message):
    (root / file).write_text(text)
    with pytest.raises(ValueError, match=message):
        SOURCE.find(root)


def test_what_was_expected(tmp_path):
    with pytest.raises(ValueError, match=r"dataset_minimal\.json"):
        SOURCE.find(tmp_path)
