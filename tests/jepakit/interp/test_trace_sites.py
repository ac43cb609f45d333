from __future__ import annotations

import pytest

from jepakit.interp.sites import grid_of, last_point, resolve_sites, site_width
from jepakit.nn import VisionTransformer

ENCODER = VisionTransformer(
    12, depth=3, heads=2, frames=4, size=16, patch=8, mlp_ratio=2.5, images=True
)


def test_short_forms_and_order() -> None:
    stream = ("embed", "blocks.00.out", "blocks.01.out", "blocks.02.out", "norm")
    assert resolve_sites(ENCODER, "all") == stream
    assert resolve_sites(ENCODER, ["norm", "1", "01", "embed"]) == (
        "embed",
        "blocks.01.out",
        "norm",
    )
    assert resolve_sites(ENCODER, ["blocks.01.attn", "all"])[2] == "blocks.01.attn"


@pytest.mark.parametrize("name", ["3", "blocks.3.out", "blocks.00.outs", "layer7", ""])
def test_unknown_ones_are_refused_with_those_that_exist(name: str) -> None:
    listed = "embed, blocks.00.out, blocks.01.out, blocks.02.out, norm"
    with pytest.raises(ValueError, match=f"Unknown activations .*{listed}"):
        resolve_sites(ENCODER, ["embed", name])


def test_none_is_refused() -> None:
    with pytest.raises(ValueError, match="No activations were named; the encoder has embed"):
        resolve_sites(ENCODER, [])


def test_widths_and_grids() -> None:
    widths = [site_width(ENCODER, name) for name in ENCODER.names[:7]]
    assert widths == [12, 12, 12, 12, 12, 30, 12]
    assert grid_of(ENCODER, 4) == (2, 2, 2)
    assert grid_of(ENCODER, 1) == (1, 2, 2)


@pytest.mark.parametrize(
    ("site", "point"),
    [
        ("embed", "embed"),
        ("norm", "norm"),
        ("blocks.01.mlp.hidden", "blocks.01.out"),
        ("blocks.02.out", "blocks.02.out"),
    ],
)
def test_the_cut_is_after_the_last_one(site: str, point: str) -> None:
    assert last_point(["embed", site]) == point
