"""What models are asked to be scored on: BELLE's evaluation set, our own, and anybody's in the same form."""
