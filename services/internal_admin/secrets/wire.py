"""Secrets in the form of the wire, for the API and the command line."""

from contracts.control_plane.secrets import GrantAnswer, SecretAnswer, SecretVersionAnswer
from services.internal_admin.secrets.domain.secret import Grant, Secret, SecretVersion


def secret_answer(secret: Secret) -> SecretAnswer:
    return SecretAnswer(
        secret_id=secret.secret_id,
        scope_kind=secret.scope.kind,
        scope_id=secret.scope.id or None,
        name=secret.name,
        usage=secret.usage,
        current_version=secret.current_version or None,
        last_version=secret.last_version,
        created_at=secret.created_at,
        updated_at=secret.updated_at,
        deleted_at=secret.deleted_at,
        last_opened_at=secret.last_opened_at,
        opened_by=secret.opened_by,
    )


def version_answer(version: SecretVersion) -> SecretVersionAnswer:
    return SecretVersionAnswer(version.version, version.state, version.key_id, version.created_by, version.created_at)


def grant_answer(grant: Grant) -> GrantAnswer:
    return GrantAnswer(grant.grantee.id, grant.grantee.kind, grant.granted_by, grant.granted_at)
