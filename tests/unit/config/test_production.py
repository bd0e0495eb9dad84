"""AUTHSESSION_ENV=production: what boot refuses, all at once, each with its cure (SPEC §10.9); development takes it."""

import base64
from collections.abc import Mapping

import pytest

from authsession.configuration import read_configuration
from shared.kernel.faults import ConfigurationError

SECRET = "S3cretWord"


def keys(letter: bytes, key_id: str = "k1") -> str:
    """A key list."""
    return f"{key_id}:" + base64.b64encode(letter * 32).decode()


KEYS = keys(b"x")
SOUND = {
    "POSTGRES_DSN": f"postgresql://user:{SECRET}@db.example.com/authsession?sslmode=verify-full&sslrootcert=system",
    "REDIS_ADDR": "redis.example.com:6379",
    "REDIS_TLS": "true",
    "LOGIN_CODE_KEYS": KEYS,
    "SEALING_KEYS": keys(b"s"),
    "COOKIE_KEYS": keys(b"c"),
    "AUDIT_KEYS": keys(b"a"),
    "CONFIG_KEYS": keys(b"g"),
    "SECRET_KEYS": keys(b"v"),
    "MAIL_SERVICE_MODE": "smtp",
    "SMTP_ADDR": "mail.example.com:587",
    "SMTP_FROM": "login@example.com",
}
STUB = ("MAIL_SERVICE_MODE=stub", "configure a mail service")

# Each: what is set (None: unset), how the refusal begins, what its cure says.
REFUSED = [
    ({"MAIL_SERVICE_MODE": "stub"}, *STUB),
    ({"MAIL_SERVICE_MODE": None}, *STUB),
    ({"SMTP_TLS": "off"}, "SMTP_TLS=off", "starttls or implicit"),
    ({"LOGIN_CODE_KEYS": None}, "LOGIN_CODE_KEYS is not set", "authsession keys new"),
    ({"SEALING_KEYS": None}, "SEALING_KEYS is not set", "keys that encrypt"),
    ({"LOGIN_CODE_KEYS": "k1:c2hvcnQ="}, "LOGIN_CODE_KEYS: key 1", "32"),
    ({"SEALING_KEYS": "k1:c2hvcnQ="}, "SEALING_KEYS: key 1", "32"),
    ({"SEND_RATE_LIMIT": "off"}, "SEND_RATE_LIMIT is off", "set a rate"),
    ({"CONFIRM_RATE_LIMIT": "off"}, "CONFIRM_RATE_LIMIT is off", "set a rate"),
    ({"SELF_SERVICE_RATE_LIMIT": "off"}, "SELF_SERVICE_RATE_LIMIT is off", "set a rate"),
    ({"INTERNAL_HTTP_ADDR": "0.0.0.0:8081"}, "INTERNAL_HTTP_ADDR is not loopback", "127.0.0.1:port"),
    ({"INTERNAL_HTTP_ADDR": "[::]:8081"}, "INTERNAL_HTTP_ADDR is not loopback", "unix:/path"),
    ({"INTERNAL_HTTP_ADDR": "10.0.0.7:8081"}, "INTERNAL_HTTP_ADDR is not loopback", "127.0.0.1:port"),
    ({"TRUSTED_PROXIES": "0.0.0.0/0,::/0"}, "TRUSTED_PROXIES trusts everybody in 0.0.0.0/0, ::/0", "your own"),
    ({"TRUSTED_PROXIES": "10.0.0.0/8,64.0.0.0/2"}, "TRUSTED_PROXIES trusts everybody in 64.0.0.0/2", "proxies"),
    ({"TRUSTED_PROXIES": "2000::/3"}, "TRUSTED_PROXIES trusts everybody in 2000::/3", "your own proxies"),
    ({"SEALING_KEYS": KEYS}, "SEALING_KEYS (id k1) is the same secret as LOGIN_CODE_KEYS (id k1)", "keys new"),
    ({"AUDIT_KEYS": keys(b"c", "of-audit")}, "AUDIT_KEYS (id of-audit) is the same secret as COOKIE_KEYS", "purpose"),
    ({"COOKIE_KEYS": f"{keys(b'n')},{keys(b'x', 'old')}"}, "COOKIE_KEYS (id old) is the same secret as L", "purpose"),
    ({"AUDIT_KEYS": f"{keys(b'n')},{keys(b'n', 'k2')}"}, "AUDIT_KEYS (id k2) is the same secret as AUDIT", "each id"),
    ({"CONFIG_KEYS": keys(b"gg")}, "CONFIG_KEYS: key 1 has 64 bytes", "exactly 32"),
    ({"SECRET_KEYS": keys(b"x", "wraps")}, "SECRET_KEYS (id wraps) is the same secret as LOGIN_CODE_KEYS", "purpose"),
    ({"CONFIG_KEYS": keys(b"x", "signs")}, "CONFIG_KEYS (id signs) is the same secret as LOGIN_CODE_KEYS", "purpose"),
]  # fmt: skip
ALWAYS_REFUSED = ("is not set", "key 1")
"""Also in development: nothing works without."""


def problems(changes: Mapping[str, str | None], env: str = "production") -> list[str]:
    """The problems of both processes with a sound configuration and these changes, names without their prefix."""
    given = {"ENV": env, **SOUND, **changes}
    try:
        read_configuration({f"AUTHSESSION_{name}": value for name, value in given.items() if value is not None})
    except ConfigurationError as error:
        return [problem.replace("AUTHSESSION_", "") for problem in error.problems]
    return []


def test_production_takes_what_is_sound() -> None:
    assert problems({}) == []
    assert problems({"TRUSTED_PROXIES": "10.0.0.0/8,fc00::/7,192.0.2.7"}) == []


@pytest.mark.parametrize("address", ["0.0.0.0:8081", "[::]:8081", "10.0.0.7:8081", ":8081"])
def test_production_takes_an_internal_listener_for_other_machines_that_asks_for_a_token(address: str) -> None:
    assert problems({"INTERNAL_HTTP_ADDR": address, "INTERNAL_AUTH": "token"}) == []


@pytest.mark.parametrize("address", ["0.0.0.0:8082", "[::]:8082", "10.0.0.7:8082", ":8082"])
def test_production_takes_a_node_listener_for_other_machines(address: str) -> None:
    """A node signs every request, so the listener needs no other protection."""
    assert problems({"NODE_HTTP_ADDR": address}) == []


@pytest.mark.parametrize(("changes", "refusal", "cure"), REFUSED)
def test_production_refuses_and_says_the_cure(changes: dict[str, str | None], refusal: str, cure: str) -> None:
    found = [problem for problem in problems(changes) if problem.startswith(refusal)]
    assert len(found) == 1
    assert cure in found[0]


@pytest.mark.parametrize(("changes", "refusal", "cure"), REFUSED)
def test_development_takes_whatever_works(changes: dict[str, str | None], refusal: str, cure: str) -> None:
    is_refused = any(word in refusal for word in ALWAYS_REFUSED)
    assert bool(problems(changes, env="development")) == is_refused


@pytest.mark.parametrize(
    ("name", "value", "cure"),
    [("CONTROL_PLANE_AUTH_MODE", "development", "write operator"),
     ("CONTROL_PLANE_AUTH_MODE", "open", "write operator"),
     ("AUTHSESSION_ALLOW_LOOPBACK_BOOTSTRAP", "true", "remove it"),
     ("CONTROL_PLANE_ALLOW_INSECURE_COOKIES", "true", "remove it")],
)  # fmt: skip
def test_production_refuses_what_loosens_the_control_plane(name: str, value: str, cure: str) -> None:
    given = {f"AUTHSESSION_{each}": text for each, text in SOUND.items()} | {name: value}
    with pytest.raises(ConfigurationError) as refused:
        read_configuration(given | {"AUTHSESSION_ENV": "production"})
    (problem,) = refused.value.problems
    assert problem.startswith(name)
    assert cure in problem
    assert len(read_configuration(given).internal.process.warnings) == 1


def test_a_mail_mode_with_a_typing_error_is_not_called_stub() -> None:
    (problem,) = problems({"MAIL_SERVICE_MODE": "smpt"})
    assert problem.startswith("MAIL_SERVICE_MODE must be")


def test_all_refusals_come_at_once_and_show_no_secret() -> None:
    everything = {name: value for changes, _, _ in REFUSED for name, value in changes.items()}
    found = problems(everything)
    assert [problem.split("=")[0].split(":")[0].split()[0] for problem in found] == [
        "LOGIN_CODE_KEYS", "MAIL_SERVICE_MODE", "TRUSTED_PROXIES", "SEND_RATE_LIMIT", "CONFIRM_RATE_LIMIT",
        "SELF_SERVICE_RATE_LIMIT", "INTERNAL_HTTP_ADDR", "COOKIE_KEYS", "AUDIT_KEYS", "AUDIT_KEYS", "CONFIG_KEYS",
        "SECRET_KEYS",
    ]  # fmt: skip
    assert SECRET not in repr(found)
    assert KEYS not in repr(found)


# Each: what is set, and the beginning of the warning.
PLAIN_TEXT = [
    ({"POSTGRES_DSN": f"postgresql://user:{SECRET}@db.example.com/authsession?sslmode=disable"}, "POSTGRES_DSN turns"),
    ({"POSTGRES_DSN": f"postgresql://u:{SECRET}@127.0.0.1,db.example.com/a?sslmode=disable"}, "POSTGRES_DSN turns"),
    ({"REDIS_TLS": "false"}, "REDIS_TLS is off"),
    (
        {"MAIL_SERVICE_MODE": "rest", "MAIL_SERVICE_BASE_URL": "http://mail.example.com"},
        "MAIL_SERVICE_BASE_URL is http",
    ),
    (
        {"NODE_OTLP_ENDPOINT": "http://collector.example.com:4318", "NODE_OTLP_HEADERS": f"api-key={SECRET}"},
        "NODE_OTLP_ENDPOINT is http",
    ),
]


def warnings(changes: Mapping[str, str], env: str = "production") -> list[str]:
    """The processes' words at boot, names without their prefix."""
    given = {"ENV": env, **SOUND, **changes}
    read = read_configuration({f"AUTHSESSION_{name}": value for name, value in given.items()})
    said = dict.fromkeys([*read.public.process.warnings, *read.internal.process.warnings])
    return [warning.replace("AUTHSESSION_", "") for warning in said]


@pytest.mark.parametrize(("changes", "warning"), PLAIN_TEXT)
def test_production_warns_of_plain_text_to_another_machine(changes: dict[str, str], warning: str) -> None:
    (said,) = warnings(changes)
    assert said.startswith(warning)
    assert SECRET not in said
    assert warnings(changes, env="development") == []


@pytest.mark.parametrize("host", ["127.0.0.1:6379", "localhost:6379", "unix:/run/redis.sock", "[::1]:6379"])
def test_plain_text_on_this_machine_is_no_weakness(host: str) -> None:
    servers = {
        "REDIS_ADDR": host,
        "REDIS_TLS": "false",
        "POSTGRES_DSN": f"postgresql://user:{SECRET}@localhost/authsession",
    }
    users = {"USER_SERVICE_MODE": "rest", "USER_SERVICE_BASE_URL": "http://[::1]:8091"}
    assert warnings(servers | users) == []


def test_a_sound_configuration_has_no_weakness() -> None:
    assert warnings({}) == []
