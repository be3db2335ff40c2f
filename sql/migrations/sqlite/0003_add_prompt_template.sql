-- A service that is sent plain text has no prompt form of its own: the adapter's row says how a sample is written.

-- NULL: '### Instruction: {prompt} \n\n### Response: {response}'; what stands before {response} is also what is asked.
ALTER TABLE adapters ADD COLUMN
    prompt_template     LONGTEXT NULL;

-- parts: only the response is trained; text: the whole text is.
ALTER TABLE adapters ADD COLUMN
    sample_form         VARCHAR(8) NOT NULL DEFAULT 'parts';
