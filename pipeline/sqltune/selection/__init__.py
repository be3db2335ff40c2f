"""From a person's query to the rows of a run: guarded, streamed, validated, hashed and frozen.

Nothing here imports sqlglot before an adapter's own query has to be guarded.
"""

from __future__ import annotations

from sqltune.selection.bad_rows import RowCounts, find_emptiness, join_faults, most_skipped
from sqltune.selection.changes import SampleChanges, compare_samples
from sqltune.selection.content_hash import Fingerprint
from sqltune.selection.eval_prompts import FrozenPrompts, freeze_eval_prompts
from sqltune.selection.findings import ROW_CHECK_ISSUES
from sqltune.selection.forgotten import ForgottenHashes, load_forgotten
from sqltune.selection.inputs import count_stored_contents, digest_inputs, read_conversation
from sqltune.selection.manifest import write_manifest
from sqltune.selection.new_samples import count_new_samples
from sqltune.selection.predictions import (
    PredictionScan,
    PredictionTask,
    RowNeed,
    RowToAsk,
    describe_scan,
    fingerprint_predictions,
    make_settled_key,
    scan_predictions,
)
from sqltune.selection.prompt_rows import find_first_scorers
from sqltune.selection.prompt_scan import fingerprint_prompts, scan_prompts
from sqltune.selection.questions import MARKS_ON_A_LETTER, has_too_many_marks
from sqltune.selection.reader import SelectionReader, count_first_rows
from sqltune.selection.row_checks import (
    CheckedPrompts,
    CheckedRows,
    check_leaks,
    check_prompts,
    check_samples,
    warn_of_prompts,
)
from sqltune.selection.rules import Problem, is_blank
from sqltune.selection.sample_reading import ModelLimits
from sqltune.selection.samples import read_kept_samples, read_samples, read_validation
from sqltune.selection.scan import (
    SampleScan,
    fingerprint_samples,
    scan_samples,
    select_samples,
)
from sqltune.selection.scorer_names import is_sql_scorer
from sqltune.selection.splits import describe_held_out
from sqltune.selection.sql_scores import GivenScore, SqlScores, read_sql_scores
from sqltune.selection.stability import require_stable
from sqltune.selection.unfolding import unfold
from sqltune.selection.used_columns import SelectionColumns, join_names, split_names

__all__ = [
    "MARKS_ON_A_LETTER",
    "ROW_CHECK_ISSUES",
    "CheckedPrompts",
    "CheckedRows",
    "Fingerprint",
    "ForgottenHashes",
    "FrozenPrompts",
    "GivenScore",
    "ModelLimits",
    "PredictionScan",
    "PredictionTask",
    "Problem",
    "RowCounts",
    "RowNeed",
    "RowToAsk",
    "SampleChanges",
    "SampleScan",
    "SelectionColumns",
    "SelectionReader",
    "SqlScores",
    "check_leaks",
    "check_prompts",
    "check_samples",
    "compare_samples",
    "count_first_rows",
    "count_new_samples",
    "count_stored_contents",
    "describe_held_out",
    "describe_scan",
    "digest_inputs",
    "find_emptiness",
    "find_first_scorers",
    "fingerprint_predictions",
    "fingerprint_prompts",
    "fingerprint_samples",
    "freeze_eval_prompts",
    "has_too_many_marks",
    "is_blank",
    "is_sql_scorer",
    "join_faults",
    "join_names",
    "load_forgotten",
    "make_settled_key",
    "most_skipped",
    "read_conversation",
    "read_kept_samples",
    "read_samples",
    "read_sql_scores",
    "read_validation",
    "require_stable",
    "scan_predictions",
    "scan_prompts",
    "scan_samples",
    "select_samples",
    "split_names",
    "unfold",
    "warn_of_prompts",
    "write_manifest",
]
