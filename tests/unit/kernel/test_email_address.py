"""Laws of SPEC §2.3."""

import pytest

from shared.kernel.email_address import parse_email


@pytest.mark.parametrize(
    ("typed", "identity"),
    [
        ("pilot@example.com", "pilot@example.com"),
        (" \u00a0\u2003Pilot@Example.COM\n", "Pilot@example.com"),
        ("o'hara+tag.x@a-b.example", "o'hara+tag.x@a-b.example"),
        (".dots..are.fine.@example.com", ".dots..are.fine.@example.com"),  # WHATWG is wider than RFC 5322 here
        ("a@localhost", "a@localhost"),
        ("a@r3---sn.example", "a@r3---sn.example"),  # a label that IDNA 2008 alone would refuse
        ("a@127.0.0.1", "a@127.0.0.1"),
        ("a@Bücher.example", "a@xn--bcher-kva.example"),
        ("a@XN--BCHER-KVA.example", "a@xn--bcher-kva.example"),
        ("a@bu\u0308cher.example", "a@xn--bcher-kva.example"),  # decomposed: UTS 46 maps to NFC
        ("a@straße.example", "a@xn--strae-oqa.example"),  # non-transitional: not "strasse"
        ("a@ドメイン。example", "a@xn--eckwd4c7c.example"),  # ideographic full stop
        ("a@ｅｘａｍｐｌｅ.com", "a@example.com"),  # fullwidth letters
        ("a@" + "b" * 63 + ".example", "a@" + "b" * 63 + ".example"),
    ],
)
def test_a_valid_address_has_one_identity(typed: str, identity: str) -> None:
    assert parse_email(typed).identity == identity


@pytest.mark.parametrize(
    ("typed", "mailbox"),
    [
        ("Anna@Example.com", "anna@example.com"),
        ("Anna+Shop@example.com", "anna@example.com"),
        ("anna+a+b@example.com", "anna@example.com"),
        ("anna+@example.com", "anna@example.com"),
        ("+anna@example.com", "+anna@example.com"),
        ("an.na@example.com", "an.na@example.com"),
    ],
)
def test_addresses_that_differ_after_a_plus_have_one_mailbox(typed: str, mailbox: str) -> None:
    assert parse_email(typed).mailbox == mailbox


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "@",
        "a@",
        "@example.com",
        "example.com",
        "a@b@example.com",
        "a b@example.com",
        "a@exa mple.com",
        "a\x00@example.com",
        "a@example.com\x00",
        "a@example.com\n\nb@example.com",
        '"a b"@example.com',
        "Pilot <pilot@example.com>",
        "<pilot@example.com>",
        "a@[127.0.0.1]",
        "a@.example.com",
        "a@example..com",
        "a@example.com.",
        "a@-example.com",
        "a@example-.com",
        "a@ex_ample.com",
        "a@" + "b" * 64 + ".example",
        "pilöt@example.com",
        "ａ@example.com",
        "a@exa\u200bmple.com\u200b.",
        "a@\u0301example.com",  # a label may not begin with a combining mark
        "a@ex\u2260ample.com",  # STD3: maps to a character no host name has
        "a@b\ud800.example",  # a lone surrogate
        "a,b@example.com",
        "a@example.com,b@example.com",
        "\x1ca@example.com",  # a separator to Python's `str.strip`, not White_Space to Unicode
    ],
)
def test_anything_else_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="not a valid e-mail address"):
        parse_email(typed)


def test_the_limit_is_254_bytes_in_both_forms() -> None:
    longest = "a" * (254 - len("@example.com")) + "@example.com"
    assert parse_email(longest).identity == longest
    with pytest.raises(ValueError, match="not a valid e-mail address"):
        parse_email("a" + longest)
    grows = "a@" + ".".join(["ü" * 20] * 11) + ".example"  # short as typed, long as A-labels
    assert len(grows) < 254
    with pytest.raises(ValueError, match="not a valid e-mail address"):
        parse_email(grows)
    shrinks = "a@" + ".".join(["本" * 12] * 7) + ".example"  # 254 is counted in bytes, not in characters
    assert len(shrinks) < 254 < len(shrinks.encode())
    with pytest.raises(ValueError, match="not a valid e-mail address"):
        parse_email(shrinks)


def test_identity_keeps_the_case_of_the_local_part_and_folded_does_not() -> None:
    typed, other = parse_email("Pilot@example.com"), parse_email("pilot@EXAMPLE.com")
    assert typed.identity != other.identity
    assert typed.folded == other.folded == "pilot@example.com"


def test_the_domain_is_lower_case_a_labels() -> None:
    assert parse_email("a@Bücher.Example").domain == "xn--bcher-kva.example"


def test_repr_and_refusals_never_show_an_address() -> None:
    assert "pilot" not in repr(parse_email("pilot@example.com"))
    with pytest.raises(ValueError, match=r"^not a valid e-mail address$") as refused:
        parse_email("pilot@b\u0378cher.example")  # refused inside `idna`, whose own message shows it
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
