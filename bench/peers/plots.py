"""Bar charts as SVG, by hand: a few series, a few groups, nothing that needs a library."""

from collections.abc import Mapping, Sequence
from html import escape

COLOURS = ("#1f6f8b", "#c0792a", "#8a8a8a", "#6b4c9a")
WIDTH, HEIGHT = 720, 300
LEFT, TOP, BOTTOM = 50, 60, 40


def bar_chart(title: str, groups: Sequence[str], series: Mapping[str, Sequence[float]]) -> str:
    """`series` has one value a group for each name. Bars begin at zero."""
    highest = max(max(values) for values in series.values())
    slot = (WIDTH - LEFT) / len(groups)
    bar = slot * 0.8 / len(series)
    parts = [_text(LEFT, 22, title, size=16)]
    for place, (name, values) in enumerate(series.items()):
        colour = COLOURS[place % len(COLOURS)]
        parts += [_box(LEFT + 150 * place, 34, 12, 12, colour), _text(LEFT + 150 * place + 18, 45, name)]
        for group, value in enumerate(values):
            height = (HEIGHT - TOP - BOTTOM - 12) * value / highest
            left, top = LEFT + group * slot + slot * 0.1 + place * bar, HEIGHT - BOTTOM - height
            parts += [_box(left, top, bar * 0.92, height, colour)]
            parts += [_text(left + bar * 0.46, top - 4, f"{value:.0f}", size=11, anchor="middle")]
    for group, name in enumerate(groups):
        parts += [_text(LEFT + (group + 0.5) * slot, HEIGHT - 18, name, anchor="middle")]
    frame = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">'
    background = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    return "\n".join([frame, background, *parts, "</svg>", ""])


def _box(left: float, top: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def _text(left: float, base: float, words: str, *, size: int = 12, anchor: str = "start") -> str:
    return f'<text x="{left:.1f}" y="{base:.1f}" font-size="{size}" text-anchor="{anchor}">{escape(words)}</text>'
