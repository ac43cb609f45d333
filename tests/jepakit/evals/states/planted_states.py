"""Small activations with a variable in known directions, and a run folder that was not trained."""

import numpy as np
import run_folders
from run_folders import causal_jepa

from jepakit.evals.states.clips.activations import Activations

ENCODER = {"width": 16, "depth": 2, "heads": 2, "frames": 4, "size": 16, "patch": 8, "tubelet": 2}


def planted(*, clips=96, width=12, classes=4, groups=None, strength=4.0, seed=0, layers=4):
    """Noise in the first half of the layers; then class c also moves along axis c."""
    rng = np.random.default_rng(seed)
    labels = np.arange(clips) % classes
    values = {}
    for layer in range(layers):
        rows = rng.standard_normal((clips, width)) + 3.0
        if layer >= layers // 2:
            rows[np.arange(clips), labels] += strength
        values[f"blocks.{layer:02d}.out"] = rows
    names = tuple(f"class {c}" for c in range(classes))
    groups = np.arange(clips) if groups is None else groups
    return Activations("made up", values, labels, groups, names)


def noise(*, clips, width, classes, seed):
    """Activations whose labels mean nothing."""
    found = planted(clips=clips, width=width, classes=classes, strength=0.0, seed=seed, layers=1)
    return found.relabelled(np.random.default_rng([1, seed]).permutation(found.labels))


def write_run(folder, *, seed=3, **encoder):
    """A run folder with fresh weights."""
    return run_folders.write_run(folder, {"model": causal_jepa(ENCODER | encoder)}, seed=seed)
