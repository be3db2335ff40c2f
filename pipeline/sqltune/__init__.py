"""sqltune: fine-tuning that lives in a SQL database. The command is `sqltune`; this package is what
it runs.
"""

from __future__ import annotations

__version__ = "0.1.0"
