"""The local HTTP server: Gradient's API over local LoRA.

From outside in: `running` (socket and threads), `guarding` (what every call passes through), `app`
(routes), `service` (what a route does), `model_thread` (one thread per base model, which answers
between two steps of a training), `fine_tuning` and `completing` (what is computed there),
`catalogue` (the rows). Nothing here runs in a `sync`.
"""
