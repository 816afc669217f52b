"""Routes by subject; each module gives its handlers for one service."""
