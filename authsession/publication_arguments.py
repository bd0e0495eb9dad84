"""The command lines of published configuration, and its kinds."""

import argparse
from dataclasses import dataclass
from typing import Final

from authsession.tables import add_json
from contracts.control_plane.publication import requests
from contracts.node.names import is_name
from services.internal_admin.agents.kind import AGENT
from services.internal_admin.gateway_configs.kind import GATEWAY_CONFIG
from services.internal_admin.publication.store.kind import Kind


@dataclass(frozen=True, slots=True)
class Published:
    """A kind of published configuration, with its command and its words."""

    kind: Kind
    command: str
    noun: str
    plural: str


GATEWAY_CONFIGS: Final = Published(GATEWAY_CONFIG, "gateway-configs", "gateway configuration", "gateway configurations")
AGENTS: Final = Published(AGENT, "agents", "agent", "agents")


def add_arguments(parser: argparse.ArgumentParser, published: Published) -> None:
    """The command line of a kind. `agents` also shows compiled prompts, and archives."""
    parser.set_defaults(published=published)
    actions = parser.add_subparsers(dest="action", required=True)
    add_json(actions.add_parser("list", help=f"print all {published.plural}, newest first"))
    add_json(_named(actions.add_parser("show", help="print one with its draft")))
    creation = actions.add_parser("create", help="create one with a draft; nothing is published")
    creation.add_argument("name", metavar="NAME", help="its name: a-z, 0-9 and -")
    _draft(creation, "the fields of the draft")
    edit = _named(actions.add_parser("edit", help="merge fields into the draft; null removes a field"))
    _draft(edit, "the fields to merge")
    _revision(edit)
    add_json(
        _named(
            actions.add_parser("check", help="print the errors and warnings of the draft; exit 1 if there are errors")
        )
    )
    publishing = _named(actions.add_parser("publish", help="make a version of the draft; no node gets it yet"))
    _revision(publishing)
    _note(publishing)
    activating = _named(actions.add_parser("activate", help="give a version, new or older, to the nodes of its pools"))
    activating.add_argument("version", type=_number)
    activating.add_argument(
        "--expect", type=_expected, required=True, metavar="VERSION", help="the version that is active now, or none"
    )
    activating.add_argument("--percent", type=_percent, help="give it to this percentage of the nodes at first")
    activating.add_argument("--halt", action="store_true", help="stop the stage at the first node that rejects it")
    _note(activating)
    _note(_named(actions.add_parser("pause", help="take the active version from the nodes")))
    reverting = _named(actions.add_parser("revert", help="copy a version into the draft; nothing is published"))
    reverting.add_argument("version", type=_number)
    _revision(reverting)
    add_json(_named(actions.add_parser("versions", help="print the versions, newest first")))
    comparing = _named(actions.add_parser("diff", help="print the differences"))
    comparing.add_argument("before", type=_source, metavar="FROM", help="active, draft or the number of a version")
    comparing.add_argument("after", type=_source, metavar="TO", help="active, draft or the number of a version")
    add_json(comparing)
    _named(actions.add_parser("archive", help="archive one that is not active; its name is free again"))
    if published is AGENTS:
        prompting = _named(actions.add_parser("prompt", help="print the compiled prompt, as the runtime gets it"))
        prompting.add_argument(
            "source", type=_source, nargs="?", default="draft", metavar="FROM", help="active, a version, or the draft"
        )
        add_json(prompting)


def _named(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("name", metavar="NAME", help="its name, or its id")
    return parser


def _draft(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--file", metavar="FILE", help=f"JSON with {text}; - is standard input")
    parser.add_argument("--pool", type=_pool, action="append", metavar="POOL", help="a pool; give it once for each")


def _revision(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--revision", type=_number, required=True, help="the revision that you read; `show` prints it")


def _note(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--note", type=_note_text, help="why, for the history")


def _number(text: str) -> int:
    number = requests.version_number(text)
    if number is None:
        raise argparse.ArgumentTypeError("must be a whole number from 1 on")
    return number


def _percent(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:4]) <= 100):
        raise argparse.ArgumentTypeError("must be a whole number from 1 to 100")
    return int(text)


def _expected(text: str) -> int:
    """The version; 0 for `none`, because argparse takes None for a missing option."""
    return 0 if text == "none" else _number(text)


def _source(text: str) -> requests.Source:
    if text in ("active", "draft"):
        return text
    number = requests.version_number(text)
    if number is None:
        raise argparse.ArgumentTypeError("must be active, draft or the number of a version")
    return number


def _pool(text: str) -> str:
    if not is_name(text):
        raise argparse.ArgumentTypeError("must be 1 to 63 of a-z, 0-9 and -, without - at its ends")
    return text


def _note_text(text: str) -> str | None:
    if len(text.strip()) > requests.MAX_NOTE_LENGTH or not text.isprintable():
        raise argparse.ArgumentTypeError(f"must be at most {requests.MAX_NOTE_LENGTH} printable characters")
    return text.strip() or None
