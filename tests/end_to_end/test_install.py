"""`pip install .` outside the clone: what the package carries, and what it does without the extras.

The wheel is built from the sdist and put into a virtual environment of its own, which sees the base
dependencies of this environment and nothing else of it: torch is really absent there.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import sqltune
from tests.requirement_closure import closure

ROOT = Path(__file__).parents[2]
PIP_QUIETLY = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-index")


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("SQLTUNE_", "PYTHON"))}
    return subprocess.run(
        command, cwd=cwd, env=clean | environment, text=True, capture_output=True, check=False
    )


def run_well(*command: str | Path, cwd: Path, **environment: str) -> str:
    done = run(*command, cwd=cwd, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    run_well(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=ROOT)
    return next(folder.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = (sys.executable, "-m", "pip", "wheel", *PIP_QUIETLY, "--no-build-isolation")
    run_well(*build, "--wheel-dir", folder, sdist, cwd=folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def base_dependencies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the base install needs, as links into this environment."""
    folder = tmp_path_factory.mktemp("base_dependencies")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    for name in closure(map(Requirement, project["dependencies"]), python):
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or []} - {"..", "__pycache__"}:
            if not (folder / top).exists():
                (folder / top).symlink_to(Path(str(found.locate_file(top))))
    return folder


@pytest.fixture(scope="module")
def base_install(
    wheel: Path, base_dependencies: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The bin folder of an environment into which `pip install .` was done."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    run_well(
        sys.executable, "-m", "pip", "--python", python, "install", *PIP_QUIETLY, wheel, cwd=folder
    )
    packages = run_well(
        python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder
    )
    (Path(packages.strip()) / "base.pth").write_text(f"{base_dependencies}\n")
    return folder / "bin"


def test_sdist_carries_what_building_and_testing_need(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    wanted = {"pyproject.toml", "requirements.lock", "requirements-dev.lock", "Makefile"}
    wanted |= {"LICENSE", "README.md", "docs/glossary.md", "zensical.toml"}
    assert wanted <= names
    assert "sql/demo/02_samples.sql" in names
    assert "notebooks/finetune_with_sql.ipynb" in names
    assert "tests/end_to_end/test_install.py" in names
    assert not [name for name in names if name.startswith((".venv", ".git/", "artifacts"))]


def test_wheel_carries_every_sql_file_inside_the_package(wheel: Path) -> None:
    carried = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".sql")}
    written = {f"sqltune/{path.relative_to(ROOT)}" for path in (ROOT / "sql").rglob("*.sql")}
    assert carried == written


def test_wheel_carries_every_file_of_the_package(wheel: Path) -> None:
    written = {path.relative_to(ROOT / "pipeline") for path in (ROOT / "pipeline").rglob("*.*")}
    kept = {path for path in written if "__pycache__" not in path.parts}
    assert {str(path) for path in kept} <= set(zipfile.ZipFile(wheel).namelist())


def test_wheel_carries_the_package_and_nothing_beside_it(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"sqltune"}
    assert [name for name in names if "__pycache__" in name or name.endswith(".db")] == []
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_installed_command_works_outside_the_clone(base_install: Path, tmp_path: Path) -> None:
    version = run_well(base_install / "sqltune", "--version", cwd=tmp_path)
    assert version.strip() == f"sqltune {sqltune.__version__}"
    found = run_well(
        base_install / "python", "-c", "import sqltune; print(sqltune.__file__)", cwd=tmp_path
    )
    assert str(ROOT) not in found


@pytest.mark.parametrize(
    "library", ["torch", "transformers", "peft", "pyarrow", "starlette", "ipykernel", "matplotlib"]
)
def test_base_install_has_no_library_of_the_extras(
    base_install: Path, tmp_path: Path, library: str
) -> None:
    refused = run(base_install / "python", "-c", f"import {library}", cwd=tmp_path)
    assert "ModuleNotFoundError" in refused.stderr


def test_base_install_completes_a_sync_with_scripted(base_install: Path, tmp_path: Path) -> None:
    answer = "Our office is in Utrecht."
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"default_answer": "I do not know."}))
    environment = {
        "SQLTUNE_DATABASE_URL": f"sqlite:///{tmp_path}/own.db",
        "SQLTUNE_SCRIPT": str(script),
    }
    run_well(base_install / "sqltune", "init", cwd=tmp_path, **environment)
    insert_rows(tmp_path / "own.db", answer)
    run_well(base_install / "sqltune", "sync", cwd=tmp_path, **environment)
    with sqlite3.connect(tmp_path / "own.db") as connection:
        rows = connection.execute(
            "SELECT response_before, response_after FROM report_before_after"
        ).fetchall()
    connection.close()
    assert rows == [("I do not know.", answer)]


def insert_rows(path: Path, answer: str) -> None:
    question = "Where is our office?"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "INSERT INTO adapters (adapter_name, base_model, backend)"
            " VALUES ('office', 'any', 'scripted')"
        )
        connection.execute(
            "INSERT INTO training_samples (dataset, prompt, response) VALUES ('office', ?, ?)",
            (question, answer),
        )
        connection.execute(
            "INSERT INTO eval_prompts (dataset, prompt, expected) VALUES ('office', ?, ?)",
            (question, answer),
        )
    connection.close()


@pytest.mark.parametrize("own", ["pipeline", "tests", "sql"])
def test_a_folder_of_the_users_on_the_python_path_does_not_break_the_command(
    base_install: Path, tmp_path: Path, own: str
) -> None:
    """A folder called pipeline is common beside Airflow."""
    package = tmp_path / own
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('the wrong package')\n")
    said = run_well(
        base_install / "sqltune", "plan", "--help", cwd=tmp_path, PYTHONPATH=str(tmp_path)
    )
    assert "Usage: sqltune plan" in said
    init = run(base_install / "sqltune", "init", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert init.returncode == 0, init.stderr
