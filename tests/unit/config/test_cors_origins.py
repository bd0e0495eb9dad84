"""`AUTHSESSION_CORS_ORIGINS`: exact origins or `*`. Any other value is refused at start, with the cure."""

import pytest

from services.public_auth.settings import read_settings
from shared.kernel.faults import ConfigurationError
from tests.unit.config.test_production import SOUND

NAME = "AUTHSESSION_CORS_ORIGINS"
HTTPS = "https://app.example.com"


def origins(value: str) -> tuple[str, ...]:
    return read_settings({**{f"AUTHSESSION_{name}": text for name, text in SOUND.items()}, NAME: value}).cors_origins


def warnings(value: str) -> list[str]:
    given = {f"AUTHSESSION_{name}": text for name, text in {"ENV": "production", **SOUND}.items()}
    return [each for each in read_settings({**given, NAME: value}).process.warnings if each.startswith(NAME)]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("", ()),
        ("*", ("*",)),
        (HTTPS, (HTTPS,)),
        (f" {HTTPS} , http://localhost:3000,{HTTPS}", (HTTPS, "http://localhost:3000")),
        ("https://[2001:db8::1]:8443,http://127.0.0.1:8083", ("https://[2001:db8::1]:8443", "http://127.0.0.1:8083")),
        ("https://xn--bcher-kva.example", ("https://xn--bcher-kva.example",)),
    ],
)
def test_exact_origins_or_a_star_are_taken(value: str, read: tuple[str, ...]) -> None:
    assert origins(value) == read


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("https://*.example.com", "origin 1 is a pattern, which would allow origins of others: write each origin"),
        (f"{HTTPS},https://app-*.example.com", "origin 2 is a pattern"),
        (f"*,{HTTPS}", "origin 1 is * beside others: write * alone"),
        ("https://app.example.com/", "origin 1 has a path or a slash at its end: write scheme, host and port alone"),
        ("https://app.example.com/login", "origin 1 has a path"),
        ("https://app.example.com?a", "origin 1 has a path"),
        ("null", "origin 1 is null, which pages of anybody can send: serve the page from an origin of its own"),
        ("app.example.com", "origin 1 does not begin with https:// or http://: write an origin such as"),
        ("ftp://app.example.com", "origin 1 does not begin with https:// or http://"),
        ("capacitor://localhost", "origin 1 does not begin with https:// or http://"),
        ("https://App.example.com", "origin 1 has capital letters: write it in lower case"),
        ("https://bücher.example", "origin 1 has letters outside ASCII: write the host in Punycode"),
        ("https://app.example.com:443", "origin 1 has the default port, which browsers leave out: remove it"),
        ("http://localhost:80", "origin 1 has the default port"),
        ("https://user@app.example.com", "origin 1 is no origin: write one such as https://app.example.com"),
        ("https://app.example.com:70000", "origin 1 is no origin"),
        ("https://", "origin 1 is no origin"),
        ("https://a b", "origin 1 is no origin"),
        (f"https://{'a' * 300}.example", "origin 1 is no origin"),
        (",", "must be 1 to 64 origins, separated by commas"),
        (",".join(f"https://a{each}.example" for each in range(65)), "must be 1 to 64 origins"),
    ],
)
def test_any_other_value_is_refused_with_the_reason_and_the_cure(value: str, reason: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        origins(value)
    [problem] = refused.value.problems
    assert problem.startswith((f"{NAME}: {reason}", f"{NAME} {reason}"))


def test_every_bad_origin_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as refused:
        origins(f"null,{HTTPS},https://a.example/")
    assert [problem.split()[1:3] for problem in refused.value.problems] == [["origin", "1"], ["origin", "3"]]


@pytest.mark.parametrize(
    ("value", "warned"),
    [
        (HTTPS, []),
        ("http://localhost:3000", []),
        ("*", [f"{NAME} is *: every web page can send login codes from the networks of its visitors"]),
        ("http://app.example.com", [f"{NAME} has an origin without TLS: anybody on the path can change its pages"]),
    ],
)
def test_production_warns_of_pages_that_strangers_control(value: str, warned: list[str]) -> None:
    assert [each.partition(";")[0] for each in warnings(value)] == warned
