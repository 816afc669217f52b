"""Sites in market files: what they may say, and the line that names what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.markets import load_markets
from carprice_assets.markets.market import Market, read_market

MARKET = 'currency = "EUR"\ndistance = "km"\n[sources.cars]\n'
LOCAL = 'adapter = "carscom"\nstart = "http://127.0.0.1:8010/results/"\n'
AWAY = 'adapter = "carscom"\nstart = "https://cars.example/results/"\n'
ALLOWED = 'permitted = true\ncontact = "https://example.org/bot"\n'


def market(tmp_path: Path, table: str) -> Market:
    path = tmp_path / "mine.toml"
    path.write_text(MARKET + table, encoding="utf-8")
    return read_market(path)


def test_two_lines_make_a_site_of_this_machine(tmp_path: Path) -> None:
    site = market(tmp_path, LOCAL).sites()["cars"]
    assert site.loopback
    assert site.allowed_hosts == {"127.0.0.1:8010"}
    assert (site.rate, site.concurrency, site.clock) == (0.5, 2, "machine")


def test_a_site_elsewhere_needs_permission_and_contact(tmp_path: Path) -> None:
    site = market(tmp_path, AWAY + ALLOWED + 'hosts = ["api.cars.example"]\n').sites()["cars"]
    assert not site.loopback
    assert site.allowed_hosts == {"cars.example", "api.cars.example"}


@pytest.mark.parametrize(
    "contact", ["a@b.example", "mailto:a.b+c@d.e.example", "https://b.example/bot?x=1"]
)
def test_a_contact_is_a_mail_or_web_address(tmp_path: Path, contact: str) -> None:
    table = AWAY + f'permitted = true\ncontact = "{contact}"\n'
    assert market(tmp_path, table).sites()["cars"].contact == contact


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ('adapter = "carscom"\n', "sources.cars: needs 'start'"),
        (LOCAL + "speed = 3\n", "unknown key 'speed'"),
        (LOCAL + 'rate = "fast"\n', "sources.cars.rate must be of type float"),
        (LOCAL + "rate = 0\n", "sources.cars.rate must be 0.01 to 10,000"),
        (LOCAL + "rate = inf\n", "sources.cars.rate must be 0.01"),
        (LOCAL + "rate = nan\n", "sources.cars.rate must be 0.01"),
        (LOCAL + "concurrency = 0\n", "sources.cars.concurrency must be 1 to 64"),
        (LOCAL + "concurrency = true\n", "concurrency must be of type int"),
        (LOCAL + 'clock = "sundial"\n', "clock must be 'machine' or 'site'"),
        (LOCAL + 'render = ["all"]\n', "render: 'all' is none of search, detail"),
        (LOCAL + 'render = "all"\n', "render must be a list of texts"),
        (LOCAL + 'hosts = ["http://a/b"]\n', "sources.cars.hosts"),
        (LOCAL.replace("carscom", "cars"), "adapter 'cars': there are carscom, schema-org"),
        (LOCAL.replace("http:", "ftp:"), "is no http or https address"),
        (LOCAL.replace("8010", "80100"), "is no address"),
        (LOCAL.replace("127", "me@127"), "carries a user name"),
        (AWAY, "'permitted = true' must state"),
        (AWAY + 'permitted = false\ncontact = "a@b.example"\n', "'permitted = true' must state"),
        (AWAY + "permitted = true\n", "'contact' must give"),
        (AWAY + 'permitted = true\ncontact = "me"\n', "'contact' must give"),
        (
            LOCAL + 'hosts = ["cars.example"]\n',
            "cars.example is not this machine: 'permitted = true'",
        ),
        *(
            (AWAY + f'permitted = true\ncontact = "{contact}"\n', "'contact' must give")
            for contact in ("@", "me@", "@b.example", "me@home", "https://", "http://me", "a@b@c.d")
        ),
        (LOCAL + 'contact = "josé@cars.example"\n', "contact must be one line of up to 200 ASCII"),
        (LOCAL + 'contact = "a@b.example\\r\\nX-Evil: 1"\n', "contact must be one line"),
        (LOCAL + f'contact = "{"a" * 200}@b.example"\n', "contact must be one line of up to 200"),
        (LOCAL.replace("adapter", "addapter"), "sources.cars: unknown key 'addapter'"),
        (LOCAL.partition("\n")[2], "sources.cars: needs 'adapter'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, table: str, named: str) -> None:
    with pytest.raises(UserError) as caught:
        market(tmp_path, table)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_address_beyond_this_machine_is_shipped(tmp_path: Path) -> None:
    good, broken = load_markets(Home(tmp_path))
    assert not broken
    sites = [site for each in good.values() for site in each.sites().values()]
    assert all(site.loopback for site in sites)
