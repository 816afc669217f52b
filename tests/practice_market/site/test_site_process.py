"""The site as a process: two markets at once, connections that break, a clean end."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from practice_sites import RunningSite

from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.markets import load_market
from carprice_assets.practice_market.site import serve, site_settings


def test_faults_on_the_wire_and_the_log_of_a_stopped_site(home: Home) -> None:
    with RunningSite(home, "small", size=60) as site:
        listing_id = min(site.on_sale(0))
        address = f"{site.url}/vehicledetail/{listing_id}/"
        site.faults(cut=1.0)
        with pytest.raises(http.client.IncompleteRead):
            urllib.request.urlopen(address, timeout=30).read()
        site.faults(slow=1.0, slow_seconds=3000)
        with pytest.raises(TimeoutError):
            urllib.request.urlopen(address, timeout=0.3).read()
        site.faults()
        with urllib.request.urlopen(address, timeout=30) as answer:
            names = [name.lower() for name, _ in answer.getheaders()]
            body = answer.read()
        assert names.count("date") == 1
        assert "server" not in names
        assert site.advance(2)["day"] == 2
        printed = site.stop()
    assert printed.count("\n") == 1
    assert f"practice site of small on {site.url}/" in printed
    cut, slow, good = [line for line in site.log() if "vehicledetail" in line["path"]]
    assert (cut["fault"], cut["status"]) == ("cut", 200)
    assert 0 < cut["bytes"] < len(body)
    assert (slow["fault"], slow["status"], slow["bytes"]) == ("slow", 0, 0)
    assert (good["fault"], good["status"], good["bytes"]) == ("", 200, len(body))
    with site:
        assert site.state()["day"] == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_two_markets_in_one_process_end_on_a_signal(home: Home, number: signal.Signals) -> None:
    sites = [
        RunningSite(home, "one", size=30),
        RunningSite(home, "two", size=30, template="schema-org"),
    ]
    command = [sys.executable, "-m", "carprice_assets.practice_market.site"]
    process = subprocess.Popen(
        [*command, "--market", "one", "--market", "two"],
        env={**os.environ, "CARPRICE_HOME": str(home.root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in sites]
        for site, line in zip(sites, lines, strict=True):
            assert f"practice site of {site.market} on {site.url}/" in line
            with urllib.request.urlopen(site.start_url, timeout=30) as answer:
                assert answer.status == 200
                answer.read()
    finally:
        process.send_signal(number)
        rest, _ = process.communicate(timeout=60)
    assert (process.returncode, rest) == (0, "")


def add(home: Home, name: str, text: str) -> None:
    home.markets.mkdir(parents=True, exist_ok=True)
    head = 'currency = "USD"\ndistance = "mi"\n'
    (home.markets / f"{name}.toml").write_text(head + text, encoding="utf-8")


def test_market_that_cannot_be_served_is_told(home: Home) -> None:
    add(home, "plain", "")
    add(home, "sitefree", "[sources.practice]\nsize = 10\n")
    site = '[sources.practice]\n{}\n[sources.site]\nadapter = "carscom"\n{}\n'
    far = 'start = "http://cars.example/"\npermitted = true\ncontact = "a@cars.example"'
    near = 'start = "http://127.0.0.1:8010/"'
    add(home, "far", site.format("size = 10", far))
    add(home, "odd", site.format('template = "html"', near))
    add(home, "bad", site.format("per_page = 0", near))
    for name, said in [
        ("plain", r"no \[sources.practice\] table"),
        ("sitefree", r"no \[sources.<name>\] table with an adapter"),
        ("far", r"sources.site.start http://cars.example/ is not on this machine"),
        ("odd", "template 'html': there are carscom, schema-org"),
        ("bad", "per_page must be a whole number > 0, got 0"),
    ]:
        with pytest.raises(UserError, match=f"^market {name}: .*{said}") as caught:
            serve(home, [name])
        assert "\n" not in str(caught.value)


def test_taken_port_is_told(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        start = f'start = "http://127.0.0.1:{port}/"'
        add(home, "busy", f'[sources.practice]\n[sources.site]\nadapter = "carscom"\n{start}\n')
        with pytest.raises(UserError, match=f"cannot listen on 127.0.0.1:{port}"):
            serve(home, ["busy"])


def test_the_platforms_own_markets(home: Home) -> None:
    us, eu = (site_settings(load_market(home, name)) for name in ("practice", "practice_eu"))
    assert (us.template, us.port, us.currency, us.distance) == ("carscom", 8010, "USD", "mi")
    assert (eu.template, eu.port, eu.currency, eu.distance) == ("schema-org", 8011, "EUR", "km")
    assert eu.rate == 0.92
    assert us.seed != eu.seed
    assert not (home.practice / "practice").exists()


def test_static_files_are_packaged() -> None:
    import tomllib

    from carprice_assets.home import PROJECT
    from carprice_assets.practice_market.site.common import STATIC

    table = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    globs = table["tool"]["setuptools"]["package-data"]["carprice_assets"]
    names = {Path(path.name).suffix for path in STATIC.iterdir()}
    assert {f"**/*{suffix}" for suffix in names} <= set(globs)
