"""One file for each model family, and the serving forms that answer without it."""
