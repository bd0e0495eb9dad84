"""`authsession redis-acl` writes the embedded server's rules, whole or not at all, and no password."""

from pathlib import Path

import pytest

from authsession.__main__ import main
from authsession.embedded.redis_users import acl_lines
from contracts.gateway import GatewayKeys

PASSWORDS = {user: f"{user}-" + "0123456789abcdef" for user in ("public", "internal", "gateway")}


@pytest.fixture(autouse=True)
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of the command, with its password files."""
    for name in ("GATEWAY_KEY_PREFIX", "GATEWAY_STREAM", "RATE_LIMIT_KEY_PREFIX", "NODE_REDIS_USERS"):
        monkeypatch.delenv(f"AUTHSESSION_{name}", raising=False)
    for user, password in PASSWORDS.items():
        (tmp_path / user).write_text(password + "\n")
    return ["redis-acl", *(f"--{user}={tmp_path / user}" for user in PASSWORDS)]


def test_it_prints_the_embedded_servers_rules(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    assert capsys.readouterr().out.splitlines() == acl_lines(
        GatewayKeys(),
        "authsession:rate:",
        public=PASSWORDS["public"],
        internal=PASSWORDS["internal"],
        gateway=PASSWORDS["gateway"],
    )


def test_an_administrator_is_added_on_request(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without one no user may load the file anew."""
    (tmp_path / "admin").write_text("admin-0123456789abcdef\n")
    assert main([*arguments, f"--admin={tmp_path / 'admin'}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines[:2]] == [["user", "default", "off"], ["user", "admin", "on"]]
    assert lines[1].endswith(" ~* &* +@all")


def test_it_follows_the_names_of_keys_and_shows_no_password(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUTHSESSION_GATEWAY_KEY_PREFIX", "{edge}:session:")
    main(arguments)
    printed = capsys.readouterr().out
    assert "~{edge}:session:*" in printed
    assert not [password for password in PASSWORDS.values() if password in printed]


def test_a_file_is_replaced_whole_and_redis_may_read_it(arguments: list[str], tmp_path: Path) -> None:
    output = tmp_path / "users.acl"
    output.write_text("old")
    assert main([*arguments, f"--output={output}"]) == 0
    assert output.read_text().startswith("user default off\n")
    assert output.stat().st_mode & 0o777 == 0o644
    assert not list(tmp_path.glob("*.new"))


@pytest.mark.parametrize("content", [None, "", "short"])
def test_without_a_password_nothing_is_written(
    arguments: list[str], content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gateway").unlink()
    if content is not None:
        (tmp_path / "gateway").write_text(content)
    assert main([*arguments, f"--output={tmp_path / 'users.acl'}"]) == 1
    assert not (tmp_path / "users.acl").exists()
    assert "password" in capsys.readouterr().err


@pytest.mark.parametrize("by", ["option", "setting"])
def test_the_internal_service_may_make_users_of_nodes_on_request_only(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], by: str
) -> None:
    main(arguments)
    assert "+acl|setuser" not in capsys.readouterr().out
    if by == "setting":
        monkeypatch.setenv("AUTHSESSION_NODE_REDIS_USERS", "on")
    assert main([*arguments, *(["--node-users"] if by == "option" else [])]) == 0
    with_rights = [line for line in capsys.readouterr().out.splitlines() if "+acl|setuser" in line]
    assert [line.split()[1] for line in with_rights] == ["internal"]
