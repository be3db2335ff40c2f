-- Statements about adapters as people declare them.

-- name: list_adapters
-- Every declared adapter, enabled or not, by name.
SELECT adapter_name, base_model, base_model_revision, backend, is_enabled, sync_every, min_new_samples,
       training_query, train_on, validation_share, on_bad_row, max_skipped_share, on_personal_data, near_duplicate_at,
       allow_unstable,
       epochs, early_stop_patience, keep_epochs, learning_rate, lora_rank, lora_alpha, batch_size, rehearsal, seed,
       quantization, prompt_format, sample_form,
       eval_query, scorer, extra_scorers, pass_threshold, max_new_tokens, temperature,
       min_gain, gate_confidence, max_error_share, max_regressed_share, gate_by_category, min_prompts, gate_without_prompts,
       reevaluate_every, on_fall, prediction_query, predict, predict_every
  FROM adapters
 ORDER BY adapter_name;

-- name: get_adapter
-- One declared adapter.
SELECT adapter_name, base_model, base_model_revision, backend, is_enabled, sync_every, min_new_samples,
       training_query, train_on, validation_share, on_bad_row, max_skipped_share, on_personal_data, near_duplicate_at,
       allow_unstable,
       epochs, early_stop_patience, keep_epochs, learning_rate, lora_rank, lora_alpha, batch_size, rehearsal, seed,
       quantization, prompt_format, sample_form,
       eval_query, scorer, extra_scorers, pass_threshold, max_new_tokens, temperature,
       min_gain, gate_confidence, max_error_share, max_regressed_share, gate_by_category, min_prompts, gate_without_prompts,
       reevaluate_every, on_fall, prediction_query, predict, predict_every
  FROM adapters
 WHERE adapter_name = :adapter_name;
