"""Each kind is verified by a real call, and each way to fail has its word. Nothing of an answer is shown."""

from typing import Any

import pytest

from tests.integration.internal_admin.connections.conftest import Operator
from tests.support.far_ends import BODY_MARK, MODELS, Asked, always, far_end, provider

KEY = "key-of-a-far-end-in-tests"


def verified(operator: Operator, name: str, kind: str, settings: Any, secrets: Any) -> tuple[str, str, str]:
    """Outcome, result and detail of a verification; the answer shows nothing of the far end's."""
    body = {"kind": kind, "settings": settings, "secrets": secrets, "expected_revision": 0}
    answer = operator.call("PUT", f"connections/{name}", body)
    assert answer.status_code == 200, answer.text
    assert BODY_MARK not in answer.text
    shown = answer.json()
    return shown["outcome"], shown["verification"]["result"], shown["verification"]["detail"]


def by_bearer(path: str, answer: bytes = b"{}", method: str = "GET", header: str = "authorization") -> Any:
    """A judge of one path that needs the key."""

    def judge(asked: Asked) -> tuple[int, bytes]:
        if (asked.method, asked.path) != (method, path):
            return 404, BODY_MARK.encode()
        return (200, answer) if asked.headers.get(header, "").removeprefix("Bearer ") == KEY else (403, b"{}")

    return judge


def has_anthropic_version(asked: Asked) -> tuple[int, bytes]:
    return provider(KEY)(asked) if asked.headers.get("anthropic-version") == "2023-06-01" else (400, b"{}")


GOOD: dict[str, tuple[Any, Any, Any]] = {
    "mail_rest": (by_bearer("/base/ready"), {"health_path": "/ready"}, {"bearer": KEY}),
    "user_service": (
        by_bearer("/base/api/v1/internal/users/user-probe/exists", b'{"exists":false}'), {}, {"bearer": KEY},
    ),
    "otlp": (by_bearer("/base/v1/traces", method="POST", header="api-key"), {}, {"headers": f"api-key={KEY}"}),
    "openai_compatible": (by_bearer("/base/models", MODELS), {}, {"api_key": KEY}),
    "anthropic": (has_anthropic_version, {}, {"api_key": KEY}),
    "api_key": (
        by_bearer("/base/me?fields=id", header="x-key"), {"header": "x-key", "probe_path": "/me?fields=id"},
        {"api_key": KEY},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", GOOD)
def test_a_kind_is_verified_by_an_authenticated_call(operator: Operator, name: str, kind: str) -> None:
    """The same call with another secret is refused."""
    judge, settings, secrets = GOOD[kind]
    url = "endpoint" if kind == "otlp" else "base_url"
    with far_end(judge) as end:
        settings = {**settings, url: end.url + "/base"}
        assert verified(operator, name, kind, settings, secrets) == ("accepted", "verified", "verified")
        wrong = {field: value.replace(KEY, "wrong-key") for field, value in secrets.items()}
        outcome, result, _ = verified(operator, f"{name}-2", kind, settings, wrong)
        assert (outcome, result) == ("refused", "invalid_credentials")


ANSWERS: dict[str, tuple[Any, tuple[str, str]]] = {
    "a status of the server": (always(503), ("unreachable", "status_503")),
    "a limit": (always(429), ("rate_limited", "status_429")),
    "no such path": (always(404), ("protocol_error", "status_404")),
    "an answer of another service": (always(200), ("protocol_error", "malformed_answer")),
    "a list that is none": (always(200, b'{"data":7}'), ("protocol_error", "malformed_answer")),
    "a stream without an end": (always(1), ("protocol_error", "answer_too_long")),
    "a redirect": (always(302, b"http://127.0.0.1:1/"), ("protocol_error", "protocol_error")),
}  # fmt: skip


@pytest.mark.parametrize("case", ANSWERS)
def test_a_bad_answer_refuses_the_revision(operator: Operator, name: str, case: str) -> None:
    judge, expected = ANSWERS[case]
    with far_end(judge) as end:
        found = verified(operator, name, "openai_compatible", {"base_url": end.url}, {"api_key": KEY})
    assert found == ("refused", *expected)


def test_a_redirect_is_not_followed(operator: Operator, name: str) -> None:
    with far_end(provider(KEY)) as inner, far_end(always(302, inner.url.encode())) as end:
        operator.put(name, end.url, KEY)
        assert (len(end.requests), inner.requests) == (1, [])


def test_a_far_end_that_needs_no_key_proves_nothing_about_it(operator: Operator, name: str) -> None:
    """The connection is accepted, with a warning."""
    with far_end(always(200, MODELS)) as end:
        found = verified(operator, name, "openai_compatible", {"base_url": end.url}, {"api_key": KEY})
    assert found == ("accepted", "verified", "probe_needs_no_credentials")


def test_a_list_that_is_too_long_to_be_read_counts_if_the_key_is_needed(operator: Operator, name: str) -> None:
    with far_end(by_bearer("/models", b" " * 70_000)) as end:
        found = verified(operator, name, "openai_compatible", {"base_url": end.url}, {"api_key": KEY})
    assert found == ("accepted", "verified", "verified")


def test_a_user_service_that_knows_the_user_of_the_probe_lies(operator: Operator, name: str) -> None:
    with far_end(always(200, b'{"exists":true}')) as end:
        found = verified(operator, name, "user_service", {"base_url": end.url}, {})
    assert found == ("refused", "protocol_error", "malformed_answer")


def test_a_mail_server_has_a_user_and_a_password_or_neither(operator: Operator, name: str) -> None:
    settings = {"address": "mail.example.com:587", "from": "login@example.com"}
    body = {"kind": "smtp", "settings": settings, "secrets": {"user": "mailer"}, "expected_revision": 0}
    answer = operator.call("PUT", f"connections/{name}", body)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "secrets.password is required")
