"""``explore.py`` as a user types it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import explore
from explorer.app import serve as serving

ROOT = Path(__file__).resolve().parents[3]


def test_help_waits_for_neither_torch_nor_gradio() -> None:
    program = (
        "import sys, explore\n"
        "try:\n    explore.main(['serve', '--help'])\n"
        "except SystemExit:\n    pass\n"
        "print(sorted({'torch', 'gradio', 'plotly', 'umap'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "--password_file" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("words", [[], ["--port", "7000"], ["serve", "--host", "localhost"]])
def test_without_a_command_the_app_is_served(
    words: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    heard: list[object] = []
    monkeypatch.setattr(serving, "_listen", lambda *args, **options: heard.append(options))
    monkeypatch.setattr(serving, "close_doors", lambda served: heard.append(served))
    explore.main([*words, "--artifacts", str(tmp_path)])
    assert heard[0] == tmp_path / "served"
    assert heard[1]["password"] is None  # type: ignore[index]


def test_an_open_bind_without_a_password_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        explore.main(["--host", "0.0.0.0"])
    assert ended.value.code == 1
    assert "Other machines reach 0.0.0.0" in capsys.readouterr().err


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(serving, "close_doors", lambda _: None)
    monkeypatch.setattr(serving, "find_spec", lambda name: None if name == "gradio" else 1)
    with pytest.raises(SystemExit, match=r"needs gradio: pip install 'jepakit\[explorer\]'"):
        explore.main(["--artifacts", str(tmp_path)])


def test_a_missing_folder_of_runs_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serving, "close_doors", lambda _: None)
    with pytest.raises(SystemExit):
        explore.main(["--artifacts", str(tmp_path), "--runs", str(tmp_path / "nowhere")])
    assert "There is no folder of runs" in capsys.readouterr().err


def test_an_unknown_option_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        explore.main(["--share"])
    assert ended.value.code == 2
    assert "share" in capsys.readouterr().err


class TestExport:
    def test_files_and_report(self, tmp_path: Path) -> None:
        words = ["--views", "latent-video", "track", "windows"]
        explore.main(["export", "--out", str(tmp_path), *words])
        names = {file.name for file in tmp_path.iterdir()}
        assert {"report.html", "latent-video-0.mp4", "track-trajectory.csv", "latents"} <= names
        assert json.loads((tmp_path / "track.json").read_text())["title"] == "Click and follow"
        lines = (tmp_path / "track-trajectory.csv").read_text().splitlines()
        assert lines[0].startswith("object,slice,frames,row,column,x,y,score")
        assert len(lines) == 1 + 8
        assert "windows-windows.csv" in names
        trained, twin = json.loads((tmp_path / "latent-video-1.facts.json").read_text()).values()
        assert trained != twin

    def test_an_unknown_model_lists_those_that_are(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit):
            explore.main(["export", "--out", str(tmp_path), "--model", "gpt"])
        assert "no model 'gpt'; choose from " in capsys.readouterr().err

    def test_an_unknown_view_lists_those_that_are(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit):
            explore.main(["export", "--out", str(tmp_path), "--views", "dreams"])
        assert "no view dreams; choose from latent-video" in capsys.readouterr().err


def test_the_python_of_the_docs_runs(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs/explorer.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(compile(program, "docs/explorer.md", "exec"), {})
    assert capsys.readouterr().out.startswith("(8, 12, 12) object,slice,frames")
