"""Words and answers of the training questions, and test questions outside of them."""

import pytest

from jepakit.evals.probes.text_baseline import AskedQuestion
from jepakit.evals.questions.vocabulary import UNKNOWN, Vocabulary


def asked(text, answer="True"):
    return AskedQuestion(text, answer, "cause", "scene", "part")


KNOWN = [asked("Does the Red cube fall?"), asked("Is the cube red?", "False")]


def test_words_and_answers_are_those_of_training():
    found = Vocabulary.of(KNOWN)
    assert found.words == ("cube", "does", "fall", "is", "red", "the")
    assert found.answers == ("False", "True")
    assert (len(found), found.longest) == (7, 5)
    assert found.encode("Is the red cube red?").tolist() == [4, 6, 5, 1, 5]
    # Longer than all of training: cut. Unknown: word 0.
    assert found.encode("is is is is is is").tolist() == [4] * 5
    assert found.encode("is green").tolist() == [4, UNKNOWN]


def test_unknown_words_are_counted_by_question():
    found = Vocabulary.of(KNOWN)
    test = [asked("Is the green green cube red?"), asked("Is the green sphere red?")]
    assert found.unknown(test) == {"green": 2, "sphere": 1}
    with pytest.raises(ValueError, match=r"2 words .*: green \(2\), sphere \(1\)\. .*accept"):
        found.check_words(test, "refuse")
    assert "read as one unknown word" in found.check_words(test, "accept")
    assert found.check_words(KNOWN, "refuse") == ""


def test_answers_never_seen_are_told_and_never_right():
    found = Vocabulary.of(KNOWN)
    test = [asked("Is it?", "cyan"), asked("Is it?", "True"), asked("Is it?", "cyan")]
    assert found.labels(test).tolist() == [-1, 1, -1]
    assert found.unseen_answers(test) == (
        "2 test questions have answers never seen in training: 'cyan' (2)"
    )
    assert found.unseen_answers(KNOWN) == ""


def test_a_single_answer_and_no_words_are_refused():
    with pytest.raises(ValueError, match=r"All 1 training questions have the answer \['True'\]"):
        Vocabulary.of(KNOWN[:1])
    with pytest.raises(ValueError, match=r"1 questions have no words, such as '\?'"):
        Vocabulary.of([*KNOWN, asked("?")])
