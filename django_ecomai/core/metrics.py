"""Figures for Prometheus, counted where things happen and at the price of a dictionary look-up.

Without ``prometheus_client`` (the extra ``metrics``) nothing is counted. Labels are fixed words of this package, never
what a visitor sent: neither persons nor an unbounded number of series can get in. With ``PROMETHEUS_MULTIPROC_DIR``
set, ``prometheus_client`` keeps each process's figures in a file of its own, and a scrape adds them up.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from .registry import Registry

logger = logging.getLogger("django_ecomai")
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
PREFIX = "ecomai_"


@dataclass(frozen=True)
class Counted:
    """A figure that processes count: ``words`` are the values its label may take, others are counted as ``other``."""

    name: str
    help: str
    label: str = ""
    words: frozenset[str] = frozenset()
    buckets: tuple[float, ...] = ()  # not empty: a histogram of seconds


@dataclass(frozen=True)
class Gauge:
    """A figure that is worked out when it is asked for. ``labels`` must be few and never name a person."""

    name: str
    help: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)


EVENTS = Counted("ecomai_events", "Events by verdict.", "verdict", frozenset({"accepted", "duplicate", "rejected"}))
CAPTURE = Counted(
    "ecomai_capture", "What became of what browsers sent: stored, or why not.", "outcome",
    frozenset(
        {
            "stored", "no_consent", "opted_out", "robot", "bad_token", "foreign_origin", "malformed", "limited",
            "beacon", "queued", "spilled", "dead", "lost", "refused",
        }
    ),
)  # fmt: skip
FALLBACKS = Counted(
    "ecomai_fallbacks", "Pages that were answered with less than a model's own suggestions, by reason.", "reason",
    frozenset({"no_model", "foreign_model", "strategy_failed", "error"}),
)  # fmt: skip
SERVING = Counted(
    "ecomai_serving_seconds", "Seconds to work out the recommendations of one placement.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)  # fmt: skip

#: ``() -> Gauges``, asked at each scrape: whoever has queues, files or tables to report registers here.
metric_sources: Registry[Callable[[], Iterable[Gauge]]] = Registry("source of metrics")

_children: dict[tuple[str, str], Any] = {}
_parents: dict[str, Any] = {}
_registry: Any = None
_making = threading.RLock()  # the library refuses a second figure of the same name


def count(what: Counted, word: str = "", amount: float = 1) -> None:
    """Add ``amount`` to a counter under the label value ``word``. Never raises."""
    try:
        child = _children[(what.name, word)]
    except KeyError:
        child = _child(what, word)
    if child is not None:
        try:
            child.inc(amount)
        except (OSError, ValueError):  # the folder of the processes' files is full or gone
            logger.debug("%s is not counted", what.name, exc_info=True)


def observe(what: Counted, seconds: float) -> None:
    """Put ``seconds`` into a histogram. Never raises."""
    try:
        child = _children[(what.name, "")]
    except KeyError:
        child = _child(what, "")
    if child is not None:
        try:
            child.observe(seconds)
        except (OSError, ValueError):
            logger.debug("%s is not counted", what.name, exc_info=True)


def _child(what: Counted, word: str) -> Any:
    """The counter itself, ``None`` without the library; kept, so that this is asked once per process and word."""
    with _making:
        key = (what.name, word)
        return _children[key] if key in _children else _new_child(what, word)


def _new_child(what: Counted, word: str) -> Any:
    try:
        parent = _parents.get(what.name) or _made(what)
        if parent is None or not what.label:
            child = parent
        else:
            child = parent.labels(word if word in what.words else "other")
    except (OSError, ValueError):
        logger.warning("%s cannot be counted in this process", what.name, exc_info=True)
        child = None
    if what.label and word not in what.words:
        return child  # unknown words must not fill this process's memory
    _children[what.name, word] = child
    return child


def _made(what: Counted) -> Any:
    global _registry
    try:
        import prometheus_client
    except ImportError:
        return None
    if _registry is None:
        _registry = prometheus_client.CollectorRegistry()
    names = (what.label,) if what.label else ()
    made: Any = (
        prometheus_client.Histogram(what.name, what.help, names, registry=_registry, buckets=what.buckets)
        if what.buckets
        else prometheus_client.Counter(what.name, what.help, names, registry=_registry)
    )
    _parents[what.name] = made
    return made


class _Ours:
    """A collector of what all processes counted and of what the sources tell now."""

    def collect(self) -> Iterable[Any]:
        from prometheus_client import CollectorRegistry
        from prometheus_client.core import GaugeMetricFamily
        from prometheus_client.multiprocess import MultiProcessCollector

        if os.environ.get(MULTIPROCESS):
            # The folder holds the figures of the shop's other packages as well: those are theirs to show.
            found = MultiProcessCollector(CollectorRegistry()).collect()
            yield from (metric for metric in found if metric.name.startswith(PREFIX))
        elif _registry is not None:
            yield from _registry.collect()
        families: dict[str, Any] = {}
        for name, source in metric_sources.items():
            try:
                gauges = list(source())
            except Exception:  # other apps' code; one that fails must not hide the figures of the others
                logger.exception("The source of metrics %s failed", name)
                continue
            for gauge in gauges:
                family = families.get(gauge.name)
                if family is None:
                    family = families[gauge.name] = GaugeMetricFamily(gauge.name, gauge.help, labels=list(gauge.labels))
                family.add_metric(list(gauge.labels.values()), gauge.value)
        yield from families.values()


def exposition() -> tuple[bytes, str]:
    """All figures in Prometheus's text format, and its content type. Raises ``MissingExtra``."""
    from .extras import require

    client = require("prometheus_client", extra="metrics")
    registry = client.CollectorRegistry()
    registry.register(_Ours())
    return client.generate_latest(registry), client.CONTENT_TYPE_LATEST
