"""Which networks, tokens and pairs the learned entrants of CoPhy get, and how seeds are joined."""

import numpy as np
import pytest
import torch
from run_folders import write_run
from tiny_runs import MARKS, tiny_config

from data_prep.simulated.cophy_like import cophy_like
from jepakit.evals.cophy import run_cophy
from jepakit.evals.cophy.baselines import copies, position_errors
from jepakit.evals.cophy.head import PositionScale
from jepakit.evals.cophy.options import CophyOptions
from jepakit.evals.cophy.result import NO_CLIP, PIXELS, TRAINED, UNTRAINED
from jepakit.evals.cophy.training import train_head
from jepakit.training.runs import load_run

pytestmark = MARKS
SHAPE = {"frames": 4, "size": 32, "patch": 8, "tubelet": 2, "image": "png"}
FAST = {"steps": 2, "finetune_steps": 2, "draws": 20, "device": "cpu", "task": "balls"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    cophy_like(str(folder), pairs=24, val_pairs=6, **SHAPE)
    return str(folder)


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    """A run whose target encoder is another than its context encoder."""
    folder = tmp_path_factory.mktemp("run")
    return write_run(folder, tiny_config(data), noise=0.1, noisy=("target_encoder.",))


@pytest.fixture
def trainings(monkeypatch):
    """Every training of a head: first tokens, mean of its tokens, recipe, options, targets."""
    found = []

    def note(head, tokens, targets, recipe, **more):
        seen = tokens(np.arange(2))
        first = None if seen is None else seen.detach().clone()
        mean = None if seen is None else head.readout.mean.clone()
        found.append((first, mean, recipe, more, targets))
        return train_head(head, tokens, targets, recipe, **more)

    monkeypatch.setattr(run_cophy, "train_head", note)
    return found


def test_entrants_see_the_run_its_untrained_twin_pixels_and_nothing(run, data, trainings):
    cophy = run_cophy.RunCophy(run, data, options=CophyOptions(**FAST))
    result = cophy.measure()
    names = [score.entrant for score in result.scores][:4]
    assert names == [TRAINED, UNTRAINED, PIXELS, NO_CLIP]
    clips = cophy.tasks[0].clips["train"].frames([0, 1])
    module = load_run(run)
    wanted = run_cophy.pair_tokens(module.target_encoder.encode, clips, cophy.request)
    (own, mean, *_), (twin, *_), (pixels, *_), (nothing, *_) = trainings
    torch.testing.assert_close(own, wanted)
    assert twin.shape == own.shape
    assert not torch.allclose(twin, own)
    assert not torch.allclose(twin, run_cophy.pair_tokens(module.encode, clips, cophy.request))
    torch.testing.assert_close(
        pixels, run_cophy.pair_tokens(run_cophy.pixel_tokens(cophy.request), clips, cophy.request)
    )
    assert nothing is None
    every = run_cophy.all_tokens(
        module.target_encoder.encode,
        cophy.tasks[0].clips["train"],
        cophy.request,
        batch_size=5,
        device=torch.device("cpu"),
    )
    torch.testing.assert_close(mean, every.flatten(0, 1).mean(dim=0))
    assert all(len(targets.future) == len(every) for *_, targets in trainings)
    assert all("encoder" not in more for _, _, _, more, _ in trainings)


def test_fine_tuning_goes_on_with_the_encoder_at_a_tenth_of_its_rate(
    run, data, trainings, monkeypatch
):
    before = {name: value.clone() for name, value in load_run(run).state_dict().items()}
    first_rows, train = [], run_cophy.train_head

    def note(head, *given, **more):
        first_rows.append(head.row.weight.detach().clone())
        return train(head, *given, **more)

    monkeypatch.setattr(run_cophy, "train_head", note)
    options = CophyOptions(**FAST, mode="finetune", seeds=2)
    run_cophy.RunCophy(run, data, options=options).measure()
    # encoder, the same fine-tuned, twin, the same fine-tuned, pixels, no clip; twice.
    assert len(trainings) == 12
    tuned = [trainings[place] for place in (1, 3, 7, 9)]
    rate = 0.1 * load_run(run).optimization.lr
    assert [more["encoder_lr"] for _, _, _, more, _ in tuned] == [rate] * 4
    assert [recipe.first_readout for _, _, recipe, _, _ in tuned] == [0.0] * 4
    # The second seed begins with the run's encoder again, and with another twin.
    torch.testing.assert_close(trainings[1][0], trainings[7][0])
    torch.testing.assert_close(trainings[0][0], trainings[1][0])
    assert not torch.allclose(trainings[3][0], trainings[9][0])
    assert not torch.allclose(first_rows[0], first_rows[6])
    assert torch.equal(first_rows[0], first_rows[2])  # all entrants of a seed begin alike
    after = load_run(run).state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_errors_are_means_over_seeds_and_not_of_mean_predictions(run, data, monkeypatch):
    cophy = run_cophy.RunCophy(run, data, options=CophyOptions(**FAST, seeds=2, seed=5))
    test = cophy.tasks[0].pairs["test"]
    noise = np.random.default_rng(0).normal(size=test.future.shape)
    seeds = []

    def of_seed(_, data, seed, progress):
        seeds.append(seed)
        return {TRAINED: test.future + noise * (1 if seed == 5 else -1)}

    monkeypatch.setattr(run_cophy.RunCophy, "_of_seed", of_seed)
    result = cophy.measure()
    assert seeds == [5, 6]
    found = np.array(result.items["balls"].values)
    errors = position_errors(test.future + noise, test.future, test.present)
    np.testing.assert_allclose(found, errors)
    held = position_errors(copies(test)["copy C"], test.future, test.present).mean()
    assert result.score("balls", "copy C").interval.estimate == pytest.approx(held)


def test_measuring_leaves_the_global_generator(run, data):
    cophy = run_cophy.RunCophy(run, data, options=CophyOptions(**FAST))
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = cophy.measure()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert cophy.measure().scores == first.scores


def test_numbers_of_pairs_are_limited_by_side(run, data):
    options = CophyOptions(**FAST, train_pairs=7, test_pairs=2)
    (task,) = run_cophy.RunCophy(run, data, options=options).tasks
    assert {part: len(pairs) for part, pairs in task.pairs.items()} == {"train": 7, "test": 2}
    assert len(task.shares) == 7


def test_positions_are_scaled_by_training_pairs_alone(run, data):
    (task,) = run_cophy.RunCophy(run, data, options=CophyOptions(**FAST)).tasks
    scale = PositionScale.of(task.pairs["train"])
    assert task.scale.size == scale.size
    assert torch.equal(task.scale.centre, scale.centre)
    assert task.scale.size != PositionScale.of(task.pairs["test"]).size


def test_a_test_split_is_preferred_to_a_validation_split(run, tmp_path):
    cophy_like(str(tmp_path), pairs=4, val_pairs=2, test_pairs=4, **SHAPE)
    cophy = run_cophy.RunCophy(run, str(tmp_path), options=CophyOptions(**FAST))
    assert (cophy.test_split, len(cophy.tasks[0].pairs["test"])) == ("test", 2)
