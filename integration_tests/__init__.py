"""Whole syncs against a small Front look-alike."""
