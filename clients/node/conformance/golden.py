"""Questions from the golden data: join strings, proofs, manifests, statements and deliveries of secrets."""

from collections.abc import Generator, Mapping
from importlib import resources
from typing import Any

from contracts.strict_json import decode_object

Question = Mapping[str, Any]


def vectors(name: str) -> Mapping[str, Any]:
    """The content of a file of `contracts/vectors`; `name` has no `.json`."""
    return decode_object(resources.files("contracts").joinpath("vectors", f"{name}.json").read_bytes())


def golden_questions() -> Generator[tuple[str, Question, Question]]:
    """Name, question and right answer of each case."""
    joins = vectors("node_join")
    for case in joins["join_strings"]:
        right = {name: case[name] for name in ("join_token_id", "fingerprint")}
        yield f"join_string: {case['name']}", {"ask": "join_string", "text": case["text"]}, right
    for case in joins["refused_join_strings"]:
        yield f"join_string: {case['name']}", {"ask": "join_string", "text": case["text"]}, {"refused": True}
    for ask in ("join_proof", "key_change_proof"):
        for case in joins["proofs" if ask == "join_proof" else "key_changes"]:
            yield f"{ask}: {case['name']}", _asked(ask, case, "message_hex", "proof"), {"proof": case["proof"]}
    for case in vectors("config_manifests")["manifests"]:
        yield f"manifest: {case['name']}", _asked("manifest", case, "verdict", "documents"), _right(case, "documents")
    for case in vectors("config_statements")["statements"]:
        question = _asked("statement", case, "verdict", "position", "digest")
        yield f"statement: {case['name']}", question, _right(case, "position", "digest")
    for case in vectors("secret_deliveries")["exchanges"]:
        question = _asked("secrets_delivered", case, "verdict", "values", "info_hex")
        yield f"secrets_delivered: {case['name']}", question, _right(case, "values")


def _asked(ask: str, case: Question, *answers: str) -> Question:
    return {"ask": ask, **{name: value for name, value in case.items() if name not in {"name", *answers}}}


def _right(case: Question, *names: str) -> Question:
    return {"verdict": case["verdict"], **{name: case[name] for name in names if name in case}}
