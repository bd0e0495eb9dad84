"""`authsession keys status` and `doctor` on a real database: the configuration keys that manifests and nodes need."""

import base64
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from authsession.__main__ import main
from authsession.doctor import doctor
from contracts.node.manifest import COMPATIBILITY, Manifest, Position, digest_of, encode_manifest
from contracts.node.signed import MANIFEST_MARKER, Signed, signed_fields
from shared.kernel.config_keys import ConfigKeys
from tests.integration.cli.test_keys_command import lines_of
from tests.support.builders import SOME_INSTANT
from tests.support.database import Database
from tests.support.stack import AUDIT_KEYS, COOKIE_KEYS, LOGIN_CODE_KEYS, SEALING_KEYS

Captured = pytest.CaptureFixture[str]
OLD, NEW, THIRD = (f"{name}:{base64.b64encode(name.encode() * 16).decode()}" for name in ("k1", "k2", "k3"))
FIRST, SECOND = "is named in new join strings", "may be removed when the join tokens made while it was first have ended"
_numbers = count(1)


class Pool:
    """A pool with a head. Its rows are written as publication and nodes write them."""

    def __init__(self, database: Database, *signers: str) -> None:
        self._database = database
        self.name = f"pool-{next(_numbers)}"
        database.execute("insert into node_pools values ($1, clock_now())", self.name)
        self.head = self.manifest(*signers)
        database.execute(
            "insert into config_heads (pool, epoch, sequence, digest, content_digest, activated_at)"
            " values ($1, 1, 1, $2, $2, clock_now())",
            self.name,
            self.head,
        )

    def manifest(self, *signers: str) -> bytes:
        """The digest of a manifest that these keys sign. No head names it."""
        keys = ConfigKeys.parse("test", ",".join(signers))
        manifest = encode_manifest(
            Manifest(
                self.name,
                Position(1, next(_numbers)),
                SOME_INSTANT,
                SOME_INSTANT,
                COMPATIBILITY,
                keys.public_keys(),
                documents=(),
            )
        )
        self._database.execute(
            "insert into config_manifests values ($1, $2, 1, 1, $3, $4::jsonb, clock_now(), clock_now())",
            bytes.fromhex(digest_of(manifest)),
            self.name,
            manifest,
            json.dumps(signed_fields(Signed(manifest, keys.sign(MANIFEST_MARKER, manifest)))["signatures"]),
        )
        return bytes.fromhex(digest_of(manifest))

    def set_head(self, digest: bytes, *, stable: bytes | None = None) -> None:
        self._database.execute(
            "update config_heads set digest = $2, stable_digest = $3, percent = 10, halts = true where pool = $1",
            self.name,
            digest,
            stable,
        )
        self._database.execute(
            "delete from config_manifests where pool = $1 and digest not in ($2, $3)", self.name, digest, stable or b""
        )

    def node(self, applied: bytes | None, status: str = "active") -> None:
        node_id = f"node-{next(_numbers)}"
        self._database.execute(
            "insert into nodes (node_id, pool, node_name, status, created_at, revoked_at, revoke_reason_code)"
            " values ($1, $2, $1, $3, clock_now(), case $3 when 'revoked' then clock_now() end,"
            " case $3 when 'revoked' then 'test' end)",
            node_id,
            self.name,
            status,
        )
        if applied is not None:
            self._database.execute(
                "insert into node_states (node_id, last_seen_at, applied_digest) values ($1, clock_now(), $2)",
                node_id,
                applied,
            )


@pytest.fixture(autouse=True)
def environment(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AUTHSESSION_POSTGRES_DSN", database.owner_dsn)
    for name, keys in (
        ("LOGIN_CODE", LOGIN_CODE_KEYS), ("SEALING", SEALING_KEYS), ("COOKIE", COOKIE_KEYS), ("AUDIT", AUDIT_KEYS),
    ):  # fmt: skip
        monkeypatch.setenv(f"AUTHSESSION_{name}_KEYS", keys)
    yield
    for table in ("node_states", "nodes", "config_heads", "config_manifests", "node_pools"):
        database.execute(f"delete from {table}")


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> "Status":
    return Status(monkeypatch, capsys)


class Status:
    """Runs `keys status` with a ring of configuration keys."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.complaint = ""

    def of(self, *keys: str) -> tuple[int, list[str]]:
        """The exit status and the lines, without the fingerprints of these keys."""
        self._monkeypatch.setenv("AUTHSESSION_CONFIG_KEYS", ",".join(keys))
        status = main(["keys", "status"])
        out, self.complaint = self._capsys.readouterr()
        for key in keys:
            assert shown(key) in out
            out = out.replace(shown(key), "")
        return status, lines_of("AUTHSESSION_CONFIG_KEYS", out)


def shown(key: str) -> str:
    return f" (fingerprint {ConfigKeys.parse('test', key).fingerprint()})"


def test_without_nodes_no_key_is_needed(said: Status) -> None:
    assert said.of() == (0, ["is not set"])
    assert said.of(NEW, OLD) == (0, [f"k2 {FIRST}", f"k1 {SECOND}"])


def test_a_key_may_go_when_every_node_has_applied_a_manifest_of_another(database: Database, said: Status) -> None:
    pool = Pool(database, OLD)
    pool.node(pool.head)
    pool.node(pool.head)
    pool.node(pool.head, status="revoked")
    assert said.of(OLD) == (0, [f"k1 {FIRST}; 1 manifest needs it; 2 nodes need it"])
    assert said.of(OLD, NEW) == (0, [f"k1 {FIRST}; 1 manifest needs it; 2 nodes need it", f"k2 {SECOND}"])

    both = pool.manifest(OLD, NEW)
    pool.set_head(both)
    may_need = "2 nodes that have not applied a present manifest may need it"
    assert said.of(NEW, OLD) == (0, [f"k2 {FIRST}; {may_need}", f"k1 {may_need}"])

    database.execute("update node_states set applied_digest = $1", both)
    assert said.of(NEW, OLD) == (0, [f"k2 {FIRST}", f"k1 {SECOND}"])
    assert said.of(NEW) == (0, [f"k2 {FIRST}; 1 manifest needs it; 2 nodes need it"])


def test_one_node_that_lags_behind_keeps_a_key(database: Database, said: Status) -> None:
    pool = Pool(database, OLD)
    staged = pool.manifest(NEW, OLD)
    pool.node(pool.head)
    pool.node(staged)
    pool.set_head(staged, stable=pool.head)
    assert said.of(NEW, OLD) == (0, [f"k2 {FIRST}", "k1 1 manifest needs it; 1 node needs it"])


def test_a_node_that_has_applied_nothing_may_need_any_key(database: Database, said: Status) -> None:
    pool = Pool(database, NEW, OLD)
    pool.node(None)
    pool.node(None, status="pending")
    pool.node(None, status="revoked")
    may_need = "2 nodes that have not applied a present manifest may need it"
    assert said.of(NEW, OLD) == (0, [f"k2 {FIRST}; {may_need}", f"k1 {may_need}"])


def test_a_key_that_was_taken_away_too_early_is_missing(database: Database, said: Status) -> None:
    pool = Pool(database, NEW, OLD)
    pool.node(pool.head)
    lost = f"k2{shown(NEW)}"
    missing = [f"{lost} missing: 1 manifest needs it; put it back", f"{lost} missing: 1 node needs it; put it back"]
    assert said.of(THIRD) == (1, [f"k3 {FIRST}", *missing])
    assert said.complaint == f"authsession: AUTHSESSION_CONFIG_KEYS lacks the key {lost}: put it back\n"
    assert said.of() == (1, ["is not set", *missing])
    assert said.of(OLD)[0] == 0


def test_another_key_under_the_same_id_is_another_key(database: Database, said: Status) -> None:
    pool = Pool(database, OLD)
    pool.node(pool.head)
    status, lines = said.of(f"k1:{THIRD[3:]}")
    assert (status, lines[0]) == (1, f"k1 {FIRST}")
    assert lines[1] == f"k1{shown(OLD)} missing: 1 manifest needs it; put it back"


def test_a_list_that_is_wrong_is_refused_without_its_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, database: Database
) -> None:
    monkeypatch.setenv("AUTHSESSION_CONFIG_KEYS", f"k1:{base64.b64encode(b'k1' * 20).decode()}")
    assert main(["keys", "status"]) == 78
    said = capsys.readouterr().err
    assert "AUTHSESSION_CONFIG_KEYS: key 1 has 40 bytes, needs exactly 32" in said
    assert OLD[3:11] not in said


@pytest.mark.parametrize("process", ["internal", None])
def test_doctor_gives_a_hint_where_the_list_is_not_set(
    process: str | None, database: Database, tmp_path: Path, capsys: Captured
) -> None:
    hint = f"hint  {process or 'environment'}: AUTHSESSION_CONFIG_KEYS is not set: "
    environment = {"AUTHSESSION_POSTGRES_DSN": database.internal_dsn}
    doctor(environment, tmp_path, process)
    assert len([line for line in capsys.readouterr().out.splitlines() if line.startswith(hint)]) == 1
    doctor(environment | {"AUTHSESSION_CONFIG_KEYS": OLD}, tmp_path, process)
    doctor({"AUTHSESSION_POSTGRES_DSN": database.public_dsn}, tmp_path, "public")
    assert "AUTHSESSION_CONFIG_KEYS" not in capsys.readouterr().out


def test_doctor_names_a_key_that_the_list_lacks(database: Database, tmp_path: Path, capsys: Captured) -> None:
    pool = Pool(database, OLD)
    pool.node(pool.head)
    for keys in (NEW, ""):
        environment = {"AUTHSESSION_POSTGRES_DSN": database.internal_dsn, "AUTHSESSION_CONFIG_KEYS": keys}
        doctor(environment, tmp_path, "internal")
        lines = capsys.readouterr().out.splitlines()
        cure = f"the key k1{shown(OLD)}: put it back into AUTHSESSION_CONFIG_KEYS"
        assert f"warn  internal: 1 manifest needs {cure}" in lines
        assert f"warn  internal: 1 node needs {cure}" in lines
