"""One answer: request, prompt, prefill, sampling, stream of text."""
