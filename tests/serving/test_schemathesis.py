"""Schemathesis over the whole document: no 5xx, and every answer as the document says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from serving_fakes import FakeSource, FakeValuer, stock

from carprice_assets.home import Home
from carprice_serving.app import create_app
from carprice_serving.settings import Settings

pytestmark = pytest.mark.long
EXAMPLES = int(os.environ.get("CARPRICE_EXAMPLES", "200"))
OPERATIONS = (
    "predict", "valueCars", "valueCsv", "findComparables", "listReleases", "getLiveError",
    "listBargains",
    "describeMarket", "listMarkets", "getHealth", "getReadiness", "getMetrics",
)  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service in a thread."""
    known = stock(*({"year": 2015.0 + n} for n in range(9)))
    home = Home(tmp_path_factory.mktemp("home"))
    # Each market that is known has a champion: one without answers 503, as documented.
    valuers = {name: FakeValuer(market=name, comparables=known) for name in ("us", "practice")}
    app = create_app(Settings(home=home), FakeSource(**valuers))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def schema(base: str) -> Any:
    import schemathesis  # a second that only the long tests shall pay

    return schemathesis.openapi.from_url(f"{base}/schema/openapi.json")


def test_all_operations_are_asked(schema: Any) -> None:
    found = {each.ok().definition.raw["operationId"] for each in schema.get_all_operations()}
    assert found == set(OPERATIONS)


@pytest.mark.parametrize("market", ["us", None], ids=["us", "any market"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation(schema: Any, base: str, operation: str, market: str | None) -> None:
    import schemathesis

    found = schema.find_operation_by_id(operation)
    if market and "{market}" not in found.path:
        pytest.skip("asked once")
    modes = schemathesis.GenerationMode
    strategy = st.one_of(
        found.as_strategy(generation_mode=modes.POSITIVE),
        found.as_strategy(generation_mode=modes.NEGATIVE),
    )
    checks = schemathesis.checks
    wanted = [
        checks.not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_headers_conformance,
        checks.response_schema_conformance,
    ]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def ask(case: Any) -> None:
        if market:
            case.path_parameters["market"] = market
        case.call_and_validate(base_url=base, checks=wanted)

    ask()
