"""Makes a node's keys and prints the public ones: `python -m clients.node.keys FOLDER`.

An operator registers the node with them, and no join string is ever copied. A second call prints the same keys.
"""

import argparse
import base64
import sys
from pathlib import Path

from clients.node.disk import Folder
from clients.node.identity import Identity
from contracts.encoding import encode


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m clients.node.keys", description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder of the node; it is made if it is absent")
    public = Identity(Folder(parser.parse_args().folder)).keys.public
    fields = {"node_public_key": public.public_key, "node_encryption_key": public.encryption_key}
    printed = encode({name: base64.b64encode(raw).decode("ascii") for name, raw in fields.items()})
    sys.stdout.write(printed.decode() + "\n")


if __name__ == "__main__":
    main()
