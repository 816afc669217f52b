"""Outside colour as numbers."""

from __future__ import annotations

from carprice_assets.features.word_vectors import WordVectors


class ExteriorColorVectors(WordVectors):
    """Word vectors of ``exterior_color`` in 5 dimensions."""

    name = "exterior_color_vectors"
    inputs = ("exterior_color",)
    field = "exterior_color"
    dimensions = 5
