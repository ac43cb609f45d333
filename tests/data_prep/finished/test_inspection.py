import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console, RenderableType

from data_prep.finished.clip_facts import (
    ClipFacts,
    eligible_objects,
    read_facts,
    splits_of,
    spread,
    token_shares,
)
from data_prep.finished.clip_tables import (
    area_table,
    count_table,
    label_table,
    mask_table,
    persistence_table,
    split_table,
)
from data_prep.finished.contact_sheet import Cell, contact_sheet, read_cells
from data_prep.finished.inspection import inspect
from data_prep.finished.mask_overlay import colour_of, fit, outline, paint, places
from jepakit.data.coverage import coverage_of
from jepakit.data.manifest import Description, merge_manifest
from jepakit.data.members import encode_sample
from jepakit.data.metadata import build_meta
from jepakit.data.schema import BadSample, ClipFormat, Sample
from jepakit.data.shard_reader import ShardReader
from jepakit.data.shard_writer import write_shard
from jepakit.masks import ObjectMasker
from jepakit.protocols import MaskInput

FORM = ClipFormat(4, 32, 32, patch=8, tubelet=2, image="png")
FACTS = ClipFacts(
    split="train",
    fps=2.0,
    seconds=2.0,
    areas=(0.1, 0.015),
    tokens=(0.2, 0.03),
    eligible=(True, False),
    visible=(1.0, 0.25),
    labels={"mean": 1.0},
    method="sam",
    dropped={"small": 3},
    quality={"mean_best_overlap": 0.9, "fg_ari": None},
)


def labels_of(number: int = 0) -> np.ndarray:
    """Object 1 everywhere in frames 0 to 3, a quarter; 2 in one frame; 3 nearly everything."""
    labels = np.zeros(FORM.shape, np.uint8)
    labels[:, 8:] = 3
    labels[:, :16, :16] = 1
    labels[number % 4, 0, 31] = 2
    return labels


def write(folder: Path, clips: int = 6, *, masks: bool = True) -> str:
    random = np.random.default_rng(0)

    def samples():
        for number in range(clips):
            key = f"clip-{number}"
            details = {"masks": {"method": "given", "dropped": {"small": number}}} if masks else {}
            meta = build_meta(
                key,
                FORM,
                source="s",
                licence="CC0-1.0",
                fps=2.0,
                objects=[{"id": 1}, {"id": 2}, {"id": 3}],
                labels={"n": float(number)},
                details=details,
            )
            frames = random.integers(0, 256, (*FORM.shape, 3), dtype=np.uint8)
            yield encode_sample(Sample(key, frames, labels_of(number), meta), FORM)

    encoded = list(samples())
    write_shard(folder, "train-000000", encoded[:-2], split="train", spec="x")
    write_shard(folder, "val-000000", encoded[-2:], split="val", spec="x")
    told = Description("made up", "tests/1", ("CC0-1.0",), FORM, {"n": "regression"})
    merge_manifest(folder, told, ["train-000000", "val-000000"])
    return str(folder)


def damage(folder: str) -> None:
    path = Path(folder) / "train-000000.tar"
    data = bytearray(path.read_bytes())
    data[520] ^= 1  # in the metadata of the first clip
    path.write_bytes(data)


def text(table: RenderableType) -> str:
    console = Console(width=200, file=io.StringIO())
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def row(table: RenderableType, start: str) -> list[str]:
    (line,) = [part for part in text(table).splitlines() if part.lstrip("│ ").startswith(start)]
    return [cell.strip() for cell in line.strip("│").split("│")]


@pytest.mark.parametrize(("total", "count"), [(10, 3), (3, 10), (7, 7), (1, 1), (5, 0)])
def test_spread_is_even_and_within(total: int, count: int) -> None:
    numbers = spread(total, count)
    assert len(numbers) == len(set(numbers)) == min(total, count)
    assert all(0 <= number < total for number in numbers)
    steps = np.diff(numbers)
    assert len(steps) == 0 or steps.max() - steps.min() <= 1


def test_spread_reaches_from_end_to_end() -> None:
    assert spread(100, 4) == [12, 37, 62, 87]


def test_eligible_objects_are_those_that_object_masks_hide() -> None:
    random = np.random.default_rng(0)
    for _ in range(5):
        labels = np.repeat(np.repeat(random.integers(0, 7, (4, 8, 8)), 4, 1), 4, 2).astype(np.uint8)
        labels[labels == 6] = 5
        coverage = coverage_of(labels, 8, patch=8, tubelet=2)
        masker = ObjectMasker(8, min_context=0.0)
        generator = torch.Generator().manual_seed(0)
        frames = torch.zeros(4, 32, 32, 3, dtype=torch.uint8)
        hidden = set()
        for _ in range(60):
            mask = masker(MaskInput(torch.from_numpy(coverage), frames), generator)
            hidden.update(() if mask.fallback else mask.objects)
        assert set((np.flatnonzero(eligible_objects(coverage)) + 1).tolist()) == hidden


def test_token_shares_count_every_token_that_an_object_touches() -> None:
    coverage = coverage_of(labels_of(), 3, patch=8, tubelet=2)
    assert token_shares(coverage).tolist() == [8 / 32, 1 / 32, 20 / 32]
    assert token_shares(coverage[:0]).tolist() == []
    assert eligible_objects(coverage).tolist() == [True, False, False]
    assert eligible_objects(coverage, (0.03, 1.0)).tolist() == [True, True, True]


def test_facts_of_a_clip(tmp_path: Path) -> None:
    reader = ShardReader(write(tmp_path))
    assert splits_of(reader) == ["train"] * 4 + ["val"] * 2
    first, last = read_facts(reader, [1, 5])
    assert isinstance(first, ClipFacts)
    assert first.areas == pytest.approx((0.25, 1 / 1024, 24 * 32 / 1024 - 8 * 16 / 1024), abs=1e-6)
    assert first.visible == (1.0, 0.25, 1.0)
    assert first.eligible == (True, False, False)
    assert (first.seconds, first.fps, first.method) == (2.0, 2.0, "given")
    assert first.dropped == {"small": 1}
    assert isinstance(last, ClipFacts)
    assert (first.split, last.split) == ("train", "val")


def test_tables() -> None:
    other = replace(FACTS, split="val", areas=(), tokens=(), eligible=(), visible=(), method=None)
    facts = [FACTS, FACTS, other]
    splits = split_table(facts, {"train": 9, "val": 4, "test": 1})
    assert row(splits, "train") == ["train", "9", "2", "2", "2", "2.0", "50.0 %", "0.0 %"]
    assert row(splits, "val") == ["val", "4", "1", "2", "2", "0.0", "-", "100.0 %"]
    assert row(splits, "test")[:3] == ["test", "1", "0"]
    assert row(count_table(facts), "0 ")[:3] == ["0", "1", "33.3 %"]
    assert row(count_table(facts), "2 ")[:3] == ["2", "2", "66.7 %"]
    areas = area_table(facts, (0.05, 0.4))
    assert row(areas, "1 to 2 %")[1::2] == ["2", "0"]
    assert row(areas, "2 to 5 %")[1::2] == ["0", "2"]
    assert row(areas, "20 to 40 %")[1::2] == ["0", "2"]
    assert row(persistence_table(facts), "less than half")[1] == "2"
    assert "mean 62.5 %" in text(persistence_table(facts))
    masks = mask_table(facts)
    assert masks is not None
    assert row(masks, "method") == ["method", "sam", "2"]
    assert row(masks, "dropped: small")[1:] == ["6", "2"]
    assert row(masks, "quality: mean_best")[1:] == ["mean 0.900, least 0.900", "2"]
    assert row(masks, "quality: fg_ari")[1:] == ["undefined", "0"]
    assert mask_table([other]) is None
    labels = label_table({"mean": "binary", "x": "binary"}, [{"mean": 1.0}, {"mean": 0.0}, {}])
    assert row(labels, "mean")[2:] == ["2", "0.500", "0.000", "1.000"]
    assert row(labels, "x")[2] == "0"


def test_bars_are_in_proportion() -> None:
    facts = [FACTS] * 4 + [replace(FACTS, eligible=(True,))] * 2
    lengths = [text(count_table(facts)).splitlines()[n].count("█") for n in (4, 5)]
    assert lengths == [14, 28]


def test_painting() -> None:
    frame = np.full((40, 40, 3), (200, 100, 0), np.uint8)
    labels = np.zeros((40, 40), np.uint8)
    labels[5:25, 5:25], labels[30:36, 10:30] = 1, 2
    painted = paint(frame, labels, {1})
    assert len(np.unique(painted[labels == 0], axis=0)) == 1  # the background is grey
    assert np.ptp(painted[0, 0]) < np.ptp(frame[0, 0])
    edge = outline(labels == 1)
    assert edge.sum() == 20 * 20 - 16 * 16
    dark = (0.8 * np.array(colour_of(1))).round()
    assert (painted[edge] == dark).all()  # whole
    dashes = (painted[outline(labels == 2)] == colour_of(2)).all(axis=-1)
    assert 0 < dashes.sum() < len(dashes)
    inner = painted[(labels == 1) & ~edge]
    assert len(np.unique(inner, axis=0)) == 2  # hatched
    centre = np.array(frame.mean(axis=-1).mean() * np.ones(3))
    assert np.linalg.norm(inner.mean(axis=0) - colour_of(1)) < np.linalg.norm(centre - colour_of(1))
    assert (paint(frame, labels, {1}) == painted).all()


def test_colours_differ_between_the_first_ids() -> None:
    assert len({colour_of(identity) for identity in range(1, 22)}) == 21


def test_ids_stand_at_the_deepest_point() -> None:
    labels = np.zeros((30, 40), np.uint8)
    labels[4:15, 6:17], labels[20, 30] = 3, 7
    found = places(labels)
    assert found[3] == (11, 9, 6.0)
    assert found[7] == (30, 20, 1.0)


def test_fitting_mixes_no_ids() -> None:
    random = np.random.default_rng(0)
    frame = random.integers(0, 256, (30, 40, 3), dtype=np.uint8)
    labels = (5 * random.integers(0, 2, (30, 40))).astype(np.uint8)
    for width in (90, 23):
        picture, ids = fit(frame, labels, width, width)
        assert picture.shape == (width, width, 3)
        assert set(np.unique(ids)) == {0, 5}


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_sheets_have_room_for_all_clips(frames: int) -> None:
    labels = np.tile(labels_of()[:1], (frames, 1, 1))
    pictures = np.zeros((frames, 32, 32, 3), np.uint8)
    times = ("",) if frames == 1 else tuple("0.00 s" for _ in range(frames))
    cell = Cell("clip", "train, 3 objects", pictures, labels, times, frozenset({1}))
    heights = [contact_sheet([cell] * n, title="t", subtitle="s").size[1] for n in (4, 9)]
    assert heights[1] > heights[0]
    assert contact_sheet([cell], title="t", subtitle="s").size[0] <= 2000


def test_cells_show_frames_over_the_whole_clip(tmp_path: Path) -> None:
    reader = ShardReader(write(tmp_path))
    (cell,) = read_cells(reader, [5], frames=2)
    with reader.open(5) as stored:
        np.testing.assert_array_equal(cell.frames, stored.frames()[[0, 3]])
    assert (cell.name, cell.note) == ("clip-5", "val, 3 objects, 1 eligible")
    assert cell.times == ("0.00 s", "1.50 s")
    assert cell.eligible == {1}


def test_inspect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "made").mkdir()
    data = write(tmp_path / "made")
    inspect(data, limit=3, clips=2)
    out = capsys.readouterr().out
    assert "Figures of 3 of 6 clips" in out
    assert "Contact sheet: made_contact_sheet.png" in out
    first = Path("made_contact_sheet.png").read_bytes()
    inspect(data, limit=3, clips=2, out=data)
    assert (tmp_path / "made" / "made_contact_sheet.png").read_bytes() == first
    with Image.open("made_contact_sheet.png") as picture:
        assert picture.size[0] <= 2000
    inspect(data, clips=0, out="no.png", split="val")
    assert not Path("no.png").exists()


def test_inspect_leaves_damaged_clips_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write(tmp_path, masks=False)
    damage(data)
    assert isinstance(next(read_facts(ShardReader(data), [0])), BadSample)
    inspect(data, out=f"{tmp_path}/x.png", clips=6)
    out = " ".join(capsys.readouterr().out.split())
    assert "1 damaged clips are left out, the first: train-000000.tar, sample 'clip-0'" in out
    other = write(tmp_path / "one", clips=3)
    damage(other)
    with pytest.raises(ValueError, match="All 1 clips looked at are damaged"):
        inspect(other, split="train", out=str(tmp_path))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"clips": -1}, "clips of at least 0"),
        ({"limit": 0}, "limit of at least 1"),
        ({"area": (0.5, 0.4)}, "area must rise"),
        ({"out": "sheet.jpg"}, "is a .png file"),
        ({"out": "nowhere/sheet.png"}, "There is no folder nowhere"),
        ({"split": "test"}, "No split 'test'"),
    ],
)
def test_wrong_options(options: dict, words: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=words):
        inspect(write(tmp_path), **options)
