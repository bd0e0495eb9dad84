"""`python -m services.internal_admin`: the internal process. Exit status 78 means: the configuration was refused."""

import sys

from services.internal_admin.settings import read_settings
from services.internal_admin.wiring import run
from shared.process import run_process

sys.exit(run_process(read_settings, run))
