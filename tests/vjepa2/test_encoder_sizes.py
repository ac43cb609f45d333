"""The table of sizes against published parameter counts, in millions, without any memory."""

from __future__ import annotations

import pytest
import torch

from vjepa2 import Encoder, Predictor
from vjepa2.encoder import SIZES, Size, Variant

COUNTS: list[tuple[Size, Variant, float, float]] = [
    ("vit_ti", "2.0", 5.63, 21.45),
    ("vit_s", "2.0", 21.88, 21.59),
    ("vit_b", "2.0", 86.24, 21.89),
    ("vit_l", "2.0", 303.89, 22.09),
    ("vit_h", "2.0", 631.65, 22.28),
    ("vit_g", "2.0", 1012.17, 22.38),
    ("vit_b", "2.1", 86.83, 0),
    ("vit_l", "2.1", 304.68, 0),
    ("vit_g", "2.1", 1013.27, 0),
    ("vit_gg", "2.1", 1845.22, 0),
]
"""Encoder and its predictor of 384 x 12, as counted in the released code."""


def millions(module: torch.nn.Module) -> float:
    return sum(parameter.numel() for parameter in module.parameters()) / 1e6


@pytest.mark.parametrize(("name", "variant", "encoder", "predictor"), COUNTS)
def test_parameters(name: Size, variant: Variant, encoder: float, predictor: float) -> None:
    with torch.device("meta"):
        built = Encoder(name, variant=variant, frames=16)
        assert millions(built) == pytest.approx(encoder, abs=0.006)
        if predictor:
            assert millions(Predictor(built, mask_tokens=6)) == pytest.approx(predictor, abs=0.006)


def test_levels_are_the_released_ones() -> None:
    with torch.device("meta"):
        found = {n: Encoder(n, variant="2.1").levels for n in ("vit_b", "vit_l", "vit_g", "vit_gg")}
    assert found == {
        "vit_b": (2, 5, 8, 11),
        "vit_l": (5, 11, 17, 23),
        "vit_g": (9, 19, 29, 39),
        "vit_gg": (11, 23, 37, 47),
    }


def test_every_size_has_heads_that_divide_its_width() -> None:
    assert all(shape.width % shape.heads == 0 for shape in SIZES.values())
