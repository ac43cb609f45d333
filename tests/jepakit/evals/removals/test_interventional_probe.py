"""Probes of removals: answers from label maps, features against loops, oracles, and a run."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from removal_scenes import OBJECTS, Guesser, Oracle, label_map, scene
from rich.console import Console
from tiny_dynamics import dynamics, write_run

import evaluate
from data_prep.job import Job
from data_prep.simulated.scenes import scenes
from jepakit.evals.item_scores import ItemScores
from jepakit.evals.probes.linear_probe import Prediction
from jepakit.evals.probes.probe_result import ProbeSettings
from jepakit.evals.removals.intervention_result import (
    MAJORITY,
    InterventionResult,
    print_interventions,
    question_result,
)
from jepakit.evals.removals.interventional_probe import (
    InterventionOptions,
    RunInterventions,
    probe_level,
)
from jepakit.evals.removals.removal_features import (
    HIDDEN,
    ORACLE,
    PLAIN,
    SCENE,
    TOLD,
    UNTRAINED,
    RemovalFeatures,
    RemovalModel,
    removal_features,
)
from jepakit.evals.removals.removal_questions import object_answers, scene_answers
from jepakit.evals.statistics import Resampling

CLIPS = [scene(seed) for seed in range(16)]
SETTINGS = ProbeSettings(seeds=2, draws=100, strengths=(1e-3, 1.0))
MODEL = {
    "class_path": "cjepa.CausalJEPA",
    "init_args": {
        "encoder": {"width": 24, "depth": 1, "heads": 2, "frames": 4, "size": 32, "patch": 8},
        "masker": "jepakit.masks.ObjectMasker",
        "predictor": {
            "class_path": "cjepa.Predictor",
            "init_args": {"width": 16, "depth": 1, "heads": 2},
        },
    },
}


class TestAnswers:
    def test_heights_and_moves(self) -> None:
        labels = label_map([[2], [2, 2, 9], [5, 5, 5, 6], None])
        movable = np.array([True, True, True, True])
        found = scene_answers(labels, movable, removed=1)
        middle = [1 - (row + 1.5) / 16 for row in (9, 6)]
        assert found["end_height"] == pytest.approx(np.mean(middle))
        assert found["moved_objects"] == 2
        assert found["at_rest"] == 0
        objects = object_answers(labels, 4)
        assert objects["object_moves"][:3].tolist() == [0, 1, 1]
        assert np.isnan(objects["object_moves"][3])
        assert objects["object_end_height"][1] == pytest.approx(middle[0])

    def test_only_what_can_move_and_is_left_counts(self) -> None:
        labels = label_map([[2], [2, 2, 9], [5, 5, 5, 6], None])
        found = scene_answers(labels, np.array([True, True, False, True]), removed=1)
        assert (found["moved_objects"], found["at_rest"]) == (1, 1)
        nothing = scene_answers(labels, np.array([True, False, False, True]), removed=1)
        assert all(np.isnan(value) for value in nothing.values())

    def test_moving_the_picture_up_moves_heights_alike(self) -> None:
        one, two = (
            object_answers(np.roll(label_map([[6], [7], [8], [9]]), -shift, axis=1), 4)
            for shift in (0, 4)
        )
        rise = two["object_end_height"] - one["object_end_height"]
        assert rise == pytest.approx([0.25] * 4)
        assert (one["object_moves"] == two["object_moves"]).all()


def taken(model: Oracle, **options: object) -> dict[str, RemovalFeatures]:
    known = RemovalModel(model, model)
    guesser = Guesser(CLIPS)
    arguments = {"removals": 4, "generator": np.random.default_rng(0)} | options
    found = removal_features(CLIPS, known, [RemovalModel(guesser, guesser)], **arguments)
    return dict(found)


class TestFeatures:
    def test_against_loops(self) -> None:
        model = Oracle(CLIPS)
        found = taken(model)
        clip = CLIPS[1]
        full = model.encode(torch.from_numpy(clip.frames)[None])[0, :, 0].numpy()
        row = 4 + 1  # clip 1 without object 2
        scene_values = {name: value[row] for name, value in found["scene"].values.items()}
        assert scene_values[PLAIN][0] == pytest.approx(full.mean(), rel=1e-5)
        gone = clip.tokens[1].astype(float)
        assert scene_values[TOLD][1] == pytest.approx((gone * full).sum() / gone.sum(), rel=1e-5)
        other = model.encode(torch.from_numpy(clip.without[2].frames)[None])[0, :, 0].numpy()
        assert scene_values[ORACLE][0] == pytest.approx(other.mean(), rel=1e-5)
        answer = model.intervene(
            torch.from_numpy(clip.frames)[None], torch.from_numpy(clip.coverage)[None], [[2]]
        )
        left = gone == 0
        without = full - answer.residual[0, :, 0].numpy()
        assert scene_values[SCENE][0] == pytest.approx(without[left].mean(), rel=1e-5)
        assert scene_values[HIDDEN][0] == pytest.approx(float(answer.pooled), rel=1e-5)
        assert len(found["scene"].groups) == 16 * 4

    def test_an_object_is_read_where_it_is(self) -> None:
        found = taken(Oracle(CLIPS), removals=OBJECTS)["object"]
        clip, model = CLIPS[0], Oracle(CLIPS)
        rows = found.groups == clip.group
        kept = [
            (i, j)
            for i in range(1, 5)
            for j in range(1, 5)
            if i != j and ((clip.tokens[j - 1] > 0) & (clip.tokens[i - 1] == 0)).any()
        ]
        assert rows.sum() == len(kept)
        place = kept.index((1, 2))  # 2 falls without 1
        other = model.encode(torch.from_numpy(clip.without[1].frames)[None])[0, :, 0].numpy()
        maps = clip.without[1].labels == 2
        weights = maps.reshape(2, 2, 4, 4, 4, 4).mean(axis=(1, 3, 5)).ravel()
        oracle = found.values[ORACLE][rows][place, 0]
        assert oracle == pytest.approx((weights * other).sum() / weights.sum(), rel=2e-2)
        assert found.answers["object_end_height"][rows][place] == pytest.approx(1 - 14.5 / 16)

    def test_effective_removals_alone(self) -> None:
        found = taken(Oracle(CLIPS), effective=True)
        assert len(found["scene"].groups) == 16 * 2  # of objects 1 and 2
        still = [replace(c, without={4: replace(c.without[4], labels=c.labels)}) for c in CLIPS]
        model, rng = RemovalModel(Oracle(still), Oracle(still)), np.random.default_rng(0)
        with pytest.raises(ValueError, match="whose removal changes another"):
            removal_features(still, model, [], removals=1, effective=True, generator=rng)

    def test_draws_repeat_and_are_bounded(self) -> None:
        one, two = (taken(Oracle(CLIPS), removals=2)["scene"] for _ in range(2))
        assert len(one.groups) == 32
        assert np.array_equal(one.values[HIDDEN], two.values[HIDDEN])
        with pytest.raises(ValueError, match="At least 1 removal"):
            taken(Oracle(CLIPS), removals=0)


def features(seed: int = 0, rows: int = 400) -> tuple[RemovalFeatures, np.ndarray]:
    """The oracle's features hold the answer, all others are noise."""
    rng = np.random.default_rng(seed)
    height = rng.random(rows)
    values = {name: rng.normal(size=(rows, 3)) for name in (PLAIN, SCENE, ORACLE, f"{UNTRAINED} 0")}
    values[f"{UNTRAINED} 1"] = rng.normal(size=(rows, 3))
    values[ORACLE][:, 0] = height
    answers = {"object_end_height": height, "object_moves": np.where(height > 0.6, 1.0, 0.0)}
    answers["object_moves"][::7] = np.nan
    groups = np.array([f"g{row // 4}" for row in range(rows)])
    return RemovalFeatures(values, answers, groups), np.arange(rows) >= rows // 2


class TestProbes:
    def test_who_knows_is_right_and_the_rest_is_at_chance(self) -> None:
        results, undefined = probe_level(*features(), SETTINGS)
        assert not undefined
        by_name = {result.question: result for result in results}
        assert by_name["object_end_height"].score(ORACLE).interval.estimate > 0.999
        assert by_name["object_moves"].score(ORACLE).interval.estimate > 0.999
        for name in (PLAIN, SCENE, UNTRAINED, MAJORITY):
            assert abs(by_name["object_moves"].score(name).interval.estimate - 0.5) < 0.15
            assert by_name["object_end_height"].score(name).interval.estimate < 0.1
        gain = by_name["object_moves"].score(ORACLE).gain
        assert gain is not None
        assert gain.low > 0.2
        assert by_name["object_moves"].score(PLAIN).gain is None
        known = ~np.isnan(features()[0].answers["object_moves"])
        assert by_name["object_moves"].test_rows == known[200:].sum()
        assert by_name["object_moves"].train_rows == known[:200].sum()

    def test_constant_answers_are_named_and_left_out(self) -> None:
        found, test = features()
        found.answers["object_moves"][:] = 1.0
        results, undefined = probe_level(found, test, SETTINGS)
        assert [result.question for result in results] == ["object_end_height"]
        assert "have the value 1" in undefined[0].reason

    def test_scenes_on_both_sides_are_refused(self) -> None:
        found, _ = features()
        with pytest.raises(ValueError, match="must not share groups"):
            probe_level(found, np.arange(400) % 2 == 0, SETTINGS)

    def test_a_gain_is_the_difference_of_scores(self) -> None:
        rng = np.random.default_rng(0)
        truth = (rng.random(60) < 0.5).astype(float)
        said = {
            name: [Prediction(truth * weight + rng.normal(size=60), 1.0, at_edge=False)]
            for name, weight in ((PLAIN, 1.0), (SCENE, 2.0))
        }
        draws = Resampling.of_items(60, draws=200, rng=np.random.default_rng(0))
        found = question_result("object_moves", said, truth, draws, (60, 60), SETTINGS)
        gain = found.score(SCENE).gain
        assert gain is not None
        difference = found.score(SCENE).interval.estimate - found.score(PLAIN).interval.estimate
        assert gain.estimate == pytest.approx(difference)
        with pytest.raises(KeyError):
            found.score(ORACLE)


class TestFiles:
    def test_tables_and_files(self, tmp_path: Path) -> None:
        results, undefined = probe_level(*features(), SETTINGS)
        result = InterventionResult(tuple(results), tuple(undefined), {"run": "r"}, SETTINGS)
        files = result.write(tmp_path / "out")
        assert len(json.loads(files[0].read_text())["questions"]) == 2
        oracle = result.question("object_moves").score(ORACLE).interval
        assert f"{oracle} *" in files[1].read_text()
        assert files[2].read_bytes().startswith(b"\x89PNG")
        told = io.StringIO()
        print_interventions(result, Console(file=told, width=200))
        assert f"{oracle.estimate:.3f}" in told.getvalue()

    def test_nothing_scored_has_no_figure(self, tmp_path: Path) -> None:
        found, test = features()
        for name in found.answers:
            found.answers[name][:] = 1.0
        results, undefined = probe_level(found, test, SETTINGS)
        result = InterventionResult(tuple(results), tuple(undefined), {}, SETTINGS)
        assert [f.suffix for f in result.write(tmp_path)] == [".json", ".md"]
        assert "not scored: `object_moves`" in result.to_markdown()
        with pytest.raises(KeyError):
            result.question("object_moves")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("scenes"))
    layouts, job = ["stack", "shelf", "ramp"], Job(shard_items=8)
    scenes(
        folder,
        layouts=layouts,
        clips=10,
        val_clips=8,
        frames=4,
        rate=2.0,
        size=32,
        counterfactuals="all",
        job=job,
    )
    return folder


class TestRun:
    def test_from_a_run_folder(self, data: str, tmp_path: Path) -> None:
        write_run(tmp_path / "tiny", MODEL)
        result = RunInterventions(
            tmp_path / "tiny",
            data,
            options=InterventionOptions(removals=2),
            settings=ProbeSettings(seeds=1, draws=20),
        ).measure()
        words = ["--seeds", "1", "--draws", "20", "--removals", "2", "--out", str(tmp_path / "out")]
        evaluate.main(["interventions", str(tmp_path / "tiny"), "--data", data, *words])
        names = sorted(path.suffix for path in (tmp_path / "out").iterdir())
        assert names == ["", ".json", ".md", ".png"]
        question = result.question("object_end_height")
        assert question.items is not None
        assert question.items.mean == pytest.approx(question.score(SCENE).interval.estimate)
        kept = ItemScores.read(tmp_path / "out/scores/interventions_object_end_height.json")
        assert len(kept.items) == question.test_rows
        assert "/row " in kept.items[0]
        assert {s.features for s in question.scores} == {
            PLAIN, TOLD, SCENE, UNTRAINED, ORACLE, MAJORITY,
        }  # fmt: skip
        assert question.test_groups == 8
        assert result.source["removals"].startswith("20 of split 'train' to learn from, 16 of")

    def test_refusals(self, data: str, tmp_path: Path) -> None:
        write_run(tmp_path / "world", dynamics())
        with pytest.raises(ValueError, match="Dynamics, which does not predict"):
            RunInterventions(
                tmp_path / "world", data, options=InterventionOptions(), settings=ProbeSettings()
            ).measure()
        write_run(tmp_path / "tiny", MODEL)
        plain = str(tmp_path / "plain")
        scenes(plain, clips=2, val_clips=2, frames=4, size=32, job=Job(shard_items=4))
        with pytest.raises(ValueError, match="--counterfactuals all"):
            RunInterventions(
                tmp_path / "tiny", plain, options=InterventionOptions(), settings=ProbeSettings()
            ).measure()
        with pytest.raises(ValueError, match="must not share groups"):
            RunInterventions(
                tmp_path / "tiny",
                data,
                options=InterventionOptions(train_split="val"),
                settings=ProbeSettings(seeds=1, draws=5),
            ).measure()
