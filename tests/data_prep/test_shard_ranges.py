import hashlib
from pathlib import Path

import pytest
from jsonargparse import ArgumentParser

from data_prep.job import Job, run_job


def tree(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.fixture
def items(noise):
    troubles = {1: "assert", 6: "divide"}
    return {
        "train": [noise(i, troubles.get(i, "")) for i in range(9)],
        "val": [noise(i) for i in range(90, 93)],
    }


def part(number, parts=3):
    return Job(shard_items=2, shards=f"{number}:{parts}")


def test_parts_in_any_order_make_the_same_set(items, description, tmp_path, capsys):
    run_job(tmp_path / "whole", description, items, Job(shard_items=2))
    parts = tmp_path / "parts"
    assert run_job(parts, description, items, part(2)) is None
    assert "5 of 7 shards are missing" in " ".join(capsys.readouterr().out.split())
    assert sorted(path.name for path in parts.glob("*.tar")) == [
        "train-000002.tar",
        "val-000000.tar",
    ]
    assert run_job(parts, description, items, part(0)) is None
    manifest = run_job(parts, description, items, part(1))
    assert manifest is not None
    assert sum(shard.samples for shard in manifest.shards) == 10
    assert tree(parts) == tree(tmp_path / "whole")


def test_more_parts_than_shards(noise, description, tmp_path):
    items = {"train": [noise(1)]}
    assert run_job(tmp_path, description, items, part(2)) is None
    assert run_job(tmp_path, description, items, part(0)) is not None
    assert run_job(tmp_path, description, items, part(1)) is not None


def test_a_shard_of_other_settings_is_refused_by_whoever_is_last(
    noise, items, description, tmp_path
):
    others = {**items, "val": [noise(i) for i in range(70, 73)]}
    run_job(tmp_path, description, others, part(2))  # holds val-000000
    run_job(tmp_path, description, items, part(0))
    with pytest.raises(ValueError, match="'val-000000' made with other settings"):
        run_job(tmp_path, description, items, part(1))


def test_a_shard_cut_short_is_missing(items, description, tmp_path):
    run_job(tmp_path, description, items, part(2))
    run_job(tmp_path, description, items, part(0))
    tar = tmp_path / "val-000000.tar"
    tar.write_bytes(tar.read_bytes()[:-1])
    assert run_job(tmp_path, description, items, part(1)) is None
    assert run_job(tmp_path, description, items, part(2)) is not None


def test_a_manifest_that_another_part_is_writing_is_spared(items, description, tmp_path):
    others = tmp_path / ".manifest.json.0123abcd.tmp"
    others.touch()
    for number in range(3):
        run_job(tmp_path, description, items, part(number))
    assert others.exists()
    run_job(tmp_path, description, items, Job(shard_items=2))
    assert not others.exists()


@pytest.mark.parametrize("text", ["3", "3:3", "4:3", "-1:3", "a:b", ":", "0:0", "1.0:2"])
def test_parts_that_do_not_exist(text):
    with pytest.raises(ValueError, match="parts counted from 0"):
        Job(shards=text)


@pytest.mark.parametrize("text", ["3:16", "0:1", "10:60", "07:16"])
def test_the_command_line_takes_parts_as_they_are(text):
    """YAML reads 10:60 as a number of base 60."""
    parser = ArgumentParser()
    parser.add_argument("--job", type=Job, default=Job())
    parsed = parser.instantiate(parser.parse_args([f"--job.shards={text}"]))
    assert parsed.job == Job(shards=text)
