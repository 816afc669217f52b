"""What a release says of where it was made is true."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from carprice_assets.provenance import LIBRARIES, here

MODULES = {"scikit-learn": "sklearn"}


@pytest.mark.parametrize("name", [each for each in LIBRARIES if each != "carprice"])
def test_what_can_be_imported_has_a_version(name: str) -> None:
    # TensorFlow and XGBoost are installed in builds of another name.
    told = here(run_id="", data_version="")["versions"][name]
    assert (told == "not installed") == (find_spec(MODULES.get(name, name)) is None)
