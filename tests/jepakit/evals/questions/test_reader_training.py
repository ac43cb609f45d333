"""Training a reader: it learns what only the clip tells, repeats, and keeps clips apart."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from jepakit.evals.probes.text_baseline import AskedQuestion
from jepakit.evals.questions import training
from jepakit.evals.questions.asked import QuestionSet
from jepakit.evals.questions.training import Reading, ReadQuestions, answered, train_reader
from jepakit.evals.questions.vocabulary import Vocabulary

SMALL = Reading(
    head="attend", width=16, heads=2, layers=1, steps=60, clips=8, lr=1e-2, dropout=0.0, checks=3
)
NAMES = ("red", "blue")


def scenes(count, seed):
    """One of two tokens of a clip shines; asked is which, and whether it is the first."""
    rng = np.random.default_rng(seed)
    place = rng.integers(0, 2, count)
    tokens = torch.from_numpy(rng.normal(0, 0.1, (count, 2, 3))).float()
    tokens[range(count), place, 0] += 1.0
    asked, clip = [], []
    for number, where in enumerate(place):
        for name, answer in (("Which shines?", NAMES[where]), ("Is it red?", str(where == 0))):
            asked.append(AskedQuestion(name, answer, "cause", f"s{number}", f"p{number // 4}"))
            clip.append(number)
    items = tuple(map(str, range(len(asked))))
    types = ("Cause",) * len(asked)
    found = QuestionSet(tuple(asked), types, items, np.array(clip), tuple(range(count)))
    return found, tokens


@pytest.fixture(scope="module")
def learnt():
    questions, tokens = scenes(40, 0)
    vocabulary = Vocabulary.of(questions.asked)
    return ReadQuestions.of(questions, vocabulary), tokens, vocabulary


def judged(reader, vocabulary, tokens, questions):
    return answered(
        reader.network, tokens, ReadQuestions.of(questions, vocabulary), range(len(questions) // 2)
    )


def test_learns_from_the_clip_and_not_from_words(learnt):
    questions, tokens, vocabulary = learnt
    test, seen = scenes(40, 1)
    reader = train_reader(tokens, questions, vocabulary, SMALL, seed=0)
    assert judged(reader, vocabulary, seen, test).mean() > 0.95
    assert reader.facts["selection_accuracy"] > 0.95
    blind = train_reader(None, questions, vocabulary, SMALL, seed=0)
    assert judged(blind, vocabulary, None, test).mean() < 0.7


def test_repeats_exactly_and_leaves_the_global_generator(learnt):
    questions, tokens, vocabulary = learnt
    short = Reading(head="attend", width=16, heads=2, layers=1, steps=4, checks=2, dropout=0.3)
    torch.manual_seed(11)
    before = torch.get_rng_state()
    first = train_reader(tokens, questions, vocabulary, short, seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(12)
    again = train_reader(tokens, questions, vocabulary, short, seed=5)
    other = train_reader(tokens, questions, vocabulary, short, seed=6)
    weights = [r.network.answer.weight for r in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_weights_are_drawn_by_the_seed(learnt):
    """At a learning rate of 0, so that nothing but the first weights is left."""
    questions, tokens, vocabulary = learnt
    still = replace(SMALL, steps=1, lr=0.0)
    readers = [train_reader(tokens, questions, vocabulary, still, seed=s) for s in (5, 5, 6)]
    weights = [reader.network.answer.weight for reader in readers]
    assert torch.equal(weights[0], weights[1])
    assert not torch.allclose(weights[0], weights[2])


def test_selection_clips_are_never_learnt_from(learnt, monkeypatch):
    questions, tokens, vocabulary = learnt
    drawn, checked = set(), set()
    about, judge = ReadQuestions.about, training.answered

    def note(self, clips):
        drawn.update(clips)
        return about(self, clips)

    def check(network, tokens, questions, clips, **more):
        checked.update(clips)
        before = set(drawn)
        result = judge(network, tokens, questions, clips, **more)
        drawn.intersection_update(before)
        return result

    monkeypatch.setattr(ReadQuestions, "about", note)
    monkeypatch.setattr(training, "answered", check)
    reader = train_reader(tokens, questions, vocabulary, SMALL, seed=0)
    torch.testing.assert_close(reader.network.mean, tokens[sorted(drawn)].mean(dim=(0, 1)))
    assert len(checked) == 8
    assert not drawn & checked
    assert drawn | checked == set(range(40))
    # Neighbours whose questions were balanced together are never divided.
    assert not {clip // 4 for clip in drawn} & {clip // 4 for clip in checked}


def test_each_pass_shows_every_clip_once_in_a_new_order(learnt, monkeypatch):
    questions, tokens, vocabulary = learnt
    batches = []
    about = ReadQuestions.about

    def note(self, clips):
        batches.append(list(clips))
        return about(self, clips)

    monkeypatch.setattr(ReadQuestions, "about", note)
    monkeypatch.setattr(training, "answered", lambda *_, **__: np.array([1.0]))
    train_reader(tokens, questions, vocabulary, replace(SMALL, steps=8), seed=0)
    passes = batches[:4], batches[4:]
    shown = [sorted(clip for batch in one for clip in batch) for one in passes]
    assert shown[0] == shown[1]
    assert len(set(shown[0])) == 32
    assert not {tuple(batch) for batch in passes[0]} & {tuple(batch) for batch in passes[1]}
    assert all(batch[-1] - batch[0] > 8 for batch in batches)  # no neighbours by number


def test_the_best_state_is_kept(learnt, monkeypatch):
    questions, tokens, vocabulary = learnt
    states = []
    given = iter([0.2, 0.9, 0.5])

    def check(network, *args, **more):
        states.append(network.answer.weight.clone())
        return np.array([next(given)])

    monkeypatch.setattr(training, "answered", check)
    reader = train_reader(tokens, questions, vocabulary, SMALL, seed=0)
    assert (reader.step, reader.selection_accuracy) == (40, 0.9)
    assert torch.equal(reader.network.answer.weight, states[1])
    assert not reader.network.training


def test_an_answer_never_seen_is_wrong(learnt):
    questions, tokens, vocabulary = learnt
    reader = train_reader(tokens, questions, vocabulary, SMALL, seed=0)
    test, seen = scenes(4, 1)
    right = judged(reader, vocabulary, seen, test)
    asked = tuple(
        AskedQuestion(q.text, "green", q.family, q.scene, q.part) if n == 0 else q
        for n, q in enumerate(test.asked)
    )
    other = QuestionSet(asked, test.types, test.items, test.clip, test.clips)
    assert right[0]
    assert judged(reader, vocabulary, seen, other).tolist() == [False, *right[1:]]


def test_counts_below_one_are_refused():
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        Reading(steps=0)
