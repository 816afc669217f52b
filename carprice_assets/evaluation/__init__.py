"""One yardstick for every regressor: figures, slices, plots, reports, the leaderboard."""
