"""Names of encoded features as people understand them: the field that each was made of."""

from __future__ import annotations

from collections.abc import Mapping

USUAL_PRICE = "usual_price"
"""All that says what cars of its make, model, trim and year usually cost."""
_FIELDS: Mapping[str, str] = {
    "age": "year",
    "mileage_per_year": "mileage",
    "mileage_missing": "mileage",
    "msrp_missing": "msrp",
    "observed_at": "day_seen",
}
_BEGINNINGS: tuple[tuple[str, str], ...] = (
    ("model_hash_", "model"),
    ("make_", "make"),
    ("price_", USUAL_PRICE),
    *((f"{name}_", name) for name in ("stock_type", "fuel_type", "drivetrain", "bodystyle")),
    *((f"{name}_", name) for name in ("exterior_color", "interior_color", "cat")),
)
_OWN = "market."


def field_of(feature: str) -> str:
    """The field that a feature tells of: ``model`` for ``model_hash_17``.

    Of a market's own features it is their name; what is not known stays as it is.
    """
    if feature.startswith(_OWN):
        return feature.removeprefix(_OWN).partition(".")[0]
    if feature in _FIELDS:
        return _FIELDS[feature]
    return next((field for start, field in _BEGINNINGS if feature.startswith(start)), feature)


def by_field(errors: Mapping[str, float]) -> dict[str, float]:
    """Errors by feature as errors by field, of each field the largest, in the order given."""
    found: dict[str, float] = {}
    for feature, error in errors.items():
        field = field_of(feature)
        if field not in found or abs(error) > abs(found[field]):
            found[field] = error
    return found
