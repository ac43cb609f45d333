"""A page about an evaluation of planning: tasks, success of all agents, episodes, imagination."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from jepakit.counted import counted
from jepakit.evals.figures.forest import ForestPanel, ForestPoint, forest_plot
from jepakit.evals.figures.planning import (
    distance_curves,
    energy_landscape,
    imagined_strip,
    success_curves,
)
from jepakit.evals.pages.report import (
    Animation,
    Facts,
    Figure,
    Part,
    Section,
    Table,
    Text,
    build_report,
)
from jepakit.evals.planning.episode_reel import (
    FPS,
    episode_clip,
    tiled_episodes,
    write_gif,
    write_mp4,
)
from jepakit.evals.planning.planning_table import (
    HEADER,
    NOTE,
    finite,
    planning_rows,
    print_planning,
    solved_shares,
    write_results,
)
from jepakit.planning_pictures import Imagined, Landscape, Pictures, Reel

__all__ = ["planning_page", "print_planning", "write_planning", "write_results"]

HASH = 12  # digits of a hash that are shown
SIDE_BY_SIDE = 2  # episodes


def write_planning(out: Path, facts: dict[str, Any], pictures: Pictures) -> list[Path]:
    """Write results.json, report.html and, where frames were kept, episodes.gif and episodes.mp4.

    Args:
        out: an existing folder.
        facts: of the evaluation.
        pictures: of it.
    """
    files = [write_results(out, facts), out / "report.html"]
    files[1].write_text(planning_page(facts, pictures), encoding="utf-8")
    if pictures.reels:
        tiled = tiled_episodes(pictures.reels)
        files.append(write_gif(out / "episodes.gif", tiled))
        files.append(write_mp4(out / "episodes.mp4", tiled))
    return files


def planning_page(facts: dict[str, Any], pictures: Pictures) -> str:
    """The report as one HTML page; without sections for pictures that there are none of."""
    sections = [
        Section("What was planned", _planned(facts)),
        Section("How often the goal was reached", _success(facts)),
    ]
    if pictures.reels:
        sections.append(Section("Episodes", _episodes(pictures.reels)))
    if pictures.imagined:
        sections.append(Section("Imagined against real", _imagined(pictures)))
    if pictures.landscapes:
        sections.append(Section("Energy landscape", _landscapes(pictures.landscapes)))
    sections.append(Section("The recipe", _recipe(facts)))
    options = facts["options"]
    first = facts["agents"][0]
    low, high = first["wilson_95"]
    return build_report(
        sections,
        title=f"Planning with {Path(options['run']).name}",
        kicker=f"Closed loop in {options['environment']}",
        lede=f"{first['agent'].capitalize()} in imagined latents solved {first['successes']} of "
        f"{first['episodes']} tasks, {first['success_rate']:.1%} (95 % interval {low:.1%} to "
        f"{high:.1%}).".replace("%", " %").replace("  ", " "),
        footer=f"Made by python plan.py, seed {facts['seed']}.",
    )


def _planned(facts: dict[str, Any]) -> list[Part]:
    o = facts["options"]
    calls = o["samples"] * o["iterations"] * o["horizon"]
    values = {
        "environment": o["environment"],
        "tasks": f"{o['episodes']:,}",
        "steps at most": str(o["max_steps"]),
        "steps start to goal": str(o["goal_steps"]),
        "solver": o["solver"],
        "plans x rounds": f"{o['samples']:,} x {o['iterations']}",
        "actions of a plan": str(o["horizon"]),
        "done before the next": str(o["execute"]),
        "imagined steps a plan": f"{calls:,}",
        "distance": f"{o['distance']}, {o['when']}",
        "frames given": str(o["context"]),
        "time for a plan": "no limit" if o["budget_ms"] is None else f"{o['budget_ms']:g} ms",
        "seed": str(facts["seed"]),
        "device": facts["device"],
    }
    hashes = {
        "tasks": facts["tasks_sha256"],
        "environment code": facts["environment_sha256"],
        "training data": facts["data_fingerprint"] or "not known",
    }
    told = "; ".join(f"{name} {value[:HASH]}" for name, value in hashes.items())
    return [
        Text(
            "Every agent starts from the same states and is shown the same goal pictures. The "
            "planner encodes what it sees and the goal, searches for actions after which the world "
            "model expects to be near the goal's latents, does the first of them, and plans again."
        ),
        Facts(values),
        Text(f"Hashes: {told}.", style="note"),
    ]


def _success(facts: dict[str, Any]) -> list[Part]:
    agents, most = facts["agents"], facts["options"]["max_steps"]
    points = [
        ForestPoint(
            agent["agent"],
            "tasks solved (%), Wilson interval of 95 %",
            100 * agent["success_rate"],
            *(100 * bound for bound in agent["wilson_95"]),
        )
        for agent in agents
    ]
    parts: list[Part] = [
        Table(
            HEADER,
            planning_rows(facts),
            caption=NOTE,
            strong=(1,),
        ),
        Figure(forest_plot([ForestPanel("", points)]), alt="Success rates with intervals"),
        Figure(
            success_curves({agent["agent"]: solved_shares(agent, most) for agent in agents}),
            alt="Share of the tasks solved over steps",
            caption="Share of the tasks solved within so many steps; bands are Wilson intervals of "
            "95 % at each step.",
        ),
    ]
    failed = [
        [agent["agent"], one["task"], one["error"]]
        for agent in agents
        for one in agent["failed_environments"]
    ]
    if failed:
        parts += [
            Text("Environments that failed, at most the first 20:"),
            Table(["agent", "task", "error"], failed[:20]),
        ]
    return parts


def _episodes(reels: Sequence[Reel]) -> list[Part]:
    parts: list[Part] = [
        Text(
            "Real frames beside the picture of the goal. The frame around them turns green when "
            "the goal is reached and orange when the steps are used up."
        )
    ]
    for agent in dict.fromkeys(reel.agent for reel in reels):
        own = [reel for reel in reels if reel.agent == agent]
        for first in range(0, len(own), SIDE_BY_SIDE):
            pair = own[first : first + SIDE_BY_SIDE]
            length = max(len(reel.frames) for reel in pair)
            clips = {_told(reel): episode_clip(reel, length=length) for reel in pair}
            alt = "; ".join(f"{reel.agent} on {reel.task}" for reel in pair)
            parts.append(Animation(clips, alt=alt, fps=FPS))
    return parts


def _told(reel: Reel) -> str:
    steps = counted(len(reel.frames) - 1, "step")
    end = f"solved in {steps}" if reel.success else f"not solved in {steps}"
    return f"{reel.agent}, {reel.task}: {end}"


def _imagined(pictures: Pictures) -> list[Part]:
    text = "The first plan of an episode, done to its end without looking again. "
    if pictures.bank:
        text += (
            "Latents cannot be seen: an imagined one is shown as the frame nearest to it in latent "
            f"space out of {pictures.bank}."
        )
    else:
        text += "Latents cannot be seen, their distance to the goal can."
    parts: list[Part] = [Text(text)]
    parts += [
        Figure(imagined_strip(plan), alt=_alt(plan), caption=f"Task {plan.task}.")
        for plan in pictures.imagined
    ]
    kind = {"l1": "mean absolute difference", "l2": "mean square difference"}
    named = kind.get(pictures.distance, pictures.distance)
    parts.append(
        Figure(
            distance_curves(pictures.imagined, kind=named),
            alt="Distance of imagined and real latents to the goal's over the steps of a plan",
            caption="Where the curves part, the model expects something else than what happens.",
        )
    )
    return parts


def _alt(plan: Imagined) -> str:
    return f"Real frames of the plan on {plan.task}, frames nearest to what is imagined, the goal"


def _landscapes(landscapes: Sequence[Landscape]) -> list[Part]:
    drawing = energy_landscape(landscapes)
    told = []
    for one in landscapes:
        apart = np.hypot(*np.subtract(one.lowest, one.action))
        pairs = (", ".join(f"{value:+.2f}" for value in pair) for pair in (one.lowest, one.action))
        times = counted(one.steps, "step")
        told.append("{}: lowest at ({}), done was ({}), {:.2f} apart".format(times, *pairs, apart))
    count = landscapes[0].distance.size
    return [
        Text(
            "Of the moment at which an action changed the picture most: the goal is what the real "
            f"environment shows after that action, and each of {count} actions on a grid is "
            "imagined instead. A model that knows what actions do has its lowest point at the "
            "action that was done."
        ),
        Figure(
            drawing,
            alt="Imagined distance to the goal over two numbers of a constant action",
            caption="; ".join(told) + ".",
        ),
    ]


def _recipe(facts: dict[str, Any]) -> list[Part]:
    options = {name: value for name, value in facts["options"].items() if value is not None}
    made = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return [
        Text(yaml.safe_dump(finite(options), sort_keys=False), style="code"),
        Text(f"Made with {made}; {facts['threads']} threads."),
    ]
