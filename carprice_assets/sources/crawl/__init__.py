"""Visits to a site: polite, resumable, incremental."""
