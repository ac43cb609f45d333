"""Causal fidelity: models that know, models that guess, slow versions, and a run on real shards."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from removal_scenes import OBJECTS, REQUEST, Guesser, Oracle, scene
from rich.console import Console
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score
from tiny_dynamics import dynamics, write_run

import evaluate
from data_prep.job import Job
from data_prep.simulated.scenes import scenes
from jepakit.data.coverage import coverage_of
from jepakit.evals.item_scores import ItemScores
from jepakit.evals.rank_correlation import spearman
from jepakit.evals.removals.causal_fidelity import FidelityOptions, RunFidelity
from jepakit.evals.removals.fidelity_pairs import (
    CHANGE,
    DESCENDANTS,
    FidelityPairs,
    auroc_within,
    collect_pairs,
)
from jepakit.evals.removals.fidelity_result import (
    CORRELATION,
    TRAINED,
    TRUE_CHANGE,
    UNTRAINED,
    FidelityResult,
    print_fidelity,
)
from jepakit.evals.removals.object_scores import (
    attention_scores,
    change_scores,
    gradient_scores,
    motion,
    nearness,
    residual_scores,
    size,
)
from jepakit.evals.removals.removal_clips import RemovalClip, RemovalClips
from jepakit.evals.removals.removal_truth import CausalTruth, visible_change
from jepakit.nn.attention_maps import mean_attention
from jepakit.nn.vit import VisionTransformer

MODEL = {
    "class_path": "cjepa.CausalJEPA",
    "init_args": {
        "encoder": {"width": 24, "depth": 2, "heads": 2, "frames": 4, "size": 32, "patch": 8},
        "masker": "jepakit.masks.ObjectMasker",
        "predictor": {
            "class_path": "cjepa.Predictor",
            "init_args": {"width": 16, "depth": 1, "heads": 2},
        },
    },
}


@pytest.fixture(scope="module")
def clips() -> list[RemovalClip]:
    return [scene(seed) for seed in range(30)]


def pairs_of(model: Oracle, clips: Sequence[RemovalClip], **scorers: Any) -> FidelityPairs:
    found = {TRAINED: partial(residual_scores, model), TRUE_CHANGE: partial(change_scores, model)}
    return collect_pairs(clips, found | scorers)


def result_of(model: Oracle, clips: Sequence[RemovalClip]) -> FidelityResult:
    return FidelityResult.of(pairs_of(model, clips), {}, draws=200)


class TestAuroc:
    def test_a_model_that_knows_finds_all_that_changes(self, clips: list[RemovalClip]) -> None:
        found = result_of(Oracle(clips), clips)
        for way in ("pooled", "within"):
            interval = found.value(TRAINED, f"{CHANGE}, {way}").interval
            assert (interval.low, interval.estimate, interval.high) == (1, 1, 1)

    def test_a_model_that_guesses_is_at_chance(self, clips: list[RemovalClip]) -> None:
        for metric in (f"{CHANGE}, pooled", f"{CHANGE}, within", f"{DESCENDANTS}, pooled"):
            interval = result_of(Guesser(clips), clips).value(TRAINED, metric).interval
            assert interval.low < 0.5 < interval.high
            assert abs(interval.estimate - 0.5) < 0.15

    def test_the_scale_of_residuals_does_not_matter(self, clips: list[RemovalClip]) -> None:
        one, other = (result_of(Oracle(clips, scale=s), clips) for s in (1.0, 0.5))
        assert [v.interval for v in one.values] == [v.interval for v in other.values]

    def test_pooled_and_within_against_loops(self) -> None:
        rng = np.random.default_rng(0)
        removals = np.repeat(np.arange(12), rng.integers(3, 9, 12))
        truth, score = rng.random(len(removals)) < 0.4, rng.integers(0, 6, len(removals)) / 1.0
        truth[removals == 0] = False  # a removal that reaches nothing is no ranking
        known = [r for r in range(12) if 0 < truth[removals == r].mean() < 1]
        each = [roc_auc_score(truth[removals == r], score[removals == r]) for r in known]
        often = rng.integers(1, 4, 12)
        counts = np.stack([np.ones(len(removals)), often[removals]])
        found = auroc_within(truth, score, removals)(counts)
        assert len(known) > 8
        assert found[0] == pytest.approx(np.mean(each))
        assert found[1] == pytest.approx(np.average(each, weights=often[known]))

    def test_removals_of_other_scale_count_alike_within(self) -> None:
        rng = np.random.default_rng(1)
        removals, truth = np.repeat(np.arange(9), 4), rng.random(36) < 0.5
        score = rng.random(36)
        one, other = (
            auroc_within(truth, s, removals)(np.ones((1, 36)))
            for s in (score, score * (1 + removals))
        )
        assert one == pytest.approx(other)


class TestSpearman:
    def test_against_scipy_with_ties_and_repeats(self) -> None:
        rng = np.random.default_rng(0)
        x, y = rng.integers(0, 5, 40).astype(float), rng.integers(0, 7, 40).astype(float)
        counts = rng.integers(0, 4, (5, 40)).astype(float)
        found = spearman(x, y)(counts)
        for row, value in zip(counts.astype(int), found, strict=True):
            slow = spearmanr(np.repeat(x, row), np.repeat(y, row)).statistic
            assert value == pytest.approx(slow)

    def test_undefined_and_refused(self) -> None:
        assert np.isnan(spearman(np.ones(3), np.arange(3.0))(np.ones((1, 3)))[0])
        with pytest.raises(ValueError, match="needs finite pairs"):
            spearman(np.array([1.0, np.nan]), np.array([1.0, 2.0]))


class TestScores:
    def test_residuals_and_changes_against_loops(self, clips: list[RemovalClip]) -> None:
        clip, model = clips[3], Oracle(clips)
        frames = torch.from_numpy(clip.frames).unsqueeze(0)
        for row, removed in enumerate((1, 2, 4)):
            predicted = residual_scores(model, clip, [1, 2, 4])[row]
            true = change_scores(model, clip, [1, 2, 4])[row]
            answer = model.intervene(frames, torch.from_numpy(clip.coverage)[None], [[removed]])
            other = torch.from_numpy(clip.without[removed].frames).unsqueeze(0)
            change = (model.encode(frames) - model.encode(other))[0].norm(dim=-1)
            residual = answer.residual[0].norm(dim=-1)
            for j in range(OBJECTS):
                weights = [
                    float(c) * (clip.tokens[removed - 1][n] == 0)
                    for n, c in enumerate(clip.tokens[j])
                ]
                for found, slow in ((predicted, residual), (true, change)):
                    if not sum(weights):
                        assert np.isnan(found[j])
                        continue
                    total = sum(w * float(slow[n]) for n, w in enumerate(weights))
                    assert found[j] == pytest.approx(total / sum(weights), rel=1e-5)

    def test_attention_against_a_head_by_head_version(self) -> None:
        torch.manual_seed(0)
        vit = VisionTransformer(8, depth=2, heads=2, frames=4, size=16, patch=4, tubelet=2).eval()
        clip = scene(0)
        frames = torch.from_numpy(clip.frames).unsqueeze(0)
        maps = mean_attention(vit, frames)
        assert (maps.sum(dim=-1) - 1).abs().max() < 1e-5
        x = vit(frames, capture=("embed",)).captured["embed"]
        total = torch.zeros(vit.tokens, vit.tokens)
        for block in vit.blocks:
            qkv = block.qkv(block.norm1(x))
            for head in range(2):
                q, k = qkv[:, 4 * head : 4 * head + 4], qkv[:, 8 + 4 * head : 12 + 4 * head]
                total += torch.softmax(q @ k.T / 2, dim=-1) / 4
            x = block(x, vit(frames).packing)
        assert (maps[0] - total).abs().max() < 1e-5
        scores = attention_scores(vit, clip, [2])[0]
        weights = clip.tokens[2] * (clip.tokens[1] == 0.0)
        received = maps[0].detach().numpy() @ (clip.tokens[1] / 255)
        assert scores[2] == pytest.approx((weights * received).sum() / weights.sum(), rel=1e-4)

    def test_gradient_of_an_encoder_without_attention_is_zero_across(self) -> None:
        torch.manual_seed(0)
        vit = VisionTransformer(8, depth=1, heads=2, frames=4, size=16, patch=4, tubelet=2)
        draws = torch.Generator().manual_seed(0)
        clip = scene(0)
        assert (gradient_scores(vit, clip, [1], generator=draws)[0, 1:] > 0).all()
        torch.nn.init.zeros_(vit.blocks[0].proj.weight)
        apart = (clip.tokens[0] > 0) & (clip.tokens[1:] > 0)
        alone = ~apart.any(axis=1)
        assert alone.any()
        assert (gradient_scores(vit, clip, [1], generator=draws)[0, 1:][alone] == 0).all()

    def test_gradient_estimates_the_norm_of_the_jacobian(self) -> None:
        torch.manual_seed(0)
        vit = VisionTransformer(8, depth=1, heads=2, frames=4, size=16, patch=4, tubelet=2)
        torch.nn.init.normal_(vit.blocks[0].qkv.weight)
        clip, draws = scene(0), torch.Generator().manual_seed(0)
        found = gradient_scores(vit, clip, [1], generator=draws, probes=400)[0, 2]
        base = vit(torch.from_numpy(clip.frames)[None], capture=("embed",)).captured["embed"]
        weights = torch.from_numpy(clip.tokens[2]).float()

        def mean(x: torch.Tensor) -> torch.Tensor:
            y = vit.norm(vit.blocks[0](x, vit(torch.from_numpy(clip.frames)[None]).packing))
            return weights / weights.sum() @ y

        jacobian = torch.autograd.functional.jacobian(mean, base)
        exact = jacobian[:, torch.from_numpy(clip.tokens[0] > 0)].norm()
        assert found == pytest.approx(float(exact), rel=0.15)

    def test_what_knows_no_model(self) -> None:
        clip = scene(0)
        flat = replace(clip, labels=np.zeros_like(clip.labels))
        flat.labels[:, 2:4, 0:2] = 1
        flat.labels[:, 2:4, 2:4] = 2  # side by side
        flat.labels[0, 2, 10] = 3  # nearer later
        flat.labels[1:, 2, 7] = 3
        gaps = -nearness(flat, [1])[0]
        assert gaps.tolist() == [0, 1, 6, 32]
        assert size(flat, [1, 2])[1].tolist() == [4, 4, 1, 0]
        assert motion(flat, [2])[0] == pytest.approx([0, 0, 1 / 3, 0])


class TestTruth:
    def test_contacts_in_time_and_their_closure(self, clips: list[RemovalClip]) -> None:
        truth = CausalTruth(clips[0])
        assert not truth.complete
        assert truth.reached(1) == {2, 3}
        assert truth.reached(3) == {2}  # 1 and 2 touched before
        assert truth.reached(4) == set()
        early = CausalTruth(replace(clips[0], steps=4))
        assert early.reached(1) == {2}
        assert CausalTruth(scene(0, contacts=False)).reached(1) is None

    def test_what_static_objects_are_told(self, clips: list[RemovalClip]) -> None:
        fixed = replace(clips[0], movable=np.array([True, False, True, True]))
        assert CausalTruth(fixed).reached(1) == set()

    def test_uncovered_pixels_are_no_change(self) -> None:
        clip = scene(0)
        before, after = np.zeros((4, 16, 16), np.uint8), np.zeros((4, 16, 16), np.uint8)
        before[:, 0:4, 0:4], after[:, 0:4, 0:8] = 1, 2
        before[:, 0:4, 4:8] = 2  # 1 stood in front of 2
        before[:, 8:10, 0:4] = 3
        after[:, 9:11, 0:4] = 3  # moved by half
        other = replace(clip.without[1], labels=after)
        change = visible_change(replace(clip, labels=before, without={1: other}), 1)
        assert change == pytest.approx([0, 0, 2 / 3, 0])

    def test_without_a_log_only_the_change_is_told(self, clips: list[RemovalClip]) -> None:
        silent = [replace(clip, contacts=None) for clip in clips]
        found = pairs_of(Oracle(clips), silent)
        assert list(found.truth) == [CHANGE]
        result = FidelityResult.of(found, {}, draws=20)
        assert result.source["descendants told by"].startswith("nothing")

    def test_nothing_to_rank_is_refused(self, clips: list[RemovalClip]) -> None:
        same = [
            replace(c, without={4: replace(c.without[4], labels=c.labels)}, contacts=None)
            for c in clips
        ]
        with pytest.raises(ValueError, match="'visible change' is False for all 9"):
            FidelityResult.of(pairs_of(Oracle(clips), same), {}, draws=20)
        with pytest.raises(ValueError, match="No pair of objects"):
            FidelityResult.of(pairs_of(Oracle(clips), []), {}, draws=20)

    def test_hidden_others_are_left_out_and_counted(self, clips: list[RemovalClip]) -> None:
        clip = clips[0]
        labels = clip.labels.copy()
        labels[labels == 2] = 0
        inside = np.argwhere(labels[0] == 1)[0]
        labels[:, inside[0], inside[1]] = 2  # within the tokens of object 1
        cut = replace(clip, labels=labels, coverage=coverage_of(labels, 4, patch=4, tubelet=2))
        found = collect_pairs([cut], {"size": size})
        assert found.left_out == 1
        assert len(found) == 11

    def test_a_score_without_an_answer_is_refused(self, clips: list[RemovalClip]) -> None:
        def broken(clip: RemovalClip, removed: Sequence[int]) -> np.ndarray:
            return np.full((len(removed), len(clip.coverage)), np.nan)

        with pytest.raises(
            ValueError, match="'clip-0' without object 1: the scores \\['broken'\\]"
        ):
            collect_pairs(clips, {"broken": broken})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("scenes"))
    options = {"layouts": ["stack", "hammock"], "frames": 4, "rate": 2.0, "size": 32}
    scenes(folder, clips=2, val_clips=4, counterfactuals="all", job=Job(shard_items=4), **options)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    write_run(folder, MODEL)
    return folder


class TestRun:
    def test_values_files_and_table(self, run: Path, data: str, tmp_path: Path) -> None:
        result = RunFidelity(run, data, options=FidelityOptions(seeds=2, draws=50)).measure()
        assert result.source["descendants told by"] == "joints and both contact logs"
        assert len(result.scorers) == 8
        own = result.value(TRAINED, f"{DESCENDANTS}, pooled").interval
        twin = result.value(UNTRAINED, f"{DESCENDANTS}, pooled")
        assert twin.behind is not None
        assert twin.behind.estimate == pytest.approx(own.estimate - twin.interval.estimate)
        with pytest.raises(KeyError):
            result.value(TRUE_CHANGE, CORRELATION)
        files = result.write(tmp_path / "out")
        assert len(json.loads(files[0].read_text())["values"]) == 8 * 5 - 1
        assert f"{own}" in files[1].read_text()
        assert files[2].read_bytes().startswith(b"\x89PNG")
        told = io.StringIO()
        print_fidelity(result, Console(file=told, width=200))
        assert f"{own.estimate:.3f}" in told.getvalue()

    def test_by_command(
        self, run: Path, data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = ["fidelity", str(run), "--data", data, "--seeds", "1", "--draws", "20"]
        evaluate.main([*words, "--out", str(tmp_path)])
        assert "Causal fidelity" in capsys.readouterr().out
        names = sorted(path.name for path in tmp_path.iterdir())
        assert names == ["fidelity.json", "fidelity.md", "fidelity.png", "scores"]
        content = json.loads((tmp_path / "fidelity.json").read_text())
        within = {
            v["metric"]: v["interval"]["estimate"]
            for v in content["values"]
            if v["scorer"] == TRAINED
        }
        for name, truth in (("fidelity", DESCENDANTS), ("fidelity_change", CHANGE)):
            scores = ItemScores.read(tmp_path / "scores" / f"{name}.json")
            assert scores.mean == pytest.approx(within[f"{truth}, within"], abs=1e-12)
        with pytest.raises(SystemExit, match=r"evaluate\.py fidelity: .*no run folder"):
            evaluate.main(["fidelity", str(tmp_path / "none"), "--data", data])

    def test_movable_candidates_are_fewer(self, run: Path, data: str) -> None:
        every, some = (
            RunFidelity(
                run, data, options=FidelityOptions(seeds=1, draws=20, candidates=c)
            ).measure()
            for c in ("all", "movable")
        )
        count = [int(r.source["pairs"].split()[0]) for r in (every, some)]
        assert count[1] < count[0]

    def test_joints_and_second_contacts_explain_every_change(self, data: str) -> None:
        """Not so with stored contacts alone: a hammock hangs together by joints."""
        unexplained = {True: 0, False: 0}
        for clip in RemovalClips(data, replace(REQUEST, size=(32, 32)), split="val"):
            for known, one in ((True, clip), (False, replace(clip, states=None))):
                truth = CausalTruth(one)
                for i in clip.removable:
                    moved = np.flatnonzero(visible_change(clip, i) > 0.3) + 1
                    unexplained[known] += len(set(moved.tolist()) - (truth.reached(i) or set()))
        assert unexplained[True] == 0
        assert unexplained[False] > 0

    def test_a_scene_that_moves_otherwise_is_refused(self, data: str) -> None:
        clip = next(iter(RemovalClips(data, replace(REQUEST, size=(32, 32)), split="val")))
        assert clip.states is not None
        with pytest.raises(ValueError, match="does not move as scene"):
            CausalTruth(replace(clip, states=clip.states + 1))

    def test_refusals(self, run: Path, data: str, tmp_path: Path) -> None:
        plain = str(tmp_path / "plain")
        scenes(plain, clips=2, val_clips=2, frames=4, size=32, job=Job(shard_items=4))
        with pytest.raises(ValueError, match="--counterfactuals all"):
            RunFidelity(run, plain, options=FidelityOptions()).measure()
        write_run(tmp_path / "world", dynamics())
        with pytest.raises(ValueError, match="Dynamics, which does not predict"):
            RunFidelity(tmp_path / "world", data, options=FidelityOptions()).measure()
        with pytest.raises(FileNotFoundError, match="no run folder"):
            RunFidelity(tmp_path / "none", data, options=FidelityOptions()).measure()
