"""Fitted transformers, one file each, and the FeatureSet that applies them in order."""
