"""Questions as they are read from clips, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from asked_clips import clip, halves, write_clips

from jepakit.data.shard_reader import ShardReader
from jepakit.evals.questions.asked import of_division, question_set, read_clips


def read(folder, split="train"):
    return read_clips(ShardReader(str(folder), split=split))


def test_a_row_per_question_in_the_order_of_the_clips(tmp_path):
    found = question_set(read(halves(tmp_path / "set", train=8), "train"))
    assert len(found) == 24
    assert found.items[:4] == ("train-0/7", "train-0/8", "train-0/9", "train-1/7")
    assert found.clip.tolist() == np.repeat(np.arange(8), 3).tolist()
    assert found.clips == tuple(range(8))
    assert found.types[:3] == ("Descriptive", "Cause", "Cause")
    # Without a family of its own a question is of its type's.
    assert [q.family for q in found.asked[:3]] == ["descriptive_color", "cause", "cause"]
    assert [q.answer for q in found.asked[:3]] == ["red", "True", "False"]
    assert found.scenes[3] == "group-train-1"
    # Parts are runs of neighbours: 8 clips make four of 2.
    assert found.parts.tolist() == np.repeat(["0", "1", "2", "3"], 6).tolist()


def test_clips_without_questions_are_passed_over(tmp_path):
    clips = [clip("a", 0), clip("b", 1, questions=[]), clip("c", 2)]
    found = question_set(read(write_clips(tmp_path / "set", {"train": clips})))
    assert found.clips == (0, 2)
    assert found.items[3] == "c/7"


def test_a_data_set_without_questions_is_refused(tmp_path):
    folder = write_clips(tmp_path / "set", {"train": [clip("a", 0, questions=[])]})
    with pytest.raises(ValueError, match=r"no clip that carries questions; .*data_prep craft_like"):
        read(folder)


def test_a_question_without_an_answer_is_refused(tmp_path):
    broken = [{"question": "Is it?", "answer": ""}]
    folder = write_clips(tmp_path / "set", {"train": [clip("a", 0, questions=broken)]})
    with pytest.raises(ValueError, match="Clip 'a': every question needs a text 'answer'"):
        read(folder)


def test_divisions_are_those_of_the_split_files(tmp_path):
    parts = [("train", "test"), ("train", "train"), ("test", "val")]
    clips = [
        clip(str(n), n, splits={"split_info_random": random, "split_info_hard": hard})
        for n, (random, hard) in enumerate(parts)
    ]
    found = read(write_clips(tmp_path / "set", {"train": clips}))
    assert [c.key for c in of_division(found, "random", "train")] == ["0", "1"]
    assert [c.key for c in of_division(found, "hard", "test")] == ["0"]
    with pytest.raises(
        ValueError, match=r"No clip is in 'dev' of split_info_hard.json; .*hard: te"
    ):
        of_division(found, "hard", "dev")


def test_clips_that_know_no_division_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"the clips know no division\. .*--split stored"):
        of_division(read(halves(tmp_path / "set")), "random", "train")


def test_two_clips_of_a_video_and_two_rates_are_refused(tmp_path):
    clips = read(halves(tmp_path / "set", train=3))
    with pytest.raises(ValueError, match=r"'train-0' and 'train-1'; .*--clips_per_video 1"):
        question_set([clips[0], replace(clips[1], group=clips[0].group)])
    with pytest.raises(ValueError, match=r"Clips of one rate expected, came \[2.0, 8.0\]"):
        question_set([clips[0], replace(clips[1], fps=8.0)])
