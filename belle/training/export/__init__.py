"""What comes out of a run: the final model, merged, quantized with GPTQ, proved, and its answers."""
