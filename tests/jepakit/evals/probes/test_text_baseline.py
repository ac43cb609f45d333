from random import Random

import pytest

from jepakit.evals.probes.text_baseline import AskedQuestion, text_baselines


def questions(answer_of, *, parts=6, scenes=5, each=6, family="cause"):
    """Questions about random words; ``answer_of(words, part, number)`` answers."""
    random = Random(0)
    asked = []
    for part in range(parts):
        for number in range(scenes * each):
            words = [random.choice(["red", "blue", "green"]), random.choice(["cube", "circle"])]
            answer = answer_of(words, part, number)
            scene = f"{part}-{number // each}"
            text = f"Does the {' '.join(words)} fall?"
            asked.append(AskedQuestion(text, answer, family, scene, str(part)))
    return asked


def test_words_that_tell_the_answer():
    asked = questions(lambda words, *_: str(words[1] == "circle"))
    (found,) = text_baselines(asked, draws=100).values()
    circles = sum(q.answer == "True" for q in asked) / len(asked)
    assert found.questions == len(asked)
    assert found.text.estimate == 1.0
    assert found.majority.estimate == pytest.approx(max(circles, 1 - circles))
    assert found.gain.estimate == pytest.approx(1 - found.majority.estimate)
    assert found.gain.low > 0.3


def test_pairs_of_words_are_seen():
    def same(words, *_):
        return str((words[0] == "red") == (words[1] == "cube"))

    (found,) = text_baselines(questions(same), draws=100).values()
    assert found.text.estimate == 1.0


def test_words_that_tell_nothing():
    asked = questions(lambda words, part, number: str(number % 2 == 0), scenes=20)
    (found,) = text_baselines(asked, draws=100).values()
    assert found.majority.estimate == 0.5
    assert found.text.low < 0.5 < found.text.high
    assert found.gain.low < 0 < found.gain.high


def test_what_holds_in_one_part_alone_does_not_help():
    # In the other part the same words mean the opposite.
    asked = questions(lambda words, part, _: str((words[1] == "circle") == (part == 0)), parts=2)
    (found,) = text_baselines(asked, folds=2, draws=100).values()
    assert found.text.estimate == 0.0


def test_families_are_apart():
    asked = questions(lambda words, *_: words[0], family="color")
    asked += questions(lambda *_: "2", family="count")
    found = text_baselines(asked, draws=100)
    assert list(found) == ["color", "count"]
    assert found["color"].text.estimate == 1.0
    assert found["count"].text.estimate == found["count"].majority.estimate == 1.0


def test_refusals():
    with pytest.raises(ValueError, match="No questions"):
        text_baselines([])
    with pytest.raises(ValueError, match="Family 'cause' has questions in 3 parts; at least 5"):
        text_baselines(questions(lambda words, *_: words[0], parts=3))
