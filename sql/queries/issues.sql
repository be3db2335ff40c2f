-- Statements about what validation found.

-- name: delete_issues
-- Delete what an earlier attempt of the run found in this selection.
DELETE FROM data_issues
 WHERE run_id = :run_id
   AND selection = :selection;

-- name: delete_issue_counts
-- Delete what an earlier attempt of the run counted in this selection.
DELETE FROM data_issue_counts
 WHERE run_id = :run_id
   AND selection = :selection;

-- name: get_last_issue_number
-- The number of the run's last finding, 0 when there is none.
SELECT COALESCE(MAX(issue_number), 0) AS last_number
  FROM data_issues
 WHERE run_id = :run_id;

-- name: insert_issue
-- One finding.
INSERT INTO data_issues (run_id, issue_number, selection, severity, rule, row_key, column_name, message)
VALUES (:run_id, :issue_number, :selection, :severity, :rule, :row_key, :column_name, :message);

-- name: insert_issue_count
-- How many rows break one rule.
INSERT INTO data_issue_counts (run_id, selection, rule, severity, issue_count)
VALUES (:run_id, :selection, :rule, :severity, :issue_count);

-- name: count_private_rows
-- How many personal data and secrets a run found in the rows of one selection.
SELECT COALESCE(SUM(issue_count), 0) AS found
  FROM data_issue_counts
 WHERE run_id = :run_id
   AND selection = :selection
   AND rule IN ('personal_data', 'secret');

-- name: count_warnings
-- How many rows each rule of a run warns of, both selections together, by rule.
SELECT rule,
       SUM(issue_count) AS warning_count
  FROM data_issue_counts
 WHERE run_id = :run_id
   AND severity = 'warning'
 GROUP BY rule
 ORDER BY rule;
