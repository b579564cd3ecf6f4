"""One client for every server that speaks OpenAI's chat dialect: vLLM, SGLang, llama.cpp's server, `belle serve`."""
