import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from gray_videos import write_video
from noise_items import NoiseItem

import data_prep
from data_prep.__main__ import main
from data_prep.finished.verify import verify
from data_prep.job import Job, run_job
from data_prep.simulated.scenes import scenes
from jepakit.data.shard_reader import ShardReader

ROOT = Path(data_prep.__file__).parents[1]


def run(*arguments, code=None):
    command = [sys.executable, *(["-c", code] if code else ["-m", "data_prep"]), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "command",
    [[], *([name] for name in ("phyre", "videos", "push", "trajectories", "verify"))],
)
def test_help_without_torch(command):
    code = (
        "import sys, atexit, runpy;"
        "atexit.register(lambda: print('TORCH' if 'torch' in sys.modules else 'LIGHT'));"
        "sys.argv = ['data_prep', *sys.argv[1:]];"
        "runpy.run_module('data_prep', run_name='__main__')"
    )
    done = run(*command, "--help", code=code)
    assert done.returncode == 0
    assert "usage" in done.stdout
    assert done.stdout.rstrip().endswith("LIGHT")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["scenes", "--out", "x", "--surprise", "1"], "surprise"),
        (["scenes", "--out", "x", "--clips", "many"], "many"),
        (["scenes", "--out", "x", "--image", "gif"], "gif"),
        (["merge", "x"], "merge.inputs"),
        (["split", "x"], "split.out"),
        (["wipe", "x"], "wipe"),
    ],
)
def test_wrong_arguments_are_named(arguments, words):
    done = run(*arguments)
    assert done.returncode == 2
    assert words in done.stderr


def test_errors_are_one_line(tmp_path):
    done = run("verify", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("Error: No manifest.json in")
    assert "Traceback" not in done.stderr


def test_finished_data_sets_are_looked_after(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, seed in (("one", 0), ("other", 1)):
        scenes(name, clips=4, val_clips=2, size=32, frames=2, image="png", seed=seed)
    main(["merge", "both", "one", "other", "--prefix"])
    main(["split", "both", "--out", "dealt", "--val_share", "0.25", "--test_share", "0.25"])
    capsys.readouterr()
    main(["verify", "dealt"])
    main(["verify", "--data", "dealt"])
    assert capsys.readouterr().out.count("12 clips in 3 shards are intact") == 2
    main(["inspect", "--data=dealt", "--clips", "3"])
    assert "Contact sheet: dealt_contact_sheet.png" in capsys.readouterr().out
    assert Path("dealt_contact_sheet.png").stat().st_size > 10_000


def test_verify_finds_damage(noise, description, tmp_path, capsys):
    items = {"train": [noise(i) for i in range(5)]}
    run_job(tmp_path, description, items, Job(workers=1, shard_items=5))
    verify(str(tmp_path))
    assert "5 clips in 1 shards are intact" in capsys.readouterr().out
    tar = tmp_path / "train-000000.tar"
    data = bytearray(tar.read_bytes())
    data[520] ^= 1  # in the first member, behind its header of 512 bytes
    tar.write_bytes(data)
    with pytest.raises(ValueError, match="1 of 5 clips cannot be read") as caught:
        verify(str(tmp_path))
    assert "train-000000.tar: checksum differs from the manifest" in str(caught.value)
    assert "sample 'noise-0', json: damaged" in str(caught.value)


def test_verify_finds_what_is_too_much_and_too_little(noise, description, tmp_path):
    run_job(tmp_path, description, {"train": [noise(i) for i in range(4)]}, Job(shard_items=2))
    (tmp_path / "notes.txt").touch()
    verify(str(tmp_path))
    for name in ("train-000009.tar", ".train-000001.tar.12.tmp"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=r"^Not in manifest.json.* remove them.*") as caught:
        verify(str(tmp_path))
    assert str(caught.value).endswith(":\n  .train-000001.tar.12.tmp\n  train-000009.tar")
    (tmp_path / "train-000001.tar").unlink()
    with pytest.raises(ValueError, match=r"lacks 1 files of its manifest: \['train-000001.tar'\]"):
        verify(str(tmp_path))


def test_verify_notes_groups_that_are_in_two_splits(noise, description, tmp_path, capsys):
    items = {"train": [noise(1)], "val": [noise(2)]}
    run_job(tmp_path, description, items, Job())
    verify(str(tmp_path))
    assert "Note" not in capsys.readouterr().out
    items = {split: [Grouped(*items[split])] for split in items}
    run_job(tmp_path / "shared", description, items, Job())
    verify(str(tmp_path / "shared"))
    assert (
        "Note: groups with clips in more than one split: 1, such as 'g'" in capsys.readouterr().out
    )


@dataclass(frozen=True)
class Grouped:
    """An item whose clips belong to one group with those of all others."""

    item: NoiseItem

    @property
    def name(self):
        return self.item.name

    def make(self, form):
        for sample in self.item.make(form):
            sample.meta["details"]["group"] = "g"
            yield sample


def test_a_video_becomes_shards_by_one_command(tmp_path, capsys):
    write_video(tmp_path / "v.mp4", 40)
    words = ["--masks", "regions", "--licence", "CC0-1.0", "--frames", "4", "--size", "32"]
    words += ["--patch", "8", "--objects.min_area", "0.005", "--regions.difference", "30"]
    main(["videos", str(tmp_path / "v.mp4"), "--out", str(tmp_path / "out"), *words])
    assert "val" in capsys.readouterr().out
    with ShardReader(str(tmp_path / "out"), split="train").open(0) as stored:
        masks = stored.meta["details"]["masks"]
    assert "min_area=0.005" in masks["method"]
    assert "difference=30" in masks["method"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--masks", "sam"], "--sam.checkpoint"),
        (["--masks", "sam2"], "--sam2.weights"),
        (["--masks", "none", "--shards", "3:2"], "PART:PARTS"),
        (["--masks", "none", "--objects.top", "0"], "top must be 1 to 255"),
        (["--masks", "none", "--frames", "3", "--tubelet", "2"], "do not divide"),
    ],
)
def test_what_cannot_be_made_is_one_line(tmp_path, capsys, words, told):
    write_video(tmp_path / "v.mp4", 8)
    video = [str(tmp_path / "v.mp4"), "--licence", "CC0-1.0", "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as ended:
        main(["videos", *video, *words])
    assert ended.value.code == 1
    assert told in capsys.readouterr().err.replace("\n", " ")
    assert not (tmp_path / "out").exists()
