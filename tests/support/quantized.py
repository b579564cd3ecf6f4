"""The starter model in another quantization."""

from __future__ import annotations

import ctypes
from pathlib import Path

from belle.models import catalog


def quantize_starter(path: Path) -> Path:
    """Write the starter model with its layers in Q4_0 and its embedding in Q5_0: it answers differently."""
    import llama_cpp as llama

    params = llama.llama_model_quantize_default_params()
    params.ftype, params.allow_requantize, params.nthread = llama.LLAMA_FTYPE_MOSTLY_Q4_0, True, 1
    params.token_embedding_type = params.output_tensor_type = llama.GGML_TYPE_Q5_0
    starter = catalog.resolve(catalog.STARTER).path
    assert llama.llama_model_quantize(str(starter).encode(), str(path).encode(), ctypes.byref(params)) == 0
    return path
