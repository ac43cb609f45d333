import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_rgb

from explorer.tracking import (
    Query,
    heat,
    heat_overlay,
    label_pixels,
    path_overlay,
    segment_overlay,
    track,
)
from explorer.tracking.overlays import BEST, HEAT, NEGATIVE, POSITIVE
from jepakit.evals.figures.overlays import object_colour
from tests.explorer.tracking.planted import planted

PATH = [(1, 1), (2, 2), (4, 3)]


def rgb(colour: str | tuple[float, float, float]) -> list[int]:
    return np.round(255 * np.array(to_rgb(colour))).astype(int).tolist()


def test_heat_keeps_positives_and_stretches_between_percentiles() -> None:
    scores = np.random.default_rng(0).uniform(-1, 1, (4, 6, 7)).astype(np.float32)
    kept = np.sort(np.maximum(scores.astype(np.float64), 0).ravel())

    def percentile(share: float) -> float:
        place = share / 100 * (len(kept) - 1)
        below = int(place)
        return kept[below] + (place - below) * (kept[below + 1] - kept[below])

    low, high = percentile(70), percentile(99.5)
    expected = [
        min(max((max(value, 0) - low) / (high - low), 0), 1) ** 0.65
        for value in scores.astype(np.float64).ravel()
    ]
    np.testing.assert_allclose(heat(scores).ravel(), expected, atol=1e-9)
    assert not heat(-np.abs(scores)).any()
    assert not heat(np.full((2, 3, 3), 0.7)).any()
    np.testing.assert_allclose(heat(2 * scores), heat(scores), atol=1e-6)


def test_heat_covers_tokens_and_boxes_lie_on_them() -> None:
    latents = planted(PATH)
    scores = np.zeros((3, 8, 9))
    scores[1, 2, 2], scores[1, 7, 8] = 1.0, 1.0
    plain = heat_overlay(latents, scores)
    assert plain.shape == latents.clip.frames.shape
    warm = 0.55 * 128 + 0.45 * 255 * np.array(colormaps[HEAT](1.0)[:3])
    np.testing.assert_allclose(plain[2, 9, 9], warm, atol=0.51)
    assert (plain[0] == 128).all()
    assert (plain[2, :8, :8] == 128).all()
    query = Query(((0, 1, 1),), ((2, 0, 0),))
    (path,) = track(latents, [query])
    boxed = heat_overlay(latents, scores, query=query, path=path, enlarged=3)
    assert boxed.shape[1:3] == (96, 108)
    assert boxed[0, 12, 12].tolist() == rgb(POSITIVE)
    assert boxed[2, 24, 24].tolist() == rgb(BEST)
    assert boxed[4, 0, 0].tolist() == rgb(NEGATIVE)
    assert boxed[2, 0, 0].tolist() == [128] * 3
    assert boxed[0, 18, 18].tolist() == [128] * 3  # the middle stays free


def test_segments_are_tinted_by_token() -> None:
    latents = planted(PATH)
    labels = np.zeros((3, 8, 9), np.int64)
    labels[1, 2, 3], labels[2, 0, 0] = 2, 5
    pixels = label_pixels(latents, labels)
    assert pixels.shape == (6, 32, 36)
    assert (pixels == 2).sum() == (pixels == 5).sum() == 2 * 4 * 4
    assert (pixels[2:4, 8:12, 12:16] == 2).all()
    out = segment_overlay(latents, labels)
    np.testing.assert_allclose(out[2, 8, 12], 64 + 127.5 * np.array(object_colour(2)), atol=0.51)
    assert (out[pixels == 0] == 128).all()
    (path,) = track(latents, [Query(((0, 1, 1),))])
    assert path_overlay(latents, [path])[0, 4, 4].tolist() == rgb(object_colour(1))


def test_other_grids_are_refused() -> None:
    latents = planted(PATH)
    with pytest.raises(ValueError, match="came scores of"):
        heat_overlay(latents, np.zeros((2, 8, 9)))
    with pytest.raises(ValueError, match="came labels of"):
        label_pixels(latents, np.zeros((2, 8, 9), np.int64))
