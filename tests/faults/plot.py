"""Small curves over the nights, one below the other, as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, LEFT, GAP = 620, 90, 70, 34


@dataclass(frozen=True)
class Curve:
    """A figure a night; `marks` are the nights that are drawn as a ring."""

    name: str
    values: Sequence[float]
    marks: Sequence[int] = ()


def plot(curves: Sequence[Curve]) -> str:
    """All curves from zero upwards, so that what is flat looks flat."""
    height = len(curves) * (HEIGHT + GAP) + 30
    drawn = "".join(_curve(curve, 20 + position * (HEIGHT + GAP)) for position, curve in enumerate(curves))
    nights = f'<text x="{LEFT + WIDTH}" y="{height - 6}" text-anchor="end">night →  ○ with a fault</text>'
    return (
        f'<svg role="img" viewBox="0 0 {LEFT + WIDTH + 20} {height}" width="{LEFT + WIDTH + 20}" font-size="12" '
        f'font-family="sans-serif" xmlns="http://www.w3.org/2000/svg"><rect width="100%" height="100%" fill="#fff"/>'
        f"{drawn}{nights}</svg>\n"
    )


def _curve(curve: Curve, top: int) -> str:
    most = max(curve.values) * 1.1 or 1.0
    steps = max(len(curve.values) - 1, 1)
    places = [(LEFT + WIDTH * n / steps, top + HEIGHT * (1 - value / most)) for n, value in enumerate(curve.values)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    rings = "".join(
        f'<circle cx="{places[n][0]:.1f}" cy="{places[n][1]:.1f}" r="3" fill="#fff" stroke="#b45309"/>'
        for n in curve.marks
    )
    return (
        f'<text x="{LEFT}" y="{top - 6}">{curve.name}</text>'
        f'<text x="{LEFT - 6}" y="{top + 10}" text-anchor="end" fill="#6b7280">{most:.0f}</text>'
        f'<text x="{LEFT - 6}" y="{top + HEIGHT}" text-anchor="end" fill="#6b7280">0</text>'
        f'<rect x="{LEFT}" y="{top}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#d1d5db"/>'
        f'<polyline points="{line}" fill="none" stroke="#1d4ed8" stroke-width="1.5"/>{rings}'
    )
