"""What people type most, below the options that `--help` shows."""

from __future__ import annotations

import typer

_EXAMPLES = {
    "sync": (
        ("sqltune sync", "all adapters that are enabled"),
        ("sqltune sync support-bot", "one of them"),
        ("sqltune sync --dry-run", "what would be done"),
    ),
    "plan": (
        ("sqltune plan support-bot", "rows, recipe, time and gate"),
        ("sqltune plan --json", "the same for a program"),
    ),
    "status": (("sqltune status", "all adapters"), ("sqltune status support-bot", "one of them")),
    "logs": (("sqltune logs 12", "the events of run 12"),),
    "compare": (
        ("sqltune compare support-bot", "the latest evaluated version"),
        ("sqltune compare support-bot --version 3 --csv", "version 3 for a spreadsheet"),
    ),
    "ask": (
        ('sqltune ask support-bot "Where is my invoice?"', "the live version"),
        ('sqltune ask support-bot@v3 "Where is my invoice?" --base', "beside the base model"),
        ("sqltune ask support-bot - < question.txt", "a question from a file"),
    ),
    "promote": (('sqltune promote support-bot 3 --reason "read by hand"', "make v3 live"),),
    "forget": (
        ("sqltune forget support-bot --sample 17", "what would be removed"),
        ("sqltune forget support-bot --sample 17 --yes", "remove it"),
    ),
}


def add_examples(app: typer.Typer) -> None:
    """Add the examples to the commands that have some."""
    for command in app.registered_commands:
        name = command.name or (command.callback.__name__ if command.callback else "")
        if name in _EXAMPLES:
            width = max(len(line) for line, _ in _EXAMPLES[name])
            lines = (f"  {line:<{width}}  {what}" for line, what in _EXAMPLES[name])
            # \b keeps the lines as they are.
            command.epilog = "\b\nExamples:\n" + "\n".join(lines)
