"""Keys from the command line: shown once, listed without secrets, taken back."""

from __future__ import annotations

from click.testing import CliRunner

from carprice_assets.cli import main
from carprice_assets.home import Home
from carprice_serving.keys import Keys


def run(*words: str) -> str:
    done = CliRunner().invoke(main, ["keys", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_key_is_made_listed_and_removed(home: Home) -> None:
    key = run("add", "dealer app", "--rate", "5").strip()
    found = Keys.load(home).find(key)
    assert found is not None
    assert (found.name, found.rate) == ("dealer app", 5.0)
    listed = run("list")
    assert "dealer app" in listed
    assert "5 a second" in listed
    assert key not in listed
    assert run("remove", found.id) == "removed dealer app\n"
    assert run("list") == ""
    assert Keys.load(home).find(key) is None
