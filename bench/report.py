"""The table and the verdicts: medians over rounds, their spread, and the ratios that must hold."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from measure import BIG, MIX, ONE, STREAM, UNSEEN, WORKLOADS

DIRECT, SIDECAR = "direct", "sidecar"
CPU, ADDED = "CPU µs", "p50 added µs"
IDLE, CROWDED, CROWDED_LATER, START = (
    "idle MB",
    "1,000 idle connections MB",
    "the same after the load MB",
    "cold start ms",
)
REFERENCE_NGINX_ADDS = 27.0  # µs on the machine for which the bound of 60 µs was set


@dataclass(slots=True)
class Samples:
    """One figure for each system, metric and round."""

    figures: dict[tuple[str, str], dict[int, float]] = field(default_factory=dict)

    def add(self, system: str, metric: str, turn: int, figure: float) -> None:
        """Note one figure."""
        self.figures.setdefault((system, metric), {})[turn] = figure

    def of(self, system: str, metric: str) -> Mapping[int, float]:
        """What one system gave, by round."""
        return self.figures.get((system, metric), {})

    def median(self, system: str, metric: str) -> float | None:
        """The median over the rounds, if there was any."""
        found = self.of(system, metric)
        return statistics.median(found.values()) if found else None

    def ratio(self, system: str, metric: str, against: str) -> float | None:
        """Median over median."""
        one, other = self.median(system, metric), self.median(against, metric)
        return one / other if one is not None and other else None

    def cell(self, system: str, metric: str) -> str:
        """`median [least-most]`, or a dash."""
        found = self.of(system, metric).values()
        if not found:
            return "-"
        places = 1 if max(found) < 100 else 0  # nobody reads a tenth of a µs in a thousand
        middle, least, most = (f"{figure:.{places}f}" for figure in (statistics.median(found), min(found), max(found)))
        return f"{middle} [{least}-{most}]"


def metric(kind: str, name: str, connections: int) -> str:
    """The name under which a workload's figure is kept."""
    return f"{kind}: {name}, {connections}"


@dataclass(frozen=True, slots=True)
class Bound:
    """`figure(sidecar) <= factor * figure(against)`, or `<= factor` where nothing is compared."""

    metric: str
    factor: float
    against: str | None = None


def _cpu(name: str, factor: float, against: str, connections: Iterable[int] = (1, 8)) -> list[Bound]:
    return [Bound(metric(CPU, name, number), factor, against) for number in connections]


BOUNDS: tuple[Bound, ...] = (
    *_cpu(ONE, 0.85, "HAProxy"),
    *_cpu(ONE, 0.55, "Envoy", (1,)),
    *_cpu(MIX, 1.0, "HAProxy"),
    *_cpu(UNSEEN, 1.5, "HAProxy"),
    *_cpu(STREAM, 1.0, "Envoy"),
    *_cpu(BIG, 1.2, "Envoy"),
    Bound(metric(ADDED, ONE, 1), 60.0 / REFERENCE_NGINX_ADDS, "nginx"),
    Bound(CROWDED, 60.0),
    Bound(START, 300.0),
)


def table(samples: Samples, systems: Sequence[str]) -> str:
    """All figures, a row for each metric that was measured."""
    metrics = [
        *(metric(kind, work.name, work.connections) for kind in (CPU, ADDED) for work in WORKLOADS),
        *(IDLE, CROWDED, CROWDED_LATER, START),
    ]
    rivals = [name for name in systems if name in ("nginx", "HAProxy", "Envoy")]
    rows = [["", *systems, *(f"{SIDECAR} ÷ {rival}" for rival in rivals)]]
    for name in metrics:
        cells = [samples.cell(system, name) for system in systems]
        if any(cell != "-" for cell in cells):
            ratios = (samples.ratio(SIDECAR, name, rival) for rival in rivals)
            rows.append([name, *cells, *("-" if ratio is None else f"{ratio:.2f}" for ratio in ratios)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def verdicts(samples: Samples, absent: Iterable[str]) -> list[tuple[bool, str]]:
    """Whether each bound holds by the median, in words; bounds of what wasn't asked for are left out."""
    lacking = frozenset(absent)
    if SIDECAR in lacking:
        return [(False, "the sidecar could not be measured")]
    found = []
    for bound in BOUNDS:
        figure = samples.median(SIDECAR, bound.metric)
        other = None if bound.against is None else samples.median(bound.against, bound.metric)
        if bound.against in lacking:
            found.append((False, f"{bound.metric}: {bound.against} is missing here, so nothing was compared"))
        elif figure is not None and bound.against is None:
            found.append((figure <= bound.factor, f"{bound.metric}: {figure:.1f}, at most {bound.factor:.0f}"))
        elif figure is not None and other is not None and bound.against is not None:
            found.append((figure <= bound.factor * other, _compared(samples, bound, bound.against, figure, other)))
    return found


def _compared(samples: Samples, bound: Bound, against: str, figure: float, other: float) -> str:
    ours, theirs = samples.of(SIDECAR, bound.metric), samples.of(against, bound.metric)
    each = [ours[turn] / theirs[turn] for turn in ours if theirs.get(turn)]
    spread = f", in single rounds {min(each):.2f}-{max(each):.2f}" if each else ""
    return (
        f"{bound.metric}: {figure / other:.2f} of {against}'s{spread}, at most {bound.factor:.2f}"
        f" ({figure:.1f} against {other:.1f}, bound {bound.factor * other:.1f})"
    )
