"""Two processes under DDP against one process that holds the joined batch: values and gradients."""

import pytest
import torch
import torch.distributed as dist
from torch import nn

from jepakit import distributed
from jepakit.batch import Packing
from jepakit.losses import (
    CausalResidualLoss,
    LatentLoss,
    LogDetSigReg,
    SketchedSigReg,
    SmallBatchWarning,
    SpectralSigReg,
)

ddp = pytest.mark.ddp
TOKENS = 5
INPUT = 24
SPLITS = {"equal": (6, 6), "unequal": (4, 8)}
NARROW, WIDE = 4, 20  # a joined batch of 12 has full rank in one and not in the other


def regulariser(kind, width):
    """A loss of the samples' mean vectors; the kind is built before any process group exists."""
    return width, lambda tokens, packing, _: kind(pool(tokens, packing), step=7)


def pool(tokens, packing):
    """Mean token of each sample."""
    sums = tokens.new_zeros(packing.batch, tokens.shape[1]).index_add(0, packing.sample, tokens)
    return sums / packing.offsets.diff().unsqueeze(1)


def weighted(tokens, packing, _):
    """A mean over samples weighed by the rank's share of the joined batch."""
    share = distributed.rank_weight(packing.batch, tokens)
    return (pool(tokens, packing) ** 3).sum(dim=1).mean() * share


LOSSES = {
    "spectral": regulariser(SpectralSigReg(), NARROW),
    "spectral wide": regulariser(SpectralSigReg(), WIDE),
    "sketched": regulariser(SketchedSigReg(directions=32), NARROW),
    "sketched published": regulariser(SketchedSigReg(directions=32, normalize="published"), NARROW),
    "logdet": regulariser(LogDetSigReg(), NARROW),
    "logdet wide": regulariser(LogDetSigReg(), WIDE),
    "latent norm": (NARROW, lambda x, p, t: LatentLoss("norm")(x, t, p)),
    "latent elementwise": (NARROW, lambda x, p, t: LatentLoss("elementwise")(x, t, p)),
    "causal": (NARROW, lambda x, p, t: CausalResidualLoss()(x, t, p)),
    "rank weight": (NARROW, weighted),
    "sum": (NARROW, lambda x, p, _: (distributed.all_reduce_sum(pool(x, p).sum(0)) ** 3).sum()),
    "gather": (NARROW, lambda x, p, _: (distributed.gather(pool(x, p)) ** 3).sum()),
    "mean": (
        NARROW,
        lambda x, p, _: (
            (distributed.all_reduce_mean(pool(x, p).sum(0)) * distributed.world_size())
            .square()
            .sum()
        ),
    ),
}


def samples(width):
    """Twelve samples of one to five tokens: inputs, targets, and how many tokens each has."""
    gen = torch.Generator().manual_seed(3)
    lengths = torch.randint(1, TOKENS + 1, (12,), generator=gen).tolist()
    draw = [torch.randn(n, INPUT, generator=gen) + 0.5 for n in lengths]
    return draw, [torch.randn(n, width, generator=gen) for n in lengths]


def value_and_gradient(name, begin, end, wrap):
    """Loss and weight gradient of a linear encoder on samples ``begin .. end - 1``."""
    width, loss = LOSSES[name]
    inputs, targets = samples(width)
    torch.manual_seed(0)
    encoder = nn.Linear(INPUT, width, bias=False)
    keep = torch.zeros(end - begin, TOKENS, dtype=torch.bool)
    for row, tokens in enumerate(inputs[begin:end]):
        keep[row, : len(tokens)] = True
    packing = Packing.from_mask(keep)
    wrapped = wrap(encoder)  # DDP averages gradients only while its wrapper lives
    latents = wrapped(torch.cat(inputs[begin:end]))
    value = loss(latents, packing, torch.cat(targets[begin:end]))
    value.backward()
    return value.detach(), encoder.weight.grad


def broadcast_and_adjoint(rank):
    """What rank 1's tensor becomes everywhere, and the gradient of a loss weighed by rank."""
    x = torch.full((3,), float(rank + 1), requires_grad=True)
    y = distributed.broadcast(x, source=1)
    (y * (rank + 1) * torch.arange(3)).sum().backward()
    return y.detach(), x.grad


def counts(rank):
    """Figures asked while the group exists."""
    like = torch.zeros(())
    with torch.no_grad():
        without_gradient = distributed.rank_weight(rank + 1, like)
    return torch.stack(
        [
            torch.tensor(float(distributed.rank())),
            torch.tensor(float(distributed.world_size())),
            distributed.total_count(rank + 1, like).float(),
            distributed.rank_weight(rank + 1, like),
            without_gradient,
        ]
    )


def work(rank, folder):
    """One rank: every loss under real DDP for every split, written to ``folder``."""
    import warnings

    warnings.simplefilter("ignore", SmallBatchWarning)
    torch.set_num_threads(1)
    store = dist.FileStore(f"{folder}/store", 2)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2)
    out = {}
    for split, (first, second) in SPLITS.items():
        begin, end = ((0, first), (first, first + second))[rank]
        for name in LOSSES:
            wrap = nn.parallel.DistributedDataParallel
            out[name, split] = value_and_gradient(name, begin, end, wrap)
    out["broadcast"], out["counts"] = broadcast_and_adjoint(rank), counts(rank)
    torch.save(out, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What each of two processes found; they are started once for all tests."""
    folder = str(tmp_path_factory.mktemp("ranks"))
    torch.multiprocessing.spawn(work, args=(folder,), nprocs=2)
    return [torch.load(f"{folder}/{rank}.pt") for rank in range(2)]


@ddp
@pytest.mark.filterwarnings("ignore::jepakit.losses.SmallBatchWarning")
@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", LOSSES)
def test_two_ranks_equal_one_process(ranks, name, split):
    value, gradient = value_and_gradient(name, 0, 12, lambda module: module)
    values = torch.stack([found[name, split][0] for found in ranks])
    assert values.mean().item() == pytest.approx(value.item(), rel=1e-5)
    if LOSSES[name][1] is not weighted and "latent" not in name and name != "causal":
        assert values[0].item() == pytest.approx(values[1].item(), rel=1e-6)
    for found in ranks:
        scale = gradient.abs().max()
        error = (found[name, split][1] - gradient).abs().max() / scale
        assert error < 1e-5


@ddp
def test_broadcast_and_its_adjoint(ranks):
    values, gradients = zip(*(found["broadcast"] for found in ranks), strict=True)
    assert all(torch.equal(value, torch.full((3,), 2.0)) for value in values)
    assert torch.equal(gradients[0], torch.zeros(3))
    assert torch.equal(gradients[1], (1 + 2) * torch.arange(3.0))


@ddp
def test_rank_world_and_counts_are_asked_at_call_time(ranks):
    assert ranks[0]["counts"].tolist() == pytest.approx([0, 2, 3, 2 * 1 / 3, 1])
    assert ranks[1]["counts"].tolist() == pytest.approx([1, 2, 3, 2 * 2 / 3, 1])


def test_without_a_process_group_nothing_happens():
    x = torch.randn(3, 2, requires_grad=True)
    assert (distributed.rank(), distributed.world_size()) == (0, 1)
    assert not distributed.is_distributed()
    for collective in (
        distributed.all_reduce_sum,
        distributed.all_reduce_mean,
        distributed.gather,
        distributed.broadcast,
    ):
        assert torch.equal(collective(x), x)
    assert distributed.rank_weight(5, x).item() == 1
    assert distributed.total_count(5, x).item() == 5
