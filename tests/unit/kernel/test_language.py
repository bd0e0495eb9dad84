"""Laws of the preferred language (SPEC §3.8): RFC 4647 §3.4 lookup over an RFC 9110 §12.5.4 header."""

import pytest

from shared.kernel.language import preferred_language


@pytest.mark.parametrize(
    ("accept_language", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("*", "en"),
        ("de", "de"),
        ("DE-at", "de"),
        ("de-CH-1996", "de"),
        ("pt-BR,pt;q=0.9,en;q=0.8", "pt"),
        ("nl, sv;q=0.9, fr;q=0.1", "fr"),
        ("en;q=0.4, ja;q=0.5", "ja"),
        ("es;q=0.5,fr;q=0.5", "es"),
        ("fr;q=0, de;q=0.001", "de"),
        ("fr;q=0.000", "en"),
        ("zh-Hans", "zh-Hans"),
        ("zh-Hans-CN", "zh-Hans"),
        ("zh-CN,zh;q=0.9", "zh-Hans"),
        ("zh-TW,zh;q=0.9,ja;q=0.5", "ja"),
        ("zh-Hant-HK", "en"),
        ("fr-x-whatever", "fr"),
        ("deu", "en"),
        ("de ; q=0.5 , es ;q=0.6", "es"),
    ],
)
def test_the_first_supported_language_is_preferred(accept_language: str | None, language: str) -> None:
    assert preferred_language(accept_language) == language


@pytest.mark.parametrize(
    "part",
    [
        "de" + "-a" * 9,
        "de;q=٠",
        "de;q=2",
        "de;q=-1",
        "de;q=",
        "de;level=1",
        "de_DE",
        "de-",
        "-de",
        "dé",
        ";q=1",
        "\x00",
    ],
)
def test_a_malformed_part_says_nothing(part: str) -> None:
    assert preferred_language(part) == "en"
    assert preferred_language(f"{part},ja;q=0.1") == "ja"


def test_a_range_has_nine_subtags_and_a_header_32_ranges_at_most() -> None:
    assert preferred_language("de" + "-b" * 8) == "de"
    assert preferred_language("xx," * 31 + "de") == "de"
    assert preferred_language("xx," * 32 + "de") == "en"
