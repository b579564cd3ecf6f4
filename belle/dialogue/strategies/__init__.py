"""The strategies, one file each, and what they share."""
