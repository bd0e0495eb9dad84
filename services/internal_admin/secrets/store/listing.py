"""Secrets without their values, as operators see them."""

from dataclasses import replace

import asyncpg

from contracts.control_plane.secrets import ListSecretsQuery
from services.internal_admin.callers.page import Page, cut_page
from services.internal_admin.secrets.domain.secret import (
    MAX_SHOWN_VERSIONS,
    Grant,
    Grantee,
    Secret,
    SecretVersion,
    WholeSecret,
)
from services.internal_admin.secrets.store.values import secret_of
from shared.io import queries

_SQL = queries.load("services.internal_admin.secrets.store", "listing.sql")


async def list_secrets(connection: asyncpg.Connection, asked: ListSecretsQuery) -> Page[Secret]:
    """A page of secrets, newest first, deleted ones too."""
    rows = await connection.fetch(
        *_SQL["list_secrets"](
            after_secret_id=asked.after,
            scope_kind=asked.scope_kind,
            scope_id=asked.scope_id,
            name=asked.name,
            limit=asked.limit + 1,
        )
    )
    return cut_page([_secret(row) for row in rows], asked.limit)


async def read_secret(connection: asyncpg.Connection, secret_id: str) -> WholeSecret | None:
    """One secret with versions and grants, in one snapshot; None if there is none."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        row = await connection.fetchrow(*_SQL["read_secret"](secret_id=secret_id))
        if row is None:
            return None
        query = _SQL["list_versions"](secret_id=secret_id, limit=MAX_SHOWN_VERSIONS)
        versions = tuple(map(_version, await connection.fetch(*query)))
        grants = tuple(map(_grant, await connection.fetch(*_SQL["list_grants"](secret_id=secret_id))))
        return WholeSecret(_secret(row), versions, grants)


def _secret(row: asyncpg.Record) -> Secret:
    return replace(secret_of(row), last_opened_at=row["opened_at"], opened_by=row["opened_by"])


def _version(row: asyncpg.Record) -> SecretVersion:
    return SecretVersion(row["version"], row["state"], row["key_id"], row["created_by"], row["created_at"])


def _grant(row: asyncpg.Record) -> Grant:
    return Grant(Grantee(row["grantee_kind"], row["grantee_id"]), row["granted_by"], row["granted_at"])
