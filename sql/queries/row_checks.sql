-- Statements about what `sqltune validate` found.

-- name: delete_row_check
-- Delete the adapter's last row check.
DELETE FROM row_checks
 WHERE adapter_name = :adapter_name;

-- name: delete_row_check_issues
-- Delete what it found.
DELETE FROM row_check_issues
 WHERE adapter_name = :adapter_name;

-- name: delete_row_check_counts
-- Delete what it counted.
DELETE FROM row_check_counts
 WHERE adapter_name = :adapter_name;

-- name: insert_row_check
-- A row check of an adapter.
INSERT INTO row_checks (adapter_name, samples_usable, samples_bad, samples_held_out, prompts_usable, prompts_bad,
                         error_code, error_message, checked_at)
VALUES (:adapter_name, :samples_usable, :samples_bad, :samples_held_out, :prompts_usable, :prompts_bad,
        :error_code, :error_message, :checked_at);

-- name: insert_row_check_issue
-- One finding.
INSERT INTO row_check_issues (adapter_name, issue_number, selection, severity, rule, row_key, column_name, message)
VALUES (:adapter_name, :issue_number, :selection, :severity, :rule, :row_key, :column_name, :message);

-- name: insert_row_check_count
-- How many rows break one rule.
INSERT INTO row_check_counts (adapter_name, selection, rule, severity, issue_count)
VALUES (:adapter_name, :selection, :rule, :severity, :issue_count);
