"""llama.cpp itself: models, contexts, tensors, threads, memory and devices."""
