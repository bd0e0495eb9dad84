"""How log lines of the services look under `up`."""

from authsession.terminal import readable


def test_a_json_log_line_becomes_words() -> None:
    line = '{"ts":"2026-04-05T12:00:00.000Z","level":"info","logger":"a.b","event":"listening","address":":8080"}'
    assert readable(line) == "INFO listening address=:8080"


def test_any_other_line_stays_as_it_is() -> None:
    for line in ("LOG:  ready", "", "[1]", "null", '{"level":"info"}', "{", '"text"'):
        assert readable(line) == line
