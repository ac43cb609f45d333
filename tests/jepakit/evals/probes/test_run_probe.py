"""Which encoder a model hands out for probing."""

import pytest
from torch import nn

from jepakit.evals.probes.run_probe import encoder_of
from jepakit.training.module import JepaModule


class Bare(JepaModule):
    """Only what ``encoder_of`` asks for."""

    request = masker = None

    def __init__(self, pairs):
        nn.Module.__init__(self)
        self._pairs = pairs

    def loss(self, batch):
        raise NotImplementedError

    def ema_pairs(self):
        return self._pairs

    def flops(self, batch):
        return 0.0


def test_refuses_a_model_without_a_teacher():
    with pytest.raises(ValueError, match="Bare has no EMA pair"):
        encoder_of(Bare([]), "target")


def test_refuses_what_cannot_encode():
    with pytest.raises(ValueError, match="Linear cannot encode clips"):
        encoder_of(Bare([(nn.Linear(1, 1), nn.Linear(1, 1))]), "context")
