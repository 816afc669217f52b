"""Answering from a release: the door that the service and the commands use."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.listings.contract import Columns, days
from carprice_assets.listings.notes import Note
from carprice_assets.markets.features import DeclaredFeature
from carprice_assets.releases.comparables import Comparables
from carprice_assets.releases.content import check_schema
from carprice_assets.releases.engine import Answer, Engine, Intake, Parts, own_parts
from carprice_assets.releases.golden import Golden
from carprice_assets.releases.head import Head
from carprice_assets.releases.hold import Hold, hold
from carprice_assets.releases.release import Release
from carprice_assets.releases.strict import read_object
from carprice_assets.releases.support import as_errors, verdict
from carprice_assets.releases.vehicles import Hashes, read_vehicles
from carprice_assets.releases.verify import content_types, release_problems


@dataclass(frozen=True, slots=True)
class CarValuation:
    """One car's answer: a price with its range, or None with the errors that say why.

    Attributes
    ----------
    price, low, high, coverage
        The price, and the range that holds ``coverage`` of such cars' asking prices; the range
        is None where the regressor has none.
    supported
        False for a car like which nothing was learned from, None where it could not be read.
    reasons
        Why a car is not supported; they stand among the errors as well, as ``unsupported``.
    """

    price: float | None
    warnings: tuple[Note, ...] = ()
    errors: tuple[Note, ...] = ()
    low: float | None = None
    high: float | None = None
    coverage: float | None = None
    supported: bool | None = None
    reasons: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Valuer:
    """A loaded release.

    Attributes
    ----------
    release_id, market, currency, distance
        Which release, of which market, in which units.
    regressors
        Names of those carried, sorted.
    champion
        The one that answers unless another is asked for.
    last_observed
        Day of the latest scrape learned from; later ``as_of`` are clamped to it, and those
        before the first listing to that one's day, where the release tells it.
    provenance
        The facts of ``provenance.json``, with ``staged_at``.
    same_bits
        Whether the golden cars' features have the bits of the machine that built the release;
        None where they were not replayed. Another kind of processor may round otherwise.
    features
        Those of the market's own, as declared when the release was made.
    hold
        Keeps the release from being pruned for as long as the valuer lives.
    comparables
        The listings learned from; None where an older version made the release.
    """

    release_id: str
    head: Head
    provenance: Mapping[str, Any]
    engine: Engine
    content: Path
    same_bits: bool | None = None
    features: tuple[DeclaredFeature, ...] = ()
    hold: Hold | None = field(default=None, repr=False, compare=False)
    comparables: Comparables | None = None

    @classmethod
    def load(cls, folder: Path, verify: bool = True, parts: Parts | None = None) -> Valuer:
        """Load the release in ``folder`` (``…/<market>/<release id>``).

        Hashes are checked before anything is parsed, file types and array shapes before
        anything is loaded, and the golden cases are replayed. ``verify=False`` leaves out
        hashes and golden cases, for a caller that has just verified the same folder.

        Raises
        ------
        UserError
            Naming the file or golden case at fault.
        """
        folder = folder.absolute()
        release = Release(folder.parent.name, folder.name, folder)
        held = hold(release)
        if verify:
            problems = release_problems(release)
        else:
            problems = content_types(release, release.manifest())
        _refuse(release.id, problems)
        head = release.head()
        schema = release.content / "schema.json"
        with _told(release.id):
            features = check_schema(read_object(schema), str(schema))
            parts = parts or own_parts(head.currency, features)
            engine = Engine.open(release.content, head, parts)
            known = Comparables.load(release.content)
        same_bits = None
        if verify:
            path = release.content / "golden.json"
            replay = Golden.parse(read_object(path), str(path)).replay(engine)
            _refuse(release.id, replay.problems)
            same_bits = replay.same_bits
        provenance = release.provenance()
        facts = dict(provenance.facts) | {"staged_at": provenance.staged_at}
        return cls(
            release.id, head, facts, engine, release.content, same_bits, features, held, known
        )

    @property
    def market(self) -> str:
        return self.head.market

    @property
    def currency(self) -> str:
        return self.head.currency

    @property
    def distance(self) -> str:
        return self.head.distance

    @property
    def regressors(self) -> tuple[str, ...]:
        return self.head.regressors

    @property
    def champion(self) -> str:
        return self.head.champion

    @property
    def last_observed(self) -> date:
        return self.head.last_observed

    def observed_day(self, day: date) -> date:
        """The day nearest to ``day`` of those that listings were learned from."""
        return self.head.observed_day(day)

    def vehicles(self, salt: str | None = None) -> Hashes:
        """Sorted hashes of the vehicles that the release learned from.

        Raises
        ------
        UserError
            Where they were made with another salt than ``salt``, so that they tell nothing.
        """
        if salt is not None and salt != self.head.data.get("salt"):
            raise UserError(f"release {self.release_id} was split by another salt than {salt!r}")
        return read_vehicles(self.content)

    def value(self, columns: Columns, regressor: str | None = None) -> NDArray[np.float64]:
        """Prices of ``columns`` (all feature fields) in the market's currency, (rows,).

        Raises
        ------
        UserError
            Where the release does not carry ``regressor``.
        """
        return self.engine.value(columns, regressor)

    def ranges(
        self, columns: Columns, regressor: str | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Prices of ``columns`` and the ends of their ranges, (rows,) each; errors as ``value``."""
        return self.engine.predictor(regressor).ranges(columns)

    def notes(self, columns: Columns) -> list[tuple[Note, ...]]:
        """What was imputed, unknown or unusual, one entry a row."""
        return self.engine.notes(columns)

    def value_cars(
        self, cars: Sequence[Any], *, as_of: date, regressor: str | None = None
    ) -> list[CarValuation]:
        """One valuation for each car in order; a bad car never spoils the others.

        ``as_of`` outside the days of the data is clamped to them with a warning.

        Raises
        ------
        UserError
            Where the release does not carry ``regressor``.
        """
        coverage = self.engine.predictor(regressor).coverage  # refused where no car can be read
        intake, columns = self.read_cars(cars, as_of)
        clamped = self._clamped(as_of)
        answers = [
            CarValuation(None, tuple(warnings), tuple(errors))
            for warnings, errors in zip(intake.warnings, intake.errors)
        ]
        for row, answer in zip(intake.rows, self.engine.answers(columns, regressor), strict=True):
            answers[row] = _valuation(answer, (*answers[row].warnings, *clamped), coverage)
        return answers

    def read_cars(self, cars: Sequence[Any], as_of: date) -> tuple[Intake, Columns]:
        """What the cars of a request came to, and the columns that are valued."""
        # Before the first day of the data the car is read as it stands on that day.
        read_at = days(max(as_of, self.observed_day(as_of)))
        intake = self.engine.read_cars(cars, as_of=read_at, distance=self.distance)
        columns = dict(intake.columns)
        columns["observed_at"] = np.full(len(intake.rows), days(self.observed_day(as_of)))
        return intake, columns

    def _clamped(self, as_of: date) -> tuple[Note, ...]:
        day = self.observed_day(as_of)
        if as_of == day:
            return ()
        which = "last" if day < as_of else "first"
        told = f"valued as of {day}, the {which} day with listings, not {as_of}"
        return (Note("as_of_clamped", "observed_at", told),)


def _valuation(answer: Answer, warnings: tuple[Note, ...], coverage: float | None) -> CarValuation:
    reasons, others = verdict(answer.notes)
    warnings = (*warnings, *others)
    if not (np.isfinite(answer.price) and answer.price > 0):
        told = "the regressor has no price above 0 for this car"
        reasons = (*reasons, Note("no_price", "car", told))
    if reasons:
        errors = as_errors(reasons)
        return CarValuation(None, warnings, errors, supported=False, reasons=reasons)
    if coverage is None:
        return CarValuation(answer.price, warnings, supported=True)
    return CarValuation(
        answer.price, warnings, (), answer.low, answer.high, coverage, supported=True
    )


@contextmanager
def _told(release_id: str) -> Generator[None]:
    """Tell in one line what is malformed in files whose hashes are right."""
    try:
        yield
    except UserError as error:
        raise UserError(
            f"release {release_id} cannot answer with this carprice: {error}"
        ) from error
    except (ValueError, TypeError, LookupError, AttributeError, OSError) as error:
        told = f"{type(error).__name__}: {error}"
        raise UserError(f"release {release_id} cannot be loaded: {told}") from error


def require_answers(release: Release) -> None:
    """Raise a UserError where ``release`` does not load here with the golden cases' prices."""
    Valuer.load(release.path)


def _refuse(release_id: str, problems: list[str]) -> None:
    if problems:
        more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        raise UserError(f"release {release_id} is refused: {problems[0]}{more}")
