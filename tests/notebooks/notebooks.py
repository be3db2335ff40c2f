"""The notebooks of the repository: read, given parameters, executed in a kernel of their own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebooks"
FINETUNE, SYNC_JOB = "finetune_with_sql", "sync_job"
#: No cell takes longer, however busy the machine is.
PATIENCE_SECONDS = 280


def read_notebook(name: str) -> NotebookNode:
    """Read a notebook as it is committed."""
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def cell(notebook: NotebookNode, cell_id: str) -> NotebookNode:
    """Give a cell by its id."""
    (found,) = (c for c in notebook.cells if c.id == cell_id)
    return found


def with_parameters(notebook: NotebookNode, **values: str) -> NotebookNode:
    """Add a cell after the one tagged `parameters`, as papermill and job services do."""
    tagged = cell(notebook, "parameters")
    source = "\n".join(f"{name} = {value!r}" for name, value in values.items())
    place = notebook.cells.index(tagged) + 1
    notebook.cells.insert(place, nbformat.v4.new_code_cell(source, id="injected-parameters"))
    return notebook


def repeated(notebook: NotebookNode, cells: list[NotebookNode], name: str) -> NotebookNode:
    """Let these cells follow once more in the same kernel, with `-name` after their ids."""
    for original in cells:
        notebook.cells.append(NotebookNode(original | {"id": f"{original.id}-{name}"}))
    return notebook


def execute(
    notebook: NotebookNode, folder: Path, *, startup: str = "", **environment: str
) -> NotebookNode:
    """Run all cells in `folder`; an error in a cell raises nbclient's CellExecutionError.

    Args:
        notebook: its cells get their outputs.
        folder: where the kernel works, and keeps IPython's own files.
        startup: Python that IPython runs before the first cell.
        environment: added to that of a person who has set up nothing.
    """
    profile = folder / ".ipython" / "profile_default" / "startup"
    profile.mkdir(parents=True)
    (profile / "00-host.py").write_text(startup, "utf-8")
    own = ("SQLTUNE_", "SINGLESTOREDB_", "PYTHON", "MPL", "IPYTHON", "JUPYTER")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    clean |= {"IPYTHONDIR": str(folder / ".ipython")} | environment
    place = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=PATIENCE_SECONDS, resources=place).execute(env=clean)
    return notebook


def output_text(executed: NotebookNode, cell_id: str) -> str:
    """Give what a cell printed and what it shows as text."""
    parts: list[Any] = []
    for output in cell(executed, cell_id).outputs:
        parts.append(output.get("text") or output.get("data", {}).get("text/plain", ""))
    return "".join(parts)


def images(executed: NotebookNode) -> list[str]:
    """Give the ids of the cells that show a PNG."""
    return [
        c.id
        for c in executed.cells
        if any("image/png" in output.get("data", {}) for output in c.get("outputs", []))
    ]


def errors(executed: NotebookNode) -> list[str]:
    """Give the ids of the cells that ended with an error or wrote to stderr."""
    return [
        c.id
        for c in executed.cells
        for output in c.get("outputs", [])
        if output.output_type == "error" or output.get("name") == "stderr"
    ]


def everything(executed: NotebookNode) -> str:
    """Give all that is kept in the notebook's file."""
    return json.dumps(executed)
