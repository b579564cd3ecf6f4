"""Rounding that knows the layer's inputs: GPTQ inside GGUF's own block types. `belle quantize` is made of it.

A file made here has the types, the size and the speed of one that llama.cpp's quantizer makes; only which of the
neighbouring codes each weight gets is chosen better. `formats` knows the bits, `metric` what an error costs, `start`,
`feedback` and `descent` choose scales and codes, `matrix` does it for one matrix, `walk` for all of them in the order
of the model, `job` from file to file.
"""
