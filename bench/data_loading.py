"""Clips per second and core from shards to a batch, with the breakdown.

``python -m bench.data_loading``. CPU seconds of the process, decoding in the main process (no
workers), medians over interleaved rounds. The clips look like photographs: a pan over a picture
with a natural spectrum, six moving textured objects and sensor noise, as JPEG strips of quality 85
with 4:2:2 colours (16 frames of two real photographs took 300 and 390 kB), or as ``--image`` says:
mp4 at crf 18, png. Then loading is compared
with what the training step of a recipe consumes, on textured scenes stored as PNG, which decode
slower than the flat PHYRE pictures of these recipes.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy import ndarray

from bench.configured import build_model
from bench.harness import Timing, emit, interleave, paired_ratio, show
from data_prep.item import make_clips
from data_prep.simulated.scenes import SceneItem
from jepakit.batch import BatchRequest
from jepakit.data.dataset import BatchDataset
from jepakit.data.loader import clip_batches
from jepakit.data.manifest import Description, merge_manifest
from jepakit.data.members import EncodedSample, encode_sample
from jepakit.data.metadata import build_meta, decode_meta
from jepakit.data.mp4_clip import decode_mp4
from jepakit.data.order import Position
from jepakit.data.schema import ClipFormat, Sample
from jepakit.data.shard_index import Place
from jepakit.data.shard_writer import write_shard
from jepakit.data.strips import decode_strip
from jepakit.masks.objects import ObjectMasker
from worlds.scenes import LAYOUTS

TARGETS = {224: 180.0, 128: 350.0}
OBJECTS = 6


def photographic_clip(
    size: int, frames: int, random: np.random.Generator, image: str = "jpg"
) -> Sample:
    """A pan over a picture with a 1/f spectrum, textured discs that move, and noise of sigma 3."""
    canvas = _natural(size + 4 * frames, random)
    rows, columns = np.ogrid[:size, :size]
    clip = np.empty((frames, size, size, 3), np.float32)
    labels = np.zeros((frames, size, size), np.uint8)
    start, velocity = random.uniform(0, size, (OBJECTS, 2)), random.normal(0, 4, (OBJECTS, 2))
    radius = random.uniform(size / 16, size / 7, OBJECTS)
    textures = [_natural(size, random) for _ in range(OBJECTS)]
    for frame in range(frames):
        clip[frame] = canvas[2 * frame : 2 * frame + size, 3 * frame : 3 * frame + size]
        for i in range(OBJECTS):
            row, column = (start[i] + velocity[i] * frame) % size
            inside = (rows - row) ** 2 + (columns - column) ** 2 < radius[i] ** 2
            clip[frame][inside] = textures[i][inside]
            labels[frame][inside] = i + 1
    clip += random.normal(0, 3, clip.shape)
    form = _form(size, frames, image)
    key = f"clip-{random.integers(1 << 60):x}"
    objects = [{"id": i + 1, "kind": "disc"} for i in range(OBJECTS)]
    meta = build_meta(key, form, source="noise", licence="CC0-1.0", fps=8.0, objects=objects)
    return Sample(key, clip.clip(0, 255).astype(np.uint8), labels, meta)


def _natural(size: int, random: np.random.Generator) -> ndarray:
    """Colours whose amplitude falls as ``frequency ** -1.1``, as in photographs (1.09 to 1.15)."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    frequency[0, 0] = np.inf
    shared, own = random.normal(size=(2, size, size, 3))
    noise = np.fft.rfft2(shared[..., :1] + 0.2 * own, axes=(0, 1)) / frequency[..., None] ** 1.1
    picture = np.fft.irfft2(noise, s=(size, size), axes=(0, 1))
    return (128 + 50 * picture / picture.std()).astype(np.float32)


def _form(size: int, frames: int, image: str) -> ClipFormat:
    return ClipFormat(frames, size, size, patch=16, tubelet=2, image=image)


def write_clips(folder: Path, size: int, frames: int, clips: int, image: str) -> None:
    """A data set of one shard."""
    random = np.random.default_rng(size)
    form = _form(size, frames, image)
    description = Description("noise", "bench/1", ("CC0-1.0",), form)

    def encoded() -> list[EncodedSample]:
        made = (photographic_clip(size, frames, random, image) for _ in range(clips))
        return [encode_sample(clip, form) for clip in made]

    write_shard(folder, "train-000000", iter(encoded()), split="train", spec=description.digest())
    merge_manifest(folder, description, ["train-000000"])


def stages(dataset: BatchDataset, batch: int) -> dict[str, Callable[[], object]]:
    """Each stage of loading on its own, over all clips of the set."""
    reader, form = dataset.reader, dataset.reader.form
    index = reader._index(0)
    places = [index.places(i) for i in range(len(reader))]
    tar = os.open(Path(reader.path) / "train-000000.tar", os.O_RDONLY)

    def read(place: Place) -> bytes:
        return os.pread(tar, place.size, place.offset)

    wanted = ("json", form.image, "coverage")
    decode = decode_mp4 if form.image == "mp4" else decode_strip
    data = [{name: read(p[name]) for name in wanted} for p in places]
    out = np.empty((*form.shape, 3), np.uint8)
    deal = [Position(0, i) for i in range(len(reader))]
    batches = [deal[i : i + batch] for i in range(0, len(deal), batch)]
    masked = BatchDataset(reader, order=dataset.order, views=dataset.views, masker=ObjectMasker())
    return {
        "whole": lambda: [dataset[places] for places in batches],
        "whole, masked": lambda: [masked[places] for places in batches],
        "read": lambda: [read(p[name]) for p in places for name in wanted],
        "crc32": lambda: [zlib.crc32(part) for parts in data for part in parts.values()],
        "pictures": lambda: [decode(parts[form.image], form, out) for parts in data],
        "metadata": lambda: [
            decode_meta(parts["json"], index.key(i), form) for i, parts in enumerate(data)
        ],
    }


def measure(
    size: int, frames: int, clips: int, batch: int, rounds: int, image: str
) -> dict[str, float]:
    """Milliseconds of CPU per clip by stage, and clips per CPU second."""
    with tempfile.TemporaryDirectory() as folder:
        write_clips(Path(folder), size, frames, clips, image)
        request = BatchRequest(frames=frames, size=(size, size), patch=16, tubelet=2)
        dataset = clip_batches(folder, request, batch_size=batch).source
        kilobytes = sum(shard.size for shard in dataset.reader.shards) / clips / 1e3
        timings: dict[str, Timing] = interleave(stages(dataset, batch), rounds=rounds)
    cost = {name: timing.cpu / clips * 1e3 for name, timing in timings.items()}
    known = sum(cost[name] for name in ("read", "crc32", "pictures", "metadata"))
    cost["the rest (coverage, memory, collate)"] = cost["whole"] - known
    cost["masks"] = cost["whole, masked"] - cost["whole"]
    rows = [(name, cost[name]) for name in cost if name != "whole, masked"]
    show(f"{frames} frames {size}x{size}, {kilobytes:.0f} kB per clip", ("stage", "CPU ms"), rows)
    return {"clips_per_second": 1e3 / cost["whole"], "kilobytes": kilobytes, **cost}


def against_step(recipe: str, batch: int, rounds: int) -> dict[str, float]:
    """Loading and masking for a recipe, and its training step, per CPU second."""
    model = build_model(recipe)
    request = model.request
    form = ClipFormat(request.frames, *request.size, request.patch, request.tubelet, image="png")
    description = Description("scenes", "bench/1", ("CC0-1.0",), form)
    layouts = [list(LAYOUTS)[number % len(LAYOUTS)] for number in range(batch)]
    items = [SceneItem(f"s-{i}", name, i, 4.0, "none") for i, name in enumerate(layouts)]
    with tempfile.TemporaryDirectory() as folder:
        encoded = (clip for item in items for clip in make_clips(item, form))
        write_shard(Path(folder), "train-000000", encoded, split="train", spec="bench")
        merge_manifest(Path(folder), description, ["train-000000"])
        source = clip_batches(folder, request, batch_size=batch, masker=model.masker).source
        places = [Position(0, number) for number in range(batch)]
        first, _ = source[places]
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=0.0, fused=True)

        def step() -> None:
            optimizer.zero_grad()
            model.loss(first).total.backward()
            optimizer.step()

        timings = interleave({"load": lambda: source[places], "step": step}, rounds=rounds)
    return {
        "loads": batch / timings["load"].cpu,
        "step_consumes": batch / timings["step"].cpu,
        "times": paired_ratio(timings["step"], timings["load"]),
    }


def main() -> None:
    """Measure both sizes of the specification, and the recipes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=32)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--image", choices=["jpg", "png", "mp4"], default="jpg")
    parser.add_argument("--recipes", nargs="*", default=["demo", "vit_s"])
    args = parser.parse_args()
    torch.set_num_threads(1)
    figures = {
        str(size): measure(size, args.frames, args.clips, args.batch, args.rounds, args.image)
        for size in TARGETS
    }
    rows = [
        (f"{s}x{s}", figures[str(s)]["clips_per_second"], least) for s, least in TARGETS.items()
    ]
    show("Clips per second and core", ("clips", "measured", "at least"), rows)
    steps = {recipe: against_step(recipe, args.batch, 3) for recipe in args.recipes}
    show(
        "Clips per CPU second, with masks (at least 2 times)",
        ("recipe", "loading", "training step consumes", "times"),
        [(recipe, *row.values()) for recipe, row in steps.items()],
    )
    emit("data_loading", {"sizes": figures, "against_step": steps})


if __name__ == "__main__":
    main()
