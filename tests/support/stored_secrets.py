"""Secrets as the store writes them: sealed rows, put there by the owner of the schema."""

from services.internal_admin.secrets.domain.sealing import SecretPlace, seal_value
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.kernel.ids import new_secret_id
from shared.kernel.keyring import KeyRing
from tests.support.database import Database

_ENTROPY = SystemEntropy()


def ring(*keys: str) -> KeyRing:
    """The ring of these keys; the first is the newest."""
    return KeyRing.parse("test", ",".join(keys))


def store_secrets(
    database: Database, keys: KeyRing, *values: bytes, count: int = 1, deleted_ago: str | None = None
) -> list[str]:
    """Secrets of the installation, `count` of them. Each value is a version of each. Returns their ids in order.

    `deleted_ago` is the time since they were deleted, as an interval.
    """
    made = sorted(new_secret_id(SystemClock(), _ENTROPY) for _ in range(count))
    database.execute(
        """
        insert into secrets (secret_id, scope_kind, scope_id, name, usage, current_version, last_version, created_at,
                             updated_at, deleted_at)
        select id, 'installation', '', name, 'grantable', $3, $3, clock_now(), clock_now(),
               clock_now() - $4::text::interval
          from unnest($1::text[], $2::text[]) as made (id, name)
        """,
        made,
        [_name(secret_id) for secret_id in made],
        len(values),
        deleted_ago,
    )
    rows = [
        (secret_id, version, seal_value(keys, place_of(secret_id, version), value, _ENTROPY))
        for secret_id in made
        for version, value in enumerate(values, start=1)
    ]
    database.execute(
        """
        insert into secret_versions (secret_id, version, state, key_id, wrapped_key, ciphertext, created_by, created_at)
        select id, version, 'enabled', key_id, wrapped_key, ciphertext, 'tests', clock_now()
          from unnest($1::text[], $2::int[], $3::text[], $4::bytea[], $5::bytea[])
               as made (id, version, key_id, wrapped_key, ciphertext)
        """,
        [secret_id for secret_id, _, _ in rows],
        [version for _, version, _ in rows],
        [sealed.key_id for _, _, sealed in rows],
        [sealed.wrapped_key for _, _, sealed in rows],
        [sealed.ciphertext for _, _, sealed in rows],
    )
    return made


def place_of(secret_id: str, version: int) -> SecretPlace:
    """The place of a version that `store_secrets` wrote."""
    return SecretPlace(secret_id, "installation", "", _name(secret_id), version)


def forget_secrets(database: Database) -> None:
    """Removes every secret."""
    database.execute("truncate secrets cascade")


def _name(secret_id: str) -> str:
    return "S_" + secret_id.removeprefix("secret-").upper().replace("-", "_")
