"""Rounding that knows the layer's inputs: GPTQ inside GGUF's own block types. This is `belle quantize`.

A file made here has the types, the size and the speed of one that llama.cpp's quantizer makes; only which of the
neighbouring codes each weight gets is chosen better. `formats` knows the bits, `hessian` what an error costs; `scales`
chooses the first scales, `error_feedback` the codes, `coordinate_descent` improves both. `matrix` does this for one
matrix, `layerwise` for all matrices in the order of the model, `job` from file to file.
"""
