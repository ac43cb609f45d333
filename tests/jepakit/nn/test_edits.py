import pytest
import torch
from torch import Tensor

from jepakit.batch import Packing
from jepakit.nn import Edit, VisionTransformer

CLIP = (2, 2, 16, 16, 3)


@pytest.fixture(scope="module")
def encoder() -> VisionTransformer:
    torch.manual_seed(0)
    encoder = VisionTransformer(12, depth=2, heads=2, frames=2, size=16, patch=4)
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return encoder


def clips(seed: int) -> Tensor:
    return torch.randint(0, 256, CLIP, generator=torch.Generator().manual_seed(seed)).byte()


PACKING = Packing.from_mask(torch.rand(2, 16, generator=torch.Generator().manual_seed(0)) < 0.6)


def test_captures_exactly_what_is_named(encoder: VisionTransformer) -> None:
    plain = encoder(clips(0), PACKING)
    assert plain.captured == {}
    seen = encoder(clips(0), PACKING, capture=encoder.names)
    assert torch.equal(seen.tokens, plain.tokens)
    assert list(seen.captured) == list(encoder.names)
    assert encoder.names[:3] == ("embed", "blocks.00.q", "blocks.00.k")
    assert encoder.names[-2:] == ("blocks.01.out", "norm")
    assert seen.captured["blocks.01.mlp.hidden"].shape == (PACKING.total, 48)
    assert seen.captured["norm"] is seen.tokens
    got = seen.captured
    after = got["blocks.00.out"] + got["blocks.01.attn"] + got["blocks.01.mlp"]
    torch.testing.assert_close(got["blocks.01.out"], after)


@pytest.mark.parametrize("name", ["embed", "blocks.00.out", "blocks.01.out", "norm"])
def test_patching_the_whole_stream_reproduces_the_donor(
    encoder: VisionTransformer, name: str
) -> None:
    donor = encoder(clips(1), PACKING, capture=[name])
    edits = {name: Edit.replace(donor.captured[name])}
    assert torch.equal(encoder(clips(0), PACKING, edits=edits).tokens, donor.tokens)


@pytest.mark.parametrize("name", ["blocks.00.attn", "blocks.01.mlp.hidden", "blocks.01.mlp"])
def test_patching_a_part_is_neither_run(encoder: VisionTransformer, name: str) -> None:
    donor, plain = encoder(clips(1), PACKING, capture=[name]), encoder(clips(0), PACKING)
    patched = encoder(clips(0), PACKING, edits={name: Edit.replace(donor.captured[name])}).tokens
    assert (patched - plain.tokens).abs().max() > 1e-2
    assert (patched - donor.tokens).abs().max() > 1e-2


def test_add_and_apply_on_selected_rows(encoder: VisionTransformer) -> None:
    plain = encoder(clips(0), PACKING, capture=["norm"]).captured["norm"]
    rows = torch.tensor([0, 3])
    chosen = torch.zeros(PACKING.total, dtype=torch.bool).index_fill(0, rows, value=True)
    for tokens in (rows, chosen):
        added = encoder(clips(0), PACKING, edits={"norm": Edit.add(2.0, tokens)}).tokens
        doubled = encoder(
            clips(0), PACKING, edits={"norm": Edit.apply(lambda x: 2 * x, tokens)}
        ).tokens
        torch.testing.assert_close(added[chosen], plain[chosen] + 2)
        torch.testing.assert_close(doubled[chosen], 2 * plain[chosen])
        assert torch.equal(added[~chosen], plain[~chosen])
        assert torch.equal(doubled[~chosen], plain[~chosen])


def test_an_edit_in_one_sample_leaves_the_others(encoder: VisionTransformer) -> None:
    first = torch.arange(PACKING.lengths[0])
    edited = encoder(clips(0), PACKING, edits={"embed": Edit.replace(0.0, first)}).tokens
    plain = encoder(clips(0), PACKING).tokens
    torch.testing.assert_close(edited[len(first) :], plain[len(first) :])
    assert (edited[: len(first)] - plain[: len(first)]).abs().max() > 1e-2


def test_an_edited_activation_is_captured_after_the_edit(encoder: VisionTransformer) -> None:
    edits = {"embed": Edit.replace(1.0)}
    assert (encoder(clips(0), capture=["embed"], edits=edits).captured["embed"] == 1).all()


def test_gradients_reach_captured_activations_and_added_vectors(
    encoder: VisionTransformer,
) -> None:
    vector = torch.zeros(12, requires_grad=True)
    edits = {"blocks.00.out": Edit.add(vector)}
    seen = encoder(clips(0), PACKING, capture=["blocks.00.out"], edits=edits)
    stream = seen.captured["blocks.00.out"]
    by_token, by_vector = torch.autograd.grad(seen.tokens[:, 0].sum(), [stream, vector])
    torch.testing.assert_close(by_token.sum(0), by_vector)


@pytest.mark.parametrize("position", ["sincos", "rope"])
def test_queries_keys_and_values_are_read_and_changed(position: str) -> None:
    torch.manual_seed(0)
    model = VisionTransformer(
        12,
        depth=2,
        heads=2,
        frames=2,
        size=16,
        patch=4,
        position=position,  # type: ignore[arg-type]
    )
    model.double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    names = [f"blocks.01.{part}" for part in "qkv"]
    seen = model(clips(0), PACKING, capture=[*names, "blocks.00.out"])
    total = seen.tokens[:, 0].sum()
    block = model.blocks[1]
    qkv = block.qkv(block.norm1(seen.captured["blocks.00.out"]))
    for name, part in zip(names, qkv.chunk(3, dim=-1), strict=True):
        assert torch.equal(seen.captured[name], part)  # before rotation
        grad = torch.autograd.grad(total, seen.captured[name], retain_graph=True)[0]
        small = Edit.add(1e-4 * grad)
        more = model(clips(0), PACKING, edits={name: small}).tokens[:, 0].sum()
        gained = (more - total).item()
        assert gained == pytest.approx(1e-4 * grad.square().sum().item(), rel=0.01)
        own = {name: Edit.replace(seen.captured[name])}
        assert torch.equal(model(clips(0), PACKING, edits=own).tokens, seen.tokens)
    with torch.no_grad():
        assert torch.equal(model(clips(0), PACKING, capture=names).tokens, seen.tokens)
        assert torch.equal(model(clips(0), PACKING).tokens, seen.tokens)


def test_gradients_pass_by_the_rows_that_are_replaced(encoder: VisionTransformer) -> None:
    rows = torch.tensor([0, 3])
    edits = {"blocks.01.out": Edit.replace(0.0, rows)}
    seen = encoder(clips(0), PACKING, capture=["blocks.01.mlp"], edits=edits)
    grad = torch.autograd.grad(seen.tokens[:, 0].sum(), seen.captured["blocks.01.mlp"])[0]
    reached = grad.abs().sum(1) > 0
    assert reached.sum() == PACKING.total - 2
    assert not reached[rows].any()


def test_unknown_names_are_refused_with_the_known_ones(encoder: VisionTransformer) -> None:
    with pytest.raises(
        ValueError, match=r"Unknown activations \['blocks.7.out'\]; available: embed,"
    ):
        encoder(clips(0), capture=["blocks.7.out"])
    with pytest.raises(ValueError, match=r"Unknown activations.*'nrm'"):
        encoder(clips(0), edits={"nrm": Edit.add(1.0)})


@pytest.mark.parametrize("shape", [(5, 12), (1, 3, 12), (11,)])
def test_edits_that_do_not_fit_are_refused(
    encoder: VisionTransformer, shape: tuple[int, ...]
) -> None:
    for edit in (Edit.replace(torch.ones(shape)), Edit.add(torch.ones(shape))):
        with pytest.raises(ValueError, match=r"edit of 'embed' must fit its \(32, 12\)"):
            encoder(clips(0), edits={"embed": edit})
