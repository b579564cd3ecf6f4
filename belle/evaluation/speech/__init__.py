"""What a quantization cost the ears: error rates of transcripts, with their intervals."""
