""".env.example: the contract's example, then every other name with its default (SPEC §12)."""

import base64
import re
from io import StringIO

from dotenv import dotenv_values

from authsession.configuration import read_configuration
from authsession.service import SOURCE
from shared.config.variables import VARIABLES
from tests.support.up import SEED_ENV

TEXT = (SOURCE / ".env.example").read_text("utf-8")
KEYS = "k1:" + base64.b64encode(b"x" * 32).decode()
MADE_BY_UP = {
    "AUTHSESSION_POSTGRES_DSN": "postgresql://127.0.0.1/authsession",
    "AUTHSESSION_LOGIN_CODE_KEYS": KEYS,
    "AUTHSESSION_SEALING_KEYS": KEYS,
    "AUTHSESSION_COOKIE_KEYS": KEYS,
    "AUTHSESSION_AUDIT_KEYS": KEYS,
}


def values(text: str) -> dict[str, str]:
    """As `up` reads a `.env`."""
    return {name: value for name, value in dotenv_values(stream=StringIO(text), interpolate=False).items() if value}


def test_it_begins_with_the_contracts_example() -> None:
    assert TEXT.startswith(SEED_ENV.lstrip().format(redis=6379, public=8080, internal=8081))


def test_both_processes_take_it_as_it_is() -> None:
    read = read_configuration(MADE_BY_UP | values(TEXT))
    assert read.public.process.warnings == read.internal.process.warnings == []


def test_every_name_is_there_once_with_its_default() -> None:
    written = dict(re.findall(r"^#([A-Z_]+)=(.*)$", TEXT, re.MULTILINE))
    active = {name for name in values(TEXT) if name.startswith("AUTHSESSION_")}
    defaults = {each.name: each.default or "" for each in VARIABLES if each.name not in active}
    assert written == defaults, "add the lines that are missing in .env.example"


def test_a_default_that_is_written_out_changes_nothing() -> None:
    written_out = values(re.sub(r"^#(?=[A-Z_]+=)", "", TEXT, flags=re.MULTILINE))
    assert len(written_out) > 30
    assert repr(read_configuration(written_out | MADE_BY_UP)) == repr(read_configuration(MADE_BY_UP | values(TEXT)))
