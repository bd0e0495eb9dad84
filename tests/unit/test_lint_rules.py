"""Laws of time and randomness in the code: no module reads them past Clock and Entropy, which only wirings make."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def banned_lines(source: str, file_name: str) -> int:
    command = [sys.executable, "-m", "ruff", "check", "--select", "TID251", "--output-format", "concise", "--no-cache"]
    command += ["--stdin-filename", file_name, "-"]
    done = subprocess.run(command, cwd=ROOT, input=source, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in {0, 1}, done.stderr
    return sum("TID251" in line for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import UTC, datetime\n\nnow = datetime.now(UTC)\n",
        "import datetime as dt\n\nnow = dt.datetime.utcnow()\n",
        "import time\n\nnow = time.time()\n",
        "from time import time_ns\n",
        "import secrets\n",
        "from random import random\n",
        "import os\n\nnoise = os.urandom(8)\n",
        "from uuid import uuid4\n",
    ],
)
def test_time_and_randomness_have_one_source_each(source: str) -> None:
    assert banned_lines(source, "shared/intruder.py") >= 1
    assert banned_lines(source, "services/public_auth/domain/intruder.py") >= 1
    assert banned_lines(source, "shared/kernel/clock.py") == 0


def test_measuring_is_not_deciding() -> None:
    assert banned_lines("import time\n\nstarted = time.perf_counter()\n", "shared/intruder.py") == 0


MAKERS = {
    "services/internal_admin/wiring.py",
    "services/public_auth/wiring.py",
    "shared/kernel/clock.py",
    "shared/kernel/entropy.py",
}


def test_only_the_wirings_make_a_clock_or_an_entropy() -> None:
    """Everything else takes one as a parameter. Each command of `authsession` is a wiring of its own."""
    files = [file for folder in ("clients", "services", "shared") for file in (ROOT / folder).rglob("*.py")]
    assert len(files) > 200
    makers = {
        str(file.relative_to(ROOT)) for file in files if re.search(r"System(Clock|Entropy)", file.read_text("utf-8"))
    }
    assert makers == MAKERS
