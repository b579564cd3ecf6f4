"""Duplicates among texts: equal texts and near duplicates, in a finished collection or one that grows."""
