"""Lets the two login roles of grants.sql log in, so that each process has its own rights (SPEC §1.2)."""

import base64
import hashlib
import hmac

import asyncpg

from authsession.database import connect, credentials, reason, with_credentials
from authsession.embedded.child import StartFailure
from authsession.spelling import typed
from shared.db.role_settings import INTERNAL_ROLE, PUBLIC_ROLE
from shared.kernel.entropy import SystemEntropy


async def enable_login(owner: asyncpg.Connection, dsn: str, role: str, password: str) -> str:
    """Lets `role` log in and returns its DSN. Raises `StartFailure` with the reason and the cure.

    A role that can already log in keeps its password: another database of the cluster may use it.
    """
    own_dsn = with_credentials(dsn, role, password)
    if not await owner.fetchval("select rolcanlogin from pg_roles where rolname = $1", role):
        await _set_password(owner, role, password)
    try:
        async with connect(own_dsn):
            return own_dsn
    except StartFailure as fault:
        raise StartFailure(
            f"{role} cannot log in with the password in .authsession/secrets.json ({fault}); to set that password, "
            f"write the role's DSN with it into a file and run `{typed('migrate --login FILE')}`"
        ) from None


async def set_login(owner: asyncpg.Connection, dsn: str) -> str:
    """Sets the password of the role in `dsn` to the password there, and returns the role.

    May be repeated; open connections of the role continue. Raises `StartFailure` if `dsn` names neither role, or no
    ASCII password.
    """
    role, password = credentials(dsn)
    if role not in (PUBLIC_ROLE, INTERNAL_ROLE):
        raise StartFailure(f"the user of a service's DSN must be {PUBLIC_ROLE} or {INTERNAL_ROLE}")
    if not password or not password.isascii():
        raise StartFailure(f"the DSN of {role} must hold a password, in ASCII")
    await _set_password(owner, role, password)
    return role


async def _set_password(owner: asyncpg.Connection, role: str, password: str) -> None:
    verifier = scram_verifier(password, SystemEntropy().token_bytes(16))
    try:
        await owner.execute(f"alter role {role} login password '{verifier}'")
    except asyncpg.PostgresError as fault:
        raise StartFailure(f"the role {role} cannot be given a login: {reason(fault)}") from None


def scram_verifier(password: str, salt: bytes) -> str:
    """The form in which Postgres stores an ASCII password (RFC 5802 §3).

    With it, the password itself is in no statement and in no log.
    """
    iterations = 4096
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, iterations)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${iterations}:{encoded[0]}${encoded[1]}:{encoded[2]}"
