"""What `authsession settings set` takes and how `get` writes it."""

from datetime import timedelta

import pytest

from authsession.settings import PARSERS, InvalidSetting, _parse, _written


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("session_limit", "0", 0),
        ("session_limit", "10000", 10_000),
        ("session_limit_policy", "revoke_oldest", "revoke_oldest"),
        ("session_max_age", "1m", timedelta(minutes=1)),
        ("session_max_age", "36h", timedelta(hours=36)),
        ("session_max_age", "3650d", timedelta(days=3650)),
        ("require_client_key_proof", "true", True),
        ("challenge_retention", "25h", timedelta(hours=25)),
        ("revoked_session_retention", "30d", timedelta(days=30)),
        ("require_client_key_proof", " false ", False),
    ],
)
def test_a_value_is_read_by_its_type(name: str, text: str, value: object) -> None:
    assert _parse(name, text) == value


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("session_limit", "-1", "session_limit must be a whole number from 0"),
        ("session_limit", "10001", "to 10000"),
        ("session_limit", "٣", "whole number"),
        ("session_limit", "", "whole number"),
        ("session_limit_policy", "revoke", "must be reject or revoke_oldest"),
        ("session_max_age", "59s", "from 1m to 3650d"),
        ("session_max_age", "3651d", "from 1m to 3650d"),
        ("session_max_age", "10", "a duration"),
        ("require_client_key_proof", "yes", "must be true or false"),
        ("challenge_retention", "24h", "from 25h to 3650d"),
        ("known_network_retention", "89d", "from 90d to 3650d"),
        ("revoked_session_retention", "29d", "from 30d to 3650d"),
        ("expired_block_retention", "59m", "from 1h to 3650d"),
        ("session_limits", "1", "there are session_limit, session_limit_policy, session_max_age"),
    ],
)
def test_anything_else_is_refused_in_a_sentence(name: str, text: str, sentence: str) -> None:
    with pytest.raises(InvalidSetting, match=sentence):
        _parse(name, text)


@pytest.mark.parametrize("text", ["90s", "61m", "12h", "365d"])
def test_a_duration_is_written_as_it_is_read(text: str) -> None:
    assert _written(PARSERS["session_max_age"](text)) == text
