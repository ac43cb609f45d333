from __future__ import annotations

import numpy as np
import pytest
from flat_scenes import BLUE, GREEN, RED, box, disc, iou, picture, same_masks

from data_prep.masks.motion import Motion


def moving(frames, **options) -> list[np.ndarray]:
    return [proposals.masks for proposals in Motion(**options).propose(np.stack(frames))]


WAY = [(10 + 3 * step, 6 + 6 * step) for step in range(8)]


@pytest.mark.parametrize("grain", [0.0, 2.0])
def test_a_moving_square_is_exact(grain):
    squares = [box(row, column, 9, 9) for row, column in WAY]
    frames = [picture((s, RED), grain=grain, seed=step) for step, s in enumerate(squares)]
    for found, square in zip(moving(frames), squares, strict=True):
        assert same_masks(found, [square])


def test_a_moving_disc_on_texture_is_found_up_to_a_pixel():
    texture = np.random.default_rng(1).integers(60, 200, (64, 64, 3)).astype(float)
    discs = [disc(row, column, 7) for row, column in WAY]
    noise = np.random.default_rng(2).normal(0, 2, (8, 64, 64, 3))
    frames = np.where(np.array(discs)[..., None], (255, 0, 255), texture) + noise
    for found, truth in zip(moving(np.clip(frames, 0, 255).astype(np.uint8)), discs, strict=True):
        assert len(found) == 1
        assert iou(found[0], truth) > 0.9


def test_two_that_move_apart_are_two_and_what_rests_is_not_found():
    resting = box(40, 40, 12, 12)
    ways = [(box(4 + 3 * t, 6, 8, 8), box(50 - 3 * t, 24, 8, 8)) for t in range(8)]
    frames = [picture((resting, BLUE), (one, RED), (other, GREEN)) for one, other in ways]
    for found, (one, other) in zip(moving(frames), ways, strict=True):
        assert same_masks(found, [one, other])


@pytest.mark.parametrize("stays", [6, 10])
def test_what_stands_and_is_taken_away_is_found_while_it_is_there_and_leaves_no_ghost(stays):
    thing = box(20, 20, 14, 10)
    frames = [picture((thing, RED)) for _ in range(stays)] + [picture() for _ in range(16 - stays)]
    found = moving(frames)
    assert all(same_masks(masks, [thing]) for masks in found[:stays])
    assert not any(len(masks) for masks in found[stays:])


def test_a_soft_shadow_that_moves_is_small_change():
    rows, columns = np.indices((64, 64))
    frames = []
    for step in range(8):
        shade = 1 - 0.12 * np.exp(-((rows - 30) ** 2 + (columns - 8 * step) ** 2) / 100)
        frames.append((picture() * shade[..., None]).astype(np.uint8))
    assert not any(len(masks) for masks in moving(frames))


def test_lines_too_thin_to_be_things_are_noise():
    squares = [box(row, column, 9, 9) for row, column in WAY]
    lines = [box(row + 4, column, 1, 20) | box(60, column, 1, 12) for row, column in WAY]
    frames = [picture((line, RED), (s, RED)) for s, line in zip(squares, lines, strict=True)]
    for found, square in zip(moving(frames), squares, strict=True):
        assert len(found) == 1
        assert iou(found[0], square) > 0.95
    assert all(len(found) == 2 for found in moving(frames, opening=1))


@pytest.mark.parametrize("grain", [0.0, 3.0, 10.0, 40.0])
def test_noise_alone_gives_nothing(grain):
    frames = [picture(grain=grain, seed=step) for step in range(8)]
    assert not any(len(masks) for masks in moving(frames))


@pytest.mark.parametrize("frames", [0, 1])
def test_without_a_second_frame_nothing_moves(frames):
    clip = np.stack([picture((box(8, 8, 9, 9), RED))] * 1)[:frames]
    found = list(Motion().propose(clip))
    assert [len(proposals) for proposals in found] == [0] * frames


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (5, 1), (2, 3)])
def test_tiny_pictures(shape):
    frames = np.random.default_rng(0).integers(0, 256, (4, *shape, 3)).astype(np.uint8)
    for opening in (1, 3):
        assert len(moving(frames, opening=opening)) == 4


def test_the_same_masks_every_time_without_overlap():
    frames = np.random.default_rng(0).integers(0, 256, (6, 24, 24, 3)).astype(np.uint8)
    before = frames.copy()
    for one, other in zip(moving(frames), moving(frames), strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.sum(axis=0).max(initial=0) <= 1
    np.testing.assert_array_equal(frames, before)


@pytest.mark.parametrize("wrong", [{"tolerance": 0.0}, {"deviations": -1.0}, {"opening": 0}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Motion(**wrong)


def test_the_name_tells_the_settings():
    assert "deviations=3.0" in Motion(deviations=3.0).name
