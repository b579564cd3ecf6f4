"""The llama.cpp runtime: a worker process per loaded model, spoken to in JSON lines over pipes."""
