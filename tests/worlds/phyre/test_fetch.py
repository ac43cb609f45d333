import hashlib
import subprocess
import zipfile

import pytest

from worlds.phyre import fetch as module
from worlds.phyre.fetch import FOLDER, extract, fetch


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    contents = {"tasks.bin.lzma": b"one", "tasks01.bin.lzma": b"two"}
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    monkeypatch.setattr(module, "MEMBERS", sums)
    with zipfile.ZipFile(tmp_path / "phyre.whl", "w") as archive:
        for name, content in contents.items():
            archive.writestr(FOLDER + name, content)
        archive.writestr("phyre/other.py", "print()")
    return tmp_path / "phyre.whl"


def test_only_the_task_files_are_taken_out(wheel, tmp_path):
    path = extract(wheel, tmp_path / "new" / "folder")
    assert path.read_bytes() == b"one"
    assert sorted(p.name for p in path.parent.iterdir()) == ["tasks.bin.lzma", "tasks01.bin.lzma"]


def test_other_bytes_are_refused_and_nothing_is_written(wheel, tmp_path, monkeypatch):
    monkeypatch.setitem(module.MEMBERS, "tasks01.bin.lzma", "0" * 64)
    with pytest.raises(ValueError, match=r"tasks01.bin.lzma .*: expected SHA-256 0000"):
        extract(wheel, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    monkeypatch.setitem(module.MEMBERS, "tasks02.bin.lzma", "0" * 64)
    monkeypatch.delitem(module.MEMBERS, "tasks01.bin.lzma")
    with pytest.raises(ValueError, match=r"no member .*tasks02.bin.lzma; is it phyre 0.2.2"):
        extract(wheel, tmp_path / "new")


def test_pip_is_asked_for_the_wheel_and_its_failure_is_told(wheel, tmp_path, monkeypatch):
    asked = []

    def pip(command, **options):
        asked.append(command)
        folder = command[command.index("--dest") + 1]
        (tmp_path / "phyre.whl").rename(f"{folder}/phyre-0.2.2-cp39.whl")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(module.subprocess, "run", pip)
    assert fetch(tmp_path / "new").read_bytes() == b"one"
    assert {"phyre==0.2.2", "--no-deps", "--python-version"} <= set(asked[0])

    def broken(command, **options):
        return subprocess.CompletedProcess(command, 1, "", "no network\n")

    monkeypatch.setattr(module.subprocess, "run", broken)
    with pytest.raises(ValueError, match=r"could not download the wheel phyre 0.2.2: no network"):
        fetch(tmp_path / "new")
