"""Web pages for people: drawn by the server, from the very functions that the API answers by."""

from __future__ import annotations
