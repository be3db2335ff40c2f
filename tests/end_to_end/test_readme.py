"""The README does what it says: its commands and its SQL run, its tables are true."""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from sqltune.evaluation.scorers import SCORERS
from sqltune.settings import Settings
from sqltune.wiring import _BUILDERS as BACKENDS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BIN = Path(sys.executable).parent
#: What only a fresh machine can prove, and tests/end_to_end/test_install.py does in part.
INSTALLS = ("pip ", "make ")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    lines = [line for block in blocks("console") for line in block.splitlines()]
    return [line[2:].split("  #")[0].strip() for line in lines if line.startswith("$ ")]


def section(heading: str) -> str:
    return README.split(f"\n## {heading}\n")[1].split("\n## ")[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(BIN)
    return tmp_path


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SQLTUNE_")}
    clean["PATH"] = f"{BIN}:{clean['PATH']}"
    return subprocess.run(
        shlex.split(command), cwd=folder, env=clean, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_the_commands_and_the_sql_of_the_readme_run_in_their_order(folder: Path) -> None:
    """The first adapter of the README is trained for real on the embedded base model."""
    assert run("sqltune init", folder).returncode == 0
    database = sqlite3.connect(folder / "sqltune.db")
    inserts, training_query, *_ = blocks("sql")
    database.executescript(inserts)
    database.commit()
    for command in ("sqltune plan", "sqltune sync", "sqltune compare support-bot"):
        assert command in commands()
        finished = run(command, folder)
        assert finished.returncode == 0, finished.stderr
    shown = run("sqltune compare support-bot", folder).stdout
    assert "I forgot my password" in shown
    for query in blocks("sql")[2:]:
        database.executescript(query)
    prefixes = ("sqlite3 ", ".venv/bin/sqltune ", "sqltune check")
    others = [command for command in commands() if command.startswith(prefixes)]
    assert others
    assert [command for command in others if run(command, folder).returncode != 0] == []
    database.execute("ATTACH ':memory:' AS shop")
    database.execute("CREATE TABLE shop.tickets (ticket_id, question, answer, rating)")
    database.executescript(training_query)
    database.execute(
        database.execute("SELECT training_query FROM adapters").fetchone()[0]
    ).fetchall()
    database.close()


@pytest.mark.slow
def test_the_demo_prints_what_the_readme_shows_and_trains_nothing_the_second_time(
    folder: Path,
) -> None:
    """The prompts, the SQL and the scores are compared; other processors may word an answer
    otherwise.
    """
    shown = README.split("<!-- demo output -->")[1].split("<!-- end of demo output -->")[0]
    first = run("sqltune demo", folder)
    assert first.returncode == 0, first.stderr
    assert shown.split("┏")[0].strip("`\n ") in first.stdout
    assert scores(shown) == scores(first.stdout)
    second = run("sqltune demo", folder)
    assert second.returncode == 0, second.stderr
    assert "Nothing changed, so nothing was trained." in second.stderr
    assert "INSERT" not in second.stdout


def scores(table: str) -> list[list[str]]:
    """The last two cells of each row that has them."""
    rows = [line.strip("│").split("│") for line in table.splitlines() if line.startswith("│")]
    cells = [[cell.strip() for cell in row[-2:]] for row in rows]
    return [pair for pair in cells if all(pair)]


def test_every_command_of_the_readme_is_one_that_the_tests_run_or_an_install() -> None:
    known = ("sqltune ", "sqlite3 ", ".venv/bin/sqltune ", "export ", *INSTALLS)
    assert [c for c in commands() if not c.startswith(known)] == []


def test_the_extras_and_targets_that_the_readme_names_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = set(re.findall(r"\.\[(\w+)\]", README))
    assert named
    assert named <= set(project["optional-dependencies"])
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"[`$] ?make ([a-z-]+)", README))
    assert targets
    assert targets <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def test_the_readme_lists_every_setting_with_its_default() -> None:
    listed = set(re.findall(r"`SQLTUNE_([A-Z_]+)`", section("Settings")))
    assert listed == {field.name.upper() for field in fields(Settings)}


def test_the_readme_lists_every_scorer_and_every_backend() -> None:
    results = section("Results")
    assert [name for name in SCORERS if f"`{name}`" not in results] == []
    assert set(re.findall(r"^\| `(\w+)`", section("Backends"), re.MULTILINE)) == set(BACKENDS)


def test_the_readme_lists_every_report_view() -> None:
    views = {
        name
        for path in (ROOT / "sql" / "views").glob("*.sql")
        for name in re.findall(r"^-- view: (\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    assert views == set(re.findall(r"`(report_\w+)`", section("Results")))


def test_the_cron_job_of_the_readme_forbids_overlap_and_gives_time_to_stop() -> None:
    job = yaml.safe_load(blocks("yaml")[0])
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] >= 20
    mounted = {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_the_links_of_the_readme_lead_to_files() -> None:
    links = re.findall(r"\]\(((?!http)[^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
