from dataclasses import dataclass
from typing import Any

import pytest

from jepakit.command_line import Command, run_command

CALLS: list[dict[str, Any]] = []


@dataclass(frozen=True)
class Work:
    """How.

    Args:
        workers: processes.
    """

    workers: int = 1

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"workers must be at least 1, got {self.workers}.")


def prepare(source: str, path: str, *, out: str, loud: bool = False, work: Work = Work()) -> None:
    """Write clips of a source.

    Args:
        source: name of the layout.
        path: where the source lies.
        out: folder that
            is written.
        loud: say more.
        work: how.
    """
    if path == "stopped":
        raise KeyboardInterrupt
    if path == "network":
        raise OSError(5, "Input/output error")
    if path == "locked":
        raise PermissionError(13, "Permission denied", path)
    if path == "nowhere":
        raise ValueError("There is\n[nothing] here.")
    CALLS.append({"source": source, "path": path, "out": out, "loud": loud, "work": work})


def join(out: str, inputs: list[str], *, count: int = 1) -> None:
    """Join."""
    CALLS.append({"out": out, "inputs": inputs, "count": count})


COMMANDS = {
    "videos": Command(prepare, ("path",), {"source": "videos"}, "Clips of videos."),
    "images": Command(prepare, ("path",), {"source": "images"}),
    "flat": Command(prepare, ("path",), {"source": "flat"}, flat={"work": Work}),
    "join": Command(join, ("out", "inputs")),
}


def run(*words: str) -> dict[str, Any]:
    CALLS.clear()
    run_command(COMMANDS, words, prog="prog", description="Does things.")
    (call,) = CALLS
    return call


def test_one_function_serves_several_commands() -> None:
    call = run("videos", "folder", "--out", "o", "--work.workers", "3", "--loud")
    assert call == {
        "source": "videos",
        "path": "folder",
        "out": "o",
        "loud": True,
        "work": Work(3),
    }
    assert run("images", "--out", "o", "folder")["source"] == "images"
    assert run("images", "folder", "--out", "o", "--no_loud")["loud"] is False


@pytest.mark.parametrize("words", [["--path", "p"], ["--path=p"], ["p"]])
def test_the_only_positional_may_be_an_option(words: list[str]) -> None:
    assert run("videos", "--out", "o", *words)["path"] == "p"


def test_a_list_takes_all_that_follow() -> None:
    assert run("join", "o", "a", "b", "--count", "2") == {
        "out": "o",
        "inputs": ["a", "b"],
        "count": 2,
    }


def test_options_from_a_file(tmp_path: Any) -> None:
    (tmp_path / "o.yaml").write_text("out: o\nwork:\n  workers: 2\n")
    call = run("videos", "p", "--config", str(tmp_path / "o.yaml"), "--loud")
    assert (call["out"], call["loud"], call["work"]) == ("o", True, Work(2))


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["videos", "p"],
        ["videos", "--out", "o"],
        ["videos", "p", "--out", "o", "--source", "images"],
        ["join", "o"],
        ["join", "--out", "o", "a"],
        ["join", "o", "a", "--count", "x"],
        ["videos", "p", "q", "--out", "o"],
    ],
)
def test_wrong_arguments_are_exit_status_2(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(*words)
    assert caught.value.code == 2
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["videos", "nowhere", "--out", "o"], "Error: There is\n[nothing] here.\n"),
        (["videos", "p", "--out", "o", "--work.workers", "0"], "at least 1, got 0."),
    ],
)
def test_wrong_input_is_exit_status_1(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(*words)
    assert told in capsys.readouterr().err
    assert caught.value.code == 1


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("locked", 1, "Error: [Errno 13] Permission denied: 'locked'\n"),
        ("stopped", 130, "Stopped.\n"),
    ],
)
def test_refused_files_and_interrupts_are_one_line(path, status, told, capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        run("videos", path, "--out", "o")
    assert (caught.value.code, capsys.readouterr().err) == (status, told)
    with pytest.raises(OSError, match="Input/output"):
        run("videos", "network", "--out", "o")


def test_help_tells_what_parameters_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run("videos", "--help")
    assert caught.value.code == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Clips of videos." in told
    assert "path where the source lies. (required, type: str)" in told
    assert "folder that is written." in told
    assert "--source" not in told


def test_options_of_a_flat_group_stand_without_its_name(capsys):
    assert run("flat", "p", "--out", "o", "--workers", "3")["work"] == Work(3)
    assert run("flat", "p", "--out", "o")["work"] == Work()
    with pytest.raises(SystemExit) as ended:
        run("flat", "p", "--out", "o", "--workers", "0")
    assert ended.value.code == 1
    assert "workers must be at least 1" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run("flat", "p", "--out", "o", "--work.workers", "3")
