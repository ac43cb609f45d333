"""The page, table, files and pictures of an evaluation of planning."""

from __future__ import annotations

import io
import json
import math
import re
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from jepakit.evals.figures.planning import (
    distance_curves,
    energy_landscape,
    imagined_strip,
    success_curves,
)
from jepakit.evals.figures.style import to_png
from jepakit.evals.planning.episode_reel import BORDER, SIDE, episode_clip, tiled_episodes
from jepakit.evals.planning.planning_report import planning_page, write_planning
from jepakit.evals.planning.planning_table import (
    finite,
    planning_rows,
    print_planning,
    solved_shares,
)
from jepakit.planning_pictures import Imagined, Landscape, Pictures, Reel

GREEN, ORANGE = (0, 158, 115), (213, 94, 0)


def frames(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)


def agent(name: str, steps: list[int | None], **other: Any) -> dict[str, Any]:
    """Took so many steps for each task; None did not solve it in 6."""
    solved = sum(step is not None for step in steps)
    return {
        "agent": name,
        "successes": solved,
        "episodes": len(steps),
        "success_rate": solved / len(steps),
        "wilson_95": [0.1, 0.7],
        "ms_per_step": 1.25,
        "failed_environments": [],
        "per_episode": [
            {"task": f"t{n}", "success": s is not None, "steps": 6 if s is None else s}
            for n, s in enumerate(steps)
        ],
    } | other


@pytest.fixture
def facts() -> dict[str, Any]:
    options = {
        "run": "runs/world",
        "cloning": None,
        "environment": "push",
        "goal_steps": 4,
        "episodes": 4,
        "max_steps": 6,
        "solver": "cem",
        "horizon": 3,
        "samples": 10,
        "iterations": 2,
        "distance": "l2",
        "when": "last",
        "context": 1,
        "execute": 2,
        "budget_ms": None,
    }
    failed = [{"task": "t1", "error": "RuntimeError: <b>no</b>"}]
    return {
        "options": options,
        "agents": [
            agent("planning", [2, 3, None, 5]),
            agent(
                "random",
                [None] * 4,
                mcnemar_p=0.00001,
                disjoint=True,
                failed_environments=failed,
            ),
        ],
        "seed": 7,
        "tasks_sha256": "a" * 64,
        "environment_sha256": "b" * 64,
        "data_fingerprint": None,
        "device": "cpu",
        "threads": 1,
        "versions": {"torch": "2"},
    }


def landscape(steps: int) -> Landscape:
    x, y = np.linspace(-1, 1, 21), np.linspace(-2, 2, 21)
    distance = np.abs(x[None] - 0.5) + np.abs(y[:, None] + 1.2)
    return Landscape(("vx", "vy"), x, y, distance, steps, (0.55, -1.2), frames(1)[0], frames(1)[0])


def plan(*, nearest: bool = True, real: int = 5) -> Imagined:
    return Imagined(
        "t0",
        frames(1)[0],
        frames(real),
        frames(5, 1) if nearest else None,
        np.linspace(1.0, 0.2, real),
        np.linspace(1.0, 0.1, 5),
    )


@pytest.fixture
def pictures() -> Pictures:
    reels = (
        Reel("planning", "t0", True, frames(3), frames(1, 1)[0]),
        Reel("planning", "t1", False, frames(7), frames(1, 2)[0]),
        Reel("oracle", "t0", True, frames(2), frames(1, 1)[0]),
    )
    plans = (plan(), plan(real=3))
    return Pictures(reels, plans, "70 random states of push", "l2", (landscape(1), landscape(3)))


class TestTable:
    def test_rows(self, facts: dict[str, Any]) -> None:
        planning, random = planning_rows(facts)
        assert planning == ["planning", "75.0 %\n[10.0, 70.0]", "3.3", "1.25", "", "0"]
        assert random == ["random", "0.0 %\n[10.0, 70.0]", "", "1.25", "p < 0.0001\ndisjoint", "1"]

    def test_the_terminal(self, facts: dict[str, Any]) -> None:
        told = io.StringIO()
        print_planning(facts, Console(file=told, width=80))
        text = told.getvalue()
        assert "push: 4 tasks, at most 6 steps" in text
        assert "[10.0, 70.0]" in text
        assert "Environment failed: random, t1: RuntimeError: <b>no</b>" in text

    def test_solved_shares_are_wilsons(self) -> None:
        share, low, high = solved_shares(agent("a", [0, 3, None, 5]), 6)
        assert share.tolist() == [0.25, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75]
        z, n = 1.959963984540054, 4
        for p, below, above in zip(share, low, high, strict=True):
            middle = (p + z * z / (2 * n)) / (1 + z * z / n)
            half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
            assert (below, above) == pytest.approx((middle - half, middle + half))

    def test_numbers_that_json_does_not_know(self) -> None:
        given = {"a": [math.nan, (1.5, -math.inf)], "b": {"c": 2, "d": "x"}}
        assert finite(given) == {"a": [None, [1.5, None]], "b": {"c": 2, "d": "x"}}


class TestReel:
    def test_an_episode_is_framed_once_it_is_over(self) -> None:
        reel = Reel("planning", "t0", True, frames(3), frames(1, 1)[0])
        clip = episode_clip(reel, length=5)
        side = SIDE + 2 * BORDER
        assert clip.shape == (5, side, 2 * side, 3)
        assert [tuple(frame[0, 0]) == GREEN for frame in clip] == [False, False, True, True, True]
        inside = clip[:, BORDER : BORDER + SIDE, BORDER : BORDER + SIDE]
        for time, frame in enumerate(inside):
            assert np.array_equal(frame[::8, ::8], reel.frames[min(time, 2)])
        goal = clip[:, BORDER : BORDER + SIDE, side + BORDER : side + BORDER + SIDE]
        assert all(np.array_equal(frame[::8, ::8], reel.goal) for frame in goal)

    def test_one_that_was_not_solved(self) -> None:
        clip = episode_clip(Reel("a", "t", False, frames(3), frames(1)[0]), length=3)
        assert tuple(clip[-1, 0, 0]) == ORANGE

    def test_tiles(self, pictures: Pictures) -> None:
        tiled = tiled_episodes(pictures.reels)
        assert len(tiled) == 7
        assert tiled.shape[1] % 2 == tiled.shape[2] % 2 == 0
        with pytest.raises(ValueError, match="No episodes"):
            tiled_episodes([])


class TestFiles:
    def test_all_of_them(self, facts: dict[str, Any], pictures: Pictures, tmp_path: Path) -> None:
        facts["agents"][0]["per_episode"][0]["position_m"] = math.nan
        files = write_planning(tmp_path, facts, pictures)
        names = ["results.json", "report.html", "episodes.gif", "episodes.mp4"]
        assert [file.name for file in files] == names

        def refuse(name: str) -> None:
            raise AssertionError(name)

        content = json.loads(files[0].read_text(), parse_constant=refuse)
        assert content["agents"][0]["per_episode"][0]["position_m"] is None
        assert content["agents"][1]["wilson_95"] == [0.1, 0.7]
        tiled = tiled_episodes(pictures.reels)
        with Image.open(files[2]) as gif:
            assert (gif.n_frames, gif.size) == (7, tiled.shape[2:0:-1])
        with av.open(str(files[3])) as container:
            decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert len(decoded) == 7
        assert np.abs(decoded[0].astype(float) - tiled[0]).mean() < 25  # noise, at half its colour

    def test_without_frames(self, facts: dict[str, Any], tmp_path: Path) -> None:
        files = write_planning(tmp_path, facts, Pictures())
        assert [file.name for file in files] == ["results.json", "report.html"]


class TestPage:
    def test_sections_and_what_they_say(self, facts: dict[str, Any], pictures: Pictures) -> None:
        page = planning_page(facts, pictures)
        titles = re.findall(r"<h2>(.*?)</h2>", page)
        assert titles == [
            "What was planned",
            "How often the goal was reached",
            "Episodes",
            "Imagined against real",
            "Energy landscape",
            "The recipe",
        ]
        assert "solved 3 of 4 tasks, 75.0 % (95 % interval 10.0 % to 70.0 %)" in page
        assert "&lt;b&gt;no&lt;/b&gt;" in page
        assert "tasks aaaaaaaaaaaa; environment code bbbbbbbbbbbb; training data not known" in page
        assert "70 random states of push" in page
        assert "1 step: lowest at (+0.50, -1.20), done was (+0.55, -1.20), 0.05 apart" in page
        assert "planning, t1: not solved in 6 steps" in page
        assert not re.search(r'(src|href)="(?!data:|#)', page)

    def test_an_environment_that_offers_little(self, facts: dict[str, Any]) -> None:
        page = planning_page(facts, Pictures())
        assert "Energy landscape" not in page
        assert "Imagined against real" not in page
        page = planning_page(facts, Pictures(imagined=(plan(nearest=False),)))
        assert "Latents cannot be seen, their distance to the goal can." in page


class TestFigures:
    def test_they_are_drawn_in_both_editions(
        self, facts: dict[str, Any], pictures: Pictures
    ) -> None:
        shares = {a["agent"]: solved_shares(a, 6) for a in facts["agents"]}
        for drawing in (
            success_curves(shares),
            imagined_strip(plan()),
            imagined_strip(plan(nearest=False, real=2)),
            distance_curves(pictures.imagined, kind="mean"),
            energy_landscape(pictures.landscapes),
        ):
            light, dark = (to_png(drawing, theme=theme, dpi=40) for theme in ("light", "dark"))
            assert light != dark

    def test_the_marks_of_a_landscape(self) -> None:
        one = landscape(1)
        assert one.lowest == pytest.approx((0.5, -1.2))
        axes = energy_landscape([one]).axes[2]
        marks = {str(line.get_label()): line.get_xydata()[0] for line in axes.lines}
        assert marks["action that was done"] == pytest.approx((0.55, -1.2))
        assert marks["lowest imagined distance"] == pytest.approx((0.5, -1.2))
        (image,) = axes.images
        assert image.get_extent() == pytest.approx((-1.05, 1.05, -2.1, 2.1))
        assert image.origin == "lower"

    def test_the_curves(self) -> None:
        share = solved_shares(agent("a", [0, 3, None, 5]), 6)
        (axes,) = success_curves({"a": share}).axes
        line = axes.lines[0].get_ydata()
        assert line[:-1] == pytest.approx(100 * share[0])
        assert line[-1] == line[-2]
        assert axes.get_xlim() == (0, 6.5)  # half of the last step, which has a value, is seen

    @pytest.mark.parametrize(
        "draw",
        [
            lambda: success_curves({}),
            lambda: distance_curves((), kind="l1"),
            lambda: energy_landscape(()),
        ],
    )
    def test_nothing_to_draw(self, draw: Any) -> None:
        with pytest.raises(ValueError, match="No "):
            draw()
