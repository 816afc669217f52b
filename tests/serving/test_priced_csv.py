"""CSV in, priced CSV out: every row answered, the file's own columns kept, nothing held whole."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import date
from threading import Event
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from litestar.testing import TestClient
from serving_fakes import FakeSource, FakeValuer

from carprice_assets.releases.priced import ADDED
from carprice_serving.app import create_app
from carprice_serving.settings import Settings

ROUTE = "/api/v1/us/valuations.csv"
HEAD = "make,model,year,msrp,note,asking_price"
CSV = {"content-type": "text/csv"}


class TextValuer(FakeValuer):
    """Reads numbers that are text, as the real one does."""

    def value_cars(self, cars: Any, *, as_of: date, regressor: str | None = None) -> Any:
        read = [
            {k: int(v) if k in ("year", "msrp") and v.isdecimal() else v for k, v in car.items()}
            if isinstance(car, dict)
            else car
            for car in cars
        ]
        return super().value_cars(read, as_of=as_of, regressor=regressor)


@pytest.fixture
def valuer() -> FakeValuer:
    return TextValuer()


def send(client: Any, body: str | bytes, **query: str) -> Any:
    return client.post(ROUTE, content=body, headers=CSV, params=query)


def rows(answer: Any) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text)))


def refused(answer: Any, told: str, status: int = 422) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert told in answer.json()["detail"]


def test_the_files_own_columns_and_ours(client: Any) -> None:
    answer = send(client, f'{HEAD}\nFord,F-150,2021,20000,"a, ""b""",17000\nKia,Soul,2019,9000,,\n')
    first, second = rows(answer)
    assert list(first) == [*HEAD.split(","), *ADDED]
    assert first["note"] == 'a, "b"'
    assert (first["predicted_price"], first["low"], first["high"]) == (
        "20000.00", "18000.00", "22000.00",
    )  # fmt: skip
    assert (first["deal_rating"], second["deal_rating"]) == ("great", "")
    assert (first["currency"], first["error"]) == ("USD", "")
    assert first["warnings"] == "trim: not given"
    assert answer.headers["carprice-release"] == "r1"
    assert answer.headers["carprice-regressor"] == "catboost"


def test_a_bad_row_spoils_no_other(client: Any) -> None:
    body = f"{HEAD}\nFord,F-150,2021,1,,\nFord,F-150\nFord,F-150,3000,2,,\n\nNobody,X,2020,3,,\n"
    found = rows(send(client, body + "Ford,F-150,2020,4,,,7,8\nKia,Soul,2019,5,,\n"))
    assert [each["predicted_price"] for each in found] == ["1.00", "", "", "", "", "5.00"]
    assert found[1]["error"] == "line 3 has 2 values for 6 columns"
    assert found[2]["error"] == "year: out of range"
    assert found[3]["error"].startswith("make: no listing")
    assert found[4]["error"] == "line 7 has 8 values for 6 columns"


def test_a_line_that_is_too_long_costs_itself_alone(client: Any) -> None:
    body = f"{HEAD}\nFord,F-150,2021,1,,\nFord,F-150,2021,1,{'x' * 140_000},\nKia,Soul,2019,5,,\n"
    found = rows(send(client, body))
    assert [each["predicted_price"] for each in found] == ["1.00", "", "5.00"]
    assert found[1]["error"].startswith("line 3 cannot be read: field larger")


@pytest.mark.parametrize("last", ["Kia,Soul,2019,7,,", 'Kia,Soul,2019,7,,"x"'])
def test_a_quote_that_is_not_closed_takes_no_car_with_it(client: Any, last: str) -> None:
    """It was a cell of all cars behind it, and its row had a price."""
    cars = [f"Kia,Soul,2019,{n},," for n in range(1, 7)]
    lines = [HEAD, *cars[:3], 'Ford,F-150,2021,9,," open', *cars[3:], last]
    found = rows(send(client, "\n".join(lines)))
    assert [each["predicted_price"] for each in found][:3] == ["1.00", "2.00", "3.00"]
    assert found[3]["predicted_price"] == ""
    assert found[3]["error"].startswith("line 5 cannot be read: ")
    assert [each["predicted_price"] for each in found][4:7] == ["4.00", "5.00", "6.00"]
    assert len(found) == 8


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_other_delimiters_and_line_ends(client: Any, delimiter: str, end: str) -> None:
    lines = [HEAD, "Ford,F-150,2021,20000,,", "Kia,Soul,2019,9000,,"]
    body = end.join(lines).replace(",", delimiter).encode("utf-8-sig")
    found = rows(send(client, body))
    assert [each["predicted_price"] for each in found] == ["20000.00", "9000.00"]


def test_every_row_of_a_long_file_in_order(client: Any, valuer: FakeValuer) -> None:
    lines = [f"Ford,F-150,2021,{n},é,{n}" for n in range(1, 1_301)]
    found = rows(send(client, "\n".join([HEAD, *lines])))
    assert [each["predicted_price"] for each in found] == [f"{n}.00" for n in range(1, 1_301)]
    assert {each["note"] for each in found} == {"é"}
    assert [count for count, _, _ in valuer.asked] == [500, 500, 300]


def test_regressor_and_day(client: Any, valuer: FakeValuer) -> None:
    answer = send(client, f"{HEAD}\nKia,Soul,2019,9,,", model_type="random_forest",
                  as_of="2024-01-31")  # fmt: skip
    assert len(rows(answer)) == 1
    assert answer.headers["carprice-regressor"] == "random_forest"
    assert valuer.asked == [(1, date(2024, 1, 31), "random_forest")]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("", "make, model, year"),
        ("\n\n", "make, model, year"),
        ("make,model\nKia,Soul", "lacks the column year"),
        ("make,model,year,make\n", "'make' stands twice"),
        ("make,model,year,error\n", "'error' would be added"),
        ('"' + "x" * 200_000, "line 1"),
    ],
)
def test_files_that_are_refused(client: Any, body: str | bytes, told: str) -> None:
    refused(send(client, body), told)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (f"{HEAD}\nŠkoda,Fabia,2021,1,,\n".encode("cp1250"), 2),
        (f"{HEAD}\r\nKia,Soul,2019,9,,\r\nKia,Soul,2019,9,Zoë,".encode("latin-1"), 3),
        (f"{HEAD}\nKia,Soul,2019,9,,\n".encode("utf-16"), 1),
        (f"{HEAD}\nKia,Soul,2019,9,é".encode()[:-1], 2),
        (f"{HEAD}\n".encode() + b"Kia,Soul,2019,9,,\n" * 100_000 + b"\xff", 100_002),
    ],
)
def test_other_encodings_than_utf8_are_refused(client: Any, body: bytes, line: int) -> None:
    answer = send(client, body)
    refused(answer, f"body: line {line} is not UTF-8", 400)
    assert answer.json()["type"] == "urn:carprice:problem:invalid-csv"


def test_a_character_across_two_pieces(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carprice_serving.csv_cars.PIECE", 3)
    (found,) = rows(send(client, f"{HEAD}\nŠkoda,Fabia,2021,1,žluťoučký,\n"))
    assert (found["make"], found["note"]) == ("Škoda", "žluťoučký")


def test_columns_in_any_case(client: Any) -> None:
    (found,) = rows(send(client, "Make,MODEL,Year,MSRP,Note,note\nKia,Soul,2019,9000,a,b\n"))
    assert list(found) == ["Make", "MODEL", "Year", "MSRP", "Note", "note", *ADDED]
    assert (found["predicted_price"], found["Note"], found["note"]) == ("9000.00", "a", "b")
    refused(send(client, "Make,model,year,make\nKia,Soul,2019,Ford\n"), "'make' stands twice")


def test_the_word_of_windows_browsers_for_csv(client: Any) -> None:
    headers = {"content-type": "application/vnd.ms-excel"}
    body = f"{HEAD}\nKia,Soul,2019,9000,,\n"
    (found,) = rows(client.post(ROUTE, content=body, headers=headers))
    assert found["predicted_price"] == "9000.00"


def test_a_file_without_rows(client: Any) -> None:
    assert send(client, HEAD).text.strip() == ",".join([HEAD, *ADDED])


def test_requests_that_are_refused(client: Any) -> None:
    refused(send(client, HEAD, model_type="lasso"), "model_type")
    refused(send(client, HEAD, as_of="tomorrow"), "as_of")
    refused(client.post(ROUTE, content=HEAD, headers={"content-type": "text/plain"}), "text/csv",
            415)  # fmt: skip
    refused(client.post("/api/v1/mars/valuations.csv", content=HEAD, headers=CSV), "mars", 404)


def test_a_file_over_the_limit(settings: Settings) -> None:
    app = create_app(replace(settings, max_csv=1_000), FakeSource(us=TextValuer()))
    with TestClient(app) as client:
        refused(send(client, HEAD + "\n" + "Kia,Soul,2019,9,,\n" * 100), "1000 bytes", 413)


def test_a_refusal_waits_until_the_file_was_sent(app: Any) -> None:
    """Who still sends would find the connection closed, and never see why."""
    waiting = [{"type": "http.request", "body": b"x" * 9, "more_body": n > 0} for n in range(50)]
    sent: list[Any] = []
    path = "/api/v1/mars/valuations.csv"
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": [(b"content-type", b"text/csv")], "scheme": "http",
        "root_path": "", "client": None, "server": ("127.0.0.1", 80), "http_version": "1.1",
    }  # fmt: skip

    async def receive() -> Any:
        assert not sent
        return waiting.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    async def ask() -> None:
        async with app.lifespan():
            await app(scope, receive, send)

    anyio.run(ask)
    assert sent[0]["status"] == 404
    assert waiting == []


def test_others_are_answered_while_a_file_is_priced(settings: Settings) -> None:
    started, go_on = Event(), Event()

    class Waiting(TextValuer):
        def value_cars(self, cars: Any, *, as_of: date, regressor: str | None = None) -> Any:
            started.set()
            assert go_on.wait(60)
            return super().value_cars(cars, as_of=as_of, regressor=regressor)

    from concurrent.futures import ThreadPoolExecutor

    app = create_app(settings, FakeSource(us=Waiting()))
    with TestClient(app) as client, ThreadPoolExecutor(1) as pool:
        long = pool.submit(send, client, f"{HEAD}\nKia,Soul,2019,9,,")
        assert started.wait(60)
        assert client.get("/health").status_code == 200
        assert not long.done()
        go_on.set()
        assert len(rows(long.result(60))) == 1


def test_a_release_stays_for_the_whole_file(settings: Settings) -> None:
    """A promotion between two slices does not mix two releases in one answer."""
    source = FakeSource()

    class Moving(TextValuer):
        def value_cars(self, cars: Any, *, as_of: date, regressor: str | None = None) -> Any:
            source.move("us", TextValuer(release_id="r2", currency="EUR"))
            return super().value_cars(cars, as_of=as_of, regressor=regressor)

    source.move("us", Moving())
    with TestClient(create_app(settings, source)) as client:
        found = rows(send(client, HEAD + "\nKia,Soul,2019,9,," * 1_200))
        assert {each["currency"] for each in found} == {"USD"}
        while client.get("/ready").json()["markets"][0]["release"] != "r2":
            pass
        assert rows(send(client, HEAD + "\nKia,Soul,2019,9,,"))[0]["currency"] == "EUR"


cells = st.text(st.characters(codec="utf-8"), max_size=12)


@hypothesis_settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(table=st.lists(st.lists(cells, min_size=6, max_size=6), max_size=8), junk=st.binary())
def test_whatever_a_file_holds(client: Any, table: list[list[str]], junk: bytes) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([HEAD.split(","), *table])
    found = rows(send(client, text.getvalue()))
    for each in found:
        assert bool(each["predicted_price"]) != bool(each["error"])
    with_junk = HEAD.encode() + b"\n" + junk
    expected = 200 if with_junk.decode(errors="ignore").encode() == with_junk else 400
    assert send(client, with_junk).status_code == expected
    assert send(client, junk).status_code in (200, 400, 422)
