"""Import the rows of a file into our tables: read, recognised, checked, and inserted once."""

from __future__ import annotations

from sqltune.operations.importing.inserting import Imported, import_file
from sqltune.operations.importing.tables import InputTable, read_mapping

__all__ = ["Imported", "InputTable", "import_file", "read_mapping"]
