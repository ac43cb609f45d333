import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from run_folders import write_run
from tiny_runs import MARKS, tiny_config

from data_prep.simulated.cophy_like import PairItem, cophy_like
from jepakit.batch import BatchRequest
from jepakit.data.shard_reader import ShardReader
from jepakit.evals.commands.cophy import cophy
from jepakit.evals.cophy.baselines import TRUE, TYPICAL, copies, position_errors, resimulations
from jepakit.evals.cophy.clips import PairClips, object_shares, pair_tokens, pixel_tokens
from jepakit.evals.cophy.head import CounterfactualHead, Layout, PositionScale
from jepakit.evals.cophy.options import CophyOptions
from jepakit.evals.cophy.pairs import read_pairs
from jepakit.evals.cophy.result import TRAINED, CophyResult
from jepakit.evals.cophy.training import Recipe, Targets, train_head
from jepakit.evals.item_scores import ItemScores

pytestmark = MARKS
SHAPE = {"frames": 4, "size": 32, "patch": 8, "tubelet": 2, "image": "png"}
REQUEST = BatchRequest(frames=4, size=(32, 32), patch=8, tubelet=2)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    cophy_like(str(folder), pairs=12, val_pairs=6, **SHAPE)
    return folder


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    """A folder as training leaves it, with weights as they are first drawn."""
    return write_run(tmp_path_factory.mktemp("run"), tiny_config(data))


def test_metric_is_that_of_cophy():
    rng = np.random.default_rng(0)
    predicted, truth = rng.normal(size=(2, 3, 5, 4, 2))
    present = rng.random((3, 4)) < 0.6
    present[:, 0] = True
    found = position_errors(predicted, truth, present)
    for pair in range(3):
        total = 0.0
        for frame in range(1, 5):
            for row in range(4):
                if present[pair, row]:
                    total += ((predicted - truth)[pair, frame, row] ** 2).mean()
        assert found[pair] == pytest.approx(total / (present[pair].sum() * 4))
    predicted[:, 0] += 100  # frame 0 is given
    predicted[~np.broadcast_to(present[:, None], predicted.shape[:3])] = 1e6
    np.testing.assert_allclose(position_errors(predicted, truth, present), found)


def test_pairs_copies_and_resimulations(data):
    reader = ShardReader(str(data), split="val")
    found = read_pairs(reader)
    assert set(found) == {"balls", "blocks"}
    for pairs in found.values():
        errors = {
            name: position_errors(positions, pairs.future, pairs.present).mean()
            for name, positions in (copies(pairs) | resimulations(pairs)).items()
        }
        assert errors[TRUE] < 1e-10
        assert errors[TRUE] < errors[TYPICAL] < errors["copy C"]
        assert (pairs.before | ~pairs.present).all()
        assert len(pairs.first(2)) == 2


def test_copies_know_ab_and_the_start_of_cd(data):
    pairs = read_pairs(ShardReader(str(data), split="val"))["balls"]
    found = copies(pairs)
    np.testing.assert_array_equal(found["copy B"], pairs.past)
    for pair in range(len(pairs)):
        for frame in range(pairs.past.shape[1]):
            start, moved = pairs.future[pair, 0], pairs.past[pair, frame] - pairs.past[pair, 0]
            np.testing.assert_array_equal(found["copy C"][pair, frame], start)
            np.testing.assert_allclose(found["copy motion"][pair, frame], start + moved)


def test_tokens_are_of_ab_and_of_the_first_frame_of_cd(data):
    reader = ShardReader(str(data), split="val")
    pairs = read_pairs(reader)["balls"]
    seen = PairClips(reader, pairs).frames([1, 0])
    with reader.open(pairs.future_clips[1]) as stored:
        np.testing.assert_array_equal(seen.start[0], stored.frames()[0])
    tokens = pair_tokens(pixel_tokens(REQUEST), seen, REQUEST)
    assert tokens.shape == (2, 2 * 16 + 16, 2 * 4 * 4 * 3)
    first = seen.past[0, :2, :8, 8:16].reshape(2, 4, 2, 4, 2, 3).double().mean((2, 4)) / 255
    torch.testing.assert_close(tokens[0, 1], first.float().flatten(), atol=1e-5, rtol=0)
    still = pixel_tokens(REQUEST)(seen.start[:, None].expand(-1, 4, -1, -1, -1))
    torch.testing.assert_close(tokens[:, 32:], still[:, :16])  # every tubelet is the same
    shares = object_shares(reader, pairs, REQUEST)
    total = shares.sum(dim=2)
    torch.testing.assert_close(total[:, 0], torch.from_numpy(pairs.before).float())
    torch.testing.assert_close(total[:, -1], torch.from_numpy(pairs.present).float())


def untrained_head(pairs, width):
    rows, axes = pairs.future.shape[2:]
    torch.manual_seed(0)
    return CounterfactualHead(Layout(width, REQUEST.grid, 2, rows, axes)).eval()


def test_a_new_head_continues_what_it_sees_and_ignores_who_is_absent(data):
    pairs = read_pairs(ShardReader(str(data), split="train"))["balls"]
    scale = PositionScale.of(pairs)
    np.testing.assert_allclose(scale.to_metres(scale.to_units(pairs.past)), pairs.past, atol=1e-5)
    t = Targets.of(pairs, scale, torch.device("cpu"))
    blind = untrained_head(pairs, 0)
    held = blind(None, t.future[:, 0], t.present, t.before).future
    torch.testing.assert_close(held, t.future[:, :1].expand_as(held))
    head = untrained_head(pairs, 16)
    tokens = torch.randn(len(pairs), 48, 16)
    outcome = head(tokens, t.future[:, 0], t.present, t.before)
    past = outcome.reading.past
    moved = (past - past[:, :1]) * t.before[:, None, :, None]
    torch.testing.assert_close(outcome.future - t.future[:, :1], moved)
    torch.nn.init.normal_(head.path.weight)
    one = head(tokens, t.future[:, 0], t.present, t.before).future
    moved = t.future[:, 0] + 5.0 * (~t.present)[..., None]
    two = head(tokens, moved, t.present, t.before).future
    torch.testing.assert_close(one[:, 1:].transpose(1, 2)[t.present],
                               two[:, 1:].transpose(1, 2)[t.present])  # fmt: skip


def test_training_is_repeatable(data):
    reader = ShardReader(str(data), split="train")
    pairs = read_pairs(reader)["blocks"]
    scale = PositionScale.of(pairs)
    shares = object_shares(reader, pairs, REQUEST)
    targets = Targets.of(pairs, scale, torch.device("cpu"), shares)
    tokens = torch.randn(len(pairs), 48, 16)
    ends = []
    for _ in range(2):
        head = untrained_head(pairs, 16)
        recipe = Recipe(steps=30, batch_size=4, lr=1e-2)
        ends.append(train_head(head, lambda rows: tokens[rows], targets, recipe))
    assert ends[0] == ends[1]


def test_command_writes_its_files(run, data, tmp_path, capsys):
    options = CophyOptions(steps=4, finetune_steps=2, mode="finetune", draws=50, device="cpu")
    cophy(str(run), data=str(data), options=options, out=str(tmp_path))
    assert "copy motion" in capsys.readouterr().out
    content = json.loads((tmp_path / "cophy.json").read_text())
    assert {score["task"] for score in content["scores"]} == {"balls", "blocks"}
    assert (tmp_path / "cophy.png").stat().st_size > 1000
    for task in ("balls", "blocks"):
        items = ItemScores.read(tmp_path / "scores" / f"cophy_{task}.json")
        assert (items.metric, items.higher_is_better, len(items.items)) == ("mse", False, 3)
        first = next(s for s in content["scores"] if s["task"] == task)
        assert first["entrant"] == f"{TRAINED}, fine-tuned"
        assert first["interval"]["estimate"] == pytest.approx(items.mean)


def test_differences_are_paired():
    errors = {"balls": {"a": np.arange(5.0), "b": np.arange(5.0) + 1}}
    result = CophyResult.of(errors, {"balls": tuple("vwxyz")}, {}, draws=100)
    ahead = result.score("balls", "b").ahead
    assert (ahead.low, ahead.high) == pytest.approx((-1.0, -1.0))
    assert "-1.000 [-1.000, -1.000] *" in result.to_markdown()
    errors["balls"]["b"] = np.arange(5.0)[::-1] + 0.5
    unsure = CophyResult.of(errors, {"balls": tuple("vwxyz")}, {}, draws=100)
    assert unsure.score("balls", "b").ahead.estimate == pytest.approx(-0.5)
    assert "*" not in unsure.rows("balls")[1][1][-1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "collisions"}, r"No pairs of 'collisions' .* it has \['balls', 'blocks'\]"),
        ({"train_split": "val"}, "must not share pairs; 6 are on both sides"),
        ({"test_split": "test"}, "No split 'test'"),
    ],
)
def test_wrong_options_are_one_line(run, data, options, message):
    with pytest.raises(SystemExit, match=message):
        cophy(str(run), data=str(data), options=CophyOptions(**options))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"size": 64}, r"takes clips of 4 frames of 32x32 pixels, those of .* 4 of 64x64: prepare"),
        ({"frames": 8}, "have 8 of 32x32: prepare them with --frames 4 --size 32"),
        ({"rate": 5.0}, "trained on clips of 4 frames per second, these have 5"),
    ],
)
def test_clips_of_another_size_or_rate(run, tmp_path, shape, message):
    cophy_like(str(tmp_path), pairs=4, val_pairs=2, **(SHAPE | shape))
    with pytest.raises(SystemExit, match=message):
        cophy(str(run), data=str(tmp_path))


def test_a_missing_half_is_named(run, tmp_path, monkeypatch):
    make = PairItem.make

    def lossy(self, form):
        clips = list(make(self, form))
        return clips[:1] if self.key == "train-000001-blocks" else clips

    monkeypatch.setattr(PairItem, "make", lossy)
    cophy_like(str(tmp_path), pairs=4, val_pairs=2, **SHAPE)
    with pytest.raises(SystemExit, match=r"Pair 'blocktowerCF/\d/train-000001-blocks' has no 'cd'"):
        cophy(str(run), data=str(tmp_path))


def test_of_a_video_cut_into_several_clips_the_first_counts(data, tmp_path, monkeypatch):
    make = PairItem.make

    def cut(self, form):
        for clip in make(self, form):
            details = clip.meta["details"]
            for first in (0, form.frames):
                span = [first, first + form.frames]
                meta = clip.meta | {
                    "key": f"{clip.key}-{first:02d}",
                    "details": details | {"frames": span},
                }
                yield replace(clip, key=meta["key"], meta=meta, states=clip.states + first)

    monkeypatch.setattr(PairItem, "make", cut)
    cophy_like(str(tmp_path), pairs=12, val_pairs=6, **SHAPE)
    whole, found = (read_pairs(ShardReader(str(f), split="val")) for f in (data, tmp_path))
    for task, pairs in whole.items():
        np.testing.assert_array_equal(found[task].past, pairs.past)
        np.testing.assert_array_equal(found[task].future, pairs.future)


def test_data_without_pairs_say_what_to_get(run, tmp_path):
    from data_prep.simulated.scenes import scenes

    scenes(str(tmp_path), clips=2, val_clips=1, **SHAPE)
    with pytest.raises(SystemExit, match=r"no half of a pair: expected pairs .* cophy_like --out"):
        cophy(str(run), data=str(tmp_path))
