"""Measuring models: how much a conversion or quantization changed, how good answers are."""
