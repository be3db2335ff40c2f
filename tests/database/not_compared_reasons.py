"""The reasons why two answers are not compared, and statements that bring each of them about."""

from __future__ import annotations

#: One of the two answers, and one of the two scores, of a prompt that improved from base to after.
ANSWER = "run_id = 1 AND prompt_key = 'k1' AND phase = '{}'"
WITHOUT_ANSWER = ("DELETE FROM scores WHERE {0}", "DELETE FROM responses WHERE {0}")
ERROR_FOR_ANSWER = (
    "DELETE FROM scores WHERE {0}",
    "UPDATE responses SET response = NULL, error_code = 'backend_timeout' WHERE {0}",
)
WITHOUT_SCORE = ("DELETE FROM scores WHERE {0}",)
ERROR_FOR_SCORE = ("UPDATE scores SET score = NULL, error_message = 'too long' WHERE {0}",)
OTHER_SETTINGS = ("UPDATE responses SET decoding_key = 'other' WHERE {0}",)
#: Each reason, in the order in which they apply, and what brings it about.
REASONS = {
    "no_expected_text": [
        ("DELETE FROM scores WHERE run_id = 1",),
        ("UPDATE run_prompts SET is_scored = 0 WHERE run_id = 1",),
    ],
    "no_answer_before": [WITHOUT_ANSWER],
    "no_answer_after": [WITHOUT_ANSWER],
    "answer_before_is_an_error": [ERROR_FOR_ANSWER],
    "answer_after_is_an_error": [ERROR_FOR_ANSWER],
    "unequal_decoding_settings": [OTHER_SETTINGS],
    "no_score_before": [WITHOUT_SCORE],
    "no_score_after": [WITHOUT_SCORE],
    "score_before_is_an_error": [ERROR_FOR_SCORE],
    "score_after_is_an_error": [ERROR_FOR_SCORE],
}
