"""Gives the two login roles of grants.sql a password, so that each process logs in with its own rights (SPEC §1.4)."""

import base64
import hashlib
import hmac

import asyncpg

from authsession.database import connect, reason, with_credentials
from authsession.embedded.child import StartFailure
from shared.kernel.entropy import SystemEntropy

PUBLIC_ROLE = "authsession_public"
INTERNAL_ROLE = "authsession_internal"


async def enable_login(owner: asyncpg.Connection, dsn: str, role: str, password: str) -> str:
    """The DSN with which `role` logs in. Raises `StartFailure` with the reason if it cannot be made to.

    A role that can log in already keeps its password: it may be in use elsewhere in the cluster.
    """
    own_dsn = with_credentials(dsn, role, password)
    if not await owner.fetchval("select rolcanlogin from pg_roles where rolname = $1", role):
        try:
            verifier = scram_verifier(password, SystemEntropy().token_bytes(16))
            await owner.execute(f"alter role {role} login password '{verifier}'")
        except asyncpg.PostgresError as fault:
            raise StartFailure(f"the role {role} cannot be given a login: {reason(fault)}") from None
    try:
        async with connect(own_dsn):
            return own_dsn
    except StartFailure as fault:
        raise StartFailure(f"{role} cannot log in with this installation's password: {fault}") from None


def scram_verifier(password: str, salt: bytes) -> str:
    """What Postgres stores of an ASCII password (RFC 5802 §3): the password itself is in no statement and no log."""
    iterations = 4096
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, iterations)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${iterations}:{encoded[0]}${encoded[1]}:{encoded[2]}"
