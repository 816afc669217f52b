"""The price service: a Litestar app that answers from the champion releases of a data home."""

from __future__ import annotations
