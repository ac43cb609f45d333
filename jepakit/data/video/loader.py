"""One pass over the clips of video files, for evaluations in one process."""

from __future__ import annotations

from jepakit.batch import BatchRequest
from jepakit.data.faults import FaultLedger
from jepakit.data.loader import ClipLoader, one_pass
from jepakit.data.order import Order
from jepakit.data.video.augmentation import Augmentation
from jepakit.data.video.catalogue import read_catalogue
from jepakit.data.video.dataset import VideoBatches
from jepakit.data.video.decoder import DecoderName, check_decoder
from jepakit.data.video.module import REMEDY
from jepakit.data.video.sampling import FrameSampling
from jepakit.protocols import AnyMasker


def video_batches(
    path: str,
    request: BatchRequest,
    *,
    sampling: FrameSampling,
    augmentation: Augmentation = Augmentation(),  # noqa: B008
    decoder: DecoderName = "pyav",
    batch_size: int = 32,
    workers: int = 0,
    masker: AnyMasker | None = None,
    seed: int = 0,
    bad_sample_budget: float = 0.0,
) -> ClipLoader[VideoBatches]:
    """Every clip of every video of a folder or list once, evenly spread and centred.

    Raises:
        ValueError: see read_catalogue, check_decoder, VideoBatches and FaultLedger.
    """
    check_decoder(decoder)
    catalogue = read_catalogue(path)
    samples = len(catalogue) * sampling.clips
    ledger = FaultLedger(samples, bad_sample_budget, remedy=REMEDY)
    dataset = VideoBatches(
        catalogue,
        order=Order((samples,), shuffle=False),
        request=request,
        sampling=sampling,
        augmentation=augmentation,
        random=False,
        decoder=decoder,
        masker=masker,
        seed=seed,
        allowed=ledger.allowed,
    )
    return one_pass(dataset, ledger, batch_size=batch_size, workers=workers)
