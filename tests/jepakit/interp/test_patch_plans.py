from __future__ import annotations

from typing import Any

import pytest
import torch

from jepakit.interp.patch_plans import (
    PatchPlan,
    other_images,
    random_plan,
    resid_bound,
    same_norm,
)

TRIPLE = PatchPlan(("5.mlp_hidden", "6.attn", "7.attn"), "context")


@pytest.mark.parametrize(
    ("sites", "start"),
    [
        (("embed",), 0),
        (("0.attn",), 0),
        (("0.resid",), 1),
        (("7.mlp", "3.q"), 3),
        (("3.mlp", "2.resid"), 3),
        (("3.resid", "3.mlp"), 3),
    ],
)
def test_a_run_goes_on_before_the_first_site(sites: tuple[str, ...], start: int) -> None:
    assert PatchPlan(sites).start == start


def test_chosen_tokens() -> None:
    hidden = torch.tensor([[True, False, False], [True, True, False]])
    assert torch.equal(PatchPlan(("0.q",), "masked").chosen(hidden), hidden)
    assert torch.equal(PatchPlan(("0.q",), "context").chosen(hidden), ~hidden)
    assert PatchPlan(("0.q",)).chosen(hidden).all()


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"sites": ()}, r"each once and none of them 'final'.*came \(\)"),
        ({"sites": ("1.q", "1.q")}, "each once"),
        ({"sites": ("final",)}, "after which nothing runs"),
        (
            {"sites": ("1.q",), "mode": "hidden"},
            "mode must be one of.*came 'hidden'|Actual value: 'hidden'",
        ),
        ({"sites": ("1.q",), "donor": "dirty"}, "donor one of.*'dirty'|Actual value: 'dirty'"),
    ],
)
def test_refused_plans(named: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        PatchPlan(**named)


def test_the_bound_is_the_stream_after_the_same_blocks() -> None:
    bound = resid_bound(TRIPLE)
    assert bound == PatchPlan(("5.resid", "6.resid", "7.resid"), "context")
    assert resid_bound(PatchPlan(("3.mlp", "3.attn", "embed"))).sites == ("embed", "3.resid")


def test_random_groups_have_as_many_sites_of_the_same_parts() -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = {random_plan(TRIPLE, range(8), generator=generator).sites for _ in range(50)}
    assert len(drawn) > 30
    for sites in drawn:
        assert len(set(sites)) == 3
        assert [site.split(".")[1] for site in sites] == ["mlp_hidden", "attn", "attn"]
        assert not {*sites} & {*TRIPLE.sites}
    only = random_plan(TRIPLE, [1, 2], generator=generator)
    assert {*only.sites[1:]} == {"1.attn", "2.attn"}
    assert only.mode == "context"
    with pytest.raises(ValueError, match=r"No block of \[1\] has a attn"):
        random_plan(TRIPLE, [1], generator=generator)
    with pytest.raises(ValueError, match="'embed' is in no block"):
        random_plan(PatchPlan(("embed",)), [1], generator=generator)


def test_every_image_gets_another_one() -> None:
    generator = torch.Generator().manual_seed(0)
    seen = set()
    for _ in range(30):
        rows = other_images(4, generator=generator)
        assert sorted(rows.tolist()) == [0, 1, 2, 3]
        assert not (rows == torch.arange(4)).any()
        seen.add(tuple(rows.tolist()))
    assert len(seen) == 6  # cycles of four


def test_random_directions_keep_the_length() -> None:
    x = torch.randn(2, 5, 64, generator=torch.Generator().manual_seed(1))
    x[0, 0] = 0
    found = same_norm(x, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(found.norm(dim=-1), x.norm(dim=-1))
    cosine = torch.nn.functional.cosine_similarity(found, x, dim=-1)
    assert cosine.abs().max() < 0.5
    assert not torch.equal(found, same_norm(x, generator=torch.Generator().manual_seed(3)))
