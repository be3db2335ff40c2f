"""Base models that are not folders of safetensors: GGUF files, packages that carry one, and the
Hub's local cache.

`carried` and `hub_cache` find them, `gguf_header` and `gguf_support` say what a file is and whether
it can be read, `converting` makes a folder of it once, and `converted` keeps these folders.
"""
