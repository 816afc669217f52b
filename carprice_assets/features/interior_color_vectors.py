"""Inside colour as numbers."""

from __future__ import annotations

from carprice_assets.features.word_vectors import WordVectors


class InteriorColorVectors(WordVectors):
    """Word vectors of ``interior_color`` in 5 dimensions."""

    name = "interior_color_vectors"
    inputs = ("interior_color",)
    field = "interior_color"
    dimensions = 5
