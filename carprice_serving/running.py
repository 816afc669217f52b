"""What goes on beside the answers: following champions, keys, figures, the workers' board."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any

import anyio
from anyio import to_thread

from carprice_assets.errors import UserError
from carprice_serving.answered import Answered
from carprice_serving.board import Board
from carprice_serving.guard import Guard
from carprice_serving.keys import FILE, Keys
from carprice_serving.metrics import Metrics
from carprice_serving.schemas import Valuation
from carprice_serving.settings import Settings
from carprice_serving.valuers import ValuerRegistry

BOARD_SECONDS = 1.0

logger = logging.getLogger(__name__)


@dataclass
class Running:
    """One worker's surroundings."""

    settings: Settings
    registry: ValuerRegistry
    metrics: Metrics
    guard: Guard
    board: Board
    _keys_at: tuple[int, int] | None = field(default=None, init=False)
    _posting: Lock = field(default_factory=Lock, init=False)

    def start(self) -> None:
        """Before the first request: champions loaded, keys read, the board written."""
        self.registry.reloaded = self._reloaded
        self.follow()
        if problem := self.registry.default_problem:
            logger.warning("%s", problem)
        self.post()

    def follow(self) -> None:
        """Look at champions and keys once."""
        self.registry.refresh()
        self._follow_keys()
        self._tell_releases()

    async def loop(self) -> None:
        """Follow for ever."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._every, self.settings.poll_seconds, self.follow)
            if self.board.folder is not None:
                tasks.start_soon(self._every, BOARD_SECONDS, self.post)

    async def _every(self, seconds: float, work: Any) -> None:
        while True:
            await anyio.sleep(seconds)
            await to_thread.run_sync(work)

    def post(self) -> None:
        """Tell the other workers how this one is."""
        if self.board.folder is None:
            return
        with self._posting:  # so that no older figures take the place of later ones
            told = {"releases": _releases(self.registry), "metrics": self.metrics.snapshot()}
            self.board.write(told)

    def count(self, answered: Answered) -> None:
        """Count what came of the cars of an answer."""
        valuer = answered.valuer
        regressor = answered.regressor or valuer.champion
        for valuation in answered.valuations:
            self.metrics.cars.add((valuer.market, regressor, outcome(valuation)))
            if any(note.code == "imputed" for note in valuation.warnings):
                self.metrics.imputed.add((valuer.market,))

    def stage(self, name: str, seconds: float) -> None:
        """Count the seconds of a stage."""
        self.metrics.stages.observe((name,), seconds)

    def _reloaded(self, market: str, well: bool, seconds: float) -> None:
        self.metrics.reloads.add((market, "taken" if well else "refused"))
        if well:
            self.stage("reload", seconds)

    def _tell_releases(self) -> None:
        ages: dict[tuple[str, ...], list[float]] = {}
        now = datetime.now(UTC)
        for name, state in self.registry.states.items():
            self.metrics.failing.set((name,), float(state.error is not None))
            if state.valuer is None:
                continue
            staged = staged_at(state.valuer.provenance.get("staged_at")) or state.since
            if staged is not None:
                key = (name, state.valuer.release_id)
                ages[key] = [max((now - staged).total_seconds(), 0.0)]
        self.metrics.ages.values = ages

    def _follow_keys(self) -> None:
        path = self.settings.home.root / FILE
        try:
            status = path.stat()
            seen = (status.st_mtime_ns, status.st_ino)
        except OSError:
            seen = (0, 0)
        if seen == self._keys_at:
            return
        self._keys_at = seen
        try:
            self.guard.keys = Keys.load(self.settings.home)
        except UserError as error:  # the keys known so far go on
            logger.warning("%s", error)


def outcome(valuation: Valuation) -> str:
    """What came of one car: priced, unsupported or error."""
    if valuation.price is not None:
        return "priced"
    return "unsupported" if valuation.supported is False else "error"


def staged_at(text: Any) -> datetime | None:
    """The moment that a release was staged."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def in_service(board: Board, registry: ValuerRegistry) -> Sequence[dict[str, Any]]:
    """Each worker's releases by market, this one's first."""
    others = ({"pid": each["pid"], "releases": each["releases"]} for each in board.others())
    return [{"pid": os.getpid(), "releases": _releases(registry)}, *others]


def _releases(registry: ValuerRegistry) -> dict[str, str]:
    """The release that answers for each market."""
    return {
        name: state.valuer.release_id
        for name, state in registry.states.items()
        if state.valuer is not None
    }
