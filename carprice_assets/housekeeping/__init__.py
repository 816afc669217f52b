"""Keeping house: backup and restore, retention, and what ails a data home."""
