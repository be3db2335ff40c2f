"""Columns of ours that may quote a text of a sample, such as messages and reasons."""

from __future__ import annotations

#: Statements that stream messages, keys first, and those that write one without a text.
MESSAGES = {
    "select_messages_of_issues": ("set_message_of_issue", ("run_id", "issue_number")),
    "select_messages_of_events": ("set_message_of_event", ("run_id", "event_number")),
    "select_messages_of_runs": ("set_message_of_run", ("run_id",)),
    "select_messages_of_scores": (
        "set_message_of_score",
        ("run_id", "prompt_key", "phase", "scorer"),
    ),
    "select_messages_of_calls": ("set_message_of_call", ("run_id", "call_number")),
    "select_messages_of_states": ("set_message_of_state", ("adapter_name",)),
    "select_reasons_of_scores": (
        "set_reason_of_score",
        ("run_id", "prompt_key", "phase", "scorer"),
    ),
    "select_messages_of_row_checks": ("set_message_of_row_check", ("adapter_name",)),
    "select_messages_of_row_check_issues": (
        "set_message_of_row_check_issue",
        ("adapter_name", "issue_number"),
    ),
    "select_messages_of_webhook_calls": (
        "set_message_of_webhook_call",
        ("adapter_name", "event", "event_number"),
    ),
    "select_messages_of_questions": ("set_message_of_question", ("question_id",)),
    "select_trigger_reasons_of_runs": ("set_trigger_reason_of_run", ("run_id",)),
    "select_stuck_reasons_of_runs": ("set_stuck_reason_of_run", ("run_id",)),
    "select_settings_of_runs": ("set_settings_of_run", ("run_id",)),
    "select_requests_of_calls": ("set_request_of_call", ("run_id", "call_number")),
    "select_categories_of_prompts": ("set_category_of_prompt", ("run_id", "prompt_key")),
    "select_reasons_of_decisions": ("set_reason_of_decision", ("run_id",)),
    "select_worst_of_decisions": ("set_worst_of_decision", ("run_id",)),
    "select_reasons_of_evaluations": (
        "set_reason_of_evaluation",
        ("adapter_name", "evaluation_number"),
    ),
    "select_reasons_of_alias_changes": ("set_reason_of_alias_change", ("change_id",)),
    "select_reasons_of_alias_moves": (
        "set_reason_of_alias_move",
        ("adapter_name", "alias", "move_number"),
    ),
}
