"""Settings from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_serving.settings import Settings


def test_defaults() -> None:
    settings = Settings.from_environment({})
    assert settings == Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert (settings.max_body, settings.max_cars) == (4_000_000, 10_000)


def test_what_the_environment_sets(tmp_path: Path) -> None:
    settings = Settings.from_environment(
        {
            "CARPRICE_HOME": str(tmp_path),
            "CARPRICE_HOST": "0.0.0.0",
            "CARPRICE_PORT": "9000",
            "CARPRICE_DEFAULT_MARKET": "practice",
            "CARPRICE_MAX_BODY": "100",
            "CARPRICE_POLL_SECONDS": "0.5",
        }
    )
    assert settings.home == Home(tmp_path.resolve())
    assert (settings.host, settings.port, settings.max_body) == ("0.0.0.0", 9000, 100)
    assert (settings.default_market, settings.poll_seconds) == ("practice", 0.5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CARPRICE_PORT", "http"),
        ("CARPRICE_PORT", "65536"),
        ("CARPRICE_PORT", "-1"),
        ("CARPRICE_PORT", "²"),
        ("CARPRICE_MAX_CARS", "0"),
        ("CARPRICE_MAX_BODY", "4MB"),
        ("CARPRICE_POLL_SECONDS", "0"),
        ("CARPRICE_POLL_SECONDS", "nan"),
        ("CARPRICE_RETRY_SECONDS", "soon"),
    ],
)
def test_nonsense_names_the_variable(name: str, value: str) -> None:
    with pytest.raises(UserError, match=name):
        Settings.from_environment({name: value})
