"""The names of the events that sqltune logs, and how the command line shows them.

Library code only calls `logging.getLogger(__name__)` with `extra={"event": ...}`; only the command
line calls `configure`.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from sqltune.visible import visible, visible_json

#: Every value of `event` that a log line may carry.
EVENTS = frozenset(
    {
        "adapter_broken",
        "adapter_decided",
        "planning_failed",
        "run_begun",
        "run_state_changed",
        "run_ended",
        "run_failed",
        "run_interrupted",
        "lease_lost",
        "lease_renewal_failed",
        "lease_not_released",
        "database_unavailable",
        "run_paused",
        "worker_started",
        "worker_stopped",
        "not_announced",
        "not_pushed",
        "questions_answered",
        "worker_failed",
        "base_model_converted",
        "packing_checked",
        "packing_unavailable",
        "memory_measured",
        "serve_started",
        "serve_stopped",
        "call_answered",
        "call_failed",
        "rows_not_answered",
        "not_rehearsed",
        "adapter_created",
        "adapter_deleted",
        "fine_tuned",
        "step_not_settled",
        "use_not_saved",
    }
)

_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class JsonFormatter(logging.Formatter):
    """Formats one JSON object per line: time (UTC), level, logger, message, and `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for one record."""
        fields = {k: v for k, v in vars(record).items() if k not in _STANDARD_FIELDS}
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **fields,
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return visible_json(json.dumps(line, ensure_ascii=False, default=str))


class TextFormatter(logging.Formatter):
    """Formats each record as one sentence, with its traceback indented below."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines for one record; no text of others begins a line."""
        lines = [visible(record.getMessage())]
        if record.exc_info:
            trace = self.formatException(record.exc_info).splitlines()
            lines += [f"    {visible(line)}" for line in trace]
        return "\n".join(lines)


def configure(level: str, log_format: str) -> None:
    """Send the log of sqltune to stderr, as sentences (`text`) or as JSON lines (`json`)."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logger = logging.getLogger("sqltune")
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False
