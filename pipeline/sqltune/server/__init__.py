"""The local HTTP server: OpenAI's and Gradient's API over local LoRA.

From outside in: `running` (socket and threads), `guarding` (what every call passes through), `app`
and `openai_api` (routes), `service` (what a route of Gradient's API does) and `tuned_models` (which
version a name means), `model_thread` (one thread per base model, which answers between two steps of
a training), `fine_tuning` and `completing` (what is computed there), `catalogue` and
`use_recording` (the rows). Nothing here runs in a `sync`.
"""
