"""What data preparation does with damaged inputs: ``python -m bench.damaged_inputs``.

Writes folders of good and damaged inputs of several layouts, runs ``python -m data_prep`` on each,
and counts: every damaged input must be in the list of rejects with a reason, every good one must
have become a clip, and the command must end well.
"""

from __future__ import annotations

import io
import json
import pickle
import random
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from jsonargparse import auto_cli
from PIL import Image
from rich.console import Console

from bench.harness import emit, show
from jepakit.data.shard_reader import ShardReader

GOOD = 4  # inputs of each layout


@dataclass
class Inputs:
    """A folder of one layout.

    Attributes:
        folder: where it lies.
        layout: its name on the command line.
        options: of the command.
        good: inputs that must become clips.
        damaged: how many of each kind there are.
    """

    folder: Path
    layout: str
    options: tuple[str, ...]
    good: int
    damaged: dict[str, int]


def video(pictures: list[np.ndarray], suffix: str = ".mp4") -> bytes:
    """Bytes of a video at 25 Hz."""
    stream_bytes = io.BytesIO()
    with av.open(
        stream_bytes, "w", format={".mp4": "mp4", ".mkv": "matroska"}[suffix]
    ) as container:
        stream: Any = container.add_stream("libx264", rate=25)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", Fraction(1, 25)
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return stream_bytes.getvalue()


def coded(picture: np.ndarray, kind: str) -> bytes:
    """Bytes of a still image."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, kind)
    return stream.getvalue()


def noise(seed: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A picture of coloured squares."""
    draws = np.random.default_rng(seed)
    small = draws.integers(0, 256, (-(-height // 8), -(-width // 8), 3), np.uint8)
    return small.repeat(8, 0).repeat(8, 1)[:height, :width]


def videos(root: Path) -> Inputs:
    """Video files: cut, empty, text, pictures under the name of a video, and random bytes."""
    folder, draws = root / "videos", random.Random(0)
    folder.mkdir()
    whole = video([noise(n) for n in range(12)])
    matroska = video([noise(n) for n in range(12)], ".mkv")
    for number in range(GOOD):
        (folder / f"good{number}.mp4").write_bytes(whole)
    for number in range(30):
        cut = draws.randrange(1, len(whole) - 1)
        (folder / f"cut{number}.mp4").write_bytes(whole[:cut])
    for number in range(10):
        cut = int(len(matroska) * draws.uniform(0.0, 0.85))
        (folder / f"cut{number}.mkv").write_bytes(matroska[:cut])
    for number in range(8):
        (folder / f"empty{number}.mp4").write_bytes(b"")
        (folder / f"text{number}.mp4").write_text("this is no video\n" * number)
        (folder / f"random{number}.mp4").write_bytes(draws.randbytes(3000))
    for number, kind in enumerate(("png", "jpeg", "bmp", "webp")):
        (folder / f"picture{number}.mp4").write_bytes(coded(noise(number), kind))
    damaged = {"cut mp4": 30, "cut mkv": 10, "empty": 8, "text": 8, "random bytes": 8, "picture": 4}
    return Inputs(folder, "videos", ("--frames", "4", "--masks", "none"), GOOD, damaged)


def images(root: Path) -> Inputs:
    """Still images: cut, empty, a video or text under the name of one, and odd sizes."""
    folder, draws = root / "images", random.Random(1)
    folder.mkdir()
    photo, flat = coded(noise(0, 160, 200), "jpeg"), coded(noise(1, 160, 200), "png")
    for number in range(GOOD):
        (folder / f"good{number}.jpg").write_bytes(photo)
    for number in range(20):
        (folder / f"cut{number}.jpg").write_bytes(photo[: draws.randrange(1, len(photo) - 40)])
        (folder / f"cut{number}.png").write_bytes(flat[: draws.randrange(1, len(flat) - 40)])
    for number in range(8):
        (folder / f"empty{number}.png").write_bytes(b"")
        (folder / f"text{number}.jpg").write_text("this is no picture\n")
        (folder / f"dot{number}.png").write_bytes(coded(noise(number, 1, 1), "png"))
        (folder / f"wide{number}.png").write_bytes(coded(noise(number, 8, 20_000), "png"))
    (folder / "video.png").write_bytes(video([noise(n) for n in range(4)]))
    (folder / "bomb.png").write_bytes(coded(np.zeros((20_000, 20_000), np.uint8), "png"))
    kinds = {"cut jpg": 20, "cut png": 20, "empty": 8, "text": 8, "1x1": 8, "20,000 wide": 8}
    options = ("--masks", "none", "--frames", "1")
    return Inputs(folder, "images", options, GOOD, kinds | {"a video": 1, "bomb": 1})


def tars(root: Path) -> Inputs:
    """Tars: names that leave their folder, commands, pickles, broken JSON, and a cut file."""
    folder = root / "tars"
    folder.mkdir()
    clip, trap = video([noise(n) for n in range(4)]), pickle.dumps({"weights": [1, 2]})
    members = [(f"good{n}.mp4", clip) for n in range(GOOD)]
    members += [(f"{'../' * (n + 1)}evil{n}.mp4", clip) for n in range(4)]
    members += [("/absolute.mp4", clip), ("x/../../y.mp4", clip)]
    members += [("pipe:touch evil.mp4", clip), ("pipe:cat evil|sh.mp4", clip)]
    for ending in ("pkl", "pickle", "pyd", "pth", "pt"):
        members += [(f"{ending}.mp4", clip), (f"{ending}.{ending}", trap)]
    for number, text in enumerate((b"{", b"[1,", b"\xff\xfe", b"{'a': 1}")):
        members += [(f"json{number}.mp4", clip), (f"json{number}.json", text)]
    members += [("both.mp4", clip), ("both.png", coded(noise(0), "png")), ("alone.json", b"{}")]
    write_tar(folder / "a.tar", members)
    write_tar(folder / "b.tar", [("whole.mp4", clip), ("lost.mp4", clip)])
    data = (folder / "b.tar").read_bytes()
    (folder / "b.tar").write_bytes(data[: 512 + len(clip) + 1000])
    damaged = {"../ names": 6, "pipe: names": 2, "pickles": 5, "broken JSON": 4, "no clip": 2}
    options = ("--frames", "4", "--masks", "none")
    return Inputs(folder, "tars", options, GOOD + 1, damaged | {"cut tar, its lost sample": 2})


def write_tar(path: Path, members: list[tuple[str, bytes]]) -> None:
    """A tar of these members, whatever their names."""
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def davis(root: Path) -> Inputs:
    """Sequences with palette masks: too many ids, missing frames, and masks of another size."""
    folder = root / "davis"
    kinds = {"": GOOD, "ids": 6, "gap": 8, "size": 6}
    for kind, count in kinds.items():
        for number in range(count):
            _sequence(folder, kind, f"{kind or 'good'}{number}", number)
    del kinds[""]
    names = {"ids": "too many ids", "gap": "frames missing", "size": "masks of another size"}
    damaged = {names[kind]: count for kind, count in kinds.items()}
    options = ("--frames", "4", "--masks", "given", "--licence", "CC0-1.0")
    return Inputs(folder, "davis", options, GOOD, damaged)


def _sequence(folder: Path, kind: str, name: str, number: int) -> None:
    pictures, masks = (folder / part / "480p" / name for part in ("JPEGImages", "Annotations"))
    pictures.mkdir(parents=True)
    masks.mkdir(parents=True)
    for frame in range(8):
        if kind == "gap" and frame == 1 + number % 6:
            continue
        (pictures / f"{frame:05d}.jpg").write_bytes(coded(noise(frame), "jpeg"))
        ids = np.zeros((48, 64), np.uint8)
        ids[8:30, 8 + frame : 30 + frame] = 1
        if kind == "ids":
            many = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) % (300 + number)
            Image.fromarray(many).save(masks / f"{frame:05d}.png")
        else:
            shape = ids[: 40 if kind == "size" else 48]
            Image.fromarray(shape).convert("P").save(masks / f"{frame:05d}.png")


def coco(root: Path) -> Inputs:
    """A panoptic table with entries that lack a key, name unknown categories or lost files."""
    folder = root / "coco"
    (folder / "panoptic_val").mkdir(parents=True)
    (folder / "val").mkdir()
    damages: list[Callable[[dict[str, Any]], object]] = [
        lambda entry: entry.pop("segments_info"),
        lambda entry: entry.pop("file_name"),
        lambda entry: entry["segments_info"][0].pop("id"),
        lambda entry: entry["segments_info"][0].pop("category_id"),
        lambda entry: entry["segments_info"][0].update(category_id=999),
        lambda entry: entry["segments_info"][0].update(id="one"),
        lambda entry: entry.update(segments_info="none"),
        lambda entry: entry.update(file_name="../../lost.png"),
        lambda entry: entry.update(file_name="lost.png"),
    ]
    pictures, entries = [], []
    for number in range(GOOD + 2 * len(damages)):
        ids = np.zeros((48, 64, 3), np.uint8)
        ids[8:30, 8:30, 0] = 7
        (folder / "panoptic_val" / f"{number:06d}.png").write_bytes(coded(ids, "png"))
        (folder / "val" / f"{number:06d}.jpg").write_bytes(coded(noise(number), "jpeg"))
        name = f"{number:06d}.jpg"
        pictures.append({"id": number, "file_name": name, "height": 48, "width": 64, "license": 1})
        part = {"id": 7, "category_id": 1, "area": 484, "bbox": [8, 8, 22, 22], "iscrowd": 0}
        name = f"{number:06d}.png"
        entries.append({"image_id": number, "file_name": name, "segments_info": [part]})
    for number, damage in enumerate(2 * damages):
        damage(entries[GOOD + number])
    table = {
        "images": pictures,
        "annotations": entries,
        "categories": [{"id": 1, "name": "person", "isthing": 1, "supercategory": "person"}],
        "licenses": [{"id": 1, "name": "CC0", "url": "-"}],
    }
    (folder / "panoptic_val.json").write_text(json.dumps(table))
    options = ("--masks", "given", "--frames", "1")
    return Inputs(
        folder, "coco_panoptic", options, GOOD, {"JSON with missing keys": 2 * len(damages)}
    )


def clevrer(root: Path) -> Inputs:
    """Annotations with missing keys, of another shape, and that are no JSON."""
    folder = root / "clevrer"
    clips, notes = (folder / f"{part}_00000-01000" for part in ("video", "annotation"))
    clips.mkdir(parents=True)
    notes.mkdir()
    damages: list[Callable[[dict[str, Any]], object]] = [
        lambda note: note.pop("object_property"),
        lambda note: note.pop("motion_trajectory"),
        lambda note: note.pop("collision"),
        lambda note: note["object_property"][0].pop("object_id"),
        lambda note: note["motion_trajectory"][0].pop("objects"),
        lambda note: note["motion_trajectory"][2].update(frame_id=9),
        lambda note: note["motion_trajectory"][0]["objects"][0].pop("location"),
        lambda note: note["collision"][0].pop("object_ids"),
        lambda note: note.update(collision={}),
    ]
    clip = video([noise(n) for n in range(6)])
    for number in range(GOOD + len(damages) + 1):
        (clips / f"video_{number:05d}.mp4").write_bytes(clip)
        note = _annotation()
        if 0 <= number - GOOD < len(damages):
            damages[number - GOOD](note)
        text = json.dumps(note)
        text = text[: len(text) // 2] if number == GOOD + len(damages) else text
        (notes / f"annotation_{number:05d}.json").write_text(text)
    options = ("--frames", "4", "--masks", "none")
    return Inputs(folder, "clevrer", options, GOOD, {"JSON with missing keys": len(damages) + 1})


def _annotation() -> dict[str, Any]:
    body = {
        "object_id": 0,
        "location": [0.0, 1.0, 0.2],
        "orientation": [0.0, 0.0, 0.1],
        "velocity": [0.1, 0.0, 0.0],
        "angular_velocity": [0.0, 0.0, 0.0],
        "inside_camera_view": True,
    }
    kind = {"color": "red", "material": "rubber", "shape": "cube"}
    return {
        "object_property": [{"object_id": number, **kind} for number in range(2)],
        "motion_trajectory": [
            {"frame_id": frame, "objects": [{**body, "object_id": n} for n in range(2)]}
            for frame in range(6)
        ],
        "collision": [{"object_ids": [0, 1], "frame_id": 3, "location": [0.0, 0.0, 0.0]}],
    }


def judge(inputs: Inputs) -> dict[str, Any]:
    """Run the command on a folder and count."""
    out = inputs.folder.with_name(f"{inputs.layout}_shards")
    words = ["--out", str(out), "--size", "32", "--patch", "8", "--val_share", "0"]
    words += [] if "--licence" in inputs.options else ["--licence", "CC0-1.0"]
    command = [sys.executable, "-m", "data_prep", inputs.layout, str(inputs.folder)]
    done = subprocess.run(
        [*command, *inputs.options, *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return {"crashed": True, "rejected": 0, "kept": 0, "told": done.stderr[-2000:]}
    rejects = json.loads((out / "rejects.json").read_bytes())
    reader = ShardReader(str(out))
    kept = {sample.meta["details"]["group"] for sample in reader}
    told = all(len(entry["reason"]) > 10 for entry in rejects)
    return {"crashed": False, "rejected": len(rejects), "kept": len(kept), "told": told}


def main(keep: str | None = None) -> None:
    """Print what became of good and damaged inputs, by layout.

    Args:
        keep: folder for the inputs and shards, to look at; by default a temporary one.
    """
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(keep or temporary)
        root.mkdir(parents=True, exist_ok=True)
        rows, total = [], {"damaged": 0, "rejected": 0, "good": 0, "kept": 0, "crashes": 0}
        for make in (videos, images, tars, davis, coco, clevrer):
            inputs = make(root)
            found = judge(inputs)
            damaged = sum(inputs.damaged.values())
            row = (inputs.layout, damaged, found["rejected"], inputs.good, found["kept"])
            rows.append([*row, "yes" if found["crashed"] else ""])
            if found["crashed"]:
                Console().print(found["told"], markup=False)
            for name, value in zip(("damaged", "rejected", "good", "kept"), row[1:], strict=True):
                total[name] += value
            total["crashes"] += found["crashed"]
    columns = ["layout", "damaged", "in the rejects", "good", "kept", "crash"]
    show("Damaged inputs", columns, [*rows, ["all", *list(total.values())[:4], total["crashes"]]])
    emit("damaged_inputs", total)


if __name__ == "__main__":
    auto_cli(main, as_positional=False)
