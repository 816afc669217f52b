"""The marketplace's category as numbers."""

from __future__ import annotations

from carprice_assets.features.word_vectors import WordVectors


class CategoryVectors(WordVectors):
    """Word vectors of ``cat`` in 3 dimensions."""

    name = "category_vectors"
    inputs = ("cat",)
    field = "cat"
    dimensions = 3
