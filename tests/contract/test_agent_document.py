"""Agents as the vectors have them: documents, drafts, and the tools of an integration."""

from typing import Any

import pytest

from contracts.agent_document import (
    Integration,
    decode_agent_document,
    encode_agent_document,
    read_agent_draft,
    refused_fields,
)
from contracts.encoding import encode
from contracts.errors import ErrorCode, Refusal
from tests.contract.vectors import cases


@pytest.mark.parametrize("case", cases("agent_documents", "documents"))
def test_a_document_is_read_and_written_byte_for_byte(case: dict[str, Any]) -> None:
    document = encode(case["document"])
    agent = decode_agent_document(document)
    assert encode_agent_document(agent) == document
    assert agent.prompt not in repr(agent) or not agent.prompt


@pytest.mark.parametrize("case", cases("agent_documents", "refused"))
def test_another_document_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refused:
        decode_agent_document(encode(case["document"]))
    assert refused.value.code == ErrorCode.INVALID_REQUEST


@pytest.mark.parametrize("case", cases("agent_documents", "drafts"))
def test_a_draft_is_read_if_no_field_is_refused(case: dict[str, Any]) -> None:
    assert (not list(refused_fields(case["draft"]))) is case["is_readable"]
    if case["is_readable"]:
        read_agent_draft(case["draft"])
    else:
        with pytest.raises(Refusal):
            read_agent_draft(case["draft"])


@pytest.mark.parametrize("case", cases("agent_documents", "tools"))
def test_a_tool_is_allowed_if_it_is_listed_and_not_denied(case: dict[str, Any]) -> None:
    integration = Integration("c", tuple(case["allow"]), tuple(case["deny"]), "always")
    assert integration.allows(case["tool"]) is case["allows"]
