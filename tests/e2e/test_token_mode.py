"""The internal process with AUTHSESSION_INTERNAL_AUTH=token, over sockets: tokens, break-glass tokens, and no secret in
any output.
"""

import hashlib
from collections.abc import Iterator, Mapping

import httpx
import pytest

from authsession.__main__ import main
from authsession.embedded.postgres import EmbeddedPostgres
from tests.support.database import cloned_database
from tests.support.servers import temporary_redis
from tests.support.stack import RunningStack, redis_users, wait_for

BREAK_GLASS = "zebra-quagga-break-glass-token-0123456789"
READ = "/api/v1/internal/sessions/device-session-of-nobody"
REVOKE = f"{READ}/revoke"
CAUSE = {"reason_code": "admin_revoke", "actor": {"type": "system"}}


@pytest.fixture(scope="module")
def stack(postgres_server: EmbeddedPostgres, template: str) -> Iterator[RunningStack]:
    """The internal process alone."""
    changes = {"AUTHSESSION_INTERNAL_AUTH": "token", "CONTROL_PLANE_API_TOKEN": BREAK_GLASS}
    with cloned_database(postgres_server, template) as database, temporary_redis(users=redis_users()) as redis_server:
        stack = RunningStack(database, redis_server, changes)
        try:
            stack.start("internal")
            yield stack
        finally:
            stack.stop()


@pytest.fixture
def token(stack: RunningStack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """A token, made by the command that a person uses."""
    monkeypatch.setenv("AUTHSESSION_POSTGRES_DSN", stack.database.owner_dsn)
    assert main(["token", "create", "--name", "reader", "--scope", "sessions:read"]) == 0
    return capsys.readouterr().out.strip()


@pytest.fixture
def http(stack: RunningStack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.internal_url, timeout=30) as client:
        yield client


def bearer(token: str) -> Mapping[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_a_token_from_the_command_line_reads_cannot_revoke_and_ends(
    stack: RunningStack, http: httpx.Client, token: str
) -> None:
    """Audit trail and list tell the token's life. No log, error, metric, row or dump holds its secret."""
    answers = [
        http.get(READ),
        http.post(REVOKE, json=CAUSE),
        http.get(READ, headers=bearer(token)),
        http.post(REVOKE, json=CAUSE, headers=bearer(token)),
        http.post(REVOKE, json=CAUSE, headers=bearer(BREAK_GLASS)),
        http.get(READ, headers=bearer(BREAK_GLASS[:-1])),
        http.get(f"{READ}?{token}", headers=bearer(token)),
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 404, 403, 404, 401, 404]
    database = stack.database
    wait_for(lambda: database.execute("select from api_tokens where last_used_at is not null"))
    (row,) = database.execute("select token_id, token_hash from api_tokens")
    assert main(["token", "revoke", row["token_id"], "--yes"]) == 0
    assert http.get(READ, headers=bearer(token)).status_code == 401

    trail = [
        tuple(found) for found in database.execute("select event, outcome, caller from audit_events order by audit_id")
    ]
    assert trail == [
        ("security.create_token", "created", "command_line"),
        ("security.refuse_request", "invalid_credentials", "anonymous"),
        ("security.refuse_request", "forbidden", row["token_id"]),
        ("security.use_break_glass", "admitted", "break_glass"),
        ("security.revoke_session", "session_not_found", "break_glass"),
        ("security.refuse_request", "invalid_credentials", "anonymous"),
        ("security.revoke_token", "revoked", "command_line"),
        ("security.refuse_request", "invalid_credentials", "anonymous"),
    ]
    rows = "".join(found[0] for found in database.execute("select audit_events::text from audit_events"))
    written = "\n".join([
        *stack.lines["internal"], http.get("/metrics").text, rows,
        *(answer.text for answer in answers), *(str(answer.headers) for answer in answers),
    ])  # fmt: skip
    assert row["token_hash"] == hashlib.sha256(token.encode()).digest()
    for secret in (token, token[24:], row["token_hash"].hex(), BREAK_GLASS):
        assert secret not in written


def test_probes_and_metrics_need_no_credentials(http: httpx.Client) -> None:
    assert [http.get(path).status_code for path in ("/healthz", "/readyz", "/metrics")] == [200, 200, 200]


def test_without_postgres_a_token_is_neither_good_nor_bad(stack: RunningStack, http: httpx.Client, token: str) -> None:
    """The answer is 503, which a caller repeats. At a 401 a caller might throw its token away."""
    stack.database.execute(f'revoke connect on database "{stack.database.name}" from public, authsession_internal')
    try:
        stack.database.cut_connections()
        answer = http.get(READ, headers=bearer(token))
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
    finally:
        stack.database.execute(f'grant connect on database "{stack.database.name}" to public')
    wait_for(lambda: http.get(READ, headers=bearer(token)).status_code == 404)
