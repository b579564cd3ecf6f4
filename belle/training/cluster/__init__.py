"""Several processes on one machine or on many: started, watched, and ended together."""
