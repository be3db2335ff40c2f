-- Statements about manifests: the exact samples of a training.

-- name: insert_manifest
-- A manifest that is being written.
INSERT INTO manifests (manifest_id, adapter_name, state, created_at)
VALUES (:manifest_id, :adapter_name, 'writing', :now);

-- name: get_manifest
-- One manifest.
SELECT manifest_id, adapter_name, state, fingerprint, sample_count, validation_count, forgotten_count
  FROM manifests
 WHERE manifest_id = :manifest_id;

-- name: fetch_hashes_page
-- The content hashes of a range of samples.
SELECT content_hash
  FROM manifest_samples
 WHERE manifest_id = :manifest_id
   AND position >= :first_position
   AND position < :end_position;

-- name: fetch_keys_page
-- The keys and content hashes of a range of samples.
SELECT sample_key, content_hash, is_validation
  FROM manifest_samples
 WHERE manifest_id = :manifest_id
   AND position >= :first_position
   AND position < :end_position;

-- name: find_equal_manifest
-- The complete manifest of the adapter with this content, if there is one that kept all its texts.
SELECT manifest_id
  FROM manifests
 WHERE adapter_name = :adapter_name
   AND fingerprint = :fingerprint
   AND state = 'complete'
   AND forgotten_count = 0
   AND manifest_id <> :manifest_id
   AND NOT EXISTS (SELECT 1
                     FROM manifest_samples s
                    WHERE s.manifest_id = manifests.manifest_id
                      AND s.content_hash = :expired_hash)
 ORDER BY dataset_number
 LIMIT 1;

-- name: get_last_manifest
-- The complete manifest of the adapter with the highest number.
SELECT manifest_id, dataset_number, sample_count
  FROM manifests
 WHERE adapter_name = :adapter_name
   AND state = 'complete'
   AND manifest_id <> :manifest_id
 ORDER BY dataset_number DESC
 LIMIT 1;

-- name: complete_manifest
-- All its samples are written: it does not change again.
UPDATE manifests
   SET state = 'complete',
       fingerprint = :fingerprint,
       dataset_number = :dataset_number,
       sample_count = :sample_count,
       validation_count = :validation_count,
       samples_added = :samples_added,
       samples_edited = :samples_edited,
       samples_removed = :samples_removed
 WHERE manifest_id = :manifest_id
   AND state = 'writing';

-- name: reopen_manifest
-- Mark a manifest as incomplete, before it is removed.
UPDATE manifests
   SET state = 'writing',
       fingerprint = NULL
 WHERE manifest_id = :manifest_id;

-- name: delete_manifest
-- Delete a manifest whose samples are deleted.
DELETE FROM manifests
 WHERE manifest_id = :manifest_id;

-- name: count_manifest_users
-- How many other runs were trained on this manifest.
SELECT COUNT(*) AS users
  FROM runs
 WHERE manifest_id = :manifest_id
   AND run_id <> :run_id;

-- name: add_manifest_sample
-- One sample of a manifest.
INSERT INTO manifest_samples (manifest_id, position, sample_key, content_hash, is_validation)
VALUES (:manifest_id, :position, :sample_key, :content_hash, :is_validation);

-- name: get_last_position
-- The highest position of a manifest; NULL when it has no samples.
SELECT MAX(position) AS last_position
  FROM manifest_samples
 WHERE manifest_id = :manifest_id;

-- name: delete_manifest_samples
-- Delete a range of samples: the caller keeps each transaction short.
DELETE FROM manifest_samples
 WHERE manifest_id = :manifest_id
   AND position >= :first_position
   AND position < :end_position;

-- name: get_manifest_sample
-- One sample of a manifest.
SELECT position, sample_key, content_hash, is_validation
  FROM manifest_samples
 WHERE manifest_id = :manifest_id
   AND position = :position;

-- name: count_duplicate_keys
-- How many samples of a manifest have the key of an earlier sample.
SELECT COALESCE(SUM(copies - 1), 0) AS duplicates
  FROM (SELECT COUNT(*) AS copies
          FROM manifest_samples
         WHERE manifest_id = :manifest_id
         GROUP BY sample_key
        HAVING COUNT(*) > 1) AS repeated;

-- name: list_duplicate_keys
-- Samples with the key of an earlier sample, in order.
SELECT later.position, later.sample_key, later.content_hash, later.is_validation, repeated.first_position
  FROM (SELECT sample_key, MIN(position) AS first_position
          FROM manifest_samples
         WHERE manifest_id = :manifest_id
         GROUP BY sample_key
        HAVING COUNT(*) > 1) AS repeated
  JOIN manifest_samples AS later
    ON later.sample_key = repeated.sample_key
 WHERE later.manifest_id = :manifest_id
   AND later.position > repeated.first_position
 ORDER BY later.position
 LIMIT :row_limit;

-- name: count_keys_not_in
-- How many samples of one manifest have a key that another manifest lacks.
SELECT COUNT(*) AS samples
  FROM manifest_samples AS one
 WHERE one.manifest_id = :manifest_id
   AND NOT EXISTS (SELECT 1
                     FROM manifest_samples AS other
                    WHERE other.sample_key = one.sample_key
                      AND other.manifest_id = :other_manifest_id);

-- name: count_edited_samples
-- How many samples of one manifest have the key of a sample of another manifest, and another content. No key repeats.
SELECT COUNT(*) AS samples
  FROM manifest_samples AS one
  JOIN manifest_samples AS other
    ON other.sample_key = one.sample_key
   AND other.manifest_id = :other_manifest_id
 WHERE one.manifest_id = :manifest_id
   AND other.content_hash <> one.content_hash;

-- name: count_further_copies
-- How many samples one manifest has more than another under keys that both have. Only content hashes repeat as keys.
SELECT COALESCE(SUM(CASE WHEN shared.copies > shared.other_copies THEN shared.copies - shared.other_copies ELSE 0 END), 0)
       AS samples
  FROM (SELECT repeated.copies, COUNT(*) AS other_copies
          FROM (SELECT sample_key, COUNT(*) AS copies
                  FROM manifest_samples
                 WHERE manifest_id = :manifest_id
                 GROUP BY sample_key
                HAVING COUNT(*) > 1) AS repeated
          JOIN manifest_samples AS other
            ON other.sample_key = repeated.sample_key
           AND other.manifest_id = :other_manifest_id
         GROUP BY repeated.sample_key, repeated.copies) AS shared;

-- name: set_manifest_tokens
-- How many tokens one epoch of a manifest has; a run that shares the manifest may have counted them before.
UPDATE manifests
   SET token_count = :token_count
 WHERE manifest_id = :manifest_id
   AND token_count IS NULL;

-- name: list_validation_positions
-- The positions of a manifest's samples that are for validation, in order.
SELECT position
  FROM manifest_samples
 WHERE manifest_id = :manifest_id
   AND is_validation = 1
 ORDER BY position;
