"""Videos in which one patch tells the class and all others lie: attention finds it, a mean cannot.

A patch is 4 x 4 pixels of one colour. Red marks the one patch that counts; green is a class code,
the true class in the marked patch and a random one in the others.
"""

import numpy as np
import torch
from torch.nn import functional as F

from jepakit.batch import BatchRequest
from jepakit.evals.classification.frozen_clips import LabelledClips

CLASSES = 4
LEVEL = 60


class PatchColours:
    """An encoder whose token says the mark and the code of its patch; ``blind`` sees no mark."""

    width = 8

    def __init__(self, *, blind=False):
        self.request = BatchRequest(frames=2, size=(16, 16), patch=4, tubelet=2)
        self.blind = blind
        self.encoded = 0

    def encode(self, frames):
        assert not torch.is_grad_enabled()
        self.encoded += len(frames)
        colours = frames[:, 0, ::4, ::4].flatten(1, 2).long()
        codes = F.one_hot(colours[..., 1] // LEVEL, CLASSES).float()
        marks = (colours[..., :1] > 0).float() * (not self.blind)
        return torch.cat([3 * marks, codes, torch.zeros_like(codes[..., :3])], dim=-1)


def needle_clips(videos, *, first=0, views=1, per_group=4, seed=0, batch=16, classes=CLASSES):
    """Batches of clips; video ``i`` is of group ``i // per_group``, its views lie differently."""
    rng = np.random.default_rng(seed)
    rows = []
    for video in range(first, first + videos):
        label = int(rng.integers(classes))
        for view in range(views):
            patches = np.zeros((4, 4, 3), np.uint8)
            patches[..., 1] = LEVEL * rng.integers(0, CLASSES, (4, 4))
            row, column = rng.integers(0, 4, 2)
            patches[row, column] = (255, LEVEL * label, 0)
            frame = patches.repeat(4, axis=0).repeat(4, axis=1)
            rows.append((frame, label, f"video-{video}", f"group-{video // per_group}", view))
    return [collate(rows[start : start + batch]) for start in range(0, len(rows), batch)]


def collate(rows):
    frames, labels, videos, groups, views = zip(*rows, strict=True)
    clips = torch.from_numpy(np.stack(frames)).unsqueeze(1).repeat(1, 2, 1, 1, 1)
    return LabelledClips(clips, torch.tensor(labels), videos, groups, views)
