import copy

import pytest
import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from jepakit.batch import Packing
from jepakit.nn import VisionTransformer
from jepakit.protocols import Encoder

SIZES = {"depth": 2, "heads": 2, "frames": 4, "size": (16, 8), "patch": 4}
TOKENS = 2 * 4 * 2


def encoder(kernel: str = "auto", **changes: object) -> VisionTransformer:
    torch.manual_seed(0)
    made = VisionTransformer(12, kernel=kernel, **{**SIZES, **changes})
    for parameter in made.parameters():  # large enough for differences to show
        torch.nn.init.normal_(parameter, std=0.3)
    return made


def clips(batch: int = 3, seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (batch, 4, 16, 8, 3), generator=random).byte()


KEEP = torch.rand(3, TOKENS, generator=torch.Generator().manual_seed(2)) < 0.5
PACKING = Packing.from_mask(KEEP)


def test_is_an_encoder_with_the_request_of_its_sizes() -> None:
    model = encoder()
    assert isinstance(model, Encoder)
    assert (model.grid, model.tokens, model.width) == ((2, 4, 2), TOKENS, 12)
    assert model.request.size == (16, 8)
    out = model.encode(clips())
    assert out.shape == (3, TOKENS, 12)
    assert not out.requires_grad


@pytest.mark.parametrize("kernel", ["sdpa", "padded"])
def test_a_packed_batch_equals_each_sample_alone_with_gradients(kernel: str) -> None:
    assert not PACKING.is_uniform
    model = encoder(kernel)
    exact = copy.deepcopy(model).double()
    out = model(clips(), PACKING).tokens
    weight = torch.randn(out.shape, generator=torch.Generator().manual_seed(3))
    (out * weight).sum().backward()
    total = 0.0
    for frames, keep, came, mine in zip(
        clips().split(1),
        KEEP.split(1),
        out.split(PACKING.lengths),
        weight.split(PACKING.lengths),
        strict=True,
    ):
        alone = exact(frames, Packing.from_mask(keep)).tokens
        torch.testing.assert_close(came.double(), alone, atol=2e-5, rtol=1e-4)
        total = total + (alone * mine).sum()
    total.backward()
    for (name, a), b in zip(model.named_parameters(), exact.parameters(), strict=True):
        scale = b.grad.abs().max().item()
        torch.testing.assert_close(
            a.grad.double(), b.grad, atol=1e-4 * scale, rtol=1e-3, msg=lambda m, n=name: f"{n}: {m}"
        )


def test_dense_and_packed_full_grids_agree() -> None:
    model = encoder()
    full = model(clips())
    assert full.packing.is_uniform
    torch.testing.assert_close(full.dense(), model(clips(), Packing.full(3, TOKENS)).dense())
    torch.testing.assert_close(full.pooled(), full.dense().mean(1))


def test_dropped_tokens_leave_the_input_of_the_others() -> None:
    model = encoder()
    full = model(clips(), capture=["embed"]).captured["embed"]
    kept = model(clips(), PACKING, capture=["embed"]).captured["embed"]
    torch.testing.assert_close(kept, full[KEEP.flatten()])


@pytest.mark.parametrize("position", ["sincos", "learned"])
def test_tokens_of_a_black_clip_differ_by_their_position_only(position: str) -> None:
    model = encoder(position=position)
    black = torch.zeros_like(clips())
    embed = model(black, PACKING, capture=["embed"]).captured["embed"]
    table = model.positions.table[PACKING.index % TOKENS]
    torch.testing.assert_close(embed - table, (embed - table)[:1].expand_as(embed))
    assert (table[0] - table[1]).abs().max() > 0.1


def test_order_of_the_samples_does_not_matter() -> None:
    model, order = encoder(), torch.tensor([2, 0, 1])
    out = model(clips(), PACKING).pooled()
    moved = model(clips()[order], Packing.from_mask(KEEP[order])).pooled()
    torch.testing.assert_close(moved, out[order])


def test_a_still_image_is_a_clip_of_one_frame() -> None:
    model = VisionTransformer(12, depth=1, heads=2, frames=1, size=16, patch=4, tubelet=1)
    assert model.encode(torch.zeros(2, 1, 16, 16, 3, dtype=torch.uint8)).shape == (2, 16, 12)


def test_learned_positions_are_a_parameter() -> None:
    assert "positions.table" in dict(encoder(position="learned").named_parameters())
    assert "positions.table" not in encoder().state_dict()


def test_a_copy_has_its_own_weights() -> None:
    model = encoder()
    teacher = copy.deepcopy(model)
    before = teacher.encode(clips())
    with torch.no_grad():
        model.norm.bias += 1
    assert torch.equal(teacher.encode(clips()), before)


def test_refuses_a_packing_of_another_grid() -> None:
    with pytest.raises(
        ValueError, match=r"samples with 9 tokens, the encoder's have 16 \(2, 4, 2\)"
    ):
        encoder()(clips(), Packing.full(3, 9))


def test_refuses_a_dense_view_of_ragged_samples() -> None:
    with pytest.raises(ValueError, match="have no dense layout"):
        encoder()(clips(), PACKING).dense()


class NoHostReads(TorchDispatchMode):
    """Fails on operations that make the host wait for a value of the device."""

    def __torch_dispatch__(
        self, func: OpOverload, types: object, args: tuple = (), kwargs: dict | None = None
    ) -> object:
        blocking = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "repeat_interleave")
        assert func._schema.name.split("::")[1] not in blocking, func
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("kernel", ["sdpa", "padded"])
def test_a_step_never_asks_the_device_for_a_number(kernel: str) -> None:
    model, frames = encoder(kernel), clips()
    with NoHostReads():
        model(frames, PACKING).pooled().sum().backward()


@pytest.mark.parametrize("keep", [KEEP, torch.ones_like(KEEP)])
def test_saved_activations_stay_below_76_bytes_per_token_layer_and_width(keep: Tensor) -> None:
    saved = []
    for depth in (1, 3):
        model = VisionTransformer(64, **{**SIZES, "depth": depth})
        sizes: dict[int, int] = {}  # views of one tensor share its storage

        def note(x: Tensor, sizes: dict = sizes) -> Tensor:
            sizes[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
            return x

        with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
            model(clips(), Packing.from_mask(keep))
        for parameter in model.parameters():
            sizes.pop(parameter.untyped_storage().data_ptr(), None)
        saved.append(sum(sizes.values()))
    per_layer = (saved[1] - saved[0]) / 2
    assert per_layer / int(keep.sum()) / 64 <= 76
