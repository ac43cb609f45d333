import subprocess
from pathlib import Path

import pytest

from jepakit.training import versions as module
from jepakit.training.versions import code_version, versions


def git(root: Path, *words: str) -> str:
    who = ["-c", "user.name=A", "-c", "user.email=a@b.c"]
    told = subprocess.run(
        ["git", "-C", str(root), *who, *words], capture_output=True, text=True, check=True
    )
    return told.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "jepakit"\nversion = "3.2.1"\n')
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    return tmp_path


def test_a_checkout_names_its_commit(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")[:12]
    assert code_version(checkout) == f"3.2.1 ({commit})"


def test_changed_files_are_told_and_untracked_ones_are_not(checkout: Path) -> None:
    (checkout / "notes.txt").write_text("mine")
    assert "changed" not in code_version(checkout)
    with (checkout / "pyproject.toml").open("a") as file:
        file.write("# more\n")
    commit = git(checkout, "rev-parse", "HEAD")[:12]
    assert code_version(checkout) == f"3.2.1 ({commit}, changed)"


def test_code_is_that_of_now_and_a_process_keeps_the_one_that_it_began_with(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = code_version(checkout)
    kept = versions()["jepakit"]
    git(checkout, "commit", "--quiet", "--allow-empty", "-m", "second")
    assert code_version(checkout) != before
    monkeypatch.setattr(module, "code_version", lambda: "later")
    assert versions()["jepakit"] == kept


def test_another_repository_in_the_environment_is_not_asked(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path_factory.mktemp("other")
    git(other, "init", "--quiet")
    git(other, "commit", "--quiet", "--allow-empty", "-m", "other")
    commit = git(checkout, "rev-parse", "HEAD")[:12]
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert code_version(checkout) == f"3.2.1 ({commit})"


def test_an_installed_package_inside_a_repository_has_its_number_alone(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = checkout / "lib" / "site-packages"
    inner.mkdir(parents=True)
    monkeypatch.setattr(module.metadata, "version", lambda name: f"9.9 of {name}")
    assert code_version(inner) == "9.9 of jepakit"


def test_a_bare_copy_of_the_folders_has_no_version(tmp_path: Path) -> None:
    assert code_version(tmp_path) == "version unknown"


def test_without_git_the_commit_is_unknown(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(checkout / "nothing"))
    assert code_version(checkout) == "3.2.1 (commit unknown)"


def test_a_repository_that_git_cannot_read_has_an_unknown_commit(checkout: Path) -> None:
    (checkout / ".git" / "HEAD").write_text("not a reference\n")
    assert code_version(checkout) == "3.2.1 (commit unknown)"


def test_runs_are_made_by_known_code() -> None:
    found = versions()
    assert list(found) == ["python", "jepakit", "torch", "lightning", "numpy"]
    assert found["jepakit"].startswith("0.1.0")
    assert found["torch"].startswith("2.")


def test_packages_that_are_not_there_are_left_out() -> None:
    assert list(versions(("numpy", "no-such-package"))) == ["python", "jepakit", "numpy"]
