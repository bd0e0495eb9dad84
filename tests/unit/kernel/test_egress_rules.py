"""The URLs and addresses that connections may use (SPEC §18.4)."""
# ruff: noqa: S104 - no address here is bound

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.kernel.egress_rules import (
    MAX_URL_LENGTH,
    EgressRules,
    HttpTarget,
    Target,
    is_global,
    never_opens,
    parse_http_url,
    parse_smtp_address,
)

PRODUCTION = EgressRules()
DEVELOPMENT = EgressRules(is_development=True)

NOT_GLOBAL = [
    # ipaddress of Python 3.11.7 calls all of these global.
    "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "::7f00:1", "::ffff:0:127.0.0.1", "fec0::1", "5f00::1",
    "3fff::1", "224.0.0.1", "192.88.99.1",
    "0.0.0.0", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254", "168.63.129.16",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.168.0.1", "198.18.0.1",
    "198.19.255.255", "198.51.100.1", "203.0.113.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "100::1", "1fff::1", "2001::1", "2001:2::1", "2001:10::1",
    "2001:20::1", "2001:1ff:ffff::1", "2001:db8::1", "2002:808:808::1", "3ffe::1", "3fff:fff::1", "4000::1", "fc00::1",
    "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "ff02::1",
]  # fmt: skip
GLOBAL = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "172.15.255.255", "172.32.0.0", "192.0.1.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
    "2001:200::1", "2001:4860:4860::8888", "2003::1", "2606:4700::1111", "2a00::1", "2c0f::1", "3ffd::1",
]  # fmt: skip

# Each: a URL, and the word that refuses it in production with no list.
REFUSED = {
    "https://127.1/": "blocked_address",
    "https://127.0.0.1/": "blocked_address",
    "https://0x7f000001/": "blocked_address",
    "https://0x7f.1/": "blocked_address",
    "https://2130706433/": "blocked_address",
    "https://017700000001/": "blocked_address",
    "https://0177.0.0.1/": "blocked_address",
    "https://0/": "blocked_address",
    "https://1.2.3.4.5/": "blocked_address",
    "https://example.0x/": "blocked_address",
    "https://8.8.8.8/": "blocked_address",
    "https://①②⑦.⓪.⓪.①/": "blocked_address",
    "https://①②⑦。⓪｡⓪．①/": "blocked_address",
    "https://１２７.1/": "blocked_address",
    "https://[::1]/": "blocked_address",
    "https://[::]/": "blocked_address",
    "https://[::ffff:10.0.0.1]/": "blocked_address",
    "https://[::ffff:a00:1]/": "blocked_address",
    "https://[64:ff9b::7f00:1]/": "blocked_address",
    "https://[2002:7f00:1::]/": "blocked_address",
    "https://[2001:4860:4860::8888]/": "blocked_address",
    "https://[example.com]/": "protocol_error",
    "https://[127.0.0.1]/": "protocol_error",
    "https://[fe80::1%25eth0]/": "protocol_error",
    "https://[::1/": "protocol_error",
    "https://[::1]x/": "protocol_error",
    "https://[v1.x]/": "protocol_error",
    "https://u@h/": "protocol_error",
    "https://u:p@h/": "protocol_error",
    "https://@h/": "protocol_error",
    "https://h/#": "protocol_error",
    "https://h#@127.0.0.1/": "protocol_error",
    "https://h\\@127.0.0.1/": "protocol_error",
    "https:\\\\h/": "protocol_error",
    "https://ex%61mple.com/": "protocol_error",
    "https://127.0.0.1%2f.example.com/": "protocol_error",
    "https://example.com./": "protocol_error",
    "https://.example.com/": "protocol_error",
    "https://a..b/": "protocol_error",
    "https:///": "protocol_error",
    "https://:443/": "protocol_error",
    "https://a_b.example.com/": "protocol_error",
    "https://-a.example.com/": "protocol_error",
    "https://a-.example.com/": "protocol_error",
    f"https://{'a' * 64}.example.com/": "protocol_error",
    f"https://{'a.' * 127}example.com/": "protocol_error",
    f"https://h/{'a' * MAX_URL_LENGTH}": "protocol_error",
    "https://℀.example.com/": "protocol_error",
    "https://example.com\n.evil.example/": "protocol_error",
    "https://example.com\x00/": "protocol_error",
    " https://example.com/": "protocol_error",
    "https://example.com /": "protocol_error",
    "https://h/a b": "protocol_error",
    "https://h/\r\nx: y": "protocol_error",
    "https://h/%zz": "protocol_error",
    "https://h/%": "protocol_error",
    "https://h/ä": "protocol_error",
    "https://h:/": "protocol_error",
    "https://h:0/": "protocol_error",
    "https://h:0443/": "protocol_error",
    "https://h:65536/": "protocol_error",
    "https://h:99999999999999999999/": "protocol_error",
    "https://h:+443/": "protocol_error",
    "https://h:٤٤٣/": "protocol_error",
    "https://h:22/": "protocol_error",
    "https://h:80/": "protocol_error",
    "https://h:1023/": "protocol_error",
    "http://h:25/": "protocol_error",
    "ftp://h/": "protocol_error",
    "file:///etc/passwd": "protocol_error",
    "gopher://h:6379/": "protocol_error",
    "//h/": "protocol_error",
    "https:h": "protocol_error",
    "ﬁle://h/": "protocol_error",
    "": "protocol_error",
}  # fmt: skip

# Each: a URL; host, port, resource and authority.
TAKEN = {
    "https://example.com": ("example.com", 443, "/", "example.com"),
    "HTTPS://Example.COM/A?b=C": ("example.com", 443, "/A?b=C", "example.com"),
    "https://example.com?b": ("example.com", 443, "/?b", "example.com"),
    "https://example.com:443/": ("example.com", 443, "/", "example.com"),
    "https://example.com:8443/": ("example.com", 8443, "/", "example.com:8443"),
    "https://example.com:1024/": ("example.com", 1024, "/", "example.com:1024"),
    "https://example.com:65535/": ("example.com", 65535, "/", "example.com:65535"),
    "https://r3---sn.example.com/": ("r3---sn.example.com", 443, "/", "r3---sn.example.com"),
    "https://Bücher.example/": ("xn--bcher-kva.example", 443, "/", "xn--bcher-kva.example"),
    "https://ｅxample．com/": ("example.com", 443, "/", "example.com"),
    "https://0x7f.example/": ("0x7f.example", 443, "/", "0x7f.example"),
    "https://collector:4318/v1/%7Eme": ("collector", 4318, "/v1/%7Eme", "collector:4318"),
    "http://collector/": ("collector", 80, "/", "collector"),
    "http://collector:443/": ("collector", 443, "/", "collector:443"),
}


@pytest.mark.parametrize("address", NOT_GLOBAL)
def test_an_address_outside_of_the_public_internet_is_not_global(address: str) -> None:
    assert not is_global(ip_address(address))


@pytest.mark.parametrize("address", GLOBAL)
def test_an_address_of_the_public_internet_is_global(address: str) -> None:
    assert is_global(ip_address(address))


@given(st.ip_addresses(v=4))
@example(IPv4Address("0.0.0.0"))
def test_ipaddress_agrees_about_ipv4_but_for_its_gaps(address: IPv4Address) -> None:
    """`ipaddress` is the oracle, but it has gaps. So our table may only refuse more, and only in these networks."""
    gaps = map(ip_network, ("168.63.129.16/32", "192.0.0.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",
                            "192.175.48.0/24", "224.0.0.0/4"))  # fmt: skip
    in_gap = any(address in gap for gap in gaps)
    assert is_global(address) == (address.is_global and not in_gap)


@given(st.ip_addresses(v=6))
@example(IPv6Address("2001:db8::1"))
@example(IPv6Address("2001:4:112::1"))
def test_ipaddress_agrees_about_ipv6_but_for_its_gaps(address: IPv6Address) -> None:
    if is_global(address):
        assert address.is_global
        assert address in ip_network("2000::/3")
        assert address.sixtofour is None
        assert address.teredo is None


@given(st.integers(0, 2**32 - 1), st.sampled_from(["::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96"]))
def test_no_ipv6_address_with_an_ipv4_address_inside_is_global(low: int, prefix: str) -> None:
    assert not is_global(IPv6Address(int(ip_network(prefix).network_address) | low))
    assert not is_global(IPv6Address(0x2002 << 112 | low << 80))


@pytest.mark.parametrize(("url", "word"), REFUSED.items())
def test_a_refused_form_of_a_url_has_a_stable_word(url: str, word: str) -> None:
    assert parse_http_url(url, PRODUCTION) == word
    assert parse_http_url(url, DEVELOPMENT) == word


@pytest.mark.parametrize(("url", "parts"), TAKEN.items())
def test_a_sound_url_is_taken_as_it_will_be_sent(url: str, parts: tuple[str, int, str, str]) -> None:
    target = parse_http_url(url, PRODUCTION)
    assert isinstance(target, HttpTarget)
    assert (target.host, target.port, target.resource, target.authority) == parts


@given(st.text(alphabet="htps:/[]@.%#?\\0123456789xabc①。-_ ", max_size=40))
def test_a_taken_url_has_a_name_of_letters_digits_and_hyphens(text: str) -> None:
    for url in (text, f"https://{text}"):
        target = parse_http_url(url, PRODUCTION)
        if isinstance(target, HttpTarget):
            assert target.address is None
            assert not set(target.host) - set("abcdefghijklmnopqrstuvwxyz0123456789-.")
            assert not target.host.rpartition(".")[2].isdigit()
            assert target.resource.isascii()
            assert target.resource.isprintable()
            assert " " not in target.resource


def name(*, plain: bool = False) -> Target:
    return Target("far.example.com", 443, None, plain)


def test_production_calls_public_addresses_by_https_alone() -> None:
    public = ip_address("8.8.8.8")
    assert PRODUCTION.passes(name(), public)
    assert not PRODUCTION.passes(name(plain=True), public)
    assert DEVELOPMENT.passes(name(plain=True), public)


def test_the_list_opens_internal_networks_for_http_and_for_literals_too() -> None:
    rules = EgressRules((ip_network("10.1.0.0/16"), ip_network("fd12::/16")))
    inside, outside = ip_address("10.1.2.3"), ip_address("10.2.0.1")
    assert rules.passes(name(), inside)
    assert rules.passes(name(plain=True), inside)
    assert not rules.passes(name(), outside)
    target = parse_http_url("http://10.1.2.3:8080/x", rules)
    assert target == HttpTarget("10.1.2.3", 8080, inside, is_plain=True, resource="/x")
    assert parse_http_url("https://10.2.0.1/", rules) == "blocked_address"
    ipv6 = parse_http_url("https://[fd12:0::1]:8443/", rules)
    assert isinstance(ipv6, HttpTarget)
    assert ipv6.authority == "[fd12::1]:8443"


@pytest.mark.parametrize("loopback", ["127.0.0.1", "127.9.9.9", "::1"])
def test_the_list_opens_loopback_in_development_alone(loopback: str) -> None:
    everything = (ip_network("0.0.0.0/0"), ip_network("::/0"))
    address = ip_address(loopback)
    assert not EgressRules(everything).allows(address)
    assert EgressRules(everything, is_development=True).allows(address)
    assert not DEVELOPMENT.passes(name(), address)


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254", "fe80::1",
     "0.0.0.0", "255.255.255.255", "224.0.0.1", "ff02::1", "::", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
     "2002:a9fe:a9fe::1"],
)  # fmt: skip
def test_no_list_opens_metadata_of_a_cloud_and_no_form_around_them(address: str) -> None:
    everything = (ip_network("0.0.0.0/0"), ip_network("::/0"))
    assert not EgressRules(everything, is_development=True).allows(ip_address(address))


def test_a_listed_nat64_prefix_opens_public_ipv4_addresses_only() -> None:
    rules = EgressRules((ip_network("64:ff9b::/96"),))
    assert rules.allows(ip_address("64:ff9b::808:808"))
    assert not rules.allows(ip_address("64:ff9b::a00:1"))
    assert not rules.allows(ip_address("64:ff9b::7f00:1"))


def test_a_network_that_opens_nothing_is_known() -> None:
    assert never_opens(ip_network("169.254.169.254/32"))
    assert never_opens(ip_network("fe80::/64"))
    assert not never_opens(ip_network("10.0.0.0/8"))
    assert not never_opens(ip_network("0.0.0.0/0"))


@pytest.mark.parametrize("port", [25, 465, 587, 2525])
def test_a_mail_server_has_one_of_four_ports(port: int) -> None:
    target = parse_smtp_address(f"Mail.Example.com:{port}", is_plain=False, rules=PRODUCTION)
    assert target == Target("mail.example.com", port, None, is_plain=False)


@pytest.mark.parametrize(
    "text", ["mail.example.com", "mail.example.com:443", "mail.example.com:1025", "u@m:25", "m:25/", ""]
)
def test_another_form_of_a_mail_server_is_refused(text: str) -> None:
    assert parse_smtp_address(text, is_plain=False, rules=PRODUCTION) == "protocol_error"


def test_a_mail_server_that_is_an_address_is_blocked_unless_listed() -> None:
    assert parse_smtp_address("127.1:25", is_plain=False, rules=PRODUCTION) == "blocked_address"
    assert parse_smtp_address("[::1]:25", is_plain=False, rules=PRODUCTION) == "blocked_address"
    listed = EgressRules((ip_network("10.0.0.0/8"),))
    assert isinstance(parse_smtp_address("10.0.0.9:25", is_plain=True, rules=listed), Target)


def test_development_takes_mail_servers_at_free_ports() -> None:
    assert isinstance(parse_smtp_address("mailpit:1025", is_plain=True, rules=DEVELOPMENT), Target)
