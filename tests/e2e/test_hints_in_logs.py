"""A fault that a person must mend is logged once, with its cure and the server's address. Repeats are counted."""

import json
import time
from collections import Counter
from typing import Any

import pytest

from tests.support.database import Database, cloned_database
from tests.support.servers import temporary_redis
from tests.support.stack import RunningStack, redis_users, wait_for

WATCHED_SECONDS = 4.0


def faults(stack: RunningStack) -> list[dict[str, Any]]:
    lines = [json.loads(line) for name in stack.services for line in list(stack.lines[name]) if line.startswith("{")]
    return [line for line in lines if line["event"] == "postgres is unavailable"]


@pytest.mark.parametrize("fault", ["a wrong password", "a missing schema"])
def test_a_fault_of_the_setup_is_logged_once_with_its_cure(database: Database, fault: str) -> None:
    cures = {
        "a wrong password": ("InvalidPasswordError 28P01", "the password is refused: correct AUTHSESSION_POSTGRES_DSN"),
        "a missing schema": ("UndefinedTableError 42P01", "the schema is missing or older than this program: run"),
    }
    kind, cure = cures[fault]
    with temporary_redis(users=redis_users()) as redis_server, cloned_database(database.server, None) as empty:
        stack = RunningStack(empty if fault == "a missing schema" else database, redis_server, {})
        if fault == "a wrong password":
            for environment in stack.environment.values():
                dsn = environment["AUTHSESSION_POSTGRES_DSN"]
                environment["AUTHSESSION_POSTGRES_DSN"] = dsn.replace("@", "-is-another@", 1)
        try:
            stack.launch()
            wait_for(lambda: any(line["fault"] == kind for line in faults(stack)))
            time.sleep(WATCHED_SECONDS)
        finally:
            stack.stop()
    told = [line for line in faults(stack) if line["fault"] == kind]
    assert all(line["problem"].startswith(cure) for line in told)
    if fault == "a wrong password":
        assert {line["address"] for line in told} == {f"127.0.0.1:{database.server.port}"}
    assert Counter(line["fault"] for line in told)[kind] <= 2, "one for each process"


def test_a_port_that_is_taken_is_one_line_and_a_status_that_units_try_again(running_stack: RunningStack) -> None:
    second = running_stack.services["public"].start(running_stack.environment["public"])
    assert second.wait(30) == 1
    line = json.loads(second.tail().splitlines()[-1])
    assert line["event"] == "address already in use"
    assert line["problem"].endswith("it is in use; stop the program that listens there or choose another address")
