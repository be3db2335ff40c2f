"""Places the points of charts: paths of SVG in a square of 100 by 100, and labels beside it.

The square is stretched to the width of the page, its lines and points are not, and labels are text
of the page: so a chart can be read on a phone as on a desk.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqltune.database.tables.reported_rows import (
    ReportedEvaluation,
    ReportedStep,
    ReportedVersion,
)

#: Labels below a chart.
_LABELS = 4
#: From so many points, they are drawn small.
_MANY = 40


@dataclass(frozen=True, slots=True)
class AxisLabel:
    """A text beside an axis."""

    place: float  #: per cent of the axis, from the left or from above
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """The paths of a chart, and its labels."""

    lines: dict[str, str]  #: path by the name of its class
    across: list[AxisLabel]
    up: list[AxisLabel]
    is_dense: bool = False  #: its points would touch each other


def draw_scores(
    versions: Sequence[ReportedVersion], evaluations: Sequence[ReportedEvaluation]
) -> Chart | None:
    """Return the scores of each version but trials, the earliest left; None where none was scored.

    A line joins versions that were asked the same prompts in the same way.

    Args:
        versions: the latest first.
        evaluations: the latest first, as the score of a version is that of its last one.
    """
    alone: dict[int, ReportedEvaluation] = {}
    for evaluation in evaluations:
        alone.setdefault(evaluation.run_id, evaluation)
    own = (version for version in reversed(versions) if not version.is_trial)
    scored = [version for version in own if version.mean_after is not None]
    if not scored:
        return None
    xs = {version.version_number: _spread(at, len(scored)) for at, version in enumerate(scored)}
    before, after, intervals, trend = [], [], [], []
    key: str | None = None
    for version in scored:
        x = xs[version.version_number]
        found = alone.get(version.evaluation_run_id or 0)
        before.append(_dot(x, _score_y(version.mean_before)))
        score = found.clean_score if found is not None else None
        y = _score_y(version.mean_after if score is None else score)
        after.append(_dot(x, y))
        trend.append(f"{'L' if found and found.comparison_key == key else 'M'}{x:.2f} {y:.2f}")
        key = found.comparison_key if found else None
        if found is not None and found.interval_low is not None:
            low, high = _score_y(found.interval_low), _score_y(found.interval_high)
            intervals.append(f"M{x:.2f} {low:.2f}V{high:.2f}")
    lines = {"interval": intervals, "trend": trend, "before": before, "after": after}
    across = [
        AxisLabel(xs[version.version_number], f"v{version.version_number}")
        for version in _thin(scored)
    ]
    up = [AxisLabel(_score_y(value), f"{value:g}") for value in (1, 0.5, 0)]
    paths = {name: "".join(path) for name, path in lines.items()}
    return Chart(paths, across, up, is_dense=len(scored) > _MANY)


def draw_losses(steps: Sequence[ReportedStep]) -> Chart | None:
    """Return the loss of training, and that of the validation samples; None without steps."""
    if not steps:
        return None
    losses = [step.train_loss for step in steps]
    validated = [(step.step, step.eval_loss) for step in steps if step.eval_loss is not None]
    values = [*losses, *(loss for _, loss in validated)]
    low, high = min(values), max(values)
    first, last = steps[0].step, steps[-1].step

    def place(step: int, loss: float) -> tuple[float, float]:
        x = 50.0 if first == last else 100 * (step - first) / (last - first)
        y = 50.0 if low == high else 100 * (high - loss) / (high - low)
        return x, y

    lines = {"train": _line(place(step.step, step.train_loss) for step in steps)}
    if validated:
        lines["validation"] = _line(place(*point) for point in validated)
        lines["validation-points"] = "".join(_dot(*place(*point)) for point in validated)
    across = [AxisLabel(place(step, low)[0], f"{step:,}") for step in sorted({first, last})]
    middle = (low + high) / 2
    up = [
        AxisLabel(place(first, value)[1], f"{value:.{3 if value >= 0.1 else 2}g}")
        for value in (high, middle, low)
    ]
    return Chart(lines, across, up if low != high else up[:1])


def _spread(at: int, count: int) -> float:
    """Return the place of a point among others, with room left and right."""
    return 100 * (at + 0.5) / count


def _thin(versions: Sequence[ReportedVersion]) -> Sequence[ReportedVersion]:
    """Return the versions that are named below the chart: all, or some at equal distances."""
    if len(versions) <= _LABELS:
        return versions
    distance = (len(versions) - 1) / (_LABELS - 1)
    return [versions[round(number * distance)] for number in range(_LABELS)]


def _score_y(score: float | None) -> float:
    return 100 - 100 * (score or 0.0)


def _dot(x: float, y: float) -> str:
    """Return a line without length: its round ends are a point that is not stretched."""
    return f"M{x:.2f} {y:.2f}h0"


def _line(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in points)
