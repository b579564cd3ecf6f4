"""One answer: from a request over the prompt, prefill and sampling to a stream of text."""
