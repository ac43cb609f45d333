"""Clips per second and core from video files to a batch, by decoder, with the breakdown.

``python -m bench.video_loading``. CPU seconds of the process, decoding in the main process (no
workers), medians over interleaved rounds. The videos are those of ``../shared/data/video`` where
they are there (ten sign clips of 640 x 480, an edited film of 320 x 180 with two video streams, and
a static camera of 640 x 360 with a keyframe every 250 frames), and a drawn one of the same kinds
otherwise. torchcodec is measured where it runs. Stages are PyAV's.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import torch
from numpy import ndarray

from bench.harness import emit, interleave, paired_ratio, show
from jepakit.batch import BatchRequest
from jepakit.data.order import Order, Position
from jepakit.data.video import Augmentation, FrameSampling
from jepakit.data.video.catalogue import Catalogue, Entry, read_catalogue
from jepakit.data.video.dataset import VideoBatches
from jepakit.data.video.decoder import DecoderName, check_decoder
from jepakit.data.video.pyav_video import PyAVVideo, open_stream
from jepakit.data.video.timetable import read_timetable
from jepakit.seeds import generator

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "video"


@contextmanager
def data_sets() -> Iterator[dict[str, Catalogue]]:
    """Videos by name of the set."""
    if SHARED.is_dir():
        files = {path.stem: path for path in SHARED.glob("*.mp4")}
        single = {name: Catalogue((Entry(name, str(p), None),)) for name, p in files.items()}
        yield {"ten sign clips": read_catalogue(str(SHARED / "asl_gestures")), **single}
        return
    with tempfile.TemporaryDirectory() as folder:
        draw_video(Path(folder) / "drawn.mp4", frames=300, height=480, width=640)
        yield {"drawn": read_catalogue(folder)}


def draw_video(path: Path, *, frames: int, height: int, width: int) -> None:
    """A pan over smoothed noise, H.264 with the settings of x264."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (1, 3, height // 8, (width + 2 * frames) // 8)).astype("f4")
    canvas = torch.nn.functional.interpolate(torch.from_numpy(coarse), scale_factor=8.0)
    picture = canvas[0].permute(1, 2, 0).numpy().astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for number in range(frames):
            view = np.ascontiguousarray(picture[:, 2 * number : 2 * number + width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(view, format="rgb24")))
        container.mux(stream.encode(None))


def loading(
    catalogue: Catalogue, request: BatchRequest, sampling: FrameSampling, decoder: DecoderName
) -> Callable[[int], object]:
    """Loads as many training clips as asked, of other views every time."""
    dataset = VideoBatches(
        catalogue,
        order=Order((len(catalogue),), seed=1),
        request=request,
        sampling=sampling,
        augmentation=Augmentation(),
        decoder=decoder,
    )
    return lambda clips: [
        dataset[[Position(n // len(catalogue), n % len(catalogue))]] for n in range(clips)
    ]


def stages(
    catalogue: Catalogue, request: BatchRequest, sampling: FrameSampling, clips: int
) -> dict[str, Callable[[], object]]:
    """Each stage on its own, over the same number of clips."""
    paths = [catalogue.entries[n % len(catalogue)].path for n in range(clips)]
    chosen: list[tuple[str, list[int]]] = []
    pictures: list[ndarray] = []
    for number, path in enumerate(paths):
        at = torch.rand((), generator=generator("bench", number)).item()
        with PyAVVideo(path) as video:
            numbers = np.unique(sampling.numbers(video.seconds, request.frames, at=at)).tolist()
            pictures.append(next(iter(video.frames(numbers[:1]))))
        chosen.append((path, numbers))

    def open_only() -> None:
        for path in paths:
            open_stream(path)[0].close()

    def scan() -> None:
        for path in paths:
            container, stream = open_stream(path)
            with container:
                read_timetable(container, stream)

    def decode() -> None:
        for path, numbers in chosen:
            with PyAVVideo(path) as video:
                for _ in video.frames(numbers):
                    pass

    def resize() -> None:
        for picture in pictures:
            window = Augmentation().draw(picture.shape[:2], generator("bench"))
            for _ in range(request.frames):
                window.resized(picture, request.size)

    return {"open": open_only, "scan": scan, "decode": decode, "resize": resize}


def available() -> list[DecoderName]:
    """The decoders that run here."""
    try:
        check_decoder("torchcodec")
    except ValueError:
        return ["pyav"]
    return ["pyav", "torchcodec"]


def measure(
    catalogue: Catalogue, request: BatchRequest, sampling: FrameSampling, clips: int, rounds: int
) -> dict[str, float]:
    """Milliseconds of CPU per clip by stage, and clips per CPU second by decoder."""
    calls = stages(catalogue, request, sampling, clips)
    for decoder in available():
        load = loading(catalogue, request, sampling, decoder)
        calls[decoder] = lambda load=load: load(clips)  # type: ignore[misc]
    timings = interleave(calls, rounds=rounds)
    cost = {name: timing.cpu / clips * 1e3 for name, timing in timings.items()}
    figures = {
        "open": cost["open"],
        "read packets": cost["scan"] - cost["open"],
        "seek, decode, RGB": cost["decode"] - cost["scan"],
        "cut and resize": cost["resize"],
        "the rest (other starts, memory)": cost["pyav"] - cost["decode"] - cost["resize"],
        "whole": cost["pyav"],
        "clips per second": 1e3 / cost["pyav"],
    }
    if "torchcodec" in cost:
        figures["clips per second, torchcodec"] = 1e3 / cost["torchcodec"]
        figures["torchcodec, times as fast"] = paired_ratio(timings["pyav"], timings["torchcodec"])
    return figures


def main() -> None:
    """Measure each set of videos."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--fps", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(1)
    request = BatchRequest(frames=args.frames, size=(args.size, args.size), patch=16, tubelet=2)
    sampling = FrameSampling(fps=args.fps)
    with data_sets() as sets:
        figures = {
            name: measure(catalogue, request, sampling, args.clips, args.rounds)
            for name, catalogue in sets.items()
        }
    if len(available()) == 1:
        print("torchcodec cannot run here and is left out.")
    rows = list(next(iter(figures.values())))
    show(
        f"{args.frames} frames at {args.fps:g} Hz, {args.size}x{args.size}, CPU ms per clip",
        ("stage", *figures),
        [(row, *(column[row] for column in figures.values())) for row in rows],
    )
    emit("video_loading", {"sets": figures})


if __name__ == "__main__":
    main()
