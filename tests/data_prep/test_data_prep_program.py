import subprocess
import sys
from pathlib import Path

import pytest

import data_prep
from data_prep.job import run_job
from data_prep.verify import verify

ROOT = Path(data_prep.__file__).parents[1]


def run(*arguments, code=None):
    command = [sys.executable, *(["-c", code] if code else ["-m", "data_prep"]), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", [[], ["phyre"], ["scenes"], ["push"], ["verify"]])
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
    ],
)
def test_wrong_arguments_are_named(arguments, words):
    done = run(*arguments)
    assert done.returncode == 2
    assert words in done.stderr


def test_errors_are_one_line(tmp_path):
    done = run("verify", "--data", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("Error: No manifest.json in")
    assert "Traceback" not in done.stderr


def test_verify_finds_damage(noise, description, tmp_path, capsys):
    items = {"train": [noise(i) for i in range(5)]}
    run_job(tmp_path, description, items, shard_clips=5, workers=1)
    verify(str(tmp_path))
    assert "5 clips in 1 shards are intact" in capsys.readouterr().out
    tar = tmp_path / "train-000000.tar"
    data = bytearray(tar.read_bytes())
    data[520] ^= 1  # in the first member, behind its header of 512 bytes
    tar.write_bytes(data)
    with pytest.raises(ValueError, match="1 of 5 clips are damaged") as caught:
        verify(str(tmp_path))
    assert "train-000000.tar: checksum differs from the manifest" in str(caught.value)
    assert "sample 'noise-0', json: damaged" in str(caught.value)
