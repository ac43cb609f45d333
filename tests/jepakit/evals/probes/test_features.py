"""Pooling against plain loops, one pass over many featurisers, refusals."""

import io

import numpy as np
import pytest
import torch
from rich.console import Console
from rich.progress import Progress

from jepakit.batch import BatchRequest, SceneBatch
from jepakit.evals.probes.features import encoder_featuriser, extract_features, pool_tokens
from jepakit.protocols import Encoder


class PatchMeans:
    """An encoder whose token is the mean colour of its patch."""

    width = 3

    def __init__(self, frames=4, size=32):
        self.request = BatchRequest(frames=frames, size=(size, size), patch=8, tubelet=2)

    def encode(self, frames):
        assert torch.is_inference_mode_enabled()
        t, h, w = self.request.grid
        cells = frames.float().reshape(len(frames), t, 2, h, 8, w, 8, 3)
        return cells.mean(dim=(2, 4, 6)).flatten(1, 3)


def batches(sizes=(2, 3), labels=("touch",)):
    whole = SceneBatch.fake(5, generator=torch.Generator().manual_seed(0))
    start = 0
    for size in sizes:
        rows = slice(start, start + size)
        numbers = range(5)[rows]
        yield SceneBatch(
            frames=whole.frames[rows],
            coverage=whole.coverage[rows],
            keys=tuple(f"clip-{i}" for i in numbers),
            targets=dict.fromkeys(labels, torch.tensor(numbers, dtype=torch.float32)),
        )
        start += size


GROUPS = {f"clip-{i}": str(i) for i in range(5)}


def test_fake_encoder_keeps_the_protocol():
    assert isinstance(PatchMeans(), Encoder)


def test_pooling_matches_a_loop():
    tokens = torch.randn(3, 2 * 5, 4)
    pooled = pool_tokens(tokens, tubelets=2, pool="time")
    assert pooled.shape == (3, 8)
    torch.testing.assert_close(pooled[1, 4:], tokens[1, 5:].mean(dim=0))
    torch.testing.assert_close(pool_tokens(tokens, tubelets=2, pool="mean"), tokens.mean(dim=1))


@pytest.mark.parametrize(("pool", "width"), [("mean", 3), ("time", 6)])
def test_one_row_per_clip_in_order(pool, width):
    encoder = PatchMeans()
    found = extract_features({"encoder": encoder_featuriser(encoder, pool)}, batches(), GROUPS)
    assert found.values["encoder"].shape == (5, width)
    assert found.values["encoder"].dtype == np.float32
    assert found.keys == tuple(f"clip-{i}" for i in range(5))
    assert found.groups.tolist() == list("01234")
    np.testing.assert_array_equal(found.targets["touch"], np.arange(5.0))
    frames = torch.cat([batch.frames for batch in batches()]).float()
    np.testing.assert_allclose(
        found.values["encoder"][:, -3:].mean(axis=1),
        frames[:, (0 if pool == "mean" else 2) :].mean(dim=(1, 2, 3, 4)),
        rtol=1e-5,
    )


def test_batch_size_does_not_matter():
    featurisers = {"x": encoder_featuriser(PatchMeans())}
    first, second = (
        extract_features(featurisers, batches(sizes), GROUPS) for sizes in ((2, 3), (1, 4))
    )
    np.testing.assert_allclose(first.values["x"], second.values["x"], rtol=1e-6)
    assert first.keys == second.keys


def test_progress_reaches_the_end():
    with Progress(console=Console(file=io.StringIO())) as progress:
        extract_features({}, batches(), GROUPS, total=5, progress=progress)
        assert progress.tasks[0].completed == 5


def test_refuses_an_empty_set():
    with pytest.raises(ValueError, match="No clips"):
        extract_features({}, [], GROUPS)


def test_refuses_other_labels_in_a_later_batch():
    mixed = [*batches((2,)), *batches((2, 3), labels=("fall",))][::2]
    with pytest.raises(ValueError, match=r"expected \['touch'\], got \['fall'\]"):
        extract_features({}, mixed, GROUPS)


def test_refuses_a_key_seen_twice():
    twice = [next(batches()), next(batches())]
    with pytest.raises(ValueError, match=r"more than once: .*clip-0"):
        extract_features({}, twice, GROUPS)


def test_refuses_features_that_are_not_finite():
    def broken(frames):
        rows = torch.zeros(len(frames), 2)
        rows[1] = torch.nan
        return rows

    with pytest.raises(ValueError, match=r"'x' are not finite for \['clip-1'\]"):
        extract_features({"x": broken}, batches(), GROUPS)


def test_refuses_a_clip_without_a_group():
    with pytest.raises(ValueError, match=r"without a group: \['clip-0'\] \(1 of 5\)"):
        extract_features({}, batches(), {k: v for k, v in GROUPS.items() if v != "0"})
