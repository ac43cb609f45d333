"""Official numbers, a plain loop in float64, invariances, refusals."""

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from jepakit.nn.attentive_pooler import AttentiveClassifier, AttentivePooler

FIXTURE = Path(__file__).parents[4] / "shared/fixtures/vjepa2/official_attentive_probe_tiny.pt"


def tokens(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pooler(**changes):
    torch.manual_seed(0)
    made = AttentivePooler(16, **({"heads": 2, "blocks": 2} | changes))
    for parameter in made.parameters():  # norms and biases too, so that a wrong one shows
        torch.nn.init.normal_(parameter, std=0.3)
    return made


@pytest.mark.parametrize(("name", "blocks"), [("depth1", 0), ("depth3", 2)])
def test_pools_and_classifies_as_the_official_probe(name, blocks):
    if not FIXTURE.exists():
        pytest.skip(f"{FIXTURE.name} is not beside this checkout")
    from vjepa2.probe_files import official_probe_state

    recorded = torch.load(FIXTURE, weights_only=True)[name]
    probe = AttentiveClassifier(64, 5, heads=2, blocks=blocks)
    probe.load_state_dict(official_probe_state(recorded["state_dict"]))
    pooled = probe.pooler(recorded["tokens"])
    torch.testing.assert_close(pooled, recorded["pooled"], atol=2e-5, rtol=0)
    torch.testing.assert_close(probe(recorded["tokens"]), recorded["logits"], atol=2e-5, rtol=0)


def test_the_queries_read_as_a_loop_over_heads_says():
    made = pooler(blocks=0, queries=3, eps=0.1).double()
    x = tokens(1, 7, 16).double()
    context = F.layer_norm(x[0], (16,), made.norm_context.weight, made.norm_context.bias, 0.1)
    keys, values = made.cross_kv(context).chunk(2, dim=1)
    asked = made.cross_q(made.query_tokens)
    read = torch.zeros(3, 16).double()
    for head in (slice(0, 8), slice(8, 16)):
        for query in range(3):
            weights = torch.stack([asked[query, head] @ key[head] / math.sqrt(8) for key in keys])
            read[query, head] = weights.softmax(0) @ values[:, head]
    out = made.query_tokens + read
    normed = F.layer_norm(out, (16,), made.norm.weight, made.norm.bias, 0.1)
    out = out + made.fc2(F.gelu(made.fc1(normed)))
    torch.testing.assert_close(made(x)[0], out, atol=1e-12, rtol=0)


def test_samples_do_not_see_each_other():
    made = pooler()
    x = tokens(3, 5, 16)
    one = made(x[1:2])
    torch.testing.assert_close(made(x)[1:2], one, atol=1e-6, rtol=0)


@pytest.mark.parametrize("blocks", [0, 2])
def test_order_of_the_tokens_does_not_matter(blocks):
    made = pooler(blocks=blocks)
    x = tokens(2, 9, 16)
    torch.testing.assert_close(made(x.flip(1)), made(x), atol=1e-5, rtol=0)


@pytest.mark.parametrize("blocks", [0, 1])
def test_eps_reaches_every_norm(blocks):
    norms = [
        m for m in pooler(blocks=blocks, eps=0.25).modules() if isinstance(m, torch.nn.LayerNorm)
    ]
    assert len(norms) == 2 + 2 * blocks
    assert {norm.eps for norm in norms} == {0.25}


@pytest.mark.parametrize(("blocks", "number"), [(0, 1), (3, 3)])
def test_first_weights(blocks, number):
    torch.manual_seed(0)
    made = AttentivePooler(64, heads=2, blocks=blocks)
    assert made.query_tokens.std().item() == pytest.approx(0.0176, rel=0.3)
    assert made.query_tokens.abs().max() <= 0.04
    ratio = made.fc1.weight.std() / made.fc2.weight.std()
    assert ratio.item() == pytest.approx(math.sqrt(2 * number), rel=0.03)


def test_every_parameter_learns():
    probe = AttentiveClassifier(16, 3, heads=2, blocks=1)
    probe(tokens(4, 6, 16)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in probe.parameters())


def test_refuses_a_width_that_heads_do_not_divide():
    with pytest.raises(ValueError, match=r"width \(10\) must be a multiple of heads \(4\)"):
        AttentivePooler(10, heads=4)


def test_refuses_to_pool_without_a_query():
    with pytest.raises(ValueError, match="at least 1 query, got 0"):
        AttentivePooler(8, heads=2, queries=0)


def test_refuses_tokens_of_another_width():
    with pytest.raises(ValueError, match=r"width 16 per sample, got the shape \(2, 5, 12\)"):
        pooler()(tokens(2, 5, 12))
    with pytest.raises(ValueError, match="at least 1 token"):
        pooler()(tokens(2, 0, 16))
