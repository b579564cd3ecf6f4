"""What computes a step: one process, several (DDP), or DeepSpeed."""
