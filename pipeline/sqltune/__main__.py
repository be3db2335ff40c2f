"""`python -m sqltune`: the command, run by this interpreter."""

from __future__ import annotations

from sqltune.cli import main

if __name__ == "__main__":
    main()
