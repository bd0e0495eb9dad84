"""The proxies of `deploy/`, really run, in front of this machine's ports and without TLS."""

import re
import shutil
import socket
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL
from tempfile import TemporaryDirectory

import pytest

from authsession.embedded.child import Child, free_port
from authsession.service import SOURCE
from tests.support.stack import wait_for

SAMPLES = {"haproxy": SOURCE / "deploy/haproxy/authsession.cfg", "nginx": SOURCE / "deploy/nginx/authsession.conf"}
NODE_SAMPLES = {
    "haproxy": SOURCE / "deploy/haproxy/authsession-nodes.cfg",
    "nginx": SOURCE / "deploy/nginx/authsession-nodes.conf",
}
_NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
access_log off;
client_body_temp_path {folder};
proxy_temp_path {folder};
fastcgi_temp_path {folder};
uwsgi_temp_path {folder};
scgi_temp_path {folder};
{sample}
}}
"""


def program(name: str) -> str:
    """The proxy's program. Debian installs both proxies outside an ordinary user's PATH. Skips the test without it."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(
            f"plays our sample in the real {name}, which this machine lacks; a stand-in would prove nothing about it. "
            "With apt and root .ci/packages installs it"
        )
    return found


@contextmanager
def proxy(
    name: str, one: int, other: int, samples: Mapping[str, Path] = SAMPLES, *, minute: float = 60
) -> Generator[int]:
    """A running proxy in front of these two ports. Yields its port. Its timeouts of about a minute are as `minute`."""
    port = free_port()
    with TemporaryDirectory() as place:
        folder = Path(place)
        child = Child(_command(name, folder, _here(samples[name], port, one, other, minute)), dies_by=SIGKILL)
        try:
            wait_for(lambda: child.exit_status() is not None or _is_open(port))
            assert child.exit_status() is None, child.tail()
            yield port
        finally:
            child.kill()


def _here(sample: Path, port: int, one: int, other: int, minute: float) -> str:
    """The sample with this machine's ports, these timeouts and plain HTTP. Nothing else of it changes."""
    text, milliseconds = sample.read_text("utf-8"), minute / 60 * 1000
    text = re.sub(r"\b([56]\d)s\b", lambda found: f"{float(found[1]) * milliseconds:.0f}ms", text)
    text = re.sub(r"(server .*127\.0\.0\.1):808\d", rf"\g<1>:{one}", text)
    text = re.sub(r"(server .*127\.0\.0\.1):809\d", rf"\g<1>:{other}", text)
    text = re.sub(r"listen 443 ssl;", f"listen 127.0.0.1:{port};", text)
    text = re.sub(r"^.*ssl_certificate.*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"bind :443 ssl crt \S+", f"bind 127.0.0.1:{port}", text)


def _command(name: str, folder: Path, sample: str) -> list[str]:
    path = folder / "configuration"
    path.write_text(_NGINX.format(folder=folder, sample=sample) if name == "nginx" else sample, "utf-8")
    found = program(name)
    return [found, "-c", str(path)] if name == "nginx" else [found, "-db", "-f", str(path)]


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
