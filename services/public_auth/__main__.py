"""`python -m services.public_auth`: the public process. Exit status 78 means a refused configuration."""

import sys

from services.public_auth.settings import read_settings
from services.public_auth.wiring import run
from shared.process import run_process

sys.exit(run_process(read_settings, run))
