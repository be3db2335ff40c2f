"""One module per group of tables, beside the statements of sql/queries/."""

from __future__ import annotations
