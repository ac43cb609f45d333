"""``plan.py`` as a user runs it, on an untrained run: files, refusals, and what can go wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tiny_dynamics import cloning, dynamics, write_run

import plan
from jepakit.planning.environments import suite as suites
from jepakit.planning.environments.push import PushSuite
from jepakit.planning.results import Rate

SMALL = [
    *["--episodes", "3", "--max_steps", "4", "--goal_steps", "4", "--horizon", "3"],
    *["--samples", "6", "--iterations", "2", "--execute", "2", "--device", "cpu"],
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "world"
    write_run(folder, dynamics())
    return folder


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "policy"
    write_run(folder, cloning())
    return folder


@pytest.fixture(autouse=True)
def _few_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bank of the pictures has 2,000 frames otherwise."""
    real = PushSuite.sample_frames
    monkeypatch.setattr(PushSuite, "sample_frames", lambda self, _, seed: real(self, 8, seed))


def planned(run: Path, out: Path, *words: str) -> dict[str, Any]:
    plan.main(["--run", str(run), "--out", str(out), *SMALL, *words])
    return json.loads((out / "results.json").read_text())


def without_times(results: dict[str, Any]) -> dict[str, Any]:
    for agent in results["agents"]:
        del agent["ms_per_step"]
    return results


class TestFiles:
    def test_all_agents_and_the_files(
        self, run: Path, policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = ["--controls", "[random,zero,cloning,oracle]", "--cloning", str(policy)]
        words += ["--oracle_samples", "4", "--oracle_iterations", "1", "--shown", "1"]
        results = planned(run, tmp_path, *words)
        names = [agent["agent"] for agent in results["agents"]]
        assert names == ["planning", "random", "zero action", "behaviour cloning", "oracle"]
        for agent in results["agents"]:
            rate = Rate.of(agent["successes"], 3)
            assert agent["wilson_95"] == [rate.low, rate.high]
            assert agent["ms_per_step"] > 0
            assert agent["failed_environments"] == []
            assert [e["task"] for e in agent["per_episode"]] == [f"push-0-000{i}" for i in range(3)]
            assert all(e["position_m"] >= 0 for e in agent["per_episode"])
        assert all(0 < agent["mcnemar_p"] <= 1 for agent in results["agents"][1:])
        assert results["data_fingerprint"] == "f" * 64
        assert results["options"]["samples"] == 6
        files = {file.name for file in tmp_path.iterdir()}
        assert files == {"results.json", "report.html", "episodes.gif", "episodes.mp4"}
        assert "behaviour cloning" in capsys.readouterr().out

    def test_the_same_seed_gives_the_same_results(self, run: Path, tmp_path: Path) -> None:
        words = ["--context", "2", "--solver", "icem", "--distance", "cosine", "--shown", "0"]
        first, second = (
            without_times(planned(run, tmp_path / name, *words)) for name in ("a", "b")
        )
        assert first == second
        other = without_times(planned(run, tmp_path / "c", *words, "--seed", "1"))
        assert other["tasks_sha256"] != first["tasks_sha256"]

    @pytest.mark.parametrize("solver", ["mppi", "gradient", "random"])
    def test_every_solver_plans(self, run: Path, tmp_path: Path, solver: str) -> None:
        words = ["--solver", solver, "--controls", "[]", "--shown", "0", "--episodes", "1"]
        results = planned(run, tmp_path, *words, "--action_penalty", "0.1", "--budget_ms", "50")
        assert results["options"]["solver"] == solver
        assert results["agents"][0]["failed_environments"] == []

    def test_results_lie_in_the_run_folder_by_default(self, run: Path) -> None:
        plan.main(["--run", str(run), *SMALL, "--controls", "[]", "--shown", "0"])
        assert (run / "planning/results.json").exists()

    def test_a_config_file_and_its_overrides(self, run: Path, tmp_path: Path) -> None:
        config = tmp_path / "plan.yaml"
        config.write_text(f"run: {run}\nepisodes: 2\nseed: 5\ncontrols: [zero]\nshown: 0\n")
        words = [*SMALL, "--episodes", "1", "--out", str(tmp_path)]
        plan.main(["--config", str(config), *words])
        results = json.loads((tmp_path / "results.json").read_text())
        assert (results["seed"], results["options"]["episodes"]) == (5, 1)


class Breaking(PushSuite):
    """The second environment breaks at its second step."""

    made = 0

    def make(self) -> Any:
        environment = super().make()
        if Breaking.made % 3 == 1:
            steps = iter([environment.step])

            def step(action: Any) -> Any:
                for real in steps:
                    return real(action)
                raise RuntimeError("the motor is hot")

            environment.step = step  # type: ignore[method-assign]
        Breaking.made += 1
        return environment


def test_an_environment_that_breaks_is_recorded_and_the_others_go_on(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(suites.SUITES, "breaking", f"{__name__}:Breaking")
    words = ["--environment", "breaking", "--controls", "[zero]", "--shown", "0"]
    results = planned(run, tmp_path, *words)
    for agent in results["agents"]:
        (failed,) = agent["failed_environments"]
        assert failed["task"] == "push-0-0001"
        assert failed["error"].startswith("RuntimeError: the motor is hot (test_plan_program.py")
        assert [e["steps"] for e in agent["per_episode"]][1] == 1
        assert all(e["steps"] > 1 for e in agent["per_episode"][::2])


class Closed(PushSuite):
    """An environment that offers nothing beyond its pictures."""

    def true_cost(self, truths: Any) -> Any:
        return suites.Suite.true_cost(self, truths)

    def sample_frames(self, count: int, seed: int) -> Any:
        return suites.Suite.sample_frames(self, count, seed)

    def proprio(self, info: Any) -> Any:
        return info["state"][:2].tolist()

    def measures(self, environment: Any, info: Any) -> dict[str, float]:
        return suites.Suite.measures(self, environment, info)


def test_an_environment_that_offers_little_still_has_a_report(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(suites.SUITES, "closed", f"{__name__}:Closed")
    words = ["--environment", "closed", "--shown", "1"]
    results = planned(run, tmp_path, *words)
    assert set(results["agents"][0]["per_episode"][0]) == {"task", "success", "steps"}
    assert "their distance to the goal can" in (tmp_path / "report.html").read_text()
    with pytest.raises(SystemExit, match="offers no oracle"):
        planned(run, tmp_path, *words, "--controls", "[oracle]")


class TestRefusals:
    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (["--environment", "chess"], "no environment 'chess'; choose from push, gym-pusht"),
            (["--horizon", "8"], "plans 8 steps, the model can imagine 7"),
            (["--horizon", "6", "--context", "3"], "plans 6 steps, the model can imagine 5"),
            (["--execute", "4"], "execute must be 1 to the horizon"),
            (["--controls", "[cloning]"], "needs --cloning"),
            (["--controls", "[cloning]", "--cloning", "nowhere"], "nowhere is no run folder"),
            (["--checkpoint", "best"], "has no best.ckpt"),
            (["--episodes", "0"], "at least 1"),
            (["--samples", "0"], "samples must be at least 1"),
        ],
    )
    def test_what_cannot_be(self, run: Path, tmp_path: Path, words: list[str], told: str) -> None:
        with pytest.raises(SystemExit) as refused:
            planned(run, tmp_path / "out", *words)
        assert told in str(refused.value)
        assert not (tmp_path / "out/results.json").exists()

    def test_a_run_that_is_no_world_model(self, policy: Path, tmp_path: Path) -> None:
        with pytest.raises(SystemExit, match="run of Cloning, which imagines no actions"):
            planned(policy, tmp_path)

    def test_a_policy_that_is_none(self, run: Path, tmp_path: Path) -> None:
        words = ["--controls", "[cloning]", "--cloning", str(run)]
        with pytest.raises(SystemExit, match="run of Dynamics, which is no policy"):
            planned(run, tmp_path, *words)

    def test_no_run(self, tmp_path: Path) -> None:
        with pytest.raises(SystemExit, match="is no run folder"):
            planned(tmp_path / "nowhere", tmp_path)

    def test_an_environment_whose_package_is_missing(
        self, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        module = tmp_path / "wants_more.py"
        module.write_text("import a_package_that_is_missing\n")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setitem(suites.SUITES, "more", "wants_more:Suite")
        with pytest.raises(SystemExit, match=r"needs a_package_that_is_missing.*jepakit\[envs\]"):
            planned(run, tmp_path, "--environment", "more")

    def test_an_unknown_option(self, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            plan.main(["--run", str(run), "--horizn", "3"])
        assert "horizn" in capsys.readouterr().err


class TestWhatIsMadeFirst:
    """Commands are not started here; each ends with ``code``."""

    def calls(self, monkeypatch: pytest.MonkeyPatch, *, code: int = 0) -> list[list[str]]:
        made: list[list[str]] = []

        def start(words: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
            made.append(words)
            return subprocess.CompletedProcess(words, code)

        monkeypatch.setattr(plan.subprocess, "run", start)
        return made

    def test_one_after_the_other(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        made = self.calls(monkeypatch)
        config = tmp_path / "plan.yaml"
        lines = ["data_prep push --out 'a b' --size 32", "train.py --config world.yaml"]
        config.write_text(f"run: {tmp_path}/world\nmake: {json.dumps(lines)}\n")
        with pytest.raises(SystemExit, match="is no run folder"):
            plan.main(["--config", str(config)])
        assert made == [
            [sys.executable, "-m", "data_prep", "push", "--out", "a b", "--size", "32"],
            [sys.executable, "train.py", "--config", "world.yaml"],
        ]

    def test_what_fails_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        made = self.calls(monkeypatch, code=3)
        with pytest.raises(SystemExit, match=r"'train.py --name a' ended with code 3"):
            plan.main(["--run", str(tmp_path), "--make", "[train.py --name a, train.py --name b]"])
        assert len(made) == 1

    def test_other_programs_are_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = self.calls(monkeypatch)
        with pytest.raises(SystemExit, match=r"not 'rm -r /'"):
            plan.main(["--run", str(tmp_path), "--make", "[rm -r /]"])
        assert made == []

    def test_another_folder_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = self.calls(monkeypatch)
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SystemExit, match=r"start plan\.py there"):
            plan.main(["--run", "world", "--make", "[train.py --name a]"])
        assert made == []
