-- Columns of ours that may quote a text of a sample: what they say, and what is left of it without that text.

-- name: select_messages_of_issues
-- Every finding; streamed.
SELECT run_id, issue_number, message
  FROM data_issues;

-- name: set_message_of_issue
-- A finding without a forgotten text.
UPDATE data_issues
   SET message = :message
 WHERE run_id = :run_id
   AND issue_number = :issue_number;

-- name: select_messages_of_events
-- Every event; streamed.
SELECT run_id, event_number, message
  FROM run_events;

-- name: set_message_of_event
-- An event without a forgotten text.
UPDATE run_events
   SET message = :message
 WHERE run_id = :run_id
   AND event_number = :event_number;

-- name: select_messages_of_runs
-- Every error of a run; streamed.
SELECT run_id, error_message
  FROM runs
 WHERE error_message IS NOT NULL;

-- name: set_message_of_run
-- An error of a run without a forgotten text.
UPDATE runs
   SET error_message = :message
 WHERE run_id = :run_id;

-- name: select_messages_of_scores
-- Every error of a scorer; streamed.
SELECT run_id, prompt_key, phase, scorer, error_message
  FROM scores
 WHERE error_message IS NOT NULL;

-- name: set_message_of_score
-- An error of a scorer without a forgotten text.
UPDATE scores
   SET error_message = :message
 WHERE run_id = :run_id
   AND prompt_key = :prompt_key
   AND phase = :phase
   AND scorer = :scorer;

-- name: select_messages_of_calls
-- What became of every call; streamed.
SELECT run_id, call_number, outcome
  FROM backend_calls
 WHERE outcome IS NOT NULL;

-- name: set_message_of_call
-- The outcome of a call without a forgotten text.
UPDATE backend_calls
   SET outcome = :message
 WHERE run_id = :run_id
   AND call_number = :call_number;

-- name: select_messages_of_states
-- Every decision of a sync; streamed.
SELECT adapter_name, decision_reason
  FROM adapter_states
 WHERE decision_reason IS NOT NULL;

-- name: set_message_of_state
-- A decision without a forgotten text.
UPDATE adapter_states
   SET decision_reason = :message
 WHERE adapter_name = :adapter_name;

-- name: select_reasons_of_scores
-- Every reason of a score; streamed.
SELECT run_id, prompt_key, phase, scorer, reason
  FROM scores
 WHERE reason IS NOT NULL;

-- name: set_reason_of_score
-- A reason of a score without a forgotten text.
UPDATE scores
   SET reason = :message
 WHERE run_id = :run_id
   AND prompt_key = :prompt_key
   AND phase = :phase
   AND scorer = :scorer;

-- name: select_messages_of_row_checks
-- Why a run would fail; streamed.
SELECT adapter_name, error_message
  FROM row_checks
 WHERE error_message IS NOT NULL;

-- name: set_message_of_row_check
-- Why a run would fail, without a forgotten text.
UPDATE row_checks
   SET error_message = :message
 WHERE adapter_name = :adapter_name;

-- name: select_messages_of_row_check_issues
-- Every finding of a row check; streamed.
SELECT adapter_name, issue_number, message
  FROM row_check_issues;

-- name: set_message_of_row_check_issue
-- A finding of a row check without a forgotten text.
UPDATE row_check_issues
   SET message = :message
 WHERE adapter_name = :adapter_name
   AND issue_number = :issue_number;

-- name: select_messages_of_webhook_calls
-- What was or is to be announced; streamed.
SELECT adapter_name, event, event_number, message
  FROM webhook_calls;

-- name: set_message_of_webhook_call
-- What was or is to be announced, without a forgotten text.
UPDATE webhook_calls
   SET message = :message
 WHERE adapter_name = :adapter_name
   AND event = :event
   AND event_number = :event_number;

-- name: select_trigger_reasons_of_runs
-- Why every run exists; streamed.
SELECT run_id, trigger_reason
  FROM runs
 WHERE trigger_reason IS NOT NULL;

-- name: set_trigger_reason_of_run
-- Why a run exists, without a forgotten text.
UPDATE runs
   SET trigger_reason = :message
 WHERE run_id = :run_id;

-- name: select_stuck_reasons_of_runs
-- Why runs make no progress; streamed.
SELECT run_id, stuck_reason
  FROM runs
 WHERE stuck_reason IS NOT NULL;

-- name: set_stuck_reason_of_run
-- Why a run makes no progress, without a forgotten text.
UPDATE runs
   SET stuck_reason = :message
 WHERE run_id = :run_id;

-- name: select_settings_of_runs
-- What every ended run was begun with, its adapter's queries included; streamed. An unfinished run resumes by them.
SELECT run_id, settings
  FROM runs
 WHERE settings IS NOT NULL
   AND finished_at IS NOT NULL;

-- name: set_settings_of_run
-- What a run was begun with, without a forgotten text.
UPDATE runs
   SET settings = :message
 WHERE run_id = :run_id;

-- name: select_requests_of_calls
-- What every call asked for; streamed.
SELECT run_id, call_number, request
  FROM backend_calls;

-- name: set_request_of_call
-- What a call asked for, without a forgotten text.
UPDATE backend_calls
   SET request = :message
 WHERE run_id = :run_id
   AND call_number = :call_number;

-- name: select_categories_of_prompts
-- Every category of a run's prompts; streamed.
SELECT run_id, prompt_key, category
  FROM run_prompts
 WHERE category IS NOT NULL;

-- name: set_category_of_prompt
-- The category of a prompt, without a forgotten text.
UPDATE run_prompts
   SET category = :message
 WHERE run_id = :run_id
   AND prompt_key = :prompt_key;

-- name: select_reasons_of_decisions
-- The reason of every verdict, which names categories; streamed.
SELECT run_id, reason
  FROM gate_decisions;

-- name: set_reason_of_decision
-- The reason of a verdict, without a forgotten text.
UPDATE gate_decisions
   SET reason = :message
 WHERE run_id = :run_id;

-- name: select_worst_of_decisions
-- The prompts that every verdict names, with their categories; streamed.
SELECT run_id, worst_prompts
  FROM gate_decisions
 WHERE worst_prompts IS NOT NULL;

-- name: set_worst_of_decision
-- The prompts that a verdict names, without a forgotten text.
UPDATE gate_decisions
   SET worst_prompts = :message
 WHERE run_id = :run_id;

-- name: select_reasons_of_evaluations
-- The verdict of every evaluation; streamed.
SELECT adapter_name, evaluation_number, reason
  FROM evaluations;

-- name: set_reason_of_evaluation
-- The verdict of an evaluation, without a forgotten text.
UPDATE evaluations
   SET reason = :message
 WHERE adapter_name = :adapter_name
   AND evaluation_number = :evaluation_number;

-- name: select_reasons_of_alias_changes
-- Why aliases were asked to be moved; streamed.
SELECT change_id, reason
  FROM alias_changes
 WHERE reason IS NOT NULL;

-- name: set_reason_of_alias_change
-- Why an alias was asked to be moved, without a forgotten text.
UPDATE alias_changes
   SET reason = :message
 WHERE change_id = :change_id;

-- name: select_reasons_of_alias_moves
-- Why every alias was moved; streamed.
SELECT adapter_name, alias, move_number, reason
  FROM alias_history;

-- name: set_reason_of_alias_move
-- Why an alias was moved, without a forgotten text.
UPDATE alias_history
   SET reason = :message
 WHERE adapter_name = :adapter_name
   AND alias = :alias
   AND move_number = :move_number;

-- name: select_messages_of_questions
-- Every error of a question; streamed.
SELECT question_id, error_message
  FROM questions
 WHERE error_message IS NOT NULL;

-- name: set_message_of_question
-- An error of a question without a forgotten text.
UPDATE questions
   SET error_message = :message
 WHERE question_id = :question_id;
