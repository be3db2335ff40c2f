"""OpenAI's API over the server's base models and the adapters that `sync` trained on them."""
