import pytest
import torch

from jepakit.batch import Packing, SceneBatch, TokenMasks
from jepakit.seeds import derive_seed, generator


def ragged_keep(seed: int = 0, batch: int = 5, n: int = 12) -> torch.Tensor:
    keep = torch.rand(batch, n, generator=generator(seed)) < 0.5
    keep[:, 0] = True
    return keep


def test_packing_lists_the_kept_tokens_sample_after_sample() -> None:
    keep = ragged_keep()
    packing = Packing.from_mask(keep)
    expected = [(s, p) for s in range(5) for p in range(12) if keep[s, p]]
    assert list(zip(packing.sample.tolist(), packing.position.tolist(), strict=True)) == expected
    assert packing.lengths == tuple(keep.sum(1).tolist())
    assert packing.offsets.tolist() == [0, *torch.tensor(packing.lengths).cumsum(0).tolist()]
    assert packing.offsets.dtype == torch.int32
    assert packing.total == len(expected)
    assert packing.max_length == max(packing.lengths)


def test_full_packing_keeps_everything() -> None:
    packing = Packing.full(3, 4)
    assert packing.index.tolist() == list(range(12))
    assert packing.is_uniform
    assert not Packing.from_mask(ragged_keep()).is_uniform


def masks_of(seed: int = 0) -> tuple[TokenMasks, torch.Tensor, torch.Tensor]:
    context = ragged_keep(seed)
    slots = torch.randint(0, 3, context.shape, generator=generator(seed, 1))
    slots = slots.masked_fill(context, -1)
    slots[:, -1] = -1  # neither context nor target
    context[:, -1] = False
    slots[:, 1] = 0
    context[:, 1] = False
    masks = TokenMasks.build(context, slots, [(1,), (), (2, 3), (1,), (1,)], [False] * 5)
    return masks, context, slots


def test_joint_order_interleaves_context_and_target_per_sample() -> None:
    masks, context, slots = masks_of()
    both = torch.cat([masks.context.index, masks.target.index])[masks.joint_order]
    assert torch.equal(both, masks.joint.index)
    assert masks.joint.lengths == tuple(((slots >= 0) | context).sum(1).tolist())
    assert torch.equal(masks.slot, slots[slots >= 0])


def test_join_lays_tokens_out_as_joint_and_part_undoes_it() -> None:
    masks, _, _ = masks_of()
    rows = torch.arange(60.0).unsqueeze(1) * torch.tensor([1.0, -1.0])  # of token index
    visible, hidden = rows[masks.context.index], rows[masks.target.index]
    joined = masks.join(visible, hidden)
    assert torch.equal(joined, rows[masks.joint.index])
    assert all(
        torch.equal(a, b) for a, b in zip(masks.part(joined), (visible, hidden), strict=True)
    )
    weights = torch.randn(joined.shape, generator=generator(1))
    visible.requires_grad_()
    (masks.join(visible, hidden) * weights).sum().backward()
    assert torch.equal(visible.grad, masks.part(weights)[0])


def test_views_are_counted_and_say_what_they_keep() -> None:
    rows = ["1110", "1000", "1100", "0001", "0001", "0001"]  # three clips under two masks
    context = torch.tensor([[int(kept) for kept in row] for row in rows]).bool()
    slots = torch.where(context, -1, 0)
    slots[3, 0] = -1  # neither
    masks = TokenMasks.build(context, slots, [()] * 6, [False] * 6, views=2)
    assert masks.clips == 3
    assert masks.to("cpu").views == 2
    first, second = masks.shares()
    assert (first.context, first.target) == (6 / 12, 6 / 12)
    assert (second.context, second.target) == (3 / 12, 8 / 12)
    plain = TokenMasks.build(context, slots, [()] * 6, [False] * 6)
    assert (plain.views, plain.clips) == (1, 6)
    assert plain.shares()[0].context == 9 / 24


@pytest.mark.parametrize("views", [0, 3])
def test_views_must_divide_the_masks(views: int) -> None:
    _, context, slots = masks_of()
    with pytest.raises(ValueError, match=f"5 masks are not {views} views"):
        TokenMasks.build(context, slots, [()] * 5, [False] * 5, views=views)


def test_hidden_ids_name_objects_or_everything() -> None:
    masks, _, _ = masks_of()
    assert masks.hidden_ids[0].nonzero().flatten().tolist() == [1]
    assert masks.hidden_ids[1].all()
    assert masks.hidden_ids[2].nonzero().flatten().tolist() == [2, 3]


def test_a_token_cannot_be_context_and_target() -> None:
    with pytest.raises(ValueError, match="at once"):
        TokenMasks.build(
            torch.ones(1, 2, dtype=torch.bool), torch.zeros(1, 2, dtype=torch.long), [()], [True]
        )


@pytest.mark.parametrize(("name", "slot"), [("target", -1), ("context", 0)])
def test_every_sample_needs_context_and_target(name: str, slot: int) -> None:
    context = torch.full((2, 3), name == "target")
    slots = torch.full((2, 3), slot)
    with pytest.raises(ValueError, match=f"one {name} token; \\[0, 1\\]"):
        TokenMasks.build(context, slots, [(), ()], [False, False])


def test_fake_batch_is_what_it_says() -> None:
    batch = SceneBatch.fake(3, frames=4, size=32, patch=8, tubelet=2, objects=2)
    assert batch.frames.shape == (3, 4, 32, 32, 3)
    assert batch.coverage.shape == (3, 2, 2, 4, 4)
    area = (batch.labels == 2).sum().item()
    assert batch.coverage[:, 1].sum().item() / 255 == pytest.approx(area / (2 * 8 * 8), rel=0.02)
    assert len(batch) == 3
    moved = batch.to("cpu")
    assert torch.equal(moved.frames, batch.frames)


def test_seeds_depend_on_every_part_and_their_order() -> None:
    parts = [(0, 1, "a"), (1, 0, "a"), (0, 1, "b"), (0, "1", "a"), (0, 1)]
    seeds = {derive_seed(*part) for part in parts}
    assert len(seeds) == 5
    assert derive_seed(7, 3, "x") == derive_seed(7, 3, "x")
    first = torch.rand(4, generator=generator(7, 3, "x"))
    assert torch.equal(first, torch.rand(4, generator=generator(7, 3, "x")))
