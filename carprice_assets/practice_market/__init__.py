"""A small marketplace to practise on: catalogue, prices, stock over days, payloads.

    market = simulate(Settings(seed=7, size=2500))
    for found in scrape(market, day=0):
        found.payload["price"]

It is made up from beginning to end: no dealer, listing or price in it is real. What it knows and
a scraper does not (`SimulatedCar.true_value`, `Market.planted_bargains`) is there to judge by.
"""

from carprice_assets.practice_market.payloads import PracticePayload, payload_of, scrape
from carprice_assets.practice_market.settings import DirtRates, Settings
from carprice_assets.practice_market.stock import Market, simulate
from carprice_assets.practice_market.vehicle import SimulatedCar, Vehicle

__all__ = [
    "DirtRates",
    "Market",
    "PracticePayload",
    "Settings",
    "SimulatedCar",
    "Vehicle",
    "payload_of",
    "scrape",
    "simulate",
]
