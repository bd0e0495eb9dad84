"""The form of agents' ids. An agent is a user, so no person may have an id of this form."""

import re

_AGENT_ID = re.compile(r"agent-[0-9a-z]{26}", re.ASCII)


def is_agent_id(text: str) -> bool:
    """Whether the text has the form of an agent's id: `agent-` and a ULID in lower case."""
    return _AGENT_ID.fullmatch(text) is not None
