# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What was measured, as rows of one table: theirs, ours, and the ratio of the two."""

from __future__ import annotations

import operator
from dataclasses import asdict, dataclass
from statistics import median


def quantile(values, q):
    """The value below which a share of them is, without interpolation."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


@dataclass
class Figure:
    """Many values as one: their median, 99th percentile and spread (10th to 90th percentile)."""

    median: float
    p99: float
    low: float
    high: float
    p95: float
    max: float
    n: int

    @classmethod
    def of(cls, values, p99s=None):
        """p99s: of each round, where values are the medians of rounds."""
        values = list(values)
        p99 = median(p99s) if p99s else quantile(values, 0.99)
        low, high = quantile(values, 0.1), quantile(values, 0.9)
        return cls(median(values), p99, low, high, quantile(values, 0.95), max(values), len(values))


@dataclass
class Promise:
    """What the design promises of a ratio, or of our own median; tolerance is none."""

    sign: str  # <= or >=
    bound: float
    of: str = "ratio"  # or "ours"

    def holds(self, row):
        figure = row.ratio if self.of == "ratio" else row.ours
        return {"<=": operator.le, ">=": operator.ge}[self.sign](figure.median, self.bound)

    def __str__(self):
        return f"{'' if self.of == 'ratio' else 'ours '}{self.sign} {_number(self.bound)}"


@dataclass
class Row:
    part: str
    what: str
    unit: str
    them: str = ""  # who they are
    theirs: Figure | None = None
    us: str = "agent"
    ours: Figure | None = None
    ratio: Figure | None = None  # ours / theirs, of paired rounds
    promise: Promise | None = None

    @property
    def is_kept(self):
        return None if self.promise is None else self.promise.holds(self)

    def as_json(self):
        return {**asdict(self), "is_kept": self.is_kept}


def compared(part, what, unit, them, theirs, us, ours, promise=None):
    """A row of two who were measured in the same rounds: lists of (median, p99 or None) by round."""
    return Row(
        part, what, unit, them, _figure(theirs), us, _figure(ours),
        Figure.of(mine / other for (mine, _), (other, _) in zip(ours, theirs)), promise,
    )  # fmt: skip


def _figure(rounds):
    p99s = [p99 for _, p99 in rounds if p99 is not None]
    return Figure.of([middle for middle, _ in rounds], p99s or None)


def _number(value):
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"


def _cell(name, figure):
    if figure is None:
        return ["", "", "", ""]
    return [name, _number(figure.median), _number(figure.p99), f"{_number(figure.low)}–{_number(figure.high)}"]


HEADINGS = ["what", "unit", "theirs", "median", "p99", "spread", "ours", "median", "p99", "spread", "ratio", "spread",
            "promised", "kept"]  # fmt: skip


def table(rows):
    """All rows as text, in columns."""
    lines = [HEADINGS]
    for row in rows:
        ratio = ["", ""]
        if row.ratio:
            ratio = [_number(row.ratio.median), f"{_number(row.ratio.low)}–{_number(row.ratio.high)}"]
        kept = {None: "", True: "yes", False: "NO"}[row.is_kept]
        cells = [*_cell(row.them, row.theirs), *_cell(row.us, row.ours), *ratio]
        lines.append([row.what, row.unit, *cells, str(row.promise) if row.promise else "", kept])
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADINGS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def _said(name, figure, unit):
    return f"{name} {_number(figure.median)} {unit}".strip() if figure else ""


def document(rows):
    """What is promised, and what is against epmd, as a table in Markdown."""
    lines = ["| | theirs | ours | ours by theirs | promised |", "|---|---|---|---|---|"]
    for row in rows:
        if row.promise is None and not row.them.startswith("epmd"):
            continue
        ratio = f"{_number(row.ratio.median)} ({_number(row.ratio.low)}–{_number(row.ratio.high)})" if row.ratio else ""
        promised = str(row.promise).replace("<=", "≤").replace(">=", "≥") if row.promise else ""
        if row.is_kept is False:
            promised += ", **not kept**"
        cells = [row.what, _said(row.them, row.theirs, row.unit), _said(row.us, row.ours, row.unit), ratio, promised]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
