"""The Dagster layer: what exists, when it runs, what blocks it. No arithmetic."""
