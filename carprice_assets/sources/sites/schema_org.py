"""``schema-org``: any site that publishes its cars as JSON-LD ``Car`` with ``Offer``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from carprice_assets.sources.sites.addresses import (
    absolute,
    same_host,
    same_page,
    shown,
    with_page,
)
from carprice_assets.sources.sites.base import (
    Broken,
    Card,
    Detail,
    Gone,
    Offer,
    SearchPage,
    Unreadable,
)
from carprice_assets.sources.sites.html import TooLargeError, fingerprint, notice, parse
from carprice_assets.sources.sites.linked_data import (
    Node,
    bare,
    entry_address,
    linked_data,
    list_entries,
    objects,
    text,
    types,
)

CAR_TYPES = frozenset({"Car", "Vehicle", "Motorcycle", "MotorizedBicycle", "BusOrCoach"})
VEHICLE_KEYS = frozenset(
    {
        *("vehicleIdentificationNumber", "mileageFromOdometer", "vehicleModelDate"),
        *("vehicleConfiguration", "vehicleEngine", "vehicleTransmission", "vehicleInteriorColor"),
        *("driveWheelConfiguration", "fuelType", "bodyType"),
    }
)
"""Properties that make a ``Product`` a vehicle."""

KEPT = (
    *("@type", "name", "brand", "manufacturer", "model", "category", "vehicleConfiguration"),
    *("vehicleModelDate", "modelDate", "productionDate", "vehicleIdentificationNumber"),
    *("color", "vehicleInteriorColor", "vehicleInteriorType", "driveWheelConfiguration"),
    *("bodyType", "fuelType", "vehicleEngine", "vehicleTransmission", "itemCondition"),
    "hasCertification",
    *("mileageFromOdometer", "numberOfDoors", "vehicleSeatingCapacity", "numberOfPreviousOwners"),
    *("knownVehicleDamages", "sku", "productID", "identifier", "url", "offers"),
)
"""Properties of the car that are stored, as they are."""

IDENTITIES = ("sku", "productID", "identifier")
UNAVAILABLE = frozenset({"SoldOut", "Discontinued", "OutOfStock"})
SEGMENT = re.compile(r"[^/?#\s]{1,200}")


class SchemaOrg:
    """The adapter. See :class:`carprice_assets.sources.sites.base.SiteAdapter`.

    ``more`` are properties that are kept beside :data:`KEPT`: those that a market's own
    features are read from.
    """

    def __init__(self, more: tuple[str, ...] = ()) -> None:
        self._kept = tuple(dict.fromkeys((*KEPT, *more)))

    name = "schema-org"
    format = "schema-org"
    renders: frozenset[str] = frozenset()
    ready: Mapping[str, str] = {
        "search": 'script[type="application/ld+json"]',
        "detail": 'script[type="application/ld+json"]',
    }

    def search_address(self, start: str, number: int) -> str:
        """See the protocol."""
        return with_page(start, number)

    def read_search(self, html: str, address: str) -> SearchPage | Broken:
        """The entries of the page's lists."""
        try:
            data = linked_data(parse(html))
        except TooLargeError as error:
            return Broken("bad_data", str(error))
        entries = list_entries(data)
        if data.broken_list or (entries is None and data.broken):
            return Broken("bad_data", data.broken)
        if entries is None:
            return Broken("no_data", "no list of offers")
        cards: dict[str, Card] = {}
        strangers: dict[str, None] = {}
        for entry in entries:
            given = entry_address(entry)
            found = absolute(given, address) if given else None
            if found is None or not same_host(found, address):
                if given:
                    strangers[shown(given)] = None
                continue
            node = next(iter(objects(entry.get("item"))), entry)
            listing = listing_id(node, found)
            if listing and not same_page(found.geturl(), address):
                cards.setdefault(listing, Card(listing, found.geturl(), _shows(node)))
        return SearchPage(tuple(cards.values()), tuple(strangers))

    def read_detail(self, html: str, address: str) -> Detail:
        """The car that the page is about, restricted to what is kept."""
        try:
            tree = parse(html)
        except TooLargeError as error:
            return Unreadable("page_too_large", str(error))
        data = linked_data(tree)
        if data.too_deep:
            return Unreadable("page_too_deep", data.broken)
        found = _main([node for node in data.nodes if is_car(node)], address)
        if isinstance(found, Unreadable):
            return found
        if found is None or isinstance(found, Broken):
            if said := notice(tree):
                return Gone(said)
            if found is None:
                reason = "bad_data" if data.broken else "no_data"
                return Broken(reason, data.broken or "no car")
            return found
        offers = objects(found.get("offers"))
        stock = [bare(text(offer.get("availability"))) for offer in offers]
        if stock and UNAVAILABLE.issuperset(stock):
            return Gone(f"availability {stock[0]}")
        listing = listing_id(found, urlsplit(address))
        if not listing:
            return Broken("bad_data", "the car has no id")
        return Offer(listing, {key: found[key] for key in self._kept if key in found})


def is_car(node: Node) -> bool:
    """Whether a node is a vehicle, by its type or, for a product, by what it tells."""
    named = types(node)
    return bool(named & CAR_TYPES) or ("Product" in named and not VEHICLE_KEYS.isdisjoint(node))


def _main(cars: list[Node], address: str) -> Node | Broken | Unreadable | None:
    """The car of the page; None where there is none.

    A car whose ``url`` is another page's is another car, though it stands alone.
    """
    different: list[Node] = []
    for car in cars:
        if car not in different:
            different.append(car)
    if not different:
        return None
    if len(different) == 1:
        url = different[0].get("url")
        found = absolute(url, address) if isinstance(url, str) and url.strip() else None
        if found is None or same_page(found.geturl(), address):
            return different[0]
        if not same_host(found, address):
            return Unreadable("foreign_address", shown(found.geturl()))
        return Broken("bad_data", "another listing's data")
    for query in (True, False):
        mine = [car for car in different if _names(car, address, query)]
        if len(mine) == 1:
            return mine[0]
    return Broken("bad_data", "several cars")


def _names(car: Node, address: str, query: bool) -> bool:
    for key in ("url", "@id"):
        value = car.get(key)
        if isinstance(value, str) and value.strip():
            found = absolute(value, address)
            if found is not None and same_page(found.geturl(), address, query=query):
                return True
    return False


def listing_id(node: Node, address: SplitResult) -> str:
    """What names an offer alike on search and detail pages; ``''`` for nothing.

    The last part of its address where that has a digit: a list often gives no more than
    addresses, so an id that only the car's own page tells would not be known again. Else the
    ``sku``, ``productID`` or ``identifier``; else the address as far as it goes.
    """
    segment = address.path.rstrip("/").rpartition("/")[2]
    if not address.query and SEGMENT.fullmatch(segment) and re.search(r"\d", segment):
        return segment
    for key in IDENTITIES:
        if SEGMENT.fullmatch(found := text(node.get(key))):
            return found
    return (f"{segment}?{address.query}" if address.query else segment)[:200]


def _shows(node: Node) -> str:
    """The fingerprint of what a list tells of an offer."""
    offer = next(iter(objects(node.get("offers"))), {})
    lists = next(iter(objects(offer.get("priceSpecification"))), {})
    return fingerprint(
        text(node.get("name")),
        bare(text(node.get("itemCondition")) or text(offer.get("itemCondition"))),
        text(offer.get("price")),
        text(offer.get("priceCurrency")),
        text(lists.get("price")),
        text(node.get("mileageFromOdometer")),
    )
