"""The settings of egress, and the networks that stay closed (SPEC §18.4)."""

import base64
from ipaddress import ip_network

import pytest

from authsession.configuration import Configuration, read_configuration
from shared.kernel.address import TcpAddress
from shared.kernel.faults import ConfigurationError


def keys(letter: bytes) -> str:
    return "k:" + base64.b64encode(letter * 32).decode()


SOUND = {
    "AUTHSESSION_POSTGRES_DSN": "postgresql://u:p@db1.example.com,db2.example.com:6432/a?sslmode=disable",
    "AUTHSESSION_REDIS_ADDR": "redis.example.com:6379",
    "AUTHSESSION_REDIS_TLS": "true",
    "AUTHSESSION_LOGIN_CODE_KEYS": keys(b"x"),
    "AUTHSESSION_SEALING_KEYS": keys(b"s"),
    "AUTHSESSION_COOKIE_KEYS": keys(b"c"),
    "AUTHSESSION_AUDIT_KEYS": keys(b"a"),
    "AUTHSESSION_MAIL_SERVICE_MODE": "smtp",
    "AUTHSESSION_SMTP_ADDR": "mail.example.com:587",
    "AUTHSESSION_SMTP_FROM": "login@example.com",
}


def read(env: str, **changes: str) -> Configuration:
    return read_configuration({"AUTHSESSION_ENV": env, **SOUND, **{f"AUTHSESSION_{n}": v for n, v in changes.items()}})


def problems(env: str, **changes: str) -> list[str]:
    try:
        read(env, **changes)
    except ConfigurationError as error:
        return list(error.problems)
    return []


def test_both_processes_know_the_servers_of_the_installation() -> None:
    settings = read("production", NODE_HTTP_ADDR="10.0.0.5:8082")
    for egress in (settings.public.process.egress, settings.internal.process.egress):
        assert set(egress.own) == {
            TcpAddress("db1.example.com", 5432),
            TcpAddress("db2.example.com", 6432),
            TcpAddress("redis.example.com", 6379),
            TcpAddress("", 8080),
            TcpAddress("", 8081),
            TcpAddress("127.0.0.1", 9464),
            TcpAddress("10.0.0.5", 8082),
        }
        assert egress.proxy is None
        assert egress.rules.allowed == ()


def test_the_list_and_the_proxy_are_read() -> None:
    egress = read(
        "production", EGRESS_ALLOW="10.1.0.0/16, fd12::/16", EGRESS_PROXY="http://proxy:3128"
    ).public.process.egress
    assert egress.rules.allowed == (ip_network("10.1.0.0/16"), ip_network("fd12::/16"))
    assert not egress.rules.is_development
    assert egress.proxy == TcpAddress("proxy", 3128)


@pytest.mark.parametrize("network", ["127.0.0.0/8", "127.0.0.1", "::1", "0.0.0.0/0", "::/0", "10.0.0.0/7"])
def test_production_opens_neither_loopback_nor_wide_networks(network: str) -> None:
    (problem,) = problems("production", EGRESS_ALLOW=f"10.0.0.0/8,{network}")
    assert problem.startswith("AUTHSESSION_EGRESS_ALLOW opens ")
    assert "production refuses" in problem
    assert problems("development", EGRESS_ALLOW=f"10.0.0.0/8,{network}") == []


@pytest.mark.parametrize("env", ["production", "development"])
@pytest.mark.parametrize("network", ["169.254.169.254", "fe80::/10", "224.0.0.0/8"])
def test_a_network_that_opens_nothing_is_a_problem(env: str, network: str) -> None:
    (problem,) = problems(env, EGRESS_ALLOW=network)
    assert "remove it" in problem


@pytest.mark.parametrize(
    "text", ["proxy:3128", "https://proxy:3128", "http://proxy", "http://u:p@proxy:3128", "http://proxy:3128/x", "http://:1",
             "http://proxy:0"]
)  # fmt: skip
def test_another_form_of_a_proxy_is_a_problem(text: str) -> None:
    (problem,) = problems("development", EGRESS_PROXY=text)
    assert problem == "AUTHSESSION_EGRESS_PROXY must be http://host:port, without credentials or path"


def test_a_bad_address_of_the_other_process_is_told_once() -> None:
    (problem,) = problems("development", INTERNAL_HTTP_ADDR="nonsense")
    assert problem.startswith("AUTHSESSION_INTERNAL_HTTP_ADDR must be")
