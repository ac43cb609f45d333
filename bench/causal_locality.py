"""Whether removing an object changes only what contacts connect to it: exact counterfactuals.

Every scene is simulated once with all objects and once without each of them. Whatever no contact
path (in either simulation) connects to the removed object must be equal to the last bit. As a
control, some of the scenes run with the engine's sleeping and continuous collision switched on.

Displacements are in pixels of a picture 128 pixels wide: 16 px/m, stricter than PHYRE's 6 px/m.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field, replace

import numpy as np

from bench.harness import emit, show
from worlds.causality import Locality, locality
from worlds.scene import Scene
from worlds.scenes import LAYOUTS, sample, simulate

WIDTH = 128  # px
VISIBLE = 1.0  # px, from where on a change counts as seen


@dataclass
class Tally:
    """Counts over scenes.

    ``exact``: scenes whose unreached objects are bit-identical in every removal. ``strict``: and
    whose reached objects are so until the influence arrives. ``worst``: largest displacement in px
    before an influence. ``reached`` and ``seen`` count (removed, movable other) pairs.
    """

    scenes: int = 0
    exact: int = 0
    strict: int = 0
    worst: float = 0.0
    pairs: int = 0
    reached: int = 0
    seen: int = 0
    removals: int = 0
    objects: list[int] = field(default_factory=list)

    def add(self, scene: Scene, removals: list[Locality]) -> None:
        """Count one scene."""
        scale = WIDTH / scene.width
        movable = {body.identity for body in scene.bodies if body.dynamic}
        self.scenes += 1
        self.objects.append(len(movable))
        self.removals += len(removals)
        self.exact += all(r.identical[i] for r in removals for i in r.unreached)
        self.strict += all(all(r.identical.values()) for r in removals)
        for removal in removals:
            self.worst = max(self.worst, scale * max(removal.leaked.values()))
            others = movable - {removal.removed}
            self.pairs += len(others)
            self.reached += len(others & set(removal.reached))
            self.seen += sum(scale * removal.moved[i] > VISIBLE for i in others)


def measure(scenes: int, *, shortcuts: bool = False) -> dict[str, Tally]:
    """Tallies by layout over ``scenes`` scenes dealt to the layouts in turn."""
    tallies = {name: Tally() for name in LAYOUTS}
    names = list(LAYOUTS)
    for number in range(scenes):
        name = names[number % len(names)]
        scene = sample(name, number // len(names)).scene
        scene = replace(scene, sleeping=shortcuts, continuous=shortcuts)
        tallies[name].add(scene, locality(scene))
    return tallies


def joined(tallies: dict[str, Tally]) -> Tally:
    """The sum over all layouts."""
    total = Tally()
    for tally in tallies.values():
        for name in ("scenes", "exact", "strict", "pairs", "reached", "seen", "removals"):
            setattr(total, name, getattr(total, name) + getattr(tally, name))
        total.worst = max(total.worst, tally.worst)
        total.objects += tally.objects
    return total


def speed(scenes: int = 48) -> dict[str, float]:
    """Scenes and 128x128 frames per CPU second of one core, clips of 16 frames at 4 Hz."""
    names, spent = list(LAYOUTS), np.zeros(3)
    for number in range(scenes):
        start = time.process_time()
        clip = simulate(sample(names[number % len(names)], 1000 + number), size=WIDTH)
        simulated = time.process_time()
        frames = len(clip.labels)
        labelled = time.process_time()
        _ = clip.frames
        spent += (simulated - start, labelled - simulated, time.process_time() - labelled)
    return {
        "simulated_scenes_per_s": scenes / spent[0],
        "complete_scenes_per_s": scenes / spent.sum(),
        "label_frames_per_s": scenes * frames / spent[1],
        "rgb_and_label_frames_per_s": scenes * frames / spent[1:].sum(),
    }


def main(scenes: int = 1000, control: int = 160) -> None:
    """Print the table and the figures."""
    start = time.process_time()
    tallies = measure(scenes)
    total = joined(tallies)
    spent = time.process_time() - start
    engine = joined(measure(control, shortcuts=True))
    rates = speed()

    columns = (
        "layout",
        "scenes",
        "movable",
        "reached %",
        "changed > 1 px %",
        "exact %",
        "worst px",
    )
    rows = [
        (
            name,
            tally.scenes,
            f"{min(tally.objects)}-{max(tally.objects)}",
            100 * tally.reached / tally.pairs,
            100 * tally.seen / tally.pairs,
            100 * tally.strict / tally.scenes,
            tally.worst,
        )
        for name, tally in [*tallies.items(), ("all", total), ("control: engine shortcuts", engine)]
        if tally.scenes
    ]
    show(f"Causal locality over {total.scenes} scenes, {total.removals} removals", columns, rows)
    emit(
        "causal_locality",
        {
            "scenes": total.scenes,
            "removals": total.removals,
            "exact_scenes_percent": 100 * total.exact / total.scenes,
            "exact_until_influence_percent": 100 * total.strict / total.scenes,
            "worst_px_at_128": total.worst,
            "reached_percent": 100 * total.reached / total.pairs,
            "changed_percent": 100 * total.seen / total.pairs,
            "changed_percent_by_layout": {
                name: round(100 * tally.seen / tally.pairs, 1)
                for name, tally in tallies.items()
                if tally.pairs
            },
            "control_exact_scenes_percent": 100 * engine.exact / engine.scenes,
            "control_worst_px_at_128": engine.worst,
            "cpu_seconds": spent,
            **rates,
        },
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=1000)
    parser.add_argument("--control", type=int, default=160)
    main(**vars(parser.parse_args()))
