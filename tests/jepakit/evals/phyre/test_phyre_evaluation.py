"""Agents on toy folds: the table, its files, and settings that are refused."""

import dataclasses
import json

import numpy as np
import pytest
from rich.console import Console
from toy_tasks import near, ruled_bank, toy_tasks

from jepakit.evals.item_scores import ItemScores
from jepakit.evals.phyre import actions as bank_module
from jepakit.evals.phyre import aimed as aimed_module
from jepakit.evals.phyre.action_bank import ActionBank
from jepakit.evals.phyre.console import print_phyre
from jepakit.evals.phyre.evaluation import (
    Entrant,
    FoldBanks,
    check,
    evaluate,
    fold_banks,
    official_tasks,
    spread,
)
from jepakit.evals.phyre.ranking import Learned, RandomAgent
from jepakit.evals.phyre.result import PhyreSettings
from worlds.phyre import fold


class Oracle:
    """Knows the outcomes, or their opposite."""

    def __init__(self, sign=1.0):
        self.sign = sign

    def learn(self, train, dev):
        assert (len(train), len(dev)) == (4, 2)
        return Learned(self.scores, {"sign": self.sign})

    def scores(self, candidates):
        solved = [near(candidates.task, action) for action in candidates.actions]
        return self.sign * np.array(solved, float)


def parts_of(bank, banks, test):
    tasks = [own.task for own in test]
    candidates = bank.candidates_of(tasks, len(test[0])).values()
    return FoldBanks(tuple(banks[:4]), tuple(banks[4:6]), tuple(candidates))


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    banks = [ruled_bank(task, 30) for task in toy_tasks(10, 2).values()]
    bank = ActionBank(tmp_path_factory.mktemp("bank"))
    folds = {0: parts_of(bank, banks, banks[6:12]), 3: parts_of(bank, banks, banks[10:20])}
    entrants = {
        "encoder": Entrant([Oracle()], "knows"),
        "random": Entrant([RandomAgent(s) for s in range(5)], "guesses"),
        "worst": Entrant([Oracle(-1.0)], "avoids"),
    }
    settings = PhyreSettings(folds=(0, 3), actions=30, candidates=30, draws=200)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bank_module, "attempt", near)
        return evaluate(entrants, folds, bank, settings, source={"run": "toy"})


def test_scores(result):
    assert result.score("encoder").auccess.estimate == 1.0
    assert result.score("encoder").solved_within == (1.0, 1.0, 1.0)
    random, worst = result.score("random"), result.score("worst")
    assert worst.auccess.estimate < random.auccess.estimate < 1.0
    assert len(random.by_repetition) == 5
    assert np.mean(random.by_repetition) == pytest.approx(random.auccess.estimate)
    assert np.mean(random.by_fold) == pytest.approx(random.auccess.estimate)
    gap = random.first_minus_this
    assert gap.estimate == pytest.approx(1 - random.auccess.estimate)
    assert (gap.low, gap.high) == pytest.approx((1 - random.auccess.high, 1 - random.auccess.low))
    assert random.over_folds.estimate == pytest.approx(random.auccess.estimate)
    assert result.score("encoder").facts == ({"fold": 0.0, "sign": 1.0}, {"fold": 3.0, "sign": 1.0})


def test_table_and_files(result, tmp_path):
    header, rows = result.table()
    assert header[:3] == ["agent", "AUCCESS", "over folds"]
    assert {len(row) for row in rows} == {len(header)}
    assert rows[1][-1].endswith("*")
    published = {row[0]: row[1] for row in rows[3:]}
    assert published["Causal-JEPA (paper)"] == "0.844"
    assert published["DQN (paper)"] == "0.368"
    paths = result.write(tmp_path)
    assert [path.name for path in paths] == [
        "phyre_ball_cross_template.json",
        "phyre_ball_cross_template.md",
        "phyre_ball_cross_template.json",
    ]
    record = json.loads(paths[0].read_text())
    assert record["scores"][0]["auccess"]["estimate"] == 1.0
    text = paths[1].read_text()
    assert "AUCCESS is a lower bound" in text
    assert "setup and folds not stated there" in text
    assert "official folds: 0, 3" in text


def test_scores_of_items(result, tmp_path):
    paths = result.write(tmp_path)
    assert paths[-1] == tmp_path / "scores" / "phyre_ball_cross_template.json"
    first = ItemScores.read(paths[-1])
    assert (first.metric, first.higher_is_better, first.mean) == ("auccess", True, 1.0)
    assert first.items[0] == "0/00003:000"
    assert first.groups[0] == "00003"
    random = result.item_scores("random")
    by_fold = [np.mean(random.values[:6]), np.mean(random.values[6:])]
    np.testing.assert_allclose(by_fold, result.score("random").by_fold)
    settings = dataclasses.replace(result.settings, setup="ball_within_template", folds=(0,))
    single = dataclasses.replace(result, settings=settings, items=result.items[:6])
    score = dataclasses.replace(result.scores[0], by_item=result.scores[0].by_item[:6])
    found = dataclasses.replace(single, scores=(score,)).item_scores("encoder")
    assert found.items == found.groups
    assert found.items[0] == "00003:000"


def test_console(result):
    console = Console(record=True, width=160)
    print_phyre(result, console)
    text = console.export_text()
    assert "Causal-JEPA (paper)" in text
    assert "tasks per fold: 4 train, 2 dev, 6-10 test" in text


def test_two_balls_have_no_published_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(bank_module, "attempt", near)
    settings = PhyreSettings("two_balls_within_template", draws=20)
    banks = [ruled_bank(task, 10) for task in toy_tasks(8, 1).values()]
    bank = ActionBank(tmp_path)
    parts = {0: parts_of(bank, banks, banks[6:])}
    single = evaluate({"encoder": Entrant([Oracle()], "")}, parts, bank, settings, source={})
    assert single.published == ()
    assert single.table()[1] == [
        ["encoder", "1.000 [1.000, 1.000]", "one fold", "1.000", "1.000", "1.000", ""]
    ]


def test_folds_take_the_official_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(bank_module, "attempt", near)
    tasks = toy_tasks(10, 4)
    settings = PhyreSettings(folds=(0, 1), tasks_per_template=2, actions=5, candidates=7)
    found = fold_banks(tasks, ActionBank(tmp_path), settings)
    for number, parts in found.items():
        official = fold(settings.setup, number, tasks)
        for part in ("train", "dev", "test"):
            ids = [bank.task.identity for bank in getattr(parts, part)]
            assert ids == list(spread(getattr(official, part), 2))
            assert {len(bank) for bank in getattr(parts, part)} == {7 if part == "test" else 5}


def test_aimed_draws_are_for_train_tasks_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(bank_module, "attempt", near)
    monkeypatch.setattr(aimed_module, "attempt", near)
    settings = PhyreSettings(
        tasks_per_template=1, test_tasks_per_template=2, actions=4, aimed=3, candidates=5
    )
    parts = fold_banks(toy_tasks(10, 2), ActionBank(tmp_path), settings)[0]
    assert {len(own) for own in parts.train} == {7}
    assert {len(own) for own in parts.dev} == {4}
    assert {len(own) for own in parts.test} == {5}
    assert len(parts.test) == 2 * 2
    names = {path.name for path in (tmp_path / "seed0" / "aimed_after_4").iterdir()}
    assert names == {f"{own.task.identity.replace(':', '_')}.npz" for own in parts.train}


def test_only_what_is_tried_is_simulated(tmp_path, monkeypatch):
    simulated = []
    monkeypatch.setattr(bank_module, "attempt", lambda t, a: simulated.append(t) or near(t, a))
    banks = [ruled_bank(task, 10) for task in toy_tasks(8, 1).values()]
    bank, settings = ActionBank(tmp_path), PhyreSettings(candidates=200, draws=20)
    tasks = [own.task for own in banks[6:]]
    candidates = tuple(bank.candidates_of(tasks, 200).values())
    folds = {0: FoldBanks(tuple(banks[:4]), tuple(banks[4:6]), candidates)}
    assert not simulated
    knows = {"encoder": Entrant([Oracle()], "")}
    assert evaluate(knows, folds, bank, settings, source={}).scores[0].auccess.estimate == 1.0
    assert len(simulated) == 2  # the first attempt on each of the two tasks
    wrong = evaluate({"worst": Entrant([Oracle(-1.0)], "")}, folds, bank, settings, source={})
    assert len(simulated) <= 2 + 200
    again = len(simulated)
    fresh = ActionBank(tmp_path)
    same = evaluate({"worst": Entrant([Oracle(-1.0)], "")}, folds, fresh, settings, source={})
    assert len(simulated) == again  # outcomes were kept
    assert same.scores == wrong.scores


def test_spread():
    ids = [f"00000:{i:03d}" for i in range(10)] + ["00001:000"]
    assert spread(ids, 2) == ("00000:000", "00000:005", "00001:000")
    assert spread(ids, 0) == tuple(ids)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (PhyreSettings("ball"), "Unknown setup 'ball'; choose one of ball_cross_template"),
        (PhyreSettings(folds=(10,)), r"each once, from 0 to 9; got \[10\]"),
        (PhyreSettings(folds=(-1,)), r"got \[-1\]"),
        (PhyreSettings(folds=()), r"got \[\]"),
        (PhyreSettings(folds=(1, 1)), r"got \[1, 1\]"),
        (PhyreSettings(tasks_per_template=-1), "got -1, -1, 0, 200, 200"),
        (PhyreSettings(test_tasks_per_template=-1), "got 10, -1, 0, 200, 200"),
        (PhyreSettings(aimed=-1), "got 10, 10, -1, 200, 200"),
        (PhyreSettings(actions=0), "got 10, 10, 0, 0, 200"),
        (PhyreSettings(candidates=0), "got 10, 10, 0, 200, 0"),
    ],
)
def test_refuses_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        check(settings)


def test_says_how_to_get_the_tasks(monkeypatch, tmp_path):
    with pytest.raises(ValueError, match=r"there is none\. Get it with: python -m worlds"):
        official_tasks(str(tmp_path / "absent"))
    monkeypatch.setattr("jepakit.evals.phyre.evaluation.find_tasks", lambda path: None)
    with pytest.raises(ValueError, match=r"No PHYRE task file .*python -m worlds\.phyre\.fetch"):
        official_tasks()
