"""The house rules that a linter does not know."""

from __future__ import annotations

import ast
import re
import subprocess
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
    tree = re.search(r"<!-- tree -->\n```\n(.*?)```", readme, re.DOTALL)
    assert tree, "README.md has no block between <!-- tree --> and the end of its code fence"
    named = read_tree(tree.group(1))
    shipped = {
        str(p.relative_to(ROOT))
        for p in SOURCES
        if p.name != "__init__.py" and not {"tests"} & set(p.relative_to(ROOT).parts)
    }
    assert named == shipped, (
        f"only in the README: {sorted(named - shipped)}; missing there: {sorted(shipped - named)}"
    )


def read_tree(text: str) -> set[str]:
    """Python files of an indented tree in which folders end in a slash."""
    stack: list[tuple[int, str]] = []
    files = set()
    for line in filter(str.strip, text.splitlines()):
        indent = len(line) - len(line.lstrip())
        name = line.split()[0]
        while stack and stack[-1][0] >= indent:
            stack.pop()
        if name.endswith("/"):
            stack.append((indent, name))
        elif name.endswith(".py"):
            files.add("".join(part for _, part in stack) + name)
    return files


def test_text_carries_no_machine_paths_and_no_index_addresses() -> None:
    pattern = re.compile(r"(?<![\w.])/(?:home|root|mnt|work|farm)/|index-url|/simple/")
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
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = {re.split(r"[\[><=~; ]", item)[0].lower().replace("_", "-") for item in wanted}
    locked = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "requirements.lock").read_text().splitlines()
        if "==" in line
    }
    assert names <= locked, f"not in requirements.lock: {sorted(names - locked)}"
