-- What no row knows, and rows whose adapter is gone, as `sqltune gc` last found them.

-- view: report_orphans
-- One row per orphan that was ever found; state = 'found' are those that are still there.
SELECT o.orphan_key AS orphan_key,
       o.orphan_kind AS orphan_kind,
       o.state AS state,
       o.backend AS backend,
       o.adapter_name AS adapter_name,
       o.version_number AS adapter_version,
       COALESCE(v.adapter_label, o.adapter_name) AS adapter_label,
       o.run_id AS run_id,
       o.is_unknown_run AS is_unknown_run,
       o.place AS place,
       o.external_id AS external_id,
       o.address AS address,
       o.size_bytes AS size_bytes,
       o.reason AS reason,
       o.found_at AS found_at,
       DATE(o.found_at) AS found_date,
       o.last_seen_at AS last_seen_at,
       o.removed_at AS removed_at,
       o.error_message AS error_message
  FROM orphans o
  LEFT JOIN adapter_versions v ON v.adapter_name = o.adapter_name AND v.version_number = o.version_number;
