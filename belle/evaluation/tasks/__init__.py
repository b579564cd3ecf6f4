"""Questions with answers: what a quantization changed in what the model knows (`belle measure --tasks`)."""
