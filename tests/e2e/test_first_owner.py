"""The calls that `authsession up` prints lead from nothing to an owner and a read-only token (SPEC §10)."""

from pathlib import Path

from tests.support.up import call, running_up

PASSWORD = "Correct horse 7 staple"
NO_OWNER = "no owner yet: run `authsession operator setup-code` for the code that claims it"


def test_the_printed_calls_lead_from_nothing_to_an_owner_a_token_and_a_forbidden_revocation(tmp_path: Path) -> None:
    with running_up(tmp_path) as up:
        up.find(f"^internal .*{NO_OWNER}")
        exchange, register, make_token, revoke, audit = up.walk_through()[6:]
        code = up.command("operator", "setup-code")
        assert code.returncode == 0, code.stderr
        values = {"ABCD-EFGH-JKLM": code.stdout.strip(), "PASSWORD": PASSWORD}

        values["registration-token-123"] = call(exchange, values)["registration_token"]
        registered = call(register, values)
        assert len(registered["recovery_codes"]) == 10
        values["session-token-123"] = registered["session_token"]
        made = call(make_token, values)
        assert made["token"]["scopes"] == ["sessions:read"]
        values["authsession_token_123"] = made["secret"]
        assert call(revoke, values)["error"]["code"] == "forbidden"

        events = [(row["event"], row["outcome"], row["caller"]) for row in call(audit, values)["events"]]
        operator_id, token_id = registered["operator"]["operator_id"], made["token"]["token_id"]
        assert ("security.issue_setup_code", "issued", "command_line") in events
        assert ("security.exchange_setup_code", "exchanged", "anonymous") in events
        assert ("security.register_owner", "registered", "anonymous") in events
        assert operator_id in [caller for event, _, caller in events if "token" in event]
        assert token_id in [caller for _, outcome, caller in events if outcome == "forbidden"]

        listed = up.command("operator", "list")
        assert listed.stdout == f"{operator_id} owner owner active\n"
        again = up.command("operator", "setup-code")
        assert again.returncode == 1
