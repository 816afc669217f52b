"""``carprice score``: the table, its JSON, what was rejected, what the release learned from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from carprice_assets.home import Home
from carprice_assets.listings.known import known_vehicles
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.valuer import Valuer

SCORE = ("-m", "small", "--format", "payload")


@pytest.fixture
def scraped(trained_home: Home) -> Path:
    """The file that the market ``small`` was trained on."""
    return trained_home.spool / "practice-small.jsonl"


def test_the_file_of_the_training(scraped: Path, carprice: Callable[..., Result]) -> None:
    result = carprice("score", scraped, *SCORE)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[2:7]] == [
        "All",
        "New",
        "Used",
        "Certified",
        "Learned",
    ]
    assert any(line.startswith("Not scored: ") and "no_price" in line for line in lines)
    assert any(line.split()[:2] == ["file", scraped.name] for line in lines)
    [told] = [line for line in lines if line.startswith("ranges ")]
    within = float(told.split()[1].rstrip("%"))
    assert 70 < within <= 100
    assert "90% stated, median width" in told
    assert any(line.startswith("unsupported ") for line in lines)
    content = json.loads(carprice("score", scraped, *SCORE, "--json").stdout)
    dataset = Valuer.load(release(scraped)).head.data["counts"]
    # The release has learned from all vehicles but the hold-out's, and the file has just those.
    assert content["rows"]["All"]["rows"] == dataset["holdout"]
    assert content["learned"]["rows"] == sum(dataset.values()) - dataset["holdout"]
    assert content["rejected"]["no_price"] > 0
    scored = content["rows"]["All"]["rows"] + content["learned"]["rows"]
    assert scored + sum(content["rejected"].values()) == content["notes"]["rows"]


def release(scraped: Path) -> Path:
    store = ReleaseStore(Home(scraped.parent.parent).releases)
    return store.open("small", store.champion("small") or "").path


def test_without_a_warehouse_listing_ids_name_themselves(
    trained_home: Home, scraped: Path, carprice: Callable[..., Result]
) -> None:
    assert known_vehicles(trained_home, "small")
    assert known_vehicles(trained_home, "us") == {}
    trained_home.warehouse.unlink()
    assert known_vehicles(trained_home, "small") == {}
    content = json.loads(carprice("score", scraped, *SCORE, "--json").stdout)
    assert not trained_home.warehouse.exists()
    assert content["learned"]["rows"] > 5 * content["rows"]["All"]["rows"]


def test_a_vehicle_under_another_id_is_known_by_its_vin(
    trained_home: Home, scraped: Path, tmp_path: Path, carprice: Callable[..., Result]
) -> None:
    learned = set(json_vins(scraped))
    path = tmp_path / "again.jsonl"
    car = {"make": "Ford", "model": "Focus", "year": 2019, "price": 12000, "stock_type": "Used"}
    with path.open("w") as file:
        for number, vin in enumerate(["", *sorted(learned)[:40]]):
            line = {"listing_id": f"new-{number}", "payload": {**car, "vin": vin, "trim": number}}
            file.write(json.dumps(line) + "\n")
    content = json.loads(carprice("score", path, *SCORE, "--json").stdout)
    assert 0 < content["learned"]["rows"] <= 40
    assert content["rows"]["All"]["rows"] == 41 - content["learned"]["rows"]
    assert content["notes"]["undated rows"].endswith(", the release's last observation")


def json_vins(scraped: Path) -> list[str]:
    cars = (json.loads(line)["payload"] for line in scraped.read_text().splitlines())
    return [car["vin"] for car in cars if len(str(car.get("vin") or "")) == 17]


def test_real_listings_score_however_poorly(
    trained_home: Home, real_data: Path, carprice: Callable[..., Result]
) -> None:
    file = real_data / "carscom_2024_export.csv"
    result = carprice("score", file, "-m", "small", "--format", "carscom-export")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[2].startswith("All")
    named = carprice(
        *("score", file, "-m", "small", "--format", "carscom-export"),
        *("--scraped-at", "2024-04-15", "--regressor", "catboost", "--json"),
    )
    notes = json.loads(named.stdout)["notes"]
    assert notes["regressor"] == "catboost"
    assert notes["undated rows"] == "as of 2024-04-15"


def test_bad_words_are_named(
    trained_home: Home, scraped: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    missing, hopeless = tmp_path / "missing.jsonl", tmp_path / "hopeless.jsonl"
    hopeless.write_text('{"listing_id": "a", "payload": {"make": "Ford"}}\n')
    assert refused("score", missing, *SCORE) == f"{missing}: no such file"
    assert refused("score", hopeless, *SCORE).startswith(f"{hopeless}: no row can be scored: ")
    assert "regressor 'oracle' is not in this release" in refused(
        "score", scraped, *SCORE, "--regressor", "oracle"
    )
    assert "market us has no champion yet" in refused(
        "score", scraped, "-m", "us", "--format", "payload"
    )
    assert "unknown format" in refused("score", scraped, "-m", "small", "--format", "x")
