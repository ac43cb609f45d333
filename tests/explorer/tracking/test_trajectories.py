import csv
import io
from itertools import pairwise, product

import numpy as np
import pytest

from explorer.tracking import Query, track, trajectory, trajectory_csv
from tests.explorer.tracking.planted import latents_of, noise, planted

PATH = [(1, 1), (2, 2), (4, 3), (6, 5), (6, 8)]


@pytest.mark.parametrize("motion_std", [None, 2.0])
@pytest.mark.parametrize("centring", ["none", "clip", "position"])
def test_a_planted_object_is_found_in_every_slice(centring: str, motion_std: float | None) -> None:
    latents = planted(PATH)
    query = Query(((0, 1, 1),), name="ball")
    (found,) = track(latents, [query], centring=centring, motion_std=motion_std)
    np.testing.assert_array_equal(found.tokens, PATH)
    np.testing.assert_allclose(found.pixels, [latents.centre((0, *place)) for place in PATH])
    assert found.name == "ball"
    assert found.scores.min() > 0.9


def test_several_objects_have_paths_of_their_own() -> None:
    values = planted(PATH).values.copy()
    other = [(7, 0), (5, 0), (3, 0), (1, 0), (0, 0)]
    second = 3 * noise((64,), 50)
    for time, (row, column) in enumerate(other):
        values[time, row, column] = second
    queries = [Query(((0, 1, 1),)), Query(((0, 7, 0),), ((0, 1, 1),), name="second")]
    first, found = track(latents_of(values), queries)
    np.testing.assert_array_equal(first.tokens, PATH)
    np.testing.assert_array_equal(found.tokens, other)


def test_one_slice_and_equal_scores() -> None:
    latents = planted([(1, 1)])
    for motion_std in (None, 1.0):
        found = trajectory(latents, np.zeros((1, 8, 9)), motion_std=motion_std)
        assert found.tokens.tolist() == [[0, 0]]
        assert found.scores.tolist() == [0.0]


@pytest.mark.parametrize("std", [0.4, 0.7, 1.0, 1.5])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_motion_model_is_the_best_of_all_paths(std: float, seed: int) -> None:
    scores = np.random.default_rng(seed).random((4, 2, 3))
    latents = latents_of(noise((4, 2, 3, 5)))
    places, temperature = list(product(range(2), range(3))), 0.3

    def log_probability(path: tuple[tuple[int, int], ...]) -> float:
        total = sum(scores[(t, *place)] / temperature for t, place in enumerate(path))
        for (a, b), (c, d) in pairwise(path):
            total -= ((a - c) ** 2 + (b - d) ** 2) / (2 * std**2)
        return total

    best = max(product(places, repeat=4), key=log_probability)
    found = trajectory(latents, scores, motion_std=std, temperature=temperature)
    assert [tuple(token) for token in found.tokens.tolist()] == list(best)
    np.testing.assert_array_equal(found.scores, [scores[(t, *p)] for t, p in enumerate(best)])


def test_a_weak_motion_model_is_the_best_token_of_every_slice() -> None:
    latents, scores = planted(PATH), np.random.default_rng(0).random((5, 8, 9))
    plain, weak = trajectory(latents, scores), trajectory(latents, scores, motion_std=1e6)
    np.testing.assert_array_equal(plain.tokens, weak.tokens)
    still = trajectory(latents, scores, motion_std=1e-3)
    assert (still.tokens == still.tokens[0]).all()


def test_a_soft_place_lies_between_tokens() -> None:
    scores = np.zeros((3, 8, 9))
    scores[0, 2, 3] = scores[0, 2, 4] = 5.0  # halfway
    scores[1, 0, 0] = 5.0  # in the corner
    scores[2, 4, 4] = 1e-9  # nearly flat
    latents = planted(PATH[:3])
    found = trajectory(latents, scores, subtoken=0.05)
    np.testing.assert_allclose(found.pixels[0], [(2 + 0.5) * 4 - 0.5, (3.5 + 0.5) * 4 - 0.5])
    np.testing.assert_allclose(found.pixels[1], [1.5, 1.5], atol=1e-6)
    np.testing.assert_allclose(found.pixels[2], latents.centre((0, 4, 4)), atol=1e-6)
    cold = trajectory(latents, np.random.default_rng(1).random((3, 8, 9)), subtoken=1e-4)
    middles = [latents.centre((0, int(r), int(c))) for r, c in cold.tokens]
    np.testing.assert_allclose(cold.pixels, middles, atol=1e-3)


def test_the_table_has_a_line_per_object_and_slice() -> None:
    latents = planted(PATH)
    names = ("ball, red", "=SUM(A1)")
    paths = track(latents, [Query(((0, 1, 1),), name=name) for name in names])
    text = trajectory_csv(latents.clip, paths)
    assert text.startswith("object,slice,frames,row,column,x,y,score\n")
    lines = list(csv.DictReader(io.StringIO(text)))
    assert len(lines) == 2 * len(PATH)
    assert lines[1] | {"score": ""} == {
        "object": "ball, red",
        "slice": "1",
        "frames": "16-19",
        "row": "2",
        "column": "2",
        "x": "9.50",
        "y": "9.50",
        "score": "",
    }
    assert lines[-1]["object"] == "'=SUM(A1)"
    assert 0.9 < float(lines[1]["score"]) <= 1


def test_impossible_settings_are_refused() -> None:
    latents = planted(PATH)
    with pytest.raises(ValueError, match=r"\(5, 8, 9\) tokens, came scores of \(4, 8, 9\)"):
        trajectory(latents, np.zeros((4, 8, 9)))
    for setting in ("subtoken", "motion_std", "temperature"):
        with pytest.raises(ValueError, match="must be positive"):
            trajectory(latents, np.zeros((5, 8, 9)), **{setting: 0.0})
