"""The values of each system setting, as JSON and as text, and how they are written."""

from datetime import timedelta

import pytest

from services.internal_admin.system_settings.domain.settings import (
    SETTINGS,
    InvalidSetting,
    as_json,
    as_text,
    cautions,
    read_setting,
    read_setting_text,
)

VALUES: list[tuple[str, str, object, object]] = [
    ("session_limit", "0", 0, 0),
    ("session_limit", "10000", 10_000, 10_000),
    ("session_limit_policy", "revoke_oldest", "revoke_oldest", "revoke_oldest"),
    ("session_max_age", "1m", "1m", timedelta(minutes=1)),
    ("session_max_age", "36h", "36h", timedelta(hours=36)),
    ("session_max_age", "3650d", "3650d", timedelta(days=3650)),
    ("require_client_key_proof", "true", True, True),
    ("challenge_retention", "25h", "25h", timedelta(hours=25)),
    ("revoked_session_retention", "30d", "30d", timedelta(days=30)),
    ("blocked_email_domains", "a.example,b.example", ["a.example", "b.example"], ("a.example", "b.example")),
    ("blocked_email_domains", "localhost", ["localhost"], ("localhost",)),
    ("allowed_email_domains", "-", [], ()),
    ("operator_password_min_length", "12", 12, 12),
    ("operator_password_min_length", "128", 128, 128),
]


@pytest.mark.parametrize(("name", "text", "json", "value"), VALUES)
def test_a_value_is_read_and_written_in_both_forms(name: str, text: str, json: object, value: object) -> None:
    assert read_setting_text(name, f" {text} ") == read_setting(name, json) == value
    assert (as_text(read_setting(name, json)), as_json(read_setting(name, json))) == (text, json)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("session_limit", "-1", "session_limit must be a whole number from 0"),
        ("session_limit", "10001", "to 10000"),
        ("session_limit", "٣", "whole number"),
        ("session_limit", "", "whole number"),
        ("session_limit", "1.5", "whole number"),
        ("session_limit_policy", "revoke", "must be reject or revoke_oldest"),
        ("session_max_age", "59s", "from 1m to 3650d"),
        ("session_max_age", "3651d", "from 1m to 3650d"),
        ("session_max_age", "10", "a duration"),
        ("require_client_key_proof", "yes", "must be true or false"),
        ("challenge_retention", "24h", "from 25h to 3650d"),
        ("known_network_retention", "89d", "from 90d to 3650d"),
        ("revoked_session_retention", "29d", "from 30d to 3650d"),
        ("expired_block_retention", "59m", "from 1h to 3650d"),
        ("operator_password_min_length", "11", "from 12 to 128"),
        ("operator_password_min_length", "129", "from 12 to 128"),
        ("blocked_email_domains", "a.example,*.b.example", "without wildcards: number 2 is none"),
        ("blocked_email_domains", "a.example,", "number 2 is none"),
        ("session_limits", "1", "there are session_limit, session_limit_policy, session_max_age"),
    ],
)
def test_any_other_text_is_refused_in_a_sentence_that_repeats_it(name: str, text: str, sentence: str) -> None:
    with pytest.raises(InvalidSetting, match=sentence.replace("*", r"\*")) as refused:
        read_setting_text(name, text)
    assert name == "session_limits" or str(refused.value).endswith(f", not {text!r}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("session_limit", True),
        ("session_limit", "3"),
        ("session_limit", 3.0),
        ("session_limit", None),
        ("session_limit", 10**30),
        ("session_limit_policy", ["reject"]),
        ("session_max_age", 90),
        ("require_client_key_proof", "true"),
        ("require_client_key_proof", 1),
        ("blocked_email_domains", "a.example"),
        ("blocked_email_domains", {"a.example": True}),
        ("blocked_email_domains", [1]),
        ("blocked_email_domains", [["a.example"]]),
        ("blocked_email_domains", ["secret@a.example"]),
        ("blocked_email_domains", ["a.example."]),
        ("blocked_email_domains", ["a\0.example"]),
        ("blocked_email_domains", ["\ud800.example"]),
        ("blocked_email_domains", [f"{'a' * 63}." * 4 + "example"]),
        ("allowed_email_domains", [f"{number}.example" for number in range(1001)]),
    ],
)
def test_json_of_another_type_is_refused_and_never_repeated(name: str, value: object) -> None:
    with pytest.raises(InvalidSetting, match=f"^{name} must be ") as refused:
        read_setting(name, value)
    assert "secret" not in str(refused.value)


def test_domains_become_sorted_lower_case_a_labels_once_each() -> None:
    typed = ["B.Example", "a.example ", "xn--bcher-kva.example", "BÜCHER.example", "b.example"]
    assert read_setting("blocked_email_domains", typed) == ("a.example", "b.example", "xn--bcher-kva.example")


def test_a_thousand_domains_are_taken() -> None:
    domains = read_setting("blocked_email_domains", [f"{number}.example" for number in range(1000)])
    assert isinstance(domains, tuple)
    assert len(domains) == 1000


@pytest.mark.parametrize("text", ["90s", "61m", "12h", "365d"])
def test_a_duration_is_written_as_it_is_read(text: str) -> None:
    assert as_text(read_setting_text("session_max_age", text)) == text


def test_requiring_proofs_is_cautioned_and_nothing_else_is() -> None:
    assert any("AUTHSESSION_PUBLIC_HOST" in caution for caution in cautions({"require_client_key_proof": True}))
    assert cautions({"require_client_key_proof": False}) == ()
    assert cautions(dict.fromkeys(SETTINGS, 1)) == ()
