"""``carprice predict``: any of three formats in, CSV out, one row a car, in order."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import Result
from litestar.testing import TestClient

from carprice_assets.home import Home
from carprice_assets.releases.priced import ADDED
from carprice_assets.releases.store import ReleaseStore
from carprice_serving.app import create_app
from carprice_serving.settings import Settings

CARS: list[dict[str, Any]] = [
    {"ref": "a", "make": "Toyota", "model": "RAV4", "year": 2022, "mileage": 30000},
    {"ref": "b", "make": "Ford", "model": "F-150", "year": 2021, "mileage": 27667},
    {"ref": "c", "make": "Honda", "model": "Civic", "year": 3000, "mileage": 10},
    {"ref": "d", "make": "Honda", "model": "Civic", "year": 2020, "mileage": None},
    {"ref": "e", "make": "Honda", "model": None, "year": 2020, "mileage": 5},
]
GOOD = ["a", "b", "d"]


def write_csv(path: Path, cars: Sequence[dict[str, Any]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(cars[0]))
        writer.writeheader()
        writer.writerows(cars)
    return path


def write_jsonl(path: Path, cars: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(car) + "\n" for car in cars))
    return path


def write_parquet(path: Path, cars: Sequence[dict[str, Any]]) -> Path:
    lines, plain = write_jsonl(path.parent / "rows.jsonl", cars), path.parent / "plain.parquet"
    with duckdb.connect() as con:
        con.execute(f"COPY (SELECT * FROM read_json('{lines}')) TO '{plain}' (FORMAT parquet)")
    return plain.rename(path)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_formats_agree_and_a_bad_car_spoils_no_other(
    trained_home: Home, tmp_path: Path, carprice: Callable[..., Result]
) -> None:
    sources = [
        write_csv(tmp_path / "cars.csv", CARS),
        write_jsonl(tmp_path / "cars2.jsonl", CARS),
        write_parquet(tmp_path / "it's [1] *.parquet", CARS),
    ]
    answers: list[list[dict[str, str]]] = []
    for source in sources:
        out = tmp_path / f"{source.stem}-priced.csv"
        result = carprice("predict", source, "-o", out, "-m", "small")
        assert result.exit_code == 0, result.output
        assert result.stdout.strip() == f"5 cars, 2 without a price: {out}"
        assert result.stderr == ""
        answers.append(read(out))
    rows = answers[0]
    assert [row["ref"] for row in rows] == [car["ref"] for car in CARS]
    assert [row["ref"] for row in rows if row["predicted_price"]] == GOOD
    assert [row["ref"] for row in rows if not row["error"]] == GOOD
    assert rows[2]["error"].startswith("year: year must be from 1900")
    assert rows[4]["error"] == "model: model is missing"
    assert {row["currency"] for row in rows} == {"USD"}
    for row in rows:
        amounts = [row[name] for name in ("low", "predicted_price", "high")]
        if row["ref"] in GOOD:
            low, price, high = map(float, amounts)
            assert 0 < low < price < high
        else:
            assert amounts == ["", "", ""]
    assert "imputed" in rows[3]["warnings"] or "mileage" in rows[3]["warnings"]
    assert answers[1] == answers[2] == rows


def test_a_csv_file_gets_the_same_from_the_command_and_from_the_service(
    trained_home: Home, tmp_path: Path, carprice: Callable[..., Result]
) -> None:
    [ford] = [car for car in CARS if car["ref"] == "b"]
    odd: list[dict[str, Any]] = [
        {**ford, "ref": name, "asking_price": asking}
        for name, asking in [("low", 100), ("dear", "$900,000"), ("odd", "a lot"), ("none", 0)]
    ]
    unknown = {"ref": "u", "make": "Nobody", "model": "Nothing", "year": 2021}
    source = write_csv(tmp_path / "cars.csv", [*odd, *CARS, unknown])
    table = source.read_text().replace("make,model,", "Make,MODEL,").replace("asking", "Asking", 1)
    source.write_text(table + "ragged,Ford\n")
    out = tmp_path / "out.csv"
    words = ("predict", source, "-o", out, "-m", "small", "--as-of", "2030-01-01")
    assert carprice(*words).exit_code == 0
    with TestClient(create_app(Settings(trained_home))) as client:
        answer = client.post(
            "/api/v1/small/valuations.csv?as_of=2030-01-01",
            content=source.read_bytes(),
            headers={"content-type": "text/csv"},
        )
    assert answer.status_code == 200
    assert out.read_bytes() == answer.content
    rows = {row["ref"]: row for row in read(out)}
    own = ["ref", "Make", "MODEL", "year", "mileage", "Asking_price"]
    assert list(rows["a"]) == [*own, *ADDED]
    assert [rows[name]["deal_rating"] for name in ("low", "dear", "odd", "none", "a")] == [
        *("great", "overpriced", "", "", ""),
    ]
    assert len({rows[name]["predicted_price"] for name in ("low", "dear", "odd", "b")}) == 1
    assert "asking_price must be a number" in rows["odd"]["warnings"]
    assert [rows[name]["supported"] for name in ("a", "u", "e", "ragged")] == [
        *("true", "false", "", ""),
    ]


def test_long_files_keep_their_order(
    trained_home: Home, tmp_path: Path, carprice: Callable[..., Result]
) -> None:
    cars = [{**CARS[0], "ref": str(n), "mileage": 10 * n} for n in range(2_500)]
    out = tmp_path / "out.csv"
    source = write_csv(tmp_path / "cars.csv", cars)
    assert carprice("predict", source, "-o", out).exit_code == 0  # the only champion's market
    assert [row["ref"] for row in read(out)] == [car["ref"] for car in cars]
    short = write_csv(tmp_path / "few.csv", cars[1_500:1_503])
    carprice("predict", short, "-o", tmp_path / "few-out.csv", "-m", "small")
    assert read(tmp_path / "few-out.csv") == read(out)[1_500:1_503]


def test_rows_that_cannot_be_read_are_told_apart(
    trained_home: Home, tmp_path: Path, carprice: Callable[..., Result]
) -> None:
    ragged, broken, out = tmp_path / "cars.csv", tmp_path / "cars.jsonl", tmp_path / "out.csv"
    ragged.write_text("make,model,year\nFord,F-150,2021\nFord,F-150\nFord,F-150,2021,x\n,,\n")
    assert carprice("predict", ragged, "-o", out, "-m", "small").exit_code == 0
    rows = read(out)
    assert [bool(row["predicted_price"]) for row in rows] == [True, False, False, False]
    assert rows[1]["error"] == "line 3 has 2 values for 3 columns"
    assert rows[2]["error"] == "line 4 has 4 values for 3 columns"
    good = json.dumps(CARS[0])
    odd = json.dumps({**CARS[1], "mileage": {"km": 5}})
    texts = json.dumps({**CARS[1], "year": "2021", "mileage": "27,667 mi."})
    broken.write_text("\n".join([good, '{"make": ', "[1, 2]", odd, texts, json.dumps(CARS[1])]))
    assert carprice("predict", broken, "-o", out, "-m", "small").exit_code == 0
    rows = read(out)
    assert [bool(row["predicted_price"]) for row in rows] == [True, False, False, False, True, True]
    assert rows[1]["error"] == "line 2 is no JSON object"
    assert rows[3]["error"].startswith("mileage: ")
    assert rows[4]["predicted_price"] == rows[5]["predicted_price"]


def test_bad_words_are_named(
    trained_home: Home, tmp_path: Path, refused: Callable[..., str]
) -> None:
    good, out = write_csv(tmp_path / "cars.csv", CARS), tmp_path / "out.csv"
    lacking = write_csv(tmp_path / "lacking.csv", [{"make": "Ford", "price": 3}])
    empty, binary, cut = (tmp_path / name for name in ("empty.csv", "binary.csv", "cut.parquet"))
    empty.write_text("")
    binary.write_bytes(b"\x7fELF\0\1" * 50)
    cut.write_bytes(write_parquet(tmp_path / "whole.parquet", CARS).read_bytes()[:400])
    western, again = tmp_path / "western.csv", tmp_path / "again.jsonl"
    many = "make,model,year\n" + "Ford,F-150,2021\n" * 9_000
    western.write_bytes(many.encode() + "Citroën,C4,2021\n".encode("latin-1"))
    again.write_text('{"make": "Ford", "Make": "Audi", "model": "A4", "year": 2021}\n')
    missing, folder = tmp_path / "missing.csv", tmp_path / "folder"
    folder.mkdir()
    cases = [
        (lacking, "lacks the columns model, year"),
        (empty, "is empty"),
        (binary, "is a binary file"),
        (cut, "cut off or damaged"),
        (western, "is not UTF-8 text"),
        (again, "its column 'make' stands twice"),
        (missing, "no such file"),
        (folder, "is a folder"),
    ]
    for source, words in cases:
        told = refused("predict", source, "-o", out, "-m", "small")
        assert told.startswith(f"{source}: ")
        assert words in told
    nowhere = tmp_path / "nowhere" / "out.csv"
    for target, words in [
        (nowhere, f"there is no folder {nowhere.parent}"),
        (tmp_path / "out.parquet", "the output is CSV"),
        (good, "is the file that is read"),
    ]:
        told = refused("predict", good, "-o", target, "-m", "small")
        assert told.startswith(f"{target}: {words}")
    words = ("predict", good, "-o", out)
    assert "regressor 'oracle' is not in this release" in refused(
        *words, "-m", "small", "--regressor", "oracle"
    )
    assert "market us has no champion yet" in refused(*words, "-m", "us")
    assert not out.exists()
    assert not list(tmp_path.glob(".*"))


def test_the_market_may_be_left_out_only_where_one_serves(
    trained_home: Home, tmp_path: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = write_csv(tmp_path / "cars.csv", CARS), tmp_path / "out.csv"
    monkeypatch.setattr(ReleaseStore, "champion", lambda self, market: "x")
    told = refused("predict", source, "-o", out)
    assert told == "state --market: there are champions of practice, practice_eu, small, us"
    monkeypatch.setattr(ReleaseStore, "champion", lambda self, market: None)
    assert "no market has a champion yet" in refused("predict", source, "-o", out)
