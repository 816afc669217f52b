"""The carprice platform: from a scraped listing to a promoted release.

Data flows left to right through ``sources``, ``listings``, ``features``, ``regressors``,
``evaluation`` and ``releases``; a package imports only packages to its left.
"""
