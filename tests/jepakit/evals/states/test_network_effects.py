"""Edits of tokens in a tiny random network, against a pass with edits written out."""

import numpy as np
import pytest
import torch

from jepakit.evals.states.clips.activations import Activations
from jepakit.evals.states.clips.clip_sets import TracedMotion
from jepakit.evals.states.effects.network_effects import network_effects
from jepakit.evals.states.probes.dense_probe import DenseProbe
from jepakit.evals.states.probes.splits import parts_of
from jepakit.evals.states.probes.state_subspaces import Recipe, state_subspace
from jepakit.interp.traces import read_pools
from jepakit.nn import Edit, VisionTransformer
from worlds.motion import MotionClips

CLIPS = TracedMotion(MotionClips(4, 16, per_class=4, split="test"))
LAYER = "blocks.01.out"
NAMES = ("embed", "blocks.00.out", LAYER, "blocks.02.out", "norm")


def encoder():
    torch.manual_seed(0)
    made = VisionTransformer(24, depth=3, heads=2, frames=4, size=16, patch=8, tubelet=2)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return made.eval()


MODEL, DOUBLE = encoder(), encoder().double()


def traced(model):
    frames = torch.from_numpy(CLIPS.frames(range(len(CLIPS))))
    read = read_pools(model, frames, [(name, "mean") for name in NAMES])
    values = {name: read[name, "mean"].numpy() for name in NAMES}
    return Activations("m", values, CLIPS.labels, np.array(CLIPS.groups), CLIPS.classes)


@pytest.fixture(scope="module")
def activations():
    return traced(MODEL)


@pytest.fixture(scope="module")
def exact():
    return traced(DOUBLE)


def measure(activations, model=MODEL, **asked):
    parts = parts_of(activations.labels, activations.groups, folds=2)
    settings = {"recipe": Recipe(), "budget": 6, "draws": 2, "batch_size": 4} | asked
    return parts, network_effects(model, CLIPS, activations, parts, LAYER, **settings)


@pytest.mark.parametrize("center", [None, "mean"])
def test_effects_equal_a_pass_with_the_edit_written_out(exact, center):
    parts, found = measure(exact, DOUBLE, center=center, budget=4)
    assert len(found.clips) == len(np.unique(found.clips)) == 4
    # Pooled rows are float32 and a probe of 24 activations is steep, hence 1e-4.
    x, end, labels = exact.at(LAYER), exact.at("norm"), exact.labels
    for place, number in enumerate(found.clips.tolist()):
        (part,) = [p for p in parts if number in p.test]
        basis = state_subspace(x[part.subspace], labels[part.subspace], Recipe()).basis
        v = torch.from_numpy(basis)
        mean = x[part.subspace].mean(axis=0) if center else np.zeros(24)
        c = torch.from_numpy(mean)
        frames = torch.from_numpy(CLIPS.frames([number]))
        own = labels[number]
        probe = DenseProbe(end[part.classifier], labels[part.classifier])

        def probability(edits, frames=frames, probe=probe, own=own):
            with torch.no_grad():
                pooled = DOUBLE(frames, edits=edits).pooled()
            return probe.probabilities(pooled.numpy())[0, own]

        before = probability({})
        for alpha, name in ((0.0, "causal"), (-1.0, "alpha -1"), (0.5, "alpha 0.5")):

            def edit(h, alpha=alpha, v=v, c=c):
                return h + (alpha - 1) * ((h - c) @ v) @ v.T

            fall = before - probability({LAYER: Edit.apply(edit)})
            assert found.per_clip[name][0, place] == pytest.approx(fall, abs=1e-4)


@pytest.mark.parametrize("center", [None, "mean"])
def test_pooled_and_network_level_agree_at_the_edited_block(activations, center):
    assert 0 < measure(activations, center=center)[1].agreement <= 1e-5


def test_what_is_reported(activations):
    _, found = measure(activations)
    assert found.layer == LAYER
    assert {name: rows.shape for name, rows in found.per_clip.items()} == {
        "causal": (1, 6),
        "random": (2, 6),
        "shuffled": (2, 6),
        "alpha -1": (1, 6),
        "alpha 0.5": (1, 6),
        "alpha 2": (1, 6),
    }
    assert set(found.donor) == {"causal", "random", "nothing"}
    assert all(((rows >= 0) & (rows <= 1)).all() for rows in found.donor.values())
    assert not np.allclose(found.per_clip["causal"], found.per_clip["random"][:1])


@pytest.mark.parametrize("batch_size", [1, 64])
def test_batches_change_nothing(activations, batch_size):
    _, first = measure(activations, draws=1)
    _, second = measure(activations, draws=1, batch_size=batch_size)
    for name, rows in first.per_clip.items():
        np.testing.assert_allclose(second.per_clip[name], rows, atol=2e-4)  # float32


def test_the_donor_gives_its_pooled_part_to_every_token(activations):
    """A donor patched into all tokens makes the pooled part that of the donor."""
    from jepakit.evals.states.effects.network_effects import _donation

    basis = torch.linalg.qr(torch.randn(24, 3, dtype=torch.float64)).Q
    tokens, donors = torch.randn(5, 8, 24), torch.randn(5, 24, dtype=torch.float64)
    edited = _donation(basis, donors)(tokens).double()
    for clip in range(5):
        for token in range(8):
            kept = tokens[clip, token].double()
            kept = kept - basis @ (basis.T @ kept) + basis @ (basis.T @ donors[clip])
            torch.testing.assert_close(edited[clip, token], kept, atol=1e-5, rtol=0)
