"""The local HTTP server: Gradient's API over the local LoRA machinery.

From outside in: `running` (socket and threads), `guarding` (what every call goes through), `app`
(routes), `service` (what a route does), `worker` (one thread for each base model, which lets
answers in between two steps of a training), `tuning` and `completing` (what is computed there),
`catalogue` (the rows). Nothing here runs in a `sync`.
"""
