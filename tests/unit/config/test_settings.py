"""Settings: every problem at once, each with its name and its cure, and never a secret."""

import base64
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.internal_admin.node_telemetry.settings import NodeTelemetrySettings
from services.internal_admin.settings import read_settings as read_internal
from services.public_auth.domain.budget import Budget, Budgets
from services.public_auth.settings import read_settings as read_public
from shared.config import variables
from shared.config.settings import (
    Reading,
    Variable,
    edit_distance,
    parse_boolean,
    parse_budget,
    parse_duration,
    parse_host,
    parse_networks,
    parse_rate,
    parse_server_address,
    whole_number,
)
from shared.config.user_service import UserServiceSettings
from shared.config.variables import VARIABLES
from shared.kernel.address import TcpAddress, UnixAddress, parse_address
from shared.kernel.config_keys import NO_CONFIG_KEYS
from shared.kernel.faults import ConfigurationError
from shared.kernel.keyring import NO_KEYS
from shared.kernel.rate import Rate

SECRET = "S3cretWord"
KEYS = "k1:" + base64.b64encode(b"x" * 32).decode()
LEAST = {
    "AUTHSESSION_POSTGRES_DSN": f"postgresql://user:{SECRET}@127.0.0.1:5432/authsession",
    "AUTHSESSION_LOGIN_CODE_KEYS": KEYS,
    "AUTHSESSION_SEALING_KEYS": KEYS,
    "AUTHSESSION_COOKIE_KEYS": KEYS,
    "AUTHSESSION_AUDIT_KEYS": KEYS,
}


def problems(**changes: str) -> tuple[str, ...]:
    """The problems of both services with the least environment and these changes, names without their prefix."""
    environment = LEAST | {f"AUTHSESSION_{name}": value for name, value in changes.items()}
    found: list[str] = []
    for read in (read_public, read_internal):
        try:
            read(environment)
        except ConfigurationError as error:
            found += [problem for problem in error.problems if problem not in found]
    return tuple(found)


@pytest.mark.parametrize(
    ("text", "duration"),
    [("1s", 1), ("500ms", 0.5), ("10m", 600), ("2h", 7200), ("30d", 2592000), ("0", 0), ("0s", 0)],
)
def test_a_duration_is_a_whole_number_with_its_unit(text: str, duration: float) -> None:
    assert parse_duration(text) == timedelta(seconds=duration)


@pytest.mark.parametrize("text", ["", "1", "s", "1.5s", "-1s", "1 s", "1S", "1s ", "١s", "1w", "9999999999s"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="a duration"):
        parse_duration(text)


def test_a_rate_is_a_count_and_a_period_or_off() -> None:
    assert parse_rate("60/1m") == Rate(60, timedelta(minutes=1))
    assert parse_rate("off") is None
    for text in ("", "60", "0/1m", "60/0s", "-1/1m", "60/m", "1.5/1m", "OFF"):
        with pytest.raises(ValueError, match=r"a rate|a duration"):
            parse_rate(text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":8080", TcpAddress("here", 8080)),
        ("example.com:1", TcpAddress("example.com", 1)),
        ("[::1]:80", TcpAddress("::1", 80)),
        ("unix:/run/a", UnixAddress("/run/a")),
    ],
)
def test_an_address_is_host_and_port_or_a_socket_file(text: str, address: object) -> None:
    assert parse_address(text, default_host="here") == address


@pytest.mark.parametrize(
    "text", ["", "8080", "host", "host:", "host:x", "host:65536", "::1:80", "unix:a", "http://a:1", "a b:1"]
)
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"host:port|unix:"):
        parse_address(text, default_host="here")


def test_words_numbers_hosts_and_networks() -> None:
    assert [parse_boolean(word) for word in ("true", "1", "YES", "on", "false", "0", "no", "Off")] == [True] * 4 + [
        False
    ] * 4
    assert whole_number(0, 10)("10") == 10
    assert parse_host("Auth.Example.COM") == "auth.example.com"
    assert [str(network) for network in parse_networks("10.0.0.0/8, ::1")] == ["10.0.0.0/8", "::1/128"]
    assert parse_networks("") == ()
    refused: list[tuple[Any, str]] = [
        (parse_boolean, "maybe"), (whole_number(0, 10), "11"), (whole_number(0, 10), "-1"),
        (whole_number(0, 10), "9" * 5000),
        (parse_host, "a:80"), (parse_host, "https://a"), (parse_networks, "10.0.0.1/8"), (parse_networks, "x"),
        (parse_server_address, "host:0"),
    ]  # fmt: skip
    for parse, text in refused:
        with pytest.raises(ValueError, match=r"."):
            parse(text)


TOKEN = LEAST | {
    "AUTHSESSION_INTERNAL_AUTH": "token",
    "AUTHSESSION_MAIL_SERVICE_MODE": "smtp",
    "AUTHSESSION_SMTP_ADDR": "mail.example.com:587",
    "AUTHSESSION_SMTP_FROM": "login@example.com",
}
"""The internal process asks everybody for credentials."""


def test_the_least_environment_is_enough_and_gives_the_documented_defaults() -> None:
    public, internal = read_public(LEAST), read_internal(LEAST)
    assert public.http_address == TcpAddress("", 8080)
    assert internal.http_address == TcpAddress("127.0.0.1", 8081)
    assert public.metrics_address == TcpAddress("127.0.0.1", 9464)
    assert (public.send_rate_limit, public.confirm_rate_limit) == (
        Rate(60, timedelta(minutes=1)),
        Rate(120, timedelta(minutes=1)),
    )
    assert public.self_service_rate_limit == Rate(60, timedelta(minutes=1))
    assert (public.public_rate_limit, public.new_address_mail_limit) == (None, None)
    assert public.process.redis.address == "127.0.0.1:6379"
    assert (public.process.drain_delay, public.process.shutdown_timeout) == (
        timedelta(seconds=5),
        timedelta(seconds=10),
    )


def test_the_seeds_environment_is_accepted() -> None:
    seed = {
        "AUTHSESSION_REDIS_ADDR": "127.0.0.1:6379", "AUTHSESSION_PUBLIC_HTTP_ADDR": ":8080",
        "AUTHSESSION_INTERNAL_HTTP_ADDR": ":8081", "AUTHSESSION_USER_SERVICE_MODE": "stub",
        "AUTHSESSION_MAIL_SERVICE_MODE": "stub", "OTEL_SERVICE_NAME": "galaxy-authsession",
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "none",
    }  # fmt: skip
    assert read_public(LEAST | seed).process.warnings == []
    assert read_internal(LEAST | seed).process.warnings == []


def test_an_empty_environment_names_what_is_missing_at_once() -> None:
    with pytest.raises(ConfigurationError) as error:
        read_public({"AUTHSESSION_SEALING_KEYS": ""})
    assert [problem.split()[0] for problem in error.value.problems] == [
        "AUTHSESSION_POSTGRES_DSN", "AUTHSESSION_LOGIN_CODE_KEYS", "AUTHSESSION_SEALING_KEYS",
    ]  # fmt: skip


def test_all_problems_come_at_once_and_show_no_secret() -> None:
    found = problems(
        POSTGRES_DSN=f"mysql://user:{SECRET}@h/d", LOGIN_CODE_KEYS=f"k:{SECRET}", REDIS_ADDR="nowhere",
        DRAIN_DELAY="soon",
        SEND_RATE_LIMIT="many", ENV="staging", INTERNAL_HTTP_ADDR="8081", TRUSTED_PROXIES="all", PUBLIC_HOST="https://x",
        POSTGRES_POOL_SIZE="0",
    )  # fmt: skip
    assert len(found) == 10
    assert all(re.match(r"AUTHSESSION_[A-Z_]+(:| must be) ", problem) for problem in found)
    assert SECRET not in repr(found)


def test_settings_show_no_secret() -> None:
    environment = LEAST | {"AUTHSESSION_REDIS_PASSWORD": SECRET}
    for settings in (read_public(environment), read_internal(environment)):
        assert SECRET not in repr(settings)
        assert base64.b64encode(b"x" * 32).decode() not in repr(settings)


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "dsn"
    file.write_text(LEAST["AUTHSESSION_POSTGRES_DSN"] + "\n")
    environment = {**LEAST, "AUTHSESSION_POSTGRES_DSN": "", "AUTHSESSION_POSTGRES_DSN_FILE": str(file)}
    assert read_public(environment).process.postgres_dsn == LEAST["AUTHSESSION_POSTGRES_DSN"]
    assert problems(POSTGRES_DSN_FILE=str(file)) == (
        "AUTHSESSION_POSTGRES_DSN and AUTHSESSION_POSTGRES_DSN_FILE are both set: keep one",
    )
    file.write_text("")
    assert problems(POSTGRES_DSN="", POSTGRES_DSN_FILE=str(file)) == (
        f"AUTHSESSION_POSTGRES_DSN_FILE names the file {file} that is empty",
    )
    assert problems(POSTGRES_DSN="", POSTGRES_DSN_FILE=str(tmp_path / "none")) == (
        f"AUTHSESSION_POSTGRES_DSN_FILE names the file {tmp_path}/none that cannot be read: No such file or directory",
    )


@pytest.mark.parametrize("secret", ["postgresql://o:topsecret@h/x", "/topsecret+base64=", "/" + "topsecret" * 40])
def test_a_secret_in_the_place_of_a_path_is_not_repeated(secret: str) -> None:
    (problem,) = problems(POSTGRES_DSN="", POSTGRES_DSN_FILE=secret)
    assert problem.startswith("AUTHSESSION_POSTGRES_DSN_FILE names a file that cannot be read: ")
    assert "topsecret" not in problem


def test_a_mistyped_name_is_refused_with_the_right_one() -> None:
    assert problems(REDIS_ADR="x") == ("AUTHSESSION_REDIS_ADR is unknown: write AUTHSESSION_REDIS_ADDR",)
    assert problems(LOGIN_CODE_KEY="x") == ("AUTHSESSION_LOGIN_CODE_KEY is unknown: write AUTHSESSION_LOGIN_CODE_KEYS",)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("AUTHSESSION_TRUSTED_PROXY", "AUTHSESSION_TRUSTED_PROXIES"),
        ("AUTHSESSION_LOGINCODE_KEY_FILE", "AUTHSESSION_LOGIN_CODE_KEYS_FILE"),
        ("AUTHESION_ENV", "AUTHSESSION_ENV"),
        ("AUTHSESION_INTERNAL_AUTH", "AUTHSESSION_INTERNAL_AUTH"),
        ("AUTH_SESSION_COOKIE_KEYS", "AUTHSESSION_COOKIE_KEYS"),
        ("CONTROL_PLANE_API_TOKENS", "CONTROL_PLANE_API_TOKEN"),
        ("CONTROLPLANE_AUTH_MODE", "CONTROL_PLANE_AUTH_MODE"),
    ],
)
def test_a_near_miss_of_a_security_setting_is_refused(name: str, meant: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_public({**LEAST, name: "x"})
    assert refused.value.problems == (f"{name} is unknown: write {meant}",)


@pytest.mark.parametrize(
    "name", ["AUTH_SERVICE_HOST", "AUTHOR", "CONTROL_PLANE_AUTH_URL", "AUTHSESSION_MAIL_SERVICE_PORT"]
)
def test_a_name_of_somebody_else_is_none_of_ours(name: str) -> None:
    read_public({**LEAST, name: "x"})


def test_other_unknown_names_are_one_warning() -> None:
    injected = {
        "AUTHSESSION_PUBLIC_PORT": "tcp://10.0.0.1:8080", "AUTHSESSION_PUBLIC_SERVICE_HOST": "10.0.0.1",
        "AUTHSESSION_SOMETHING_ELSE": "x",
    }  # fmt: skip
    assert read_public(LEAST | injected).process.warnings == [
        f"unknown names are ignored: {', '.join(sorted(injected))}"
    ]


def test_a_user_service_without_an_address_is_refused_at_boot() -> None:
    base_url = "AUTHSESSION_USER_SERVICE_BASE_URL"
    assert problems(USER_SERVICE_MODE="rest") == (
        f"{base_url} is not set: AUTHSESSION_USER_SERVICE_MODE=rest needs the URL of the user service",
    )


@pytest.mark.parametrize(
    "url", ["users.example.com", "ftp://users", "http://", "http://me:pw@users", "http://users?a=b"]
)
def test_an_address_of_a_user_service_that_could_never_work_is_refused_at_boot(url: str) -> None:
    [problem] = problems(USER_SERVICE_MODE="rest", USER_SERVICE_BASE_URL=url)
    assert problem.startswith("AUTHSESSION_USER_SERVICE_BASE_URL must be")
    assert url not in problem


def test_a_user_service_may_not_take_longer_than_a_login_can_wait() -> None:
    [problem] = problems(USER_SERVICE_REQUEST_TIMEOUT="5s")
    assert problem == "AUTHSESSION_USER_SERVICE_REQUEST_TIMEOUT must be a duration of at most 4s"


def test_the_user_service_of_the_examples_is_read() -> None:
    rest = {"AUTHSESSION_USER_SERVICE_MODE": "rest", "AUTHSESSION_USER_SERVICE_BASE_URL": "http://127.0.0.1:8091"}
    expected = UserServiceSettings("http://127.0.0.1:8091", timedelta(seconds=1))
    for read in (read_public, read_internal):
        assert read(LEAST | rest).process.user_service == expected
        assert read(LEAST).process.user_service is None


def test_the_collector_of_nodes_and_its_headers_are_read() -> None:
    given = {
        "AUTHSESSION_NODE_OTLP_ENDPOINT": "https://collector.example.com/otlp/",
        "AUTHSESSION_NODE_OTLP_HEADERS": f"Api-Key={SECRET}%2C=, tenant = 7,",
    }
    read = read_internal(LEAST | given).node_telemetry
    assert read == NodeTelemetrySettings(
        "https://collector.example.com/otlp", {"api-key": f"{SECRET},=", "tenant": "7"}
    )
    assert SECRET not in repr(read)
    assert read_internal(LEAST).node_telemetry is None


@pytest.mark.parametrize(
    "headers", [SECRET, f"={SECRET}", f"a b={SECRET}", f"a={SECRET}%0D%0Ab: c", f"a={SECRET}é", f"Host={SECRET}"]
)
def test_headers_that_no_collector_could_get_are_refused_at_boot(headers: str) -> None:
    [problem] = problems(NODE_OTLP_ENDPOINT="http://127.0.0.1:4318", NODE_OTLP_HEADERS=headers)
    assert problem.startswith("AUTHSESSION_NODE_OTLP_HEADERS must be headers such as")
    assert SECRET not in problem


@pytest.mark.parametrize("address", ["0.0.0.0:8081", "10.1.2.3:8081", "[::]:8081", "internal.example.com:8081"])
def test_an_internal_address_off_loopback_is_taken_with_a_warning(address: str) -> None:
    settings = read_internal(LEAST | {"AUTHSESSION_INTERNAL_HTTP_ADDR": address})
    assert str(settings.http_address) == address
    assert len(settings.process.warnings) == 1


def test_an_internal_address_off_loopback_is_no_weakness_where_a_token_is_asked_for() -> None:
    settings = read_internal(TOKEN | {"AUTHSESSION_INTERNAL_HTTP_ADDR": "0.0.0.0:8081"})
    assert settings.requires_token
    assert settings.process.warnings == []


@pytest.mark.parametrize(
    ("changes", "host"),
    [({}, ""), ({"AUTHSESSION_INTERNAL_AUTH": "trusted_network"}, "127.0.0.1"),
     ({"AUTHSESSION_MAIL_SERVICE_MODE": "stub"}, "127.0.0.1"), ({"CONTROL_PLANE_AUTH_MODE": "open"}, "127.0.0.1"),
     ({"CONTROL_PLANE_AUTH_MODE": "development"}, "")],
)  # fmt: skip
def test_a_port_alone_opens_to_the_network_only_what_asks_everybody_for_credentials(
    changes: dict[str, str], host: str
) -> None:
    assert read_internal(TOKEN | changes).http_address == TcpAddress(host, 8081)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "[::1]:1", "localhost:1", "unix:/run/x", ":1"])
def test_an_internal_address_on_loopback_needs_no_warning(address: str) -> None:
    assert read_internal(LEAST | {"AUTHSESSION_INTERNAL_HTTP_ADDR": address}).process.warnings == []


def test_nodes_have_a_listener_of_their_own_only_if_it_has_an_address() -> None:
    assert read_internal(LEAST).node_http_address is None
    settings = read_internal(LEAST | {"AUTHSESSION_NODE_HTTP_ADDR": ":8082"})
    assert settings.node_http_address == TcpAddress("", 8082)
    assert settings.process.warnings == []


def test_two_listeners_cannot_have_one_address() -> None:
    (problem,) = problems(INTERNAL_HTTP_ADDR="127.0.0.1:1", NODE_HTTP_ADDR="127.0.0.1:1")
    assert problem.startswith("AUTHSESSION_NODE_HTTP_ADDR is the address of AUTHSESSION_INTERNAL_HTTP_ADDR")


def test_every_variable_has_a_name_of_ours_a_meaning_and_a_default_that_parses() -> None:
    assert len({variable.name for variable in VARIABLES}) == len(VARIABLES) > 30
    for variable in VARIABLES:
        assert variable.name.startswith(("AUTHSESSION_", "CONTROL_PLANE_"))
        assert variable.meaning
        if variable.default is not None:
            variable.parse(variable.default)


def test_no_name_is_so_close_to_another_that_one_could_be_the_others_typing_error() -> None:
    names = [variable.name for variable in VARIABLES]
    close = {(a, b) for a in names for b in names if a < b and edit_distance(a, b) <= 2}
    assert close <= {("AUTHSESSION_MAIL_SERVICE_MODE", "AUTHSESSION_USER_SERVICE_MODE")}


words = st.text("ABC", max_size=6)


@given(words, words, words)
def test_edit_distance_is_a_metric(a: str, b: str, c: str) -> None:
    assert (edit_distance(a, b) == 0) == (a == b)
    assert edit_distance(a, b) == edit_distance(b, a)
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)
    assert abs(len(a) - len(b)) <= edit_distance(a, b) <= max(len(a), len(b))


def test_budgets_are_three_numbers_and_default_to_the_table_of_spec_3_6() -> None:
    assert read_public(LEAST).budgets == Budgets()
    changed = read_public(LEAST | {"AUTHSESSION_BUDGET_MAILS_PER_HOUR": "30/10/5"}).budgets
    assert changed == Budgets(mails_an_hour=Budget(30, 10, 5))
    for text in ("8", "8/3", "8/3/2/1", "8/3/-2", "8 / 3 / 2", "a/b/c", "٨/3/2"):
        with pytest.raises(ValueError, match="three whole numbers"):
            parse_budget(text)


def test_boot_refuses_budgets_whose_reservations_exceed_another() -> None:
    [too_many_places] = problems(BUDGET_LIVE_CHALLENGES="30/2/4")
    assert "BUDGET" in too_many_places
    assert "wrong codes (total): 100 is less than the 150 attempts that 30 live challenges reserve" in too_many_places
    [kept_exceeds_total] = problems(BUDGET_MAILS_PER_DAY="20/5/20")
    assert "mails a day" in kept_exceeds_total
    assert len(problems(BUDGET_MAILS_PER_DAY="no", BUDGET_LIVE_CHALLENGES="30/2/4")) == 2


def test_hosts_of_the_internal_listener_are_names_in_lower_case() -> None:
    environment = LEAST | {"AUTHSESSION_INTERNAL_HOSTS": "Internal, auth.example.com"}
    assert read_internal(environment).known_hosts == {"internal", "auth.example.com"}
    assert read_internal(LEAST).known_hosts == frozenset()
    assert problems(INTERNAL_HOSTS="http://internal")[0].startswith("AUTHSESSION_INTERNAL_HOSTS must be host names")


@pytest.mark.parametrize("name", ["PUBLIC_PROXY_PROTOCOL", "INTERNAL_PROXY_PROTOCOL", "NODE_PROXY_PROTOCOL"])
def test_the_proxy_protocol_needs_a_proxy_to_trust(name: str) -> None:
    assert problems(**{name: "on", "TRUSTED_PROXIES": "10.0.0.0/8"}) == ()
    assert problems(**{name: "on"}) == (
        (
            f"AUTHSESSION_{name} is on while no proxy is trusted, so every connection would be refused: "
            "write the balancer's network in AUTHSESSION_TRUSTED_PROXIES"
        ),
    )


def test_a_keep_alive_timeout_is_a_duration_above_zero() -> None:
    assert read_public(LEAST).process.keep_alive_timeout == timedelta(seconds=75)
    environment = LEAST | {"AUTHSESSION_KEEP_ALIVE_TIMEOUT": "620s"}
    assert read_internal(environment).process.keep_alive_timeout == timedelta(seconds=620)
    assert problems(KEEP_ALIVE_TIMEOUT="0s") != ()


def test_a_problem_is_told_once_however_often_its_variable_is_read() -> None:
    reading = Reading({"AUTHSESSION_TRUSTED_PROXIES": "everywhere"})
    reading.required(variables.TRUSTED_PROXIES)
    reading.optional(variables.TRUSTED_PROXIES)
    with pytest.raises(ConfigurationError) as raised:
        reading.finish()
    assert len(raised.value.problems) == 1


@pytest.mark.parametrize("variable", [each for each in variables.VARIABLES if each.stand_in is not None])
def test_a_stand_in_is_never_the_value_of_a_reading_without_problems(variable: Variable[object]) -> None:
    reading = Reading({})
    assert reading.required(variable) is variable.stand_in
    with pytest.raises(ConfigurationError, match=variable.name):
        reading.finish()


def test_the_keys_of_secrets_are_optional_and_hidden() -> None:
    assert read_internal(LEAST).secret_keys is NO_KEYS
    settings = read_internal(LEAST | {"AUTHSESSION_SECRET_KEYS": KEYS})
    assert [key.id for key in settings.secret_keys] == ["k1"]
    assert KEYS[3:11] not in repr(settings)


def test_the_keys_that_sign_configuration_are_optional_and_their_seeds_are_hidden() -> None:
    assert read_internal(LEAST).config_keys is NO_CONFIG_KEYS
    settings = read_internal(LEAST | {"AUTHSESSION_CONFIG_KEYS": KEYS})
    assert [key.key_id for key in settings.config_keys.public_keys()] == ["k1"]
    assert KEYS[3:11] not in repr(settings)
    assert problems(CONFIG_KEYS="k1:AAAA") == (
        "AUTHSESSION_CONFIG_KEYS: key 1 has 3 bytes, needs exactly 32: openssl rand -base64 32",
    )


def test_keys_that_stand_in_can_neither_write_nor_read() -> None:
    assert NO_KEYS.get("k1") is None
    with pytest.raises(StopIteration):
        _ = NO_KEYS.newest
