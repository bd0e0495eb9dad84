"""Laws of the kernel that hold for every input Hypothesis can think of."""

import base64
import contextlib
from ipaddress import IPv4Address, IPv6Address

import idna
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.client_key import client_key_proof_message, parse_client_public_key
from shared.kernel.email_address import EmailAddress, parse_email
from shared.kernel.language import preferred_language
from shared.kernel.network import parse_network

LOCAL_PARTS = st.text("abcXYZ019.!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=64)
LABELS = st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,20}[a-zA-Z0-9])?", fullmatch=True)
DOMAINS = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
ADDRESSES = st.builds("{}@{}".format, LOCAL_PARTS, DOMAINS)
WHITE_SPACE = st.text(" \t\n\r\u00a0\u2003\u3000", max_size=3)


@given(WHITE_SPACE, LOCAL_PARTS, DOMAINS, WHITE_SPACE)
def test_every_whatwg_address_is_read_with_its_local_part_as_typed(
    before: str, local: str, domain: str, after: str
) -> None:
    address = parse_email(f"{before}{local}@{domain}{after}")
    assert address.identity == f"{local}@{domain.lower()}"
    assert address.folded == address.identity.lower()
    assert address.domain == domain.lower()


@given(ADDRESSES | st.text() | st.builds("{}@{}".format, LOCAL_PARTS, st.text()))
def test_reading_an_address_again_changes_nothing(text: str) -> None:
    with contextlib.suppress(ValueError):
        address = parse_email(text)
        assert parse_email(address.identity) == address
        assert parse_email(address.folded) == EmailAddress(address.folded, address.folded)
        assert len(address.folded.encode()) <= 254
        assert address.identity.isascii()
        assert "\x00" not in address.identity


@given(st.text("äöüßñçéабвгд本日語", min_size=1, max_size=15))
def test_a_unicode_domain_and_its_a_labels_are_one_domain(label: str) -> None:
    a_label = idna.encode(label, uts46=True).decode()
    assert parse_email(f"a@{label}.example") == parse_email(f"a@{a_label.upper()}.EXAMPLE")


@given(st.binary(min_size=32, max_size=32))
def test_a_key_is_read_from_exactly_one_text(raw: bytes) -> None:
    text = base64.b64encode(raw).decode()
    with contextlib.suppress(ValueError):
        key = parse_client_public_key(text)
        assert key.raw == raw
        assert key.base64 == text


@given(st.text("ABCDabcd0123+/=", min_size=40, max_size=48) | st.text())
def test_no_text_but_the_canonical_one_is_a_key(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse_client_public_key(text).base64 == text


ENCODABLE = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.tuples(ENCODABLE, ENCODABLE, ENCODABLE), min_size=2, max_size=2, unique=True))
def test_different_proofs_sign_different_messages(fields: list[tuple[str, str, str]]) -> None:
    assert client_key_proof_message(*fields[0]) != client_key_proof_message(*fields[1])


@given(st.integers(0x2A << 48, (0x2B << 48) - 1), st.integers(0, 2**72 - 1), st.integers(0, 2**72 - 1))
def test_addresses_that_share_a_56_are_one_network_and_no_others(high: int, one: int, two: int) -> None:
    network = parse_network(str(IPv6Address(high << 72 | one)))
    assert parse_network(str(IPv6Address(high << 72 | two))) == network
    assert parse_network(str(IPv6Address((high ^ 1) << 72 | one))) != network


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_its_own_network_also_mapped(address: IPv4Address) -> None:
    assert parse_network(str(address)).text == parse_network(f"::ffff:{address}").text == str(address)


@given(st.none() | st.text() | st.text("abcdehnsprtzH-;q=0.1,* "))
def test_a_language_is_always_one_of_ours(accept_language: str | None) -> None:
    assert preferred_language(accept_language) in {"en", "de", "es", "fr", "pt", "ja", "zh-Hans"}
