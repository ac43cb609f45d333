"""The reader of questions: against a slow version, and what may not influence what."""

import math

import pytest
import torch

from jepakit.evals.questions.network import AnswerNetwork, AskedBatch, ReadingLayer

QUESTIONS = [torch.tensor(words) for words in ([1, 2, 3], [4, 1], [5, 5, 2, 1], [3])]
CLIP = torch.tensor([0, 0, 1, 2])


def network(words="transformer", head="attend", **more):
    torch.manual_seed(0)
    sizes = {"vocabulary": 6, "answers": 5, "tokens": 7, "token_width": 6, "longest": 4}
    return AnswerNetwork(words, head, **sizes, width=8, heads=2, **more).double().eval()


def clips(seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, 7, 6, dtype=torch.float64, generator=generator)


BATCH = AskedBatch.of(QUESTIONS, CLIP)


@pytest.mark.parametrize("words", ["bag", "transformer"])
@pytest.mark.parametrize("head", ["attend", "pooled"])
def test_a_question_depends_on_itself_and_its_clip_alone(words, head):
    net, seen = network(words, head), clips()
    together = net(BATCH, seen)
    for row, (question, clip) in enumerate(zip(QUESTIONS, CLIP, strict=True)):
        alone = AskedBatch.of([question], torch.tensor([0]))
        torch.testing.assert_close(net(alone, seen[clip : clip + 1])[0], together[row])
    other = seen.clone()
    other[1] += 1.0
    changed = (net(BATCH, other) != together).any(dim=1)
    assert changed.tolist() == [False, False, True, False]


@pytest.mark.parametrize("head", ["attend", "pooled"])
def test_only_a_transformer_knows_the_order_of_words(head):
    turned = AskedBatch.of([q.flip(0) for q in QUESTIONS], CLIP)
    bag, transformer = network("bag", head), network("transformer", head)
    torch.testing.assert_close(bag(turned, clips()), bag(BATCH, clips()))
    gap = (transformer(turned, clips()) - transformer(BATCH, clips())).abs().amax(dim=1)
    assert (gap[:3] > 1e-6).all()
    assert gap[3] == 0  # one word


def test_tokens_have_places():
    net = network("bag", "attend")
    turned = net(BATCH, clips().flip(1))
    assert not torch.allclose(turned, net(BATCH, clips()))
    with torch.no_grad():
        net.place.zero_()
    torch.testing.assert_close(net(BATCH, clips().flip(1)), net(BATCH, clips()))


def test_standardised_tokens_have_no_mean_and_no_scale():
    net, other = network(), network()
    seen = clips()
    net.standardise(seen)
    other.standardise(3 * seen + 7)
    torch.testing.assert_close(other(BATCH, 3 * seen + 7), net(BATCH, seen))
    constant = torch.ones_like(seen)
    net.standardise(constant)
    assert net(BATCH, constant).isfinite().all()
    torch.testing.assert_close(net(BATCH, constant + 5), net(BATCH, constant))


def test_pooled_question_and_clip_are_multiplied():
    net = network("bag", "pooled")
    with torch.no_grad():
        net.hidden.weight[:, : 2 * 8] = 0  # only the product is read
    first, second = net(BATCH, clips())[:2]  # two questions about one clip
    assert not torch.allclose(first, second)
    torch.testing.assert_close(*net(BATCH, None)[:2])


def slow_layer(layer, x, seen, questions, clip):
    """Word by word, head by head."""

    def attention(queries, keys, values):
        heads = []
        for q, k, v in zip(
            *(part.chunk(2, dim=-1) for part in (queries, keys, values)), strict=True
        ):
            weights = (q @ k.T / math.sqrt(q.shape[-1])).exp()
            heads.append(weights @ v / weights.sum(dim=1, keepdim=True))
        return torch.cat(heads, dim=-1)

    out, start = [], 0
    for words, number in zip(questions, clip, strict=True):
        own = x[start : start + len(words)]
        start += len(words)
        q, k, v = layer.mix(layer.norm_mix(own)).chunk(3, dim=-1)
        own = own + layer.mixed(attention(q, k, v))
        k, v = layer.seen(layer.norm_seen(seen[number])).chunk(2, dim=-1)
        own = own + layer.looked(attention(layer.look(layer.norm_look(own)), k, v))
        hidden = layer.fc1(layer.norm(own))
        gelu = hidden * (1 + torch.erf(hidden / math.sqrt(2))) / 2
        out.append(own + layer.fc2(gelu))
    return torch.cat(out)


def test_a_layer_is_what_a_slow_version_says():
    torch.manual_seed(2)
    layer = ReadingLayer(8, 2, mix=True, look=True, dropout=0.5).double().eval()
    x, seen = torch.randn(10, 8, dtype=torch.float64), torch.randn(3, 7, 8, dtype=torch.float64)
    torch.testing.assert_close(layer(x, BATCH, seen), slow_layer(layer, x, seen, QUESTIONS, CLIP))


def test_without_a_clip_words_alone_are_read():
    for head in ("attend", "pooled"):
        net = network(head=head)
        assert net(BATCH, None).shape == (4, 5)
        assert not torch.allclose(net(BATCH, None), net(BATCH, clips()))


def test_what_no_batch_can_be():
    with pytest.raises(ValueError, match="clips in order"):
        AskedBatch.of(QUESTIONS, torch.tensor([0, 1, 0, 2]))
    with pytest.raises(ValueError, match="Every question needs words"):
        AskedBatch.of([torch.tensor([1]), torch.tensor([], dtype=torch.int64)], CLIP[:2])
    with pytest.raises(ValueError, match="Every question needs words"):
        AskedBatch.of([], CLIP[:0])
