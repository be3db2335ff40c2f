-- Statements about the optimizer steps of a training.

-- name: get_step_before
-- The last step before this one, with what has added up by then.
SELECT tokens_seen, smoothed_loss
  FROM training_metrics
 WHERE run_id = :run_id
   AND step < :step
 ORDER BY step DESC
 LIMIT 1;

-- name: count_sample_steps
-- How many steps before this one had samples, counted up to a limit.
SELECT COUNT(*) AS sample_steps
  FROM (SELECT step
          FROM training_metrics
         WHERE run_id = :run_id
           AND step < :step
           AND sample_loss IS NOT NULL
         LIMIT :row_limit) AS counted;

-- name: delete_metrics_from
-- Delete the steps that a resumed training does again.
DELETE FROM training_metrics
 WHERE run_id = :run_id
   AND step >= :step;

-- name: insert_metrics
-- One optimizer step.
INSERT INTO training_metrics (run_id, step, epoch, train_loss, sample_loss, smoothed_loss, eval_loss, learning_rate,
                              gradient_norm, tokens, trained_tokens, tokens_seen, logged_at)
VALUES (:run_id, :step, :epoch, :train_loss, :sample_loss, :smoothed_loss, :eval_loss, :learning_rate,
        :gradient_norm, :tokens, :trained_tokens, :tokens_seen, :now);

-- name: get_training_summary
-- Steps and tokens of a run, and its last step.
SELECT COUNT(*) AS steps, COALESCE(SUM(tokens), 0) AS tokens, MAX(step) AS last_step
  FROM training_metrics
 WHERE run_id = :run_id;

-- name: get_mean_loss_from
-- Mean loss of the steps from this one on.
SELECT AVG(train_loss) AS train_loss
  FROM training_metrics
 WHERE run_id = :run_id
   AND step >= :step;
