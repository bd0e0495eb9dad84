"""The same database for another user, and the password as Postgres keeps it."""

import base64

import pytest

from authsession.database import with_credentials
from authsession.roles import scram_verifier


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        ("postgresql://owner:pw@db:5432/app", "postgresql://role:p%40ss@db:5432/app"),
        ("postgresql://db/app", "postgresql://role:p%40ss@db/app"),
        ("postgres://o@a:1,b:2/app?sslmode=verify-full", "postgres://role:p%40ss@a:1,b:2/app?sslmode=verify-full"),
        ("postgresql://o:p@/app?host=/run/pg&port=5433", "postgresql://role:p%40ss@/app?host=/run/pg&port=5433"),
        ("postgresql://db/app?user=o&password=x&sslmode=require", "postgresql://role:p%40ss@db/app?sslmode=require"),
        ("postgresql://[::1]:5/app", "postgresql://role:p%40ss@[::1]:5/app"),
    ],
)
def test_only_user_and_password_change(dsn: str, expected: str) -> None:
    assert with_credentials(dsn, "role", "p@ss") == expected


def test_the_verifier_is_that_of_rfc_7677() -> None:
    """Section 3's example: user `user`, password `pencil`, that salt and 4096 iterations; Postgres' notation."""
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    kind, iterations_and_salt, keys = scram_verifier("pencil", salt).split("$")
    assert (kind, iterations_and_salt) == ("SCRAM-SHA-256", "4096:W22ZaJ0SNY7soEsUEjb6gQ==")
    assert keys == "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
