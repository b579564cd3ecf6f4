"""What is done with recordings: `belle transcribe`, `belle measure --speech`."""
