"""`authsession up` in a new folder: the documented journey works, data is kept, and no process is left behind."""

import json
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
import redis as redis_py

from authsession.embedded.child import free_port
from authsession.embedded.postgres import EmbeddedPostgres
from authsession.stack import EXAMPLE_ORIGINS
from tests.support.database import cloned_database, run_sql
from tests.support.servers import temporary_postgres
from tests.support.stack import wait_for
from tests.support.up import Up, call, running_up

KEY = "11qYAYdk8v3K6Yw8QK6ZlQ2nP4Wm8Cq5g1H0K8vT9no="


COMMAND_LINES = {
    "public": "services.public_auth",
    "internal": "services.internal_admin",
    "postgres": "bin/postgres -D",
    "redis": "(redis|valkey)-server",
}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One folder, whose database is made once for all tests."""
    with running_up(tmp_path_factory.mktemp("up")) as started:
        yield started


@pytest.fixture
def up(installation: Up) -> Up:
    """Running, started again if the test before has stopped it."""
    if installation.child.exit_status() is not None:
        installation.start()
    return installation


def gateway_record(up: Up, session_id: str) -> dict[str, object]:
    with redis_py.Redis(
        port=up.ports["redis"], username="gateway", password=up.secrets()["gateway_redis_password"]
    ) as gateway:
        return json.loads(gateway.get(f"gateway:session:{session_id}") or "{}")


def test_the_printed_calls_one_after_the_other_give_the_documented_shapes(up: Up) -> None:
    send, confirm, read, revoke, block, unblock, *operators = up.walk_through()
    challenge_id = call(send, {})["challenge_id"]
    code = up.find(rf"^mail +. pilot@example.com ([0-9]{{6}}) .{challenge_id}")[1]
    up.find("^Step 2 with the code just mailed")
    assert wait_for(lambda: up.walk_through()[6 + len(operators) :]) == [
        confirm.replace("challenge-123", challenge_id).replace("123456", code)
    ]
    ids = {"challenge-123": challenge_id, '"123456"': f'"{code}"'}

    confirmed = call(confirm, ids)
    assert list(confirmed) == ["device_session_id"]
    session_id = ids["device-session-123"] = confirmed["device_session_id"]
    record = gateway_record(up, session_id)
    assert list(record) == ["device_session_id", "user_id", "client_public_key", "status"]
    assert (record["client_public_key"], record["status"]) == (KEY, "active")

    session = call(read, ids)["session"]
    assert list(session) == ["device_session_id", "user_id", "client_public_key", "status", "created_at"]
    assert call(revoke, ids) == {"outcome": "revoked", "device_session_id": session_id, "affected_session_count": 1}
    assert gateway_record(up, session_id)["status"] == "revoked"

    assert call(block, ids) == {
        "outcome": "blocked",
        "subject_kind": "email",
        "subject_value": "pilot@example.com",
        "affected_session_count": 0,
        "affected_device_session_ids": [],
    }
    suppressed = call(send, {})["challenge_id"]
    assert "blocked" in up.find(rf"^mail +. pilot@example.com nothing mailed: (.*) .{suppressed}")[1]
    assert call(unblock, ids)["outcome"] == "unblocked"

    up.stop()
    up.start()
    assert call(read, ids)["session"]["status"] == "revoked"
    assert gateway_record(up, session_id)["status"] == "revoked"


def test_the_public_process_gets_no_key_of_the_internal_one(up: Up) -> None:
    running = json.loads((up.folder / ".authsession" / "running.json").read_text())
    of_public = {name for name in running["public_environment"] if name.endswith("_KEYS")}
    of_internal = {name for name in running["internal_environment"] if name.endswith("_KEYS")}
    assert of_public == {"AUTHSESSION_LOGIN_CODE_KEYS", "AUTHSESSION_SEALING_KEYS"}
    assert of_internal - of_public == {
        "AUTHSESSION_COOKIE_KEYS",
        "AUTHSESSION_AUDIT_KEYS",
        "AUTHSESSION_CONFIG_KEYS",
        "AUTHSESSION_SECRET_KEYS",
    }


def test_the_example_page_can_log_in_with_a_proof(up: Up) -> None:
    running = json.loads((up.folder / ".authsession" / "running.json").read_text())
    assert running["public_environment"]["AUTHSESSION_PUBLIC_HOST"] == "localhost"
    asking = {"origin": EXAMPLE_ORIGINS[0], "access-control-request-method": "POST"}
    answer = httpx.options(f"{running['public_url']}/api/v1/public/auth/send-email-code", headers=asking)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, EXAMPLE_ORIGINS[0])


def test_commands_in_the_folder_reach_what_runs_there(up: Up) -> None:
    assert up.command("settings", "set", "session_limit", "3").stdout == "session_limit is now 3\n"
    assert up.command("settings", "get", "session_limit").stdout == "3\n"
    doctor = up.command("doctor")
    assert doctor.returncode == 0, doctor.stdout
    assert {line.split()[0] for line in doctor.stdout.splitlines()} == {"ok"}
    verify = up.command("projection", "verify")
    assert (verify.returncode, verify.stdout) == (0, "No differences\n"), verify.stderr
    rebuild = up.command("projection", "rebuild")
    assert rebuild.returncode == 0, rebuild.stderr
    again = up.command("migrate")
    assert again.stdout.startswith("Nothing to do")
    running = json.loads((up.folder / ".authsession" / "running.json").read_text())
    assert running["node_url"] == running["internal_url"]


@pytest.mark.parametrize("ask", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_in_order_with_status_0_and_no_orphan(up: Up, ask: signal.Signals) -> None:
    processes = up.descendants()
    assert len({process.pid for process in processes}) >= 4
    assert up.stop(ask) == 0, up.output
    assert [process for process in processes if process.is_running()] == []
    stopped = [
        up.lines.index(up.find(pattern)[0]) for pattern in (r"^public .* stopping .*$", r"^postgres .*shut down$")
    ]
    assert stopped == sorted(stopped)
    assert "Traceback" not in up.output
    assert up.command("settings", "get").returncode == 1


def test_a_killed_up_leaves_no_orphan_and_starts_again_though_a_role_changed_its_password(up: Up) -> None:
    running = json.loads((up.folder / ".authsession" / "running.json").read_text())
    run_sql(running["public_environment"]["AUTHSESSION_POSTGRES_DSN"], "alter role authsession_public password 'other'")
    processes = up.descendants()
    psutil.Process(up.child.pid).kill()
    assert up.child.wait(20) == -signal.SIGKILL
    wait_for(lambda: not [process for process in processes if process.is_running()], timeout=20)
    up.start()


@pytest.mark.parametrize("name", ["public", "internal", "postgres", "redis"])
def test_a_part_that_dies_is_named_and_everything_stops_with_status_1(up: Up, name: str) -> None:
    processes = up.descendants()
    direct = psutil.Process(up.child.pid).children()
    victim = next(each for each in direct if re.search(COMMAND_LINES[name], " ".join(each.cmdline())))
    victim.kill()
    assert up.child.wait(60) == 1
    assert up.has_line(rf"^The {name} process ended \(killed by signal 9\): everything stops\."), up.output
    wait_for(lambda: not [process for process in processes if process.is_running()])


def refused(up: Up) -> tuple[int, str]:
    """Exit status and last sentence of an `up` that refuses to start."""
    up.launch()
    status = up.child.wait(60)
    assert "Traceback" not in up.output
    return status, next(line for line in reversed(up.lines) if line.startswith("authsession: "))


@pytest.mark.parametrize("name", ["public", "internal", "nodes"])
def test_a_port_in_use_is_one_sentence_and_starts_nothing(tmp_path: Path, name: str) -> None:
    up = Up(tmp_path)
    up.environment["AUTHSESSION_NODE_HTTP_ADDR"] = f"127.0.0.1:{up.ports['nodes']}"
    with socket.create_server(("127.0.0.1", up.ports[name])):
        status, sentence = refused(up)
    assert status == 1
    assert f"port {up.ports[name]} is in use" in sentence
    assert not (tmp_path / ".authsession" / "postgres").exists()


def test_a_password_of_postgres_that_was_changed_is_one_sentence(up: Up) -> None:
    """The last lines of a start say where everything is. Redis' wishes for the machine are not shown."""
    last = up.output.partition("\nReady. Ctrl-C stops everything.\n")[2].splitlines()
    assert last[:2] == [
        f"  public API    http://127.0.0.1:{up.ports['public']}",
        f"  internal API  http://127.0.0.1:{up.ports['internal']}",
    ]
    assert "overcommit" not in up.output
    up.stop()
    file = up.folder / ".authsession" / "postgres" / "password"
    password = file.read_text()
    file.write_text("another")
    status, sentence = refused(up)
    file.write_text(password)
    assert status == 1
    assert "Postgres refuses the password in" in sentence
    assert "put a copy of it back" in sentence


def test_a_second_up_in_the_folder_is_refused_and_the_first_goes_on(up: Up) -> None:
    second = up.command("up")
    assert second.returncode == 1
    assert "another `authsession up` already runs" in second.stderr
    assert up.child.exit_status() is None


def test_every_wrong_name_and_value_is_told_at_once_with_status_78(tmp_path: Path) -> None:
    up = Up(tmp_path, AUTHSESSION_REDIS_ADDRS="x", AUTHSESSION_DRAIN_DELAY="soon")
    status, _ = refused(up)
    assert status == 78
    assert up.has_line("AUTHSESSION_REDIS_ADDRS is unknown: write AUTHSESSION_REDIS_ADDR")
    assert up.has_line("AUTHSESSION_DRAIN_DELAY must be a duration")


@pytest.fixture
def cluster() -> Iterator[EmbeddedPostgres]:
    with temporary_postgres() as server:
        yield server


def test_a_given_database_is_used_and_gets_both_roles(tmp_path: Path, cluster: EmbeddedPostgres) -> None:
    changes = {"AUTHSESSION_NODE_HTTP_ADDR": f"127.0.0.1:{free_port()}"}
    with cloned_database(cluster, None) as given, running_up(
        tmp_path, AUTHSESSION_POSTGRES_DSN=given.owner_dsn, **changes
    ) as up:  # fmt: skip
        assert not up.has_line("^Warning")
        node_url = f"http://{changes['AUTHSESSION_NODE_HTTP_ADDR']}"
        assert up.has_line(f"^  node API      {node_url}$")
        assert json.loads((tmp_path / ".authsession" / "running.json").read_text())["node_url"] == node_url
        rows = given.execute(
            "select distinct usename from pg_stat_activity where usename like 'authsession%' order by 1"
        )
        assert [row["usename"] for row in rows] == ["authsession_internal", "authsession_public"]


def test_a_given_owner_who_may_not_create_roles_is_a_warning(tmp_path: Path, cluster: EmbeddedPostgres) -> None:
    run_sql(cluster.dsn(), "create role plain login password 'plain'")
    run_sql(cluster.dsn(), "create database owned_by_plain owner plain")
    dsn = f"postgresql://plain:plain@127.0.0.1:{cluster.port}/owned_by_plain"
    with running_up(tmp_path, AUTHSESSION_POSTGRES_DSN=dsn) as up:
        assert up.has_line(
            "^Warning: both processes use the rights of AUTHSESSION_POSTGRES_DSN, because its user may not"
        )
        assert list(call(up.walk_through()[0], {})) == ["challenge_id"]
