"""Bargains: listings that cost less than they should, found, ranked and followed."""
