"""The llama.cpp runtime: a worker process per loaded model, spoken to in JSON lines over pipes.

From the outside in: `process/commands` and `process/events` are the language, `process/client` (or `blocking`) the way
to speak it, `worker` the process on the other side. There, `loaded` builds a model with its `answer/session`, which
answers: `prompt` renders, `overflow` makes it fit, `answer/schedule` decides what is evaluated next, and for which of
several answers, `llama/context` holds the KV cache, `sampling` chooses tokens, `answer/speculation` guesses several of
them, `text_stream` makes text of them, `llama/threads` decides how many threads do it, and `process/outbox` sends the
events to the client. Tools that read logits or activations use `llama/evaluator`; `llama/memory` checks that a file
fits into memory before it is loaded.
"""
