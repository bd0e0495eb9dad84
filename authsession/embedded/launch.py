"""Becomes another program that ends with its parent. Runs as `python -I -S launch.py`, on the standard library only.

It is a separate program and no `preexec_fn`: code between fork and exec is unsafe in a process with threads. On Linux
the kernel sends the chosen signal when the parent *thread* ends, even by kill -9 (prctl(2), PR_SET_PDEATHSIG). On
other systems children end only with an orderly stop of their parent.
"""

import argparse
import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS = 1, 8
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
CAPABILITY_VERSION_3 = 0x20080522


def main() -> None:
    """Ties the process to its parent, gives up root if asked to, and becomes the command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--signal", type=signal.Signals.__getitem__, required=True)
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    parser.add_argument("--tells", type=int, required=True, metavar="FD", help="closed when the command runs")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    command: list[str] = arguments.command[1:]
    if arguments.uid is not None:
        become(arguments.uid, arguments.gid)
    if sys.platform == "linux":  # after the change of user, which would clear it
        _prctl(PR_SET_PDEATHSIG, arguments.signal)
        if os.getppid() != arguments.parent:  # the parent ended before the call above
            sys.exit(1)
    os.set_inheritable(arguments.tells, False)  # noqa: FBT003 - the standard library's own signature
    os.execv(command[0], command)


def become(uid: int, gid: int) -> None:
    """Turns root into another user that may still enter every folder.

    Postgres refuses to run as root. The working folder may lie under /root, which the other user could not enter.
    """
    if sys.platform == "linux":
        _prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if sys.platform == "linux":
        for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):  # a container may lack the first one
            if _keep_only(capability):
                return


def _keep_only(capability: int) -> bool:
    """Keeps one capability across the change of user and exec (capabilities(7)). Returns whether that succeeded."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    bit = 1 << capability
    data = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)  # effective, permitted, inheritable; low then high words
    return libc.capset(header, data) == 0 and libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) == 0


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, int(value), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    main()
