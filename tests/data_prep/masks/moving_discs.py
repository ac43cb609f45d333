"""Clips of flat-coloured discs on given ways, and their masks frame by frame."""

import numpy as np

from data_prep.masks.segmenter import Proposals

RED, GREEN, BLUE = (220, 30, 30), (30, 200, 60), (40, 60, 230)


def disc(centre, radius, size):
    rows, columns = np.ogrid[:size, :size]
    return (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2


def clip(ways, colours, *, radius=6, size=64, hidden=(), seed=0):
    """Frames, truth and proposals of discs, the last in front.

    ``ways[i][t]`` is the centre of disc i in frame t, None where it is absent; ``hidden`` holds
    pairs (disc, frame) that are drawn and true, but not proposed. Proposals are shuffled.
    """
    generator = np.random.default_rng(seed)
    steps = len(ways[0])
    truth = np.zeros((steps, size, size), dtype=np.uint8)
    for number, way in enumerate(ways, start=1):
        for step, centre in enumerate(way):
            if centre is not None:
                truth[step][disc(centre, radius, size)] = number
    palette = np.array([(90, 90, 90), *colours], dtype=np.uint8)
    proposals = []
    for step, labels in enumerate(truth):
        shown = [
            labels == number
            for number in range(1, len(ways) + 1)
            if (labels == number).any() and (number - 1, step) not in hidden
        ]
        proposals.append(shuffled(of(*shown, size=size), generator))
    return palette[truth], truth, proposals


def of(*masks, scores=None, size=64):
    """Proposals of these masks, by default ever less sure."""
    if not masks:
        return Proposals.none(size, size)
    scores = np.linspace(1, 0.5, len(masks)) if scores is None else np.array(scores, dtype=float)
    return Proposals(np.stack(masks), scores)


def shuffled(proposals, generator):
    order = generator.permutation(len(proposals))
    return Proposals(proposals.masks[order], proposals.scores[order])


def line(start, step, frames):
    """Centres on a straight way."""
    return [(start[0] + step[0] * t, start[1] + step[1] * t) for t in range(frames)]


def random_proposals(number, *, seed=0, size=32):
    """Rectangles of all sizes and places, many of them alike."""
    generator = np.random.default_rng(seed)
    masks = np.zeros((number, size, size), dtype=bool)
    for mask in masks:
        corner, extent = generator.integers(0, size - 4, 2), generator.integers(1, size // 2, 2)
        mask[corner[0] : corner[0] + extent[0], corner[1] : corner[1] + extent[1]] = True
    return Proposals(masks, generator.integers(0, 8, number) / 8)
