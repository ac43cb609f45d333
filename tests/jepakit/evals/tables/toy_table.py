"""A repository whose train.py and evaluate.py are a few lines: tables without any training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from jepakit.evals.tables.make_table import MakeTable, TableOptions
from jepakit.evals.tables.result import TableResult

TRAIN = """
import json, sys, time
from pathlib import Path
import yaml
words = sys.argv[1:]
option = dict(w[2:].split("=", 1) for w in words if "=" in w)
merged = {}
for before, word in zip(words, words[1:]):
    if before == "--config":
        merged |= yaml.safe_load(Path(word).read_text())
merged |= {k: json.loads(v) for k, v in option.items() if k in ("skill", "steps", "nap")}
with open("calls.txt", "a") as calls:
    calls.write("train " + option["name"] + "\\n")
if merged.get("broken"):
    sys.exit("error: the skill is broken")
run = Path(option["runs"]) / option["name"]
(run / "checkpoints").mkdir(parents=True, exist_ok=True)
(run / "config.yaml").write_text(json.dumps(merged))
state = run / "state.json"
done = json.loads(state.read_text()) if state.exists() else []
for step in range(len(done), merged["steps"]):
    time.sleep(merged.get("nap", 0))
    done.append(step * merged["skill"] + int(option["seed_everything"]))
    state.with_suffix(".tmp").write_text(json.dumps(done))
    state.with_suffix(".tmp").replace(state)
(run / "checkpoints" / "last.ckpt").write_text(json.dumps(sum(done)))
"""

EVALUATE = """
import json, sys
from pathlib import Path
command, run, *words = sys.argv[1:]
option = dict(zip(words[::2], words[1::2]))
with open("calls.txt", "a") as calls:
    calls.write(command + " " + Path(run).name + "\\n")
if Path("broken_measure").exists():
    print("evaluate.py: nothing to measure"); sys.exit(1)
level = json.loads((Path(run) / "checkpoints" / "last.ckpt").read_text())
values = [float(level + item % 3) for item in range(12)]
out = Path(option["--out"]) / "scores"
out.mkdir(parents=True, exist_ok=True)
names = [f"i{n}" for n in range(12)]
(out / f"{command}.json").write_text(json.dumps({"format": "jepakit.item_scores/1",
    "metric": command, "higher_is_better": True, "mean": 0.0, "items": names,
    "groups": names, "values": values}))
"""

TABLE: dict[str, Any] = {
    "title": "A toy",
    "reference": "full",
    "columns": {"score": {"title": "Score", "paper": "Paper's score"}},
    "rows": {
        "quoted": {"name": "Quoted", "trained": False, "paper": {"score": 1.0}},
        "less": {
            "name": "Less skill",
            "configs": ["configs/less.yaml"],
            "options": {"skill": 1},
            "paper": {"score": 2.0},
            "note": "a note",
        },
        "full": {"name": "The whole", "paper": {"score": 3.0}},
        "same": {"name": "Nothing changed", "options": {"skill": "{usual}"}, "expected": "worse"},
    },
}
SCALE: dict[str, Any] = {
    "about": "a toy",
    "folder": "data",
    "data": {"clips": {}},
    "train": {"configs": ["configs/base.yaml"], "options": {"steps": 3, "skill": 2}},
    "values": {"usual": 2},
    "measures": {"score": {"command": "score --data {clips}", "scores": {"score": "score.json"}}},
}


def changed(base: dict[str, Any], **top: Any) -> dict[str, Any]:
    """A copy with other top-level entries."""
    return json.loads(json.dumps(base)) | top


def write_repository(root: Path, table: Any = TABLE, scale: Any = SCALE) -> Path:
    """Programs, configurations, and a data set."""
    scales = root / "configs" / "tables" / "scales"
    scales.mkdir(parents=True, exist_ok=True)
    (root / "train.py").write_text(TRAIN)
    (root / "evaluate.py").write_text(EVALUATE)
    (root / "configs" / "base.yaml").write_text("skill: 1\nsteps: 1\n")
    (root / "configs" / "less.yaml").write_text("taste: 0\n")
    (scales.parent / "toy.yaml").write_text(yaml.safe_dump(table, sort_keys=False))
    (scales / "mini.yaml").write_text(yaml.safe_dump(scale, sort_keys=False))
    (root / "data" / "clips").mkdir(parents=True, exist_ok=True)
    (root / "data" / "clips" / "clip.bin").write_bytes(b"1")
    return root


def make(root: Path, **options: Any) -> tuple[TableResult, list[Path]]:
    """The table ``toy`` at scale ``mini``."""
    return MakeTable("toy", "mini", TableOptions(**{"seeds": 2} | options), root)()


def calls(root: Path) -> list[str]:
    """What the programs were called for, in order."""
    file = root / "calls.txt"
    return file.read_text().splitlines() if file.exists() else []
