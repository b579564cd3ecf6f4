"""Everything that touches llama.cpp: models, contexts, tensors, threads, memory and devices."""
