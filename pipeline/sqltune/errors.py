"""Every error that sqltune raises, in one tree.

PipelineError                   code, retryable
├── ConfigError (ValueError)    a setting, an option or an adapter's column is missing or wrong
│   ├── UnknownVersion          there is no such adapter, alias or version
│   └── VersionRetired          the weights of a version were removed on purpose
├── DataError (ValueError)      a row or a query cannot be used
│   ├── BadRows                 more rows are bad than the adapter tolerates
│   ├── QueryRefused            a selection is not one harmless SELECT
│   └── SelectionTimeout*       a selection took too long
├── DatabaseError
│   ├── DatabaseUnavailable*    connection refused or lost, lock timeout
│   ├── DatabaseReadOnly        it accepts no writes
│   ├── TextTooLarge            a row is larger than the server's largest statement
│   ├── SchemaOutOfDate         `sqltune init` has to run, or this sqltune is too old
│   └── MigrationChanged        an applied migration file was edited
├── LeaseLost                   another runner owns the adapter now
├── RunnerDied                  the runners of an adapter died, one after another
├── InternalError               something unexpected, also from native code
├── RunCancelled                a person cancelled this run
├── RunInterrupted              this process was asked to stop; the run can be resumed
│   └── RunPaused               a person paused this run
├── CallRefused                 the local server refuses a call: status, type, payload
├── BackendError                status, request_id, body
│   ├── BackendUnavailable*     ├── RateLimited* (retry_after_seconds)
│   ├── AuthenticationFailed    ├── RequestRejected
│   ├── UnexpectedReply         ├── BackendTimeout*
│   ├── ReplyLost*              the connection broke before the reply arrived
│   └── FilesNotWritten*        weights or a checkpoint: full disk, or no permission
└── TrainingError
    ├── LossNotFinite           └── OutOfMemory
                                                        * retryable

To add one: put it in the tree, document when it is raised, give it a stable `code`, and keep it
picklable.
"""

from __future__ import annotations

from collections.abc import Mapping


class PipelineError(Exception):
    """Base of all errors of sqltune."""

    code = "pipeline_error"
    retryable = False


class ConfigError(PipelineError, ValueError):
    """Raised when a setting, a command's option or a column of `adapters` is missing or wrong."""

    code = "config_error"


class UnknownVersion(ConfigError):
    """Raised when a person names an adapter, an alias or a version that there is not."""

    code = "unknown_version"


class VersionRetired(ConfigError):
    """Raised when something needs the weights of a version that `sqltune retire` removed."""

    code = "version_retired"


class DataError(PipelineError, ValueError):
    """Raised when rows cannot be used for training or evaluation.

    Args:
        message: what is wrong and what to do.
        table: table or query the row came from, where known.
        key: the row's own key, where known.
        column: the column at fault, where known.
    """

    code = "data_error"

    def __init__(
        self,
        message: str,
        *,
        table: str | None = None,
        key: str | None = None,
        column: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.table = table
        self.key = key
        self.column = column
        if code is not None:
            self.code = code


class BadRows(DataError):
    """Raised when more rows of a selection are bad than its adapter tolerates.

    Args:
        message: what is wrong and what to do.
        found: what is wrong, without what to do.
        share: the max_skipped_share that would leave the rows out; None: nothing would be left.
        table: the query.
        code: which limit was passed.
    """

    code = "bad_rows"

    def __init__(
        self,
        message: str,
        *,
        found: str = "",
        share: float | None = None,
        table: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, table=table, code=code)
        self.found = found
        self.share = share


class QueryRefused(DataError):
    """Raised when a training or evaluation query is not exactly one harmless SELECT."""

    code = "query_refused"


class SelectionTimeout(DataError):
    """Raised when a training or evaluation query took longer than the settings allow."""

    code = "selection_timeout"
    retryable = True


class DatabaseError(PipelineError):
    """Raised when the database refused a statement."""

    code = "database_error"


class DatabaseUnavailable(DatabaseError):
    """Raised when the database cannot be reached, a connection broke, or a lock wait timed out."""

    code = "database_unavailable"
    retryable = True


class DatabaseReadOnly(DatabaseError):
    """Raised when the database accepts no writes, from this user or from any."""

    code = "database_read_only"


class TextTooLarge(DatabaseError):
    """Raised when the texts of a row do not fit into one statement, before it is sent."""

    code = "text_too_large"


class SchemaOutOfDate(DatabaseError):
    """Raised when the tables are missing, older or newer than this sqltune needs."""

    code = "schema_out_of_date"


class MigrationChanged(DatabaseError):
    """Raised when the text of an applied migration is not what the ledger recorded."""

    code = "migration_changed"


class LeaseLost(PipelineError):
    """Raised when another runner owns the adapter now, so nothing more may be written."""

    code = "lease_lost"


class RunnerDied(PipelineError):
    """Records that as many runners as may try died with an adapter's lease, none with a word.

    Args:
        message: what they were doing and what to look for.
        retryable: whether it is tried again after a pause.
    """

    code = "runner_died"

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


class InternalError(PipelineError):
    """Stands for an unexpected error, also one of native code that is no Exception of Python."""

    code = "internal_error"


class RunCancelled(PipelineError):
    """Raised inside a run when a person cancelled it."""

    code = "run_cancelled"


class RunInterrupted(PipelineError):
    """Raised inside a run when this process was asked to stop; the run can be resumed."""

    code = "run_interrupted"
    retryable = True


class RunPaused(RunInterrupted):
    """Raised inside a run when a person paused it; it resumes when they ask for it."""

    code = "run_paused"


class CallRefused(PipelineError):
    """Raised when the local server refuses a call.

    Args:
        message: what is wrong and what to do, as the client reads it.
        status: HTTP status of the reply.
        type: Gradient's word for the kind of error; None if the API has none.
        payload: further fields of that type.
    """

    code = "call_refused"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        type: str | None = None,
        payload: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.type = type
        self.payload = payload


class BackendError(PipelineError):
    """Raised when a backend could not do what was asked.

    Args:
        message: what happened and what to do.
        status: HTTP status, None if there was no reply.
        request_id: the service's id of the request, if it gave one.
        body: the reply's body, shortened, without secrets.
    """

    code = "backend_error"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        request_id: str | None = None,
        body: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.request_id = request_id
        self.body = body
        if code is not None:
            self.code = code


class BackendUnavailable(BackendError):
    """Raised when the backend cannot be reached or reports that it is out of order."""

    code = "backend_unavailable"
    retryable = True


class RateLimited(BackendError):
    """Raised when the backend asks to wait; `retry_after_seconds` is None if it does not say how
    long.
    """

    code = "rate_limited"
    retryable = True

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message, status=429)
        self.retry_after_seconds = retry_after_seconds


class AuthenticationFailed(BackendError):
    """Raised when the backend rejects the credentials from the environment."""

    code = "authentication_failed"


class RequestRejected(BackendError):
    """Raised when the backend refuses a request, for instance for an unknown base model."""

    code = "request_rejected"


class UnexpectedReply(BackendError):
    """Raised when a reply does not have the shape that the backend's documentation promises."""

    code = "unexpected_reply"


class BackendTimeout(BackendError):
    """Raised when a reply did not arrive in time; whether the work was done is unknown."""

    code = "backend_timeout"
    retryable = True


class ReplyLost(BackendError):
    """Raised when the connection broke before the reply arrived; whether the work was done is
    unknown.
    """

    code = "reply_lost"
    retryable = True


class FilesNotWritten(BackendError):
    """Raised when weights or a checkpoint cannot be written: full disk, or no permission."""

    code = "cannot_write"
    retryable = True


class TrainingError(PipelineError):
    """Raised when training cannot continue."""

    code = "training_error"


class LossNotFinite(TrainingError):
    """Raised when the loss or the gradient of a step is not a finite number."""

    code = "loss_not_finite"


class OutOfMemory(TrainingError):
    """Raised when a step does not fit into memory."""

    code = "out_of_memory"
