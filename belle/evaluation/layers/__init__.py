"""Where in a model the loss is, and which types would lose least (`belle measure --by-layer`, `--suggest`)."""
