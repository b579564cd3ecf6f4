"""Eyes: pictures through the vision encoder that belongs to a model, by llama.cpp's libmtmd."""
