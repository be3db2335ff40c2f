"""`python -m pipeline`: the command of one interpreter, where its script may not be on the path."""

from __future__ import annotations

from sqltune.cli import main

if __name__ == "__main__":
    main()
