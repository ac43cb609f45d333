import itertools
from fractions import Fraction

import numpy as np
import pytest
import torch
from batch_recording import REQUEST, Recorder, fit, keys_of
from jsonargparse import ArgumentParser
from lightning.fabric.plugins.environments import LightningEnvironment
from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy
from PIL import Image
from torch.nn.parallel import DistributedDataParallel

from jepakit.batch import BatchRequest
from jepakit.data.order import Dealer
from jepakit.data.video import FrameSampling, StillImages, VideoDataModule
from jepakit.data.video.mixing import MixedDealer, MixedPosition, StillPlace, check_strategy

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:You defined a `validation_step`:UserWarning"),
]
SAMPLING = FrameSampling(stride=2)
BEGINNING = MixedPosition(0, 0, 0, 0, 0)


class TakesBoth(Recorder):
    """Remembers in what shape every batch came, too."""

    @property
    def still_request(self):
        return BatchRequest(frames=1, size=REQUEST.size, patch=REQUEST.patch, tubelet=1)

    def note(self, batch):
        tokens = batch.masks.context.grid
        label = batch.targets["label"].isnan().all().item()
        return *super().note(batch), tuple(batch.frames.shape), tokens, label


@pytest.fixture(scope="module")
def stills(tmp_path_factory):
    """Five pictures of two classes, which are no classes of the videos."""
    folder = tmp_path_factory.mktemp("stills")
    random = np.random.default_rng(0)
    for number in range(5):
        path = folder / "xy"[number % 2] / f"s{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(path)
    return folder


def module_of(videos, stills, **options):
    images = {"batch_size": 3, "by": "batch", **options.pop("images", {})}
    options = {"sampling": SAMPLING, "batch_size": 2, "seed": 1, **options}
    return VideoDataModule(str(videos), images=StillImages(str(stills), **images), **options)


def kinds(seen):
    return "".join("i" if shape[1] == 1 else "c" for _, _, _, shape, *_ in seen)


def test_batches_of_both_kinds_in_turn(videos, stills, tmp_path):
    model, _ = fit(tmp_path, module_of(videos, stills), 8, module=TakesBoth())
    assert kinds(model.seen) == "icicicic"
    for _, _, hidden, shape, tokens, unlabelled in model.seen:
        assert shape == ((3, 1, 32, 32, 3) if shape[1] == 1 else (2, 4, 32, 32, 3))
        assert tokens == (16 if shape[1] == 1 else 32)
        assert max(hidden) < shape[0] * tokens
        assert unlabelled == (shape[1] == 1)
    images = keys_of(model.seen[0::2])
    assert sorted(images[:5]) == sorted(images[5:10])
    assert len(set(images[:5])) == 5
    clips = keys_of(model.seen[1::2])
    assert len(set(clips[:7])) == 7


@pytest.mark.parametrize(
    ("share", "expected"), [(0.25, "icccicccic"), (1 / 3, "icciccicci"), (0.75, "iiiciiicii")]
)
def test_shares(videos, stills, tmp_path, share, expected):
    data = module_of(videos, stills, images={"share": share})
    model, _ = fit(tmp_path, data, 10, module=TakesBoth())
    assert kinds(model.seen) == expected


def test_clips_come_in_the_order_that_they_have_alone(videos, stills, tmp_path):
    both, _ = fit(tmp_path, module_of(videos, stills), 6, module=TakesBoth())
    options = {"sampling": SAMPLING, "batch_size": 2, "seed": 1}
    alone, _ = fit(tmp_path, VideoDataModule(str(videos), **options), 3, module=TakesBoth())
    assert both.seen[1::2] == alone.seen


@pytest.mark.parametrize(("accumulate", "workers"), [(1, 0), (2, 2)])
def test_a_resumed_run_sees_what_an_uninterrupted_one_sees(
    videos, stills, tmp_path, accumulate, workers
):
    options = {"images": {"share": 0.4}, "workers": workers}
    more = {"accumulate_grad_batches": accumulate}
    whole, _ = fit(tmp_path, module_of(videos, stills, **options), 9, module=TakesBoth(), **more)
    first, trainer = fit(
        tmp_path, module_of(videos, stills, **options), 4, module=TakesBoth(), **more
    )
    trainer.save_checkpoint(tmp_path / "c.ckpt")
    data = module_of(videos, stills, **options)
    second, _ = fit(tmp_path, data, 9, module=TakesBoth(), checkpoint=tmp_path / "c.ckpt", **more)
    assert first.seen + second.seen == whole.seen
    assert data.position.batches == len(whole.seen) == 9 * accumulate


def taken(dealer, start, rank, batches):
    return list(itertools.islice(dealer.stream(start, rank), batches))


def test_ranks_of_one_kind_each_deal_whole_orders():
    dealer = StillImages("x", 3, share=0.25).dealer(10, 13, batch=2, world=4)
    assert (dealer.clips.world, dealer.stills.world) == (3, 1)
    ranks = [taken(dealer, BEGINNING, rank, 5) for rank in range(4)]
    assert [isinstance(batch[0], StillPlace) for rank in ranks for batch in rank] == (
        [False] * 15 + [True] * 5
    )
    clips = [place.offset for step in range(5) for rank in ranks[:3] for place in rank[step]]
    assert clips == [n % 10 for n in range(30)]
    assert [p.offset for batch in ranks[3] for p in batch] == [n % 13 for n in range(15)]
    after = dealer.after(BEGINNING, 2)
    assert after == MixedPosition(1, 2, 0, 6, 2)
    assert [taken(dealer, after, rank, 3) for rank in range(4)] == [rank[2:] for rank in ranks]


def test_both_kinds_on_every_rank():
    dealer = MixedDealer(Dealer(10, 2, 2), Dealer(6, 1, 2), Fraction(1, 2))
    one, two = (taken(dealer, BEGINNING, rank, 6) for rank in (0, 1))
    assert [isinstance(a[0], StillPlace) for a in one] == [True, False] * 3
    assert [p.offset for pair in zip(one, two, strict=True) for b in pair for p in b] == [
        *(0, 1), *(0, 1, 2, 3), *(2, 3), *(4, 5, 6, 7), *(4, 5), *(8, 9, 0, 1)
    ]  # fmt: skip
    for batches in range(7):
        place = dealer.after(BEGINNING, batches)
        assert taken(dealer, place, 1, 3) == taken(dealer, BEGINNING, 1, batches + 3)[batches:]


def test_other_images_are_refused_on_resume(videos, stills, tmp_path):
    _, trainer = fit(tmp_path, module_of(videos, stills), 1, module=TakesBoth())
    trainer.save_checkpoint(tmp_path / "c.ckpt")
    alone = VideoDataModule(str(videos), sampling=SAMPLING, batch_size=2, seed=1)
    for data in (module_of(videos, stills / "x"), alone):
        with pytest.raises(ValueError, match=r"data fingerprint is .* order of samples"):
            fit(tmp_path, data, 2, module=TakesBoth(), checkpoint=tmp_path / "c.ckpt")


def test_refusals(videos, stills, tmp_path):
    with pytest.raises(ValueError, match="the model has no tokenizer for them"):
        fit(tmp_path, module_of(videos, stills), 1)
    with pytest.raises(ValueError, match=r"share=0.5 of 1 ranks is 0.5 ranks"):
        fit(tmp_path, module_of(videos, stills, images={"by": "rank"}), 1, module=TakesBoth())
    with pytest.raises(ValueError, match=r"of 4 ranks is 1\.2 ranks"):
        StillImages("x", 1, share=0.3).dealer(9, 9, batch=1, world=4)
    with pytest.raises(ValueError, match="last is 'drop'"):
        module_of(videos, stills, last="drop")
    for wrong in ({"share": 0.0}, {"share": 1.0}, {"batch_size": 0}):
        with pytest.raises(ValueError, match=r"images.share must lie between"):
            module_of(videos, stills, images=wrong)


def test_strategies_that_would_wait_for_unused_parts_are_refused():
    class Plain(DistributedDataParallel):
        def __init__(self, *, find):
            torch.nn.Module.__init__(self)
            self.find_unused_parameters = find

    ddp, sharded = DDPStrategy(), ModelParallelStrategy()
    ddp._model = Plain(find=False)
    for by in ("rank", "batch"):
        with pytest.raises(ValueError, match=r"strategy to ddp_find_unused_parameters_true"):
            check_strategy(ddp, by)
    ddp._model = Plain(find=True)
    check_strategy(ddp, "rank")
    sharded.parallel_devices = [torch.device("cpu")] * 2
    sharded.cluster_environment = LightningEnvironment()
    sharded.cluster_environment.set_world_size(2)
    check_strategy(sharded, "batch")
    with pytest.raises(ValueError, match="ranks of ModelParallelStrategy must use the same parts"):
        check_strategy(sharded, "rank")


def test_options_as_in_a_recipe(stills):
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(VideoDataModule, "data")
    images = {"path": str(stills), "batch_size": 72}
    options = {"train": "videos.csv", "sampling": {"fps": 4}, "images": images}
    recipe = {"class_path": "jepakit.data.video.VideoDataModule", "init_args": options}
    data = parser.instantiate(parser.parse_object({"data": recipe})).data
    assert data.images == StillImages(str(stills), 72, share=0.5, by="rank")
