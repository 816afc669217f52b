"""Everything needed to answer, immutable; and the rules by which it may serve."""
