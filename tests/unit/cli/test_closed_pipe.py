"""A reader that has had enough, such as `head`, is no fault of a server."""

import os
import subprocess
import sys

from authsession.service import SOURCE


def test_a_closed_pipe_ends_a_command_without_a_complaint() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "authsession", "connections", "catalog"]
    environment = os.environ | {"AUTHSESSION_POSTGRES_DSN": "postgres://owner@127.0.0.1:9/authsession"}
    ended = subprocess.run(
        command, cwd=SOURCE, env=environment, stdout=writer, stderr=subprocess.PIPE, timeout=30, check=False
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (1, b"")
