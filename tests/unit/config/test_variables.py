"""The meaning of each environment variable stands alone: operators read one line of the table, not the table."""

import re
from typing import Any

import pytest

from shared.config.settings import OneOf, Variable
from shared.config.variables import VARIABLES

_LEANS_ON_ANOTHER_LINE = re.compile(r"\b(as above|the same|that while|their|its password|then:)\b")


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_a_meaning_leans_on_no_other_line(variable: Variable[object]) -> None:
    assert not _LEANS_ON_ANOTHER_LINE.search(variable.meaning)


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_a_meaning_names_every_value_that_can_be_chosen(variable: Variable[object]) -> None:
    parse: Any = variable.parse
    words: tuple[str, ...] = parse.words if isinstance(variable.parse, OneOf) else ()
    assert [word for word in words if f"`{word}`" not in f"{variable.meaning} `{variable.default}`"] == []
