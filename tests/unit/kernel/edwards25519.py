"""The curve of RFC 8032 §5.1 in plain arithmetic: an independent witness of which points have small order."""

from typing import Final, TypeAlias

P: Final = 2**255 - 19
D: Final = -121665 * pow(121666, -1, P) % P
SQRT_MINUS_ONE: Final = pow(2, (P - 1) // 4, P)
IDENTITY: Final = (0, 1)

Point: TypeAlias = tuple[int, int]


def add(one: Point, two: Point) -> Point:
    (x1, y1), (x2, y2) = one, two
    product = D * x1 * x2 * y1 * y2
    x3 = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P)
    y3 = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P)
    return x3 % P, y3 % P


def decode(encoded: bytes) -> Point | None:
    """The point, also from a non-canonical encoding; None when there is none."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, (number & (1 << 255) - 1) % P
    x = _square_root((y * y - 1) * pow(D * y * y + 1, -1, P) % P)
    if x is None:
        return None
    return (x if x & 1 == sign else -x % P), y


def has_small_order(point: Point) -> bool:
    """Whether eight times the point is the identity."""
    doubled = point
    for _ in range(3):
        doubled = add(doubled, doubled)
    return doubled == IDENTITY


def _square_root(square: int) -> int | None:
    root = pow(square, (P + 3) // 8, P)
    for candidate in (root, root * SQRT_MINUS_ONE % P):
        if candidate * candidate % P == square:
            return candidate
    return None
