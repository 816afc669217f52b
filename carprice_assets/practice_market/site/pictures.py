"""Tiny pictures of cars, drawn as SVG."""

from __future__ import annotations

from carprice_assets.practice_market.site.draws import pick, roll
from carprice_assets.practice_market.site.state import SiteState

PAINTS = {
    "black": "#2b2e33",
    "white": "#f4f5f7",
    "gray": "#868c94",
    "grey": "#868c94",
    "silver": "#c3c8ce",
    "blue": "#2f5d9e",
    "red": "#b3282d",
    "green": "#3f6b4f",
    "brown": "#6f5440",
    "beige": "#cdbfa5",
    "gold": "#b99a55",
    "orange": "#d9762b",
    "yellow": "#e2bd3a",
}
SKIES = ("#dfe8ef", "#e8e4da", "#dde7df", "#e6e0ea")
LOW = "M40 128 Q44 104 78 100 L112 78 Q150 66 196 74 L238 98 Q280 102 286 120 L284 132 L40 132 Z"
TALL = "M40 130 Q42 100 62 94 L88 62 Q150 52 232 60 L262 92 Q286 98 286 120 L284 132 L40 132 Z"
OPEN_BED = "M40 130 Q42 104 74 98 L104 66 L170 64 L184 96 L284 98 L286 132 L40 132 Z"
LOW_GLASS = "M92 98 L118 82 Q150 74 192 80 L218 98 Z"
TALL_GLASS = "M82 92 L98 68 Q150 60 226 67 L244 92 Z"
BED_GLASS = "M92 96 L110 72 L164 71 L172 96 Z"
BODIES = {"SUV": (TALL, TALL_GLASS), "Minivan": (TALL, TALL_GLASS), "Van": (TALL, TALL_GLASS)}
TRUCK = (OPEN_BED, BED_GLASS)


def picture(state: SiteState, listing_id: str, name: str) -> bytes:
    """One picture of a listing; of an id not on sale, any car.

    Parameters
    ----------
    name
        Number of the picture with its ending; each has its own background.
    """
    car = state.stock.cars.get(listing_id)
    style = car.vehicle.bodystyle if car else ""
    color = car.vehicle.exterior_color.casefold() if car else ""
    body, glass = TRUCK if "Truck" in style else BODIES.get(style, (LOW, LOW_GLASS))
    paint = next((code for word, code in PAINTS.items() if word in color), "#7b8794")
    sky = pick(SKIES, listing_id, name)
    sun = 40 + round(220 * roll(listing_id, name, "sun"))
    wheels = "".join(
        f'<circle cx="{x}" cy="134" r="19" fill="#22252a"/><circle cx="{x}" cy="134" r="9"'
        ' fill="#c9ced4"/>'
        for x in (92, 236)
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 180">'
        f'<rect width="320" height="180" fill="{sky}"/><circle cx="{sun}" cy="40" r="18"'
        ' fill="#fff" opacity=".6"/><rect y="140" width="320" height="40" fill="#b9bfc4"/>'
        '<ellipse cx="164" cy="152" rx="132" ry="7" fill="#8d949a" opacity=".6"/>'
        f'<path d="{body}" fill="{paint}" stroke="#1d2024" stroke-opacity=".25"/>'
        f'<path d="{glass}" fill="#31404d" opacity=".85"/>{wheels}</svg>'
    ).encode()
