"""The layer rule of pyproject.toml bites: a wrong import in a copy of the package is refused."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sysconfig
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def copied_package(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    only_code = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "pipeline", tmp_path / "pipeline", ignore=only_code)
    return tmp_path


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sysconfig.get_path("scripts")) / "lint-imports"
    return subprocess.run(
        [command, "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "pipeline")},
        text=True,
        capture_output=True,
        check=False,
    )


def test_every_module_imports_only_from_layers_below_its_own(copied_package: Path) -> None:
    checked = lint_imports(copied_package)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("module", "statement", "named"),
    [
        ("errors.py", "import sqltune.records", "sqltune.errors -> sqltune.records"),
        ("records.py", "import sqltune.database", "sqltune.records -> sqltune.database"),
        ("settings/__init__.py", "import sqlalchemy.orm", "sqltune.settings -> sqlalchemy"),
        ("run/runner.py", "import pymysql", "sqltune.run.runner -> pymysql"),
        ("run/runner.py", "import torch", "sqltune.run.runner -> torch"),
        (
            "backends/gradient/training.py",
            "import sqltune.local_lora.steps",
            "sqltune.backends.gradient.training -> sqltune.local_lora.steps",
        ),
        ("backends/base.py", "import transformers", "sqltune.backends.base -> transformers"),
        ("stray.py", "", "sqltune.stray"),
    ],
)
def test_a_wrong_import_or_a_module_without_a_layer_is_refused(
    copied_package: Path, module: str, statement: str, named: str
) -> None:
    with (copied_package / "pipeline" / "sqltune" / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{statement}\n")
    checked = lint_imports(copied_package)
    assert checked.returncode == 1
    assert named in checked.stdout


def test_no_class_name_means_two_things() -> None:
    modules = sorted((ROOT / "pipeline").rglob("*.py"))
    names = Counter(
        node.name
        for module in modules
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in names.items() if count > 1] == []
