"""A release of sqltune after this one: two more migrations and a view on them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from sqltune.database.connection import EngineKind
from sqltune.database.queries import find_sql_folder

MIGRATIONS = {
    "0002_add_mood.sql": """-- Samples have moods now.
ALTER TABLE training_samples ADD COLUMN
    mood VARCHAR(16) NULL;

-- Reports group by it.
CREATE INDEX training_samples_by_mood ON training_samples (mood);
""",
    "0003_create_moods.sql": """-- Moods have names.
CREATE TABLE moods (
    mood VARCHAR(16) NOT NULL,
    PRIMARY KEY (mood)
);
""",
}
VIEW = """-- What people read about moods.

-- view: report_moods
-- One row per mood.
SELECT m.mood AS mood
  FROM moods m;
"""
#: What a database lacks that this release has made, in order.
NEW = [*MIGRATIONS, "report_moods"]


@dataclass(frozen=True)
class LaterRelease:
    """The SQL folder of a later release."""

    folder: Path

    @classmethod
    def write(cls, folder: Path) -> LaterRelease:
        """Copy the SQL folder and add what is new."""
        shutil.copytree(find_sql_folder(), folder)
        for name, text in MIGRATIONS.items():
            for kind in EngineKind:
                (folder / "migrations" / kind.value / name).write_text(text, "utf-8")
        (folder / "views" / "0009_moods.sql").write_text(VIEW, "utf-8")
        return cls(folder)

    def edit(self, name: str) -> None:
        """Change a migration after its release."""
        for kind in EngineKind:
            path = self.folder / "migrations" / kind.value / name
            path.write_text(path.read_text("utf-8") + "-- edited\n", "utf-8")

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Read migrations and views from this release."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sqltune.database.scripts.find_sql_folder", lambda: self.folder)
            yield
