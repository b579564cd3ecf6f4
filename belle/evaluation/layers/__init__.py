"""The loss by layer, and the tensor types with the least loss (`belle measure --by-layer`, `--suggest`)."""
