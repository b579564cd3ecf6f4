"""`belle chat`: talking to a model in the terminal."""
