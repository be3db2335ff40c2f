-- Statements about the desired state: adapters, as people wrote them.

-- name: list_adapters
-- Every declared adapter, enabled or not, by name.
SELECT adapter_name, base_model, is_enabled, backend, base_model_revision, training_query, eval_query,
       epochs, learning_rate, lora_rank, lora_alpha, batch_size, rehearsal, seed,
       on_bad_row, max_skipped_share, scorer, extra_scorers, pass_threshold,
       max_new_tokens, temperature, min_gain, prompt_template, sample_form, sync_every, min_new_samples
  FROM adapters
 ORDER BY adapter_name;
