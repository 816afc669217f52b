"""Transformers fitted on invented cars once for the whole folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from carprice_assets.features.base import Transformer
from carprice_assets.features.feature_set import FeatureSet
from carprice_assets.features.fit import fit_all

sys.path.insert(0, str(Path(__file__).parent))  # helpers that are no tests stand beside this file

from invented_cars import Sample, invented, save_all


@pytest.fixture(scope="session")
def cars() -> Sample:
    """600 invented cars with prices."""
    return invented(600)


@pytest.fixture(scope="session")
def fitted(cars: Sample) -> dict[str, Transformer]:
    """Every transformer, fitted on :func:`cars`."""
    return fit_all(*cars)


@pytest.fixture(scope="session")
def folders(
    fitted: dict[str, Transformer], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The state folders of :func:`fitted`."""
    return save_all(fitted, tmp_path_factory.mktemp("states"))


@pytest.fixture(scope="session")
def feature_set(folders: dict[str, Path]) -> FeatureSet:
    """The feature set of :func:`folders`."""
    return FeatureSet.assemble(folders)
