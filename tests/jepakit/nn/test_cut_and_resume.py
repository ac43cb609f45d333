"""Passes that stop at a point of the residual stream, and passes that go on from one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from jepakit.batch import Packing
from jepakit.nn import Edit, VisionTransformer
from jepakit.nn.stretch import Stretch, activation_names, stream_names

SIZES = {"depth": 3, "heads": 2, "frames": 4, "size": 16, "patch": 4, "tubelet": 2}
TOKENS = 32
RAGGED = Packing.from_mask(torch.rand(3, TOKENS, generator=torch.Generator().manual_seed(2)) < 0.6)
POINTS = ("embed", "blocks.00.out", "blocks.01.out", "blocks.02.out")
POSITIONS = ("sincos", "learned", "rope", "rope_tiled")


def vit(position: str = "rope", **named: object) -> VisionTransformer:
    torch.manual_seed(0)
    made = VisionTransformer(24, **SIZES | {"position": position} | named)  # type: ignore[arg-type]
    for parameter in made.parameters():  # large enough for differences to show
        torch.nn.init.normal_(parameter, std=0.3)
    return made


def clips(frames: int = 4) -> Tensor:
    shape, random = (3, frames, 16, 16, 3), torch.Generator().manual_seed(1)
    return torch.randint(0, 256, shape, generator=random, dtype=torch.uint8)


@pytest.mark.parametrize("packing", [None, RAGGED], ids=["full", "ragged"])
@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("point", POINTS)
def test_resuming_gives_the_bits_of_one_pass(
    position: str, point: str, packing: Packing | None
) -> None:
    model = vit(position)
    whole = model(clips(), packing, capture=[point, "blocks.02.mlp", "norm"])
    cut = model(clips(), packing, until=point)
    assert torch.equal(cut.tokens, whole.captured[point])
    on = model.resume(cut.tokens, cut.packing, after=point, capture=["norm"])
    assert torch.equal(on.tokens, whole.tokens)
    assert torch.equal(on.captured["norm"], whole.tokens)
    assert (cut.tokens - whole.tokens).abs().max() > 0.1


def test_an_edit_at_the_point_itself_is_made_when_resuming() -> None:
    model, rows = vit(), torch.arange(5)
    edits = {"blocks.01.out": Edit.add(1.0, rows), "blocks.02.attn": Edit.replace(0.0)}
    whole = model(clips(), RAGGED, edits=edits, capture=["blocks.01.out"])
    cut = model(clips(), RAGGED, until="blocks.01.out")
    on = model.resume(
        cut.tokens, RAGGED, after="blocks.01.out", edits=edits, capture=["blocks.01.out"]
    )
    assert torch.equal(on.tokens, whole.tokens)
    assert torch.equal(on.captured["blocks.01.out"], whole.captured["blocks.01.out"])
    assert (on.tokens - model(clips(), RAGGED).tokens).abs().max() > 0.1


def test_a_stretch_in_the_middle() -> None:
    model = vit()
    first = model(clips(), RAGGED, until="blocks.00.out")
    middle = model.resume(first.tokens, RAGGED, after="blocks.00.out", until="blocks.01.out")
    assert torch.equal(middle.tokens, model(clips(), RAGGED, until="blocks.01.out").tokens)
    same = model.resume(first.tokens, RAGGED, after="blocks.00.out", until="blocks.00.out")
    assert same.tokens is first.tokens


def test_nothing_after_the_cut_is_computed() -> None:
    model, run = vit(), []
    for number, block in enumerate(model.blocks):
        block.register_forward_hook(lambda *_, n=number: run.append(n))
    model.norm.register_forward_hook(lambda *_: run.append("norm"))
    model(clips(), until="blocks.01.out")
    assert run == [0, 1]
    run.clear()
    model(clips(), until="embed")
    assert run == []
    cut = model(clips(), until="blocks.00.out")
    run.clear()
    model.resume(cut.tokens, cut.packing, after="blocks.00.out")
    assert run == [1, 2, "norm"]


def test_looking_keeps_nothing_and_changes_nothing() -> None:
    model, seen = vit(), {}

    def look(name: str) -> Edit:
        def mean(x: Tensor) -> Tensor:
            seen[name] = x.mean(dim=0)
            return x

        return Edit.apply(mean)

    looked = model(clips(), RAGGED, edits={name: look(name) for name in model.names})
    plain = model(clips(), RAGGED, capture=model.names)
    assert looked.captured == {}
    assert torch.equal(looked.tokens, plain.tokens)
    assert list(seen) == list(model.names)
    for name, mean in seen.items():
        torch.testing.assert_close(mean, plain.captured[name].mean(dim=0))


def test_gradients_flow_through_a_resumed_pass() -> None:
    model = vit()
    model.recompute = True
    cut = model(clips(), RAGGED, until="blocks.00.out")
    x = cut.tokens.detach().requires_grad_()
    model.resume(x, RAGGED, after="blocks.00.out").tokens[:, 0].sum().backward()
    whole = model(clips(), RAGGED, capture=["blocks.00.out"])
    stream = whole.captured["blocks.00.out"]
    torch.testing.assert_close(x.grad, torch.autograd.grad(whole.tokens[:, 0].sum(), stream)[0])


def test_still_images_are_cut_and_resumed() -> None:
    model = vit(images=True)
    whole = model(clips(1))
    cut = model(clips(1), until="blocks.01.out")
    assert cut.dense().shape == (3, 16, 24)
    on = model.resume(cut.tokens, cut.packing, after="blocks.01.out")
    assert torch.equal(on.tokens, whole.tokens)


def test_names_of_a_stretch() -> None:
    assert Stretch.between(2).names == activation_names(2)
    inner = Stretch.between(2, after="blocks.00.out", until="blocks.01.out").names
    assert inner == (
        "blocks.00.out",
        *(f"blocks.01.{n}" for n in ("q", "k", "v", "attn", "mlp.hidden", "mlp")),
        ("blocks.01.out"),
    )
    assert stream_names(2) == ("embed", "blocks.00.out", "blocks.01.out", "norm")


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"until": "blocks.3.out"}, "until='blocks.3.out' is no point .* embed, blocks.00.out,"),
        ({"until": "blocks.01.attn"}, "is no point of the residual stream"),
        ({"until": "embed", "capture": ["norm"]}, r"Unknown activations \['norm'\]"),
        ({"until": "embed", "hierarchy": True}, "cut at 'embed' has no hierarchy"),
    ],
)
def test_refuses_what_a_cut_pass_cannot_give(named: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        vit()(clips(), **named)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"after": "norm"}, "Nothing runs after 'norm' until 'norm'"),
        ({"after": "blocks.01.out", "until": "embed"}, "Nothing runs after 'blocks.01.out'"),
        ({"after": "blocks.1.out"}, "after='blocks.1.out' is no point"),
        ({"after": "blocks.01.out", "capture": ["embed"]}, r"Unknown activations \['embed'\]"),
    ],
)
def test_refuses_to_resume_where_nothing_runs(named: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        vit().resume(torch.zeros(RAGGED.total, 24), RAGGED, **named)


def test_refuses_rows_of_another_packing() -> None:
    with pytest.raises(ValueError, match="7 rows, and a packing of"):
        vit().resume(torch.zeros(7, 24), RAGGED, after="embed")
    with pytest.raises(ValueError, match="samples of 9, are no stream of this encoder"):
        vit().resume(torch.zeros(18, 24), Packing.full(2, 9), after="embed")
