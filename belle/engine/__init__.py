"""The llama.cpp runtime: a worker process per loaded model, spoken to in JSON lines over pipes.

From the outside in: `protocol` is the language, `client` (or `blocking`) the way to speak it, `worker` the process on
the other side. There, `loaded` builds a model with its `session`, which answers: `render` makes the prompt, `overflow`
makes it fit, `context` holds the KV cache, `prefill` reads, `sampling` chooses tokens, `text_stream` makes text of
them, `threads` decides how many threads do it, and `outbox` sends it all home. `gguf_header` and `memory` look at a
file before it is loaded, without llama.cpp.
"""
