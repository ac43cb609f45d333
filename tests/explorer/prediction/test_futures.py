"""Energies of candidate futures: what candidates are, direct computation, a planted minimum."""

from __future__ import annotations

import numpy as np
import pytest
from planted_models import REQUEST, Planted, clip_of, noise_clip, tiny_cjepa, tiny_vjepa

from explorer.prediction.asking import errors_under
from explorer.prediction.figures import futures_figure
from explorer.prediction.futures import (
    LATE,
    REVERSED,
    SLOW,
    STILL,
    TRUE,
    candidate_futures,
    future_energies,
)
from explorer.prediction.hiding import HidingPlan
from jepakit.training.module import JepaModule


def test_candidates_share_the_past() -> None:
    frames = np.arange(8, dtype=np.uint8)[:, None, None, None].repeat(3, axis=-1)
    other = clip_of(frames + 100)
    found = candidate_futures(frames, tubelet=2, others=[other])
    ends = {name: clip[4:, 0, 0, 0].tolist() for name, clip in found.items()}
    assert ends == {
        TRUE: [4, 5, 6, 7],
        LATE: [2, 3, 4, 5],
        SLOW: [4, 4, 5, 5],
        REVERSED: [7, 6, 5, 4],
        STILL: [3, 3, 3, 3],
        "another clip": [104, 105, 106, 107],
    }
    assert all((clip[:4] == frames[:4]).all() for clip in found.values())


def test_what_equals_the_truth_is_no_candidate() -> None:
    frames = noise_clip().frames.copy()
    frames[3:] = frames[3]
    assert set(candidate_futures(frames, tubelet=2)) == {TRUE, LATE}
    frames[:] = frames[0]
    with pytest.raises(ValueError, match="Nothing moves"):
        candidate_futures(frames, tubelet=2)


@pytest.mark.parametrize("make", [tiny_cjepa, tiny_vjepa])
def test_the_energy_is_the_error_of_the_second_half(make: type[JepaModule]) -> None:
    model = make()
    clip, other = noise_clip(model.request), noise_clip(model.request, seed=1)
    found = future_energies(model, clip, others=[other])
    hidden = HidingPlan.of("future", model.request.grid).hidden[:1]
    for name, frames in candidate_futures(clip.frames, tubelet=2, others=[other]).items():
        direct = np.nanmean(errors_under(model, frames, hidden))
        assert found.energies[name] == pytest.approx(direct, rel=1e-5)
        assert found.per_slice[name].mean() == pytest.approx(direct, rel=1e-5)
    assert found.held is not None
    assert found.held[STILL] == pytest.approx(0, abs=1e-6)
    assert found.held[TRUE] > 0.01


def test_a_model_that_knows_has_its_minimum_at_the_truth() -> None:
    clip = noise_clip()
    found = future_energies(Planted(clip), clip, others=[noise_clip(seed=5), noise_clip(seed=6)])
    assert found.energies[TRUE] == pytest.approx(0, abs=1e-9)
    assert (found.rank, found.margin) == (1, pytest.approx(1))
    assert found.start == 2
    assert len(found.energies) == 7
    assert next(iter(found.energies)) == TRUE


def test_another_minimum_is_seen() -> None:
    clip = noise_clip()
    chosen = {TRUE: noise_clip(seed=3).frames, "planted": clip.frames}
    chosen[TRUE][:4] = clip.frames[:4]
    found = future_energies(Planted(clip), clip, candidates=chosen)
    assert (found.rank, found.margin) == (2, pytest.approx(-1))


def test_a_tie_is_no_victory() -> None:
    clip = noise_clip()
    twice = {TRUE: clip.frames, "the same": clip.frames}
    found = future_energies(Planted(clip, wrong=(3, 0, 0)), clip, candidates=twice)
    assert (found.rank, found.margin) == (2, 0)


def test_slices_of_the_second_half() -> None:
    clip = noise_clip()
    found = future_energies(Planted(clip, wrong=(3, 1, 1)), clip)
    np.testing.assert_allclose(found.per_slice[TRUE], [0, 18 / 16], atol=1e-6)


def test_refusals() -> None:
    clip, model = noise_clip(), Planted(noise_clip())
    with pytest.raises(ValueError, match="whole clips"):
        future_energies(model, clip, candidates={"other": clip.frames})
    with pytest.raises(ValueError, match="whole clips"):
        future_energies(model, clip, candidates={TRUE: clip.frames, "short": clip.frames[:2]})
    with pytest.raises(ValueError, match="read both"):
        future_energies(model, clip, others=[noise_clip(tiny_cjepa().request)])
    with pytest.raises(ValueError, match="no future"):
        candidate_futures(clip.frames[:2], tubelet=2)
    with pytest.raises(ValueError, match="predicts no hidden tokens"):
        future_energies(tiny_cjepa().encoder, clip)  # type: ignore[arg-type]


def test_bars() -> None:
    clip = noise_clip()
    found = future_energies(Planted(clip), clip)
    figure = futures_figure({"model": found, "untrained twin": found})
    assert len(figure.axes) == 2
    assert figure.axes[0].get_title(loc="left") == "model: truth is 1 of 5 (+100.0%)"
    widths = [patch.get_width() for patch in figure.axes[0].patches]
    np.testing.assert_allclose(widths, list(found.energies.values()))
    with pytest.raises(ValueError, match="No energies"):
        futures_figure({})


def test_the_grid_of_the_planted_model() -> None:
    assert REQUEST.grid == (4, 4, 4)
