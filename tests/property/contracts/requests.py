"""Strategies: values that requests may hold, and the bodies that carry them."""

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from contracts.strict_json import WHITE_SPACE
from tests.support.json_values import is_object

# What Postgres and JSON can both carry: no NUL, no lone surrogate; and nothing to trim away.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40).map(
    lambda text: text.strip(WHITE_SPACE)
)
FILLED_TEXTS = TEXTS.filter(bool)
SPACES = st.text(WHITE_SPACE, max_size=3)
INSTANTS = st.datetimes(min_value=datetime(1, 1, 1), timezones=st.just(UTC)).map(lambda at: at.replace(microsecond=0))  # noqa: DTZ001
REASON_CODES = st.from_regex(r"[a-z0-9_]{1,64}", fullmatch=True)
ACTOR_TYPES = st.from_regex(r"[a-z0-9_]{1,32}", fullmatch=True)

ATTRIBUTIONS = {
    "reason_code": REASON_CODES,
    "actor_type": ACTOR_TYPES,
    "actor_id": st.none() | FILLED_TEXTS,
}
SUBJECTS = st.one_of(
    st.fixed_dictionaries({"email": FILLED_TEXTS, "user_id": st.none()}),
    st.fixed_dictionaries({"email": st.none(), "user_id": FILLED_TEXTS}),
)

# Any JSON, and beyond: what Python writes for NaN and infinity, integers of any size, lone surrogates.
ANY_TEXT = st.text(st.characters(codec=None))
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def bodies_of(draw: st.DrawFn, value: Any) -> bytes:
    """One of the many spellings of a JSON value: order, white space, escapes, spaces around each string."""
    return json.dumps(
        _spelled(draw, value),
        ensure_ascii=draw(st.booleans()),
        indent=draw(st.sampled_from([None, 0, 2])),
    ).encode()


def _spelled(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, str):
        return draw(SPACES) + value + draw(SPACES)
    if is_object(value):
        return {name: _spelled(draw, value[name]) for name in draw(st.permutations(list(value)))}
    return value


def without_none(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that are there."""
    return {name: value for name, value in fields.items() if value is not None}
