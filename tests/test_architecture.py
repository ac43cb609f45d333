"""The house rules that a linter does not know."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HARD_CAP_FILE = 400
HARD_CAP_FUNCTION = 60
HOMELESS = {"utils", "util", "helpers", "common", "misc"}


def tracked(*patterns: str) -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listing.stdout.splitlines() if (ROOT / line).exists()]


SOURCES = tracked("*.py")


def test_no_file_is_a_drawer_for_leftovers() -> None:
    homeless = [p for p in SOURCES if HOMELESS & {part.removesuffix(".py") for part in p.parts}]
    assert not homeless


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_stay_readable(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= HARD_CAP_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= HARD_CAP_FUNCTION, f"{node.name} has {length} lines"


def test_the_tree_of_the_readme_is_the_tree() -> None:
    readme = (ROOT / "README.md").read_text()
    block = re.search(r"<!-- tree -->\n```\n(.*?)```", readme, re.DOTALL)
    assert block, "README.md has no code fence after <!-- tree -->"
    assert block.group(1) == tree(), (
        "The tree has changed: put what `python tests/test_architecture.py` prints into README.md"
    )


def tree() -> str:
    """Every shipped Python file, indented by folder, with the first line of its docstring."""
    shipped = sorted(
        (p.relative_to(ROOT) for p in SOURCES if "tests" not in p.relative_to(ROOT).parts),
        key=lambda p: (len(p.parts) > 1, p.parts),
    )
    lines, open_folders = [], set()
    for path in shipped:
        for depth, folder in enumerate(path.parts[:-1]):
            if path.parts[: depth + 1] not in open_folders:
                open_folders.add(path.parts[: depth + 1])
                package = ROOT.joinpath(*path.parts[: depth + 1], "__init__.py")
                note = first_line(package) if package.exists() else ""
                lines.append(f"{'  ' * depth}{folder}/  {note}".rstrip())
        if path.name != "__init__.py":
            lines.append(f"{'  ' * (len(path.parts) - 1)}{path.name:<23} {first_line(ROOT / path)}")
    return "\n".join(lines) + "\n"


def first_line(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n")[0]


def test_text_carries_no_machine_paths_and_no_index_addresses() -> None:
    pattern = re.compile(r"(?<![\w.])/(?:home|root|mnt|Users)/|index-url|/simple/")
    own = Path(__file__)
    hits = [
        f"{p.relative_to(ROOT)}:{number}"
        for p in tracked("*.py", "*.md", "*.toml", "*.yaml", "*.lock", "Makefile", ".ci/*")
        if p != own
        for number, line in enumerate(p.read_text().splitlines(), 1)
        if pattern.search(line)
    ]
    assert not hits


def test_the_lock_covers_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = {re.split(r"[\[><=~; ]", item)[0].lower().replace("_", "-") for item in wanted}
    locked = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "requirements.lock").read_text().splitlines()
        if "==" in line
    }
    assert names <= locked, f"not in requirements.lock: {sorted(names - locked)}"


if __name__ == "__main__":
    sys.stdout.write(tree())
