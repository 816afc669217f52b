"""The list: who is on it, in which order, and who stands apart."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from bargains.invented_offers import DAY, offer, work

from carprice_assets.bargains.ranking import rank
from carprice_assets.listings.notes import Note


def ids(entries: tuple[dict[str, object], ...]) -> list[object]:
    return [entry["listing_id"] for entry in entries]


def codes(entries: tuple[dict[str, object], ...], listing_id: str) -> list[str]:
    entry = next(each for each in entries if each["listing_id"] == listing_id)
    return [doubt["code"] for doubt in entry["doubts"]]  # type: ignore[union-attr,index]


def test_offers_below_their_range_are_ranked_the_best_first() -> None:
    found = rank(work([offer("fair", 19_500), offer("good", 15_000), offer("best", 13_000)]))
    assert ids(found.bargains) == ["best", "good"]
    assert found.apart == ()
    assert found.offers == 3
    best = found.bargains[0]
    assert (best["expected"], best["low"], best["high"]) == (20_000, 18_000, 22_000)
    assert (best["saving"], best["saving_share"]) == (7_000, 0.35)
    assert (best["days_on_sale"], best["first_price"], best["drops"]) == (10, 13_000, 0)


def test_the_least_saving_and_the_length_are_settings() -> None:
    offers = [offer("little", 17_500), offer("more", 15_000), offer("most", 13_000)]
    assert ids(rank(work(offers, min_saving=0.2)).bargains) == ["most", "more"]
    assert ids(rank(work(offers, limit=1)).bargains) == ["most"]


@pytest.mark.parametrize(
    ("price", "code"),
    [
        (1_999, "digit_missing"),
        (5_300, "too_cheap"),
        (999_999, "placeholder_price"),
        (11_111, "placeholder_price"),
        (195_000, "price_typo"),
    ],
)
def test_a_price_that_is_none_stands_apart(price: float, code: str) -> None:
    found = rank(work([offer("odd", price), offer("good", 15_000)]))
    assert ids(found.bargains) == ["good"]
    assert ids(found.apart) == ["odd"]
    assert code in codes(found.apart, "odd")


@pytest.mark.parametrize(
    ("price", "code"), [(1, "placeholder_price"), (1_234_567, "placeholder_price"),
                        (299, "monthly_rate"), (1_450, "price_typo")]
)  # fmt: skip
def test_a_row_rejected_for_its_price_stands_apart(price: float, code: str) -> None:
    found = rank(work([offer("good", 15_000)], rejected=[offer("odd", price)]))
    assert ids(found.bargains) == ["good"]
    assert codes(found.apart, "odd") == ["price_rejected", code]


@pytest.mark.parametrize("price", [90_000, 125_000, 170_000])
def test_a_car_that_is_merely_dear_is_in_neither_part(price: float) -> None:
    payloads = {"dear": json.dumps({"title": "2020 Honda Civic EX rebuilt title"})}
    offers = [offer("dear", price, dealer="Loud"), offer("good", 15_000)]
    found = rank(work(offers, payloads=payloads, raised={"Loud": (4, 20)}))
    assert ids(found.bargains) == ["good"]
    assert found.apart == ()


def test_a_dear_car_rejected_for_its_price_is_in_neither_part() -> None:
    notes = {"unknown": (Note("unknown_make", "make", "never seen"),)}
    rejected = [
        offer("dear", 2_200_000),
        offer("unknown", 3_399_000),
        offer("cents", 1_999_900),
        offer("far", 9_876_543),
    ]
    made = work([offer("good", 15_000)], rejected=rejected, notes=notes)
    made.rejected.expected[0], made.rejected.low[0] = 600_000, 400_000
    found = rank(made)
    assert ids(found.apart) == ["cents", "far"]
    assert codes(found.apart, "cents") == ["price_rejected", "price_typo"]


def test_what_is_asked_for_its_like_is_told_and_puts_it_behind_the_others() -> None:
    offers = [offer("odd", 13_000), offer("good", 15_000, model="Accord")]
    offers += [offer(f"twin{n}", 13_500, mileage=31_000.0 + n, vehicle="") for n in range(2)]
    found = rank(work([*offers, *(offer(f"far{n}", 13_000, trim="Si R") for n in range(9))]))
    assert ids(found.bargains)[0] != "good", "two twins are too few to doubt by"
    twins = [offer(f"twin{n}", 18_500 - 5_000 * (n < 4), mileage=31_000.0) for n in range(7)]
    found = rank(work([*offers[:2], *twins]))
    assert ids(found.bargains)[0] == "good"
    assert "odd" in ids(found.bargains)
    assert codes(found.bargains, "odd") == ["like_comparables"]
    assert codes(found.bargains, "good") == []
    found = rank(work([*offers[:2], *twins], like_comparables=1.0))
    assert codes(found.bargains, "odd") == []


def test_an_offer_far_below_the_expected_price_says_so_in_its_place() -> None:
    found = rank(work([offer("best", 11_000), offer("good", 15_000)]))
    assert ids(found.bargains) == ["best", "good"]
    assert codes(found.bargains, "best") == ["very_cheap"]
    assert codes(rank(work([offer("best", 11_000)], very_cheap=0.52)).bargains, "best") == []


def test_salvage_wording_on_the_page_stands_apart() -> None:
    payloads = {"bad": json.dumps({"title": "2020 Honda Civic EX rebuilt title"})}
    found = rank(work([offer("bad", 14_000), offer("good", 15_000)], payloads=payloads))
    assert ids(found.bargains) == ["good"]
    assert codes(found.apart, "bad") == ["salvage"]


def test_a_dealer_who_raises_prices_again_and_again_stands_apart() -> None:
    offers = [offer("lure", 14_000, dealer="Loud"), offer("good", 15_000, dealer="Quiet")]
    found = rank(work(offers, raised={"Loud": (4, 20), "Quiet": (1, 20)}))
    assert ids(found.bargains) == ["good"]
    assert codes(found.apart, "lure") == ["dealer_lures"]


def test_a_dealer_whose_offers_are_all_far_too_low_stands_apart() -> None:
    offers = [offer(f"lure{i}", 14_000 + i, dealer="Loud") for i in range(6)]
    offers += [offer(f"fair{i}", 20_000, dealer="Quiet") for i in range(9)]
    offers += [offer("good", 15_000, dealer="Quiet")]
    found = rank(work(offers))
    assert ids(found.bargains) == ["good"]
    assert len(found.apart) == 6


def test_an_unsupported_car_stands_apart_without_a_valuation() -> None:
    notes = {"strange": (Note("unknown_model", "model", "never seen"),)}
    found = rank(work([offer("strange", 14_000), offer("good", 15_000)], notes=notes))
    assert ids(found.bargains) == ["good"]
    assert codes(found.apart, "strange") == ["unsupported"]
    assert found.apart[0]["expected"] is found.apart[0]["saving_share"] is None


def test_missing_mileage_is_told_beside_the_bargain() -> None:
    found = rank(work([offer("blank", 14_000, mileage=float("nan"))]))
    assert codes(found.bargains, "blank") == ["missing_mileage"]
    assert found.bargains[0]["mileage"] is None


def test_comparables_are_the_most_alike_on_sale_and_lately_gone() -> None:
    offers = [
        offer("best", 13_000),
        offer("twin", 20_000, mileage=31_000.0),
        offer("old", 20_000, year=2012.0, mileage=150_000.0),
        offer("sport", 20_000, trim="Si"),
        offer("other", 20_000, model="Accord"),
        offer("new", 20_000, stock_type="New"),
    ]
    gone = [offer("sold", 18_500, last_seen=DAY - 20, delisted_at=DAY - 18)]
    gone += [offer("lost", 18_900, year=2019.0, last_seen=DAY - 30)]
    entry = rank(work(offers, gone=gone)).bargains[0]
    on_sale, left = entry["comparables"]["on_sale"], entry["comparables"]["gone"]
    assert [each["mileage"] for each in on_sale] == [31_000, 30_000, 150_000]
    assert on_sale[0]["days_on_sale"] == 10
    assert [each["price"] for each in left] == [18_500, 18_900]
    assert left[0]["delisted"] == "2024-09-16"
    assert left[1]["delisted"] is None


def test_price_drops_are_told() -> None:
    dropped = offer("best", 13_000, first_price=15_500.0, drops=2.0, last_drop=DAY - 3)
    entry = rank(work([dropped])).bargains[0]
    assert (entry["first_price"], entry["drops"], entry["last_drop"]) == (15_500, 2, "2024-10-01")


def test_days_are_those_that_it_was_seen_and_not_those_since() -> None:
    seen = offer("best", 13_000, first_seen=DAY - 12, last_seen=DAY - 9)
    twin = offer("twin", 20_000, first_seen=DAY - 8, last_seen=DAY - 7)
    [entry] = rank(work([seen, twin])).bargains
    assert (entry["days_on_sale"], entry["first_seen"], entry["last_seen"]) == (
        3, "2024-09-22", "2024-09-25",
    )  # fmt: skip
    assert entry["comparables"]["on_sale"][0]["days_on_sale"] == 1


def test_the_car_is_told_as_a_request_states_it_without_who_sells_it() -> None:
    told = rank(work([offer("best", 13_000, dealer="Loud", vin="V1", msrp=24_500.0)])).bargains[0]
    assert told["car"]["msrp"] == 24_500
    assert told["car"]["cat"] is told["car"]["bodystyle"] is None
    assert (told["car"]["make"], told["car"]["year"]) == ("Honda", 2020)
    assert not {"vin", "dealer", "observed_at", "price"} & set(told["car"])


def test_the_markets_own_fields_are_told_where_the_release_knows_them_alike() -> None:
    made = work([offer("best", 13_000)])
    made.current.offers["range_km"] = np.array([410.5])  # type: ignore[index]
    made.current.offers["power"] = np.array([110.0])  # type: ignore[index]
    [entry] = rank(replace(made, own=("range_km",))).bargains
    assert entry["car"]["range_km"] == 410.5
    assert "power" not in entry["car"]


def test_a_car_without_any_valuation_is_counted_and_left_out() -> None:
    made = work([offer("none", 13_000), offer("good", 15_000)])
    made.valued.expected[0] = made.valued.low[0] = np.nan
    found = rank(made)
    assert ids(found.bargains) == ["good"]
    assert found.unvalued == 1


def test_a_list_of_nothing_is_empty() -> None:
    found = rank(work([]))
    assert (found.bargains, found.apart, found.offers) == ((), (), 0)
