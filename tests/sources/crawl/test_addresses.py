"""Which addresses may be fetched."""

from __future__ import annotations

import asyncio

import pytest

from carprice_assets.markets import Site
from carprice_assets.sources.crawl.addresses import LOOKUP_SECONDS, Addresses, is_public, target
from carprice_assets.sources.crawl.agent import user_agent

CARS = Site(
    "cars", "carscom", "https://cars.test/s", contact="a@b.test", permitted=True,
    hosts=("img.cars.test:8443",),
)  # fmt: skip
LOCAL = Site("cars", "carscom", "http://127.0.0.1:8010/s")


@pytest.mark.parametrize(
    "address",
    [
        "https://cars.test/a?b=c",
        "http://cars.test/",
        "https://CARS.test:443/",
        "https://img.cars.test:8443/x",
    ],
)
def test_addresses_of_the_site_may_be_fetched(address):
    assert Addresses(CARS).fault(address) == ""


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("https://evil.test/", "evil.test is no host of the site"),
        ("https://cars.test.evil.test/", "no host"),
        ("https://cars.test:8443/", "no host"),
        ("https://img.cars.test/", "no host"),
        ("https://cars.test@evil.test/", "no host"),
        ("https://user@cars.test/", "no host"),
        ("https://evil.test\\@cars.test/", "backslashes"),
        ("https://cars.test/a b", "spaces"),
        ("https://cars.test/\nHost: evil", "spaces"),
        ("ftp://cars.test/", "ftp is neither"),
        ("file:///etc/passwd", "file is neither"),
        ("javascript:alert(1)", "javascript is neither"),
        ("//cars.test/", "no scheme"),
        ("https:///x", "without a host"),
        ("http://[::1", "no address"),
        ("http://127.0.0.1/", "no host"),
    ],
)
def test_others_are_refused_with_a_reason(address, words):
    assert words in Addresses(CARS).fault(address)


@pytest.mark.parametrize(
    "text",
    [
        "10.1.2.3", "127.0.0.1", "169.254.169.254", "192.168.0.1", "172.16.0.1", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "::1", "::", "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.1",
        "2002:0a00:0001::", "ff02::1", "nonsense",
    ],
)  # fmt: skip
def test_private_addresses(text):
    assert not is_public(text)


@pytest.mark.parametrize("text", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"])
def test_public_addresses(text):
    assert is_public(text)


def resolver(*answers):
    asked = []

    async def resolve(host):
        asked.append(host)
        answer = answers[min(len(asked), len(answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return resolve, asked


def fault(addresses, address="https://cars.test/"):
    return asyncio.run(addresses.network_fault(address))


def test_a_host_that_leads_to_a_private_address_is_refused():
    resolve, _ = resolver(["93.184.216.34", "10.0.0.7"])

    assert fault(Addresses(CARS, resolve)) == (
        "cars.test leads to 10.0.0.7, which is no public address"
    )


def test_a_look_up_is_trusted_for_a_while():
    now = [0.0]
    resolve, asked = resolver(["93.184.216.34"], ["127.0.0.1"])
    addresses = Addresses(CARS, resolve, lambda: now[0])

    assert fault(addresses) == fault(addresses) == ""
    assert asked == ["cars.test"]
    now[0] = LOOKUP_SECONDS + 1
    assert "127.0.0.1" in fault(addresses)


def test_a_failed_look_up_is_told_and_tried_again():
    resolve, _ = resolver(OSError("no such host"), ["93.184.216.34"])
    addresses = Addresses(CARS, resolve)

    assert fault(addresses) == "cannot look up cars.test: no such host"
    assert fault(addresses) == ""


def test_a_loopback_site_needs_no_look_up():
    resolve, asked = resolver(["127.0.0.1"])

    assert fault(Addresses(LOCAL, resolve), "http://127.0.0.1:8010/a") == ""
    assert "no host" in fault(Addresses(LOCAL, resolve), "http://127.0.0.1:8011/a")
    assert not asked


def test_targets_are_absolute_and_without_fragment():
    assert target("http://a/b/c?d", " ../e#f ") == "http://a/e"
    assert target("http://a/b", "//evil/x") == "http://evil/x"


def test_the_user_agent_tells_name_version_and_contact():
    assert user_agent("me@cars.test").endswith(" (+me@cars.test)")
    assert user_agent("a\r\nX: b").count("\n") == 0
    assert user_agent("").startswith("carprice/")
    assert "(" not in user_agent("")
