"""Figures of the running service in Prometheus's text format, of all its workers together."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

BUCKETS = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    float("inf"),
)
"""Upper ends in seconds."""
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Labels = tuple[str, ...]


class Metric:
    """A counter, a gauge or a histogram: numbers by the values of its labels.

    Of a histogram they are the counts of the buckets, then the sum; of the others one number.
    """

    def __init__(self, kind: str, name: str, doc: str, labels: Sequence[str] = ()) -> None:
        self.kind, self.name, self.doc, self.labels = kind, name, doc, tuple(labels)
        self.values: dict[Labels, list[float]] = {}

    def add(self, labels: Labels, amount: float = 1.0) -> None:
        """Add to a counter."""
        found = self.values.get(labels)
        if found is None:
            found = self.values.setdefault(labels, [0.0])
        found[0] += amount

    def set(self, labels: Labels, value: float) -> None:
        """Set a gauge."""
        self.values[labels] = [value]

    def observe(self, labels: Labels, seconds: float) -> None:
        """Count into a histogram."""
        found = self.values.get(labels)
        if found is None:
            found = self.values.setdefault(labels, [0.0] * (len(BUCKETS) + 1))
        found[bisect_left(BUCKETS, seconds)] += 1.0
        found[-1] += seconds

    def lines(self) -> Iterable[str]:
        """Prometheus's lines of this metric."""
        yield f"# HELP {self.name} {self.doc}"
        yield f"# TYPE {self.name} {self.kind}"
        for labels, values in sorted(self.values.items()):
            told = ",".join(f'{n}="{_escaped(v)}"' for n, v in zip(self.labels, labels))
            if self.kind != "histogram":
                yield f"{self.name}{'{' + told + '}' if told else ''} {_number(values[0])}"
                continue
            head = f"{told}," if told else ""
            count = 0.0
            for end, own in zip(BUCKETS, values):
                count += own
                yield f'{self.name}_bucket{{{head}le="{_number(end)}"}} {_number(count)}'
            tail = "{" + told + "}" if told else ""
            yield f"{self.name}_sum{tail} {_number(values[-1])}"
            yield f"{self.name}_count{tail} {_number(count)}"


class Metrics:
    """All figures of one worker."""

    def __init__(self) -> None:
        self.requests = Metric(
            "counter", "carprice_requests_total", "Requests answered.", ("route", "status")
        )
        self.seconds = Metric(
            "histogram", "carprice_request_seconds", "Seconds to a request's answer.", ("route",)
        )
        self.stages = Metric(
            "histogram",
            "carprice_stage_seconds",
            "Seconds of a stage: value computes on the event loop, slice in a thread, reload"
            " loads a release.",
            ("stage",),
        )
        self.cars = Metric(
            "counter",
            "carprice_cars_total",
            "Cars asked for, by what came of them: priced, unsupported or error.",
            ("market", "regressor", "outcome"),
        )
        self.imputed = Metric(
            "counter", "carprice_cars_imputed_total", "Cars of which something was imputed.",
            ("market",),
        )  # fmt: skip
        self.refused = Metric(
            "counter",
            "carprice_refused_total",
            "Requests refused at the door: key, rate, busy or time.",
            ("reason",),
        )
        self.reloads = Metric(
            "counter",
            "carprice_reloads_total",
            "Releases taken into service, or refused with the old one kept.",
            ("market", "outcome"),
        )
        self.ages = Metric(
            "gauge",
            "carprice_release_age_seconds",
            "Seconds since the release that answers was staged.",
            ("market", "release"),
        )
        self.failing = Metric(
            "gauge",
            "carprice_market_failing",
            "1 where the champion is not what answers.",
            ("market",),
        )
        self.spooled = Metric(
            "counter",
            "carprice_spooled_total",
            "Answers kept for served_valuations, or dropped since the spool was full or failed.",
            ("outcome",),
        )
        self.memory = Metric(
            "gauge", "carprice_resident_bytes", "Resident memory, of all workers together."
        )

    def all(self) -> list[Metric]:
        """Every metric, in the order in which they are told."""
        return [each for each in vars(self).values() if isinstance(each, Metric)]

    def snapshot(self) -> dict[str, Any]:
        """All numbers, for JSON: metric to pairs of labels and values."""
        self.memory.set((), resident())
        return {
            each.name: [
                [list(labels), list(values)] for labels, values in list(each.values.items())
            ]
            for each in self.all()
        }

    def told(self, others: Iterable[Mapping[str, Any]] = ()) -> str:
        """The text of this worker's figures and the ``others``' snapshots together."""
        whole = Metrics()
        for snapshot in (self.snapshot(), *others):
            for each in whole.all():
                for labels, values in snapshot.get(each.name, ()):
                    _join(each, tuple(labels), values)
        return "\n".join(line for each in whole.all() for line in each.lines()) + "\n"


def counters(snapshots: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The sum of several snapshots' counters and histograms, without gauges: for JSON."""
    whole = Metrics()
    for snapshot in snapshots:
        for each in whole.all():
            if each.kind != "gauge":
                for labels, values in snapshot.get(each.name, ()):
                    _join(each, tuple(labels), values)
    return {
        each.name: [[list(labels), values] for labels, values in each.values.items()]
        for each in whole.all()
        if each.kind != "gauge"
    }


def _join(metric: Metric, labels: Labels, values: list[float]) -> None:
    have = metric.values.get(labels)
    if have is None:
        metric.values[labels] = list(values)
    elif metric.kind == "gauge" and metric.name != "carprice_resident_bytes":
        have[0] = max(have[0], values[0])
    else:
        metric.values[labels] = [a + b for a, b in zip(have, values, strict=True)]


def resident() -> float:
    """Resident memory of this process in bytes; NaN where the system does not tell."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return float(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    except (OSError, ValueError, IndexError):
        return float("nan")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    if value == float("inf"):
        return "+Inf"
    return str(int(value)) if value == int(value) else repr(value)
