"""Tables of toy programs: resumed, killed, failed, changed, refused."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from toy_table import SCALE, TABLE, calls, changed, make, write_repository

import evaluate
from jepakit.evals.tables.make_table import MakeTable
from jepakit.evals.tables.stage import StageFolder

OUT = "runs/tables/toy_mini"
RUNS = ["full-s0", "less-s0", "full-s1", "less-s1"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_repository(tmp_path)


def cells(root: Path, out: str = OUT) -> Any:
    return json.loads((root / out / "table.json").read_text())["cells"]


def test_every_recipe_is_trained_and_measured_once(root: Path) -> None:
    result, files = make(root)
    wanted = [f"{what} {run}" for run in RUNS for what in ("train", "score")]
    assert calls(root) == wanted
    assert [path.name for path in files] == [
        "table.md",
        "table.json",
        "table.png",
        "table_dark.png",
    ]
    # Steps 0, 1, 2 of skill 2 sum to 6, of skill 1 to 3; each adds its seed, items 1 on average.
    full, less = result.cells["full", "score"], result.cells["less", "score"]
    assert full.by_seed == {0: 7.0, 1: 10.0}
    assert less.by_seed == {0: 4.0, 1: 7.0}
    assert less.difference is not None
    assert (less.difference.estimate, less.difference.low, less.difference.high) == (-3, -3, -3)
    assert (less.paper_difference, less.reproduced) == (-1.0, "yes")
    same = result.cells["same", "score"]
    assert same.difference is not None
    assert (same.difference.low, same.difference.high, same.reproduced) == (0, 0, "open")
    assert result.shared == {"same": "full"}


def test_a_second_start_has_nothing_to_do(root: Path) -> None:
    make(root)
    first, before = cells(root), calls(root)
    make(root)
    assert calls(root) == before
    assert cells(root) == first


def test_more_seeds_and_rows_are_added(root: Path) -> None:
    result, _ = make(root, seeds=1, rows=["same"])
    assert calls(root) == ["train full-s0", "score full-s0"]
    assert result.missing == ("less",)
    make(root, seeds=2, jobs=3)
    assert sorted(calls(root)) == sorted(
        f"{what} {run}" for run in RUNS for what in ("train", "score")
    )


def test_a_changed_measure_is_measured_again(root: Path) -> None:
    make(root)
    measures = {
        "score": {"command": "score --data {clips} --more 1", "scores": {"score": "score.json"}}
    }
    write_repository(root, scale=changed(SCALE, measures=measures))
    make(root)
    assert calls(root)[8:] == [f"score {run}" for run in RUNS]


def test_a_changed_recipe_is_refused_or_redone(root: Path) -> None:
    make(root)
    write_repository(
        root,
        scale=changed(
            SCALE, train={"configs": ["configs/base.yaml"], "options": {"steps": 4, "skill": 2}}
        ),
    )
    with pytest.raises(ValueError, match=r"recipe or the data of full-s0, less-s0, .* --redo"):
        make(root)
    assert len(calls(root)) == 8
    result, _ = make(root, redo=True)
    assert len(calls(root)) == 16
    assert result.cells["full", "score"].by_seed == {0: 13.0, 1: 17.0}


def test_changed_data_are_a_changed_recipe_of_what_reads_them(root: Path) -> None:
    make(root)
    (root / "data" / "clips" / "more.bin").write_bytes(b"2")
    make(root)  # only the measure names the clips
    assert calls(root)[8:] == [f"score {run}" for run in RUNS]


def test_options_without_influence_change_nothing(root: Path) -> None:
    make(root)
    options = {"steps": 3, "skill": 2, "checkpoints.every_n_steps": 5}
    write_repository(
        root, scale=changed(SCALE, train={"configs": ["configs/base.yaml"], "options": options})
    )
    make(root)
    assert len(calls(root)) == 8


def test_a_failing_row_does_not_stop_the_others(root: Path) -> None:
    (root / "configs" / "less.yaml").write_text("broken: true\n")
    result, files = make(root)
    assert result.cells["full", "score"].by_seed == {0: 7.0, 1: 10.0}
    assert result.failures == {
        f"less-s{seed} train": "code 1: error: the skill is broken" for seed in (0, 1)
    }
    text = files[0].read_text()
    assert "| Less skill | 2.000 | failed |" in text
    assert "- `less-s0 train`: code 1: error: the skill is broken" in text
    make(root)  # tried again
    assert calls(root)[6:] == ["train less-s0", "train less-s1"]


def test_a_failing_measure_keeps_the_training(root: Path) -> None:
    (root / "broken_measure").touch()
    result, _ = make(root, seeds=1)
    assert set(result.failures) == {"full-s0 score", "less-s0 score"}
    (root / "broken_measure").unlink()
    result, _ = make(root, seeds=1)
    assert not result.failures
    assert calls(root)[4:] == ["score full-s0", "score less-s0"]


def test_other_items_are_the_rows_trouble(root: Path) -> None:
    make(root)
    place = root / OUT / "runs" / "less-s0" / "measures" / "score" / "scores" / "score.json"
    fields = json.loads(place.read_text())
    fields["items"][0] = "another"
    place.write_text(json.dumps(fields))
    result, _ = make(root)
    assert "Only the same items can be compared" in result.failures["less score"]
    assert result.cells["full", "score"].value is not None


def start(root: Path, *words: str) -> subprocess.Popen[str]:
    repository = Path(evaluate.__file__).parent
    script = (
        f"import sys; sys.path.insert(0, {str(repository)!r}); import evaluate; evaluate.main()"
    )
    command = [sys.executable, "-c", script, "table", "toy", "--scale", "mini", "--seeds", "2"]
    return subprocess.Popen(
        [*command, *words], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def slow(root: Path, nap: float) -> None:
    options = {"steps": 3, "skill": 2, "nap": nap}
    write_repository(
        root, scale=changed(SCALE, train={"configs": ["configs/base.yaml"], "options": options})
    )


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert path.exists()


@pytest.mark.slow
def test_killed_at_any_moment_it_gives_the_same_table(root: Path) -> None:
    slow(root, 0.3)
    make(root, out="whole")
    process = start(root)
    for run in ("full-s0", "less-s0"):
        wait_for(root / OUT / "runs" / run / "state.json")
        process.kill()
        process.communicate()
        process = start(root)  # what the killed one had started goes on, and is waited for
    process.communicate()
    assert process.returncode == 0
    assert cells(root) == cells(root, "whole")
    assert len([call for call in calls(root) if call == f"train {RUNS[-1]}"]) == 2


@pytest.mark.slow
def test_asked_to_end_it_ends_its_commands(root: Path) -> None:
    slow(root, 5.0)
    process = start(root, "--jobs", "2")
    wait_for(root / "calls.txt")
    for run in ("full-s0", "less-s0"):
        wait_for(root / OUT / "runs" / run / "config.yaml")
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    output, _ = process.communicate(timeout=30)
    assert time.monotonic() - began < 10
    assert process.returncode == 130
    assert "Stopped." in output
    record = StageFolder(root / OUT / "runs" / "full-s0").record("train")
    assert record is not None
    assert record.state == "started"
    assert not (root / OUT / "runs" / "full-s0" / "checkpoints" / "last.ckpt").exists()
    free = subprocess.run(
        ["flock", "-n", str(root / OUT / "locks" / "full-s0.lock"), "true"], check=False
    )
    assert free.returncode == 0


class TestRefusals:
    def test_unknown_names(self, root: Path) -> None:
        with pytest.raises(ValueError, match=r"There is no .*none\.yaml; choose among \['toy'\]"):
            MakeTable("none", "mini", root=root)
        with pytest.raises(ValueError, match=r"There is no .*huge\.yaml; choose among \['mini'\]"):
            MakeTable("toy", "huge", root=root)
        with pytest.raises(
            ValueError, match="no row 'more'; its rows are quoted, less, full, same"
        ):
            make(root, rows=["more"])
        with pytest.raises(ValueError, match="Row 'quoted' only quotes the paper"):
            make(root, rows=["quoted"])

    def test_numbers(self, root: Path) -> None:
        with pytest.raises(ValueError, match="at least 1, got 0 and 1"):
            make(root, seeds=0)
        with pytest.raises(ValueError, match="at least 1, got 2 and 0"):
            make(root, jobs=0)

    def test_folder_of_another_table(self, root: Path) -> None:
        make(root, seeds=1)
        (root / OUT / "about.json").write_text('{"table": "toy", "scale": "other"}')
        with pytest.raises(ValueError, match="holds the table 'toy' at scale 'other', not 'toy'"):
            make(root)
        with pytest.raises(ValueError, match="configs is not empty and holds no table"):
            make(root, out="configs")

    def test_elsewhere(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"no train.py here: start in the repository's folder"):
            MakeTable("toy", "mini", root=tmp_path)

    def test_missing_data(self, root: Path) -> None:
        data = {"clips": {}, "more": {"make": "data_prep scenes --out {path}"}}
        measures = {"score": {"command": "score --data {more}", "scores": {"score": "score.json"}}}
        write_repository(root, scale=changed(SCALE, data=data, measures=measures))
        with pytest.raises(
            ValueError, match="missing; make it with: python -m data_prep scenes --out data/more"
        ):
            make(root, make=False)
        with pytest.raises(ValueError, match="ended with code 1"):
            make(root)  # there is no such module beside the toy's programs
        data["more"] = {"make": "rm -r {path}"}
        write_repository(root, scale=changed(SCALE, data=data, measures=measures))
        with pytest.raises(
            ValueError, match=r"Data is made by data_prep or worlds\.phyre\.fetch; not"
        ):
            make(root)
        data["more"] = {}
        write_repository(root, scale=changed(SCALE, data=data, measures=measures))
        with pytest.raises(ValueError, match="The data set 'more' is missing: put it into"):
            make(root)

    def test_data_of_another_command(self, root: Path) -> None:
        (root / "data_prep.py").write_text(
            "from pathlib import Path\nPath('data/clips/new').touch()\n"
        )
        data = {"clips": {"make": "data_prep scenes --out {path}"}}
        write_repository(root, scale=changed(SCALE, data=data))
        make(root, seeds=1)
        data = {"clips": {"make": "data_prep scenes --out {path} --clips 5"}}
        write_repository(root, scale=changed(SCALE, data=data))
        with pytest.raises(ValueError, match=r"was made by 'data_prep scenes --out \{path\}' and"):
            make(root, seeds=1)

    @pytest.mark.parametrize(
        ("table", "scale", "told"),
        [
            (changed(TABLE, reference="quoted"), SCALE, "'quoted' has to be a trained row"),
            (changed(TABLE, raws={}), SCALE, r"unknown keys \['raws'\]"),
            (changed(TABLE, columns={"x": {"title": "X"}}), SCALE, "values for no column"),
            (TABLE, changed(SCALE, values={}), "takes {usual} from the scale, and 'mini' has only"),
            (TABLE, changed(SCALE, size=1), r"unknown keys \['size'\]"),
            (TABLE, changed(SCALE, measures={}), "measures none of the columns of 'toy'"),
            (TABLE, changed(SCALE, data={}), "names {clips}; known are"),
        ],
    )
    def test_wrong_files(self, tmp_path: Path, table: Any, scale: Any, told: str) -> None:
        write_repository(tmp_path, table, scale)
        with pytest.raises(ValueError, match=told):
            make(tmp_path)

    def test_a_run_that_nobody_recorded(self, root: Path) -> None:
        make(root, seeds=1)
        for record in (root / OUT / "runs" / "less-s0" / "stages").iterdir():
            record.unlink()
        with pytest.raises(ValueError, match="of less-s0 changed"):
            make(root, seeds=1)

    def test_a_row_compared_with_another_than_the_reference(self, tmp_path: Path) -> None:
        less, strong = TABLE["rows"]["less"], {"name": "Strong", "options": {"skill": 5}}
        rows = TABLE["rows"] | {"less": less | {"against": "strong"}, "strong": strong}
        root = write_repository(tmp_path, changed(TABLE, rows=rows))
        result, files = make(root, rows=("less",))
        gap = result.cells["less", "score"].difference
        level = {n: result.cells[n, "score"].value for n in ("less", "strong")}
        assert level["less"] is not None
        assert level["strong"] is not None
        assert gap is not None
        distance = level["less"].estimate - level["strong"].estimate
        assert gap.estimate == pytest.approx(distance)
        assert any("- Less skill: compared with Strong." in file.read_text() for file in files[:2])
        rows["less"] |= {"against": "quoted"}
        write_repository(root, changed(TABLE, rows=rows))
        with pytest.raises(ValueError, match="'quoted' has to be a trained row to compare"):
            make(root)

    def test_two_at_a_time(self, root: Path) -> None:
        make(root, seeds=1)
        held = os.open(root / OUT / ".lock", os.O_RDWR)
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ValueError, match="Another process is at work on"):
            make(root, seeds=1)
        os.close(held)

    def test_by_command(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(root)
        with pytest.raises(SystemExit, match=r"evaluate\.py table: seeds and jobs must be"):
            evaluate.main(["table", "toy", "--scale", "mini", "--seeds", "0"])
        evaluate.main(["table", "toy", "--scale", "mini", "--seeds", "1", "--rows", "less"])
        output = capsys.readouterr().out
        assert "[1/4] full-s0 train" in output
        assert "A toy" in output
        assert yaml.safe_load((root / OUT / "table.json").read_text())["reference"] == "full"
