"""`docs/reference/http-api.md`, from the four OpenAPI documents."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

import yaml

from docs.generate import markdown

_FEW = 8
"""Up to so many values are joined by `or`, so that a row stays a sentence of a reasonable length."""
_DOCUMENTS = Path(__file__).parents[2] / "contracts/openapi"
_SERVICES = ("public_auth", "internal_admin", "control_plane", "node")
_CALLERS: Mapping[str, str] = {
    "token": "an API token with the scope `{}`",
    "operator_session": "an operator's session",
    "operator_cookie": "an operator's session",
    "break_glass": "the break-glass token",
    "node_signature": "an active node, by its signature",
}
_ANYBODY = "everybody who reaches the listener"
_TRUSTED = "in the mode `trusted_network`, every caller without credentials"
_HEAD = """\
The OpenAPI documents in `contracts/openapi/` are the contract; this page shows them by service.
[Errors](errors.md) says what each error code means and what to do.
A dot in the name of a field leads into an object, and `[]` into the items of an array."""
Node: TypeAlias = dict[str, Any]


def page() -> str:
    """The whole page."""
    parts = [part for name in _SERVICES for part in _service(_load(name), name)]
    return markdown.page("HTTP API", "the OpenAPI documents in `contracts/openapi`", _HEAD, *parts)


def _load(name: str) -> Node:
    return cast("Node", yaml.load((_DOCUMENTS / f"{name}.yaml").read_text("utf-8"), yaml.CSafeLoader))


def _service(document: Node, name: str) -> Iterator[str]:
    title: str = document["info"]["title"].removeprefix("authsession ")
    yield f"## {title[0].upper()}{title[1:]}"
    yield f"`contracts/openapi/{name}.yaml`"
    yield markdown.lines(document["info"]["description"])
    routes = [
        (path, method, operation) for path, item in document["paths"].items() for method, operation in item.items()
    ]
    rows = [
        (f"[`{method.upper()} {path}`](#{_anchor(method, path)})", _sentence(each["summary"]))
        for path, method, each in routes
    ]
    yield markdown.table(("Route", "Meaning"), rows)
    for path, method, operation in routes:
        yield _Route(document, path, method, operation).section()


def _anchor(method: str, path: str) -> str:
    """As GitHub makes it of the heading."""
    return "".join(each for each in f"{method}-{path}".lower() if each.isalnum() or each in "-_")


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


class _Route:
    """One operation of a document, and its section of the page."""

    def __init__(self, document: Node, path: str, method: str, operation: Node) -> None:
        self._document = document
        self._path = path
        self._method = method
        self._operation = operation

    def section(self) -> str:
        """Heading, meaning, callers, fields, answers."""
        parts = [
            f"### {self._method.upper()} {self._path}",
            markdown.lines(f"{_sentence(self._operation['summary'])}\n\n{self._description()}"),
            f"Callers: {self._callers()}.",
            self._fields(),
            self._answers(),
        ]
        return "\n\n".join(part for part in parts if part.strip())

    def _description(self) -> str:
        """The words of the operation and of its body."""
        body: Node = self._body_schema() or {}
        words = (each.get("description", "").strip() for each in (self._operation, body))
        return " ".join(filter(None, words))

    def _callers(self) -> str:
        kinds: list[Node] = self._operation.get("security", self._document.get("security", []))
        if not kinds:
            return _ANYBODY
        scopes = {kind: given for each in kinds for kind, given in each.items()}
        named = [words.format(*scopes[kind]) for kind, words in _CALLERS.items() if kind in scopes]
        if {} in kinds:
            named.append(_TRUSTED if "token" in scopes else _ANYBODY)
        return "; ".join(dict.fromkeys(named))

    def _fields(self) -> str:
        rows = [*self._parameters(), *self._body()]
        return markdown.table(("Field", "In", "Type", "Required", "Meaning"), rows) if rows else ""

    def _parameters(self) -> Iterator[tuple[str, ...]]:
        for each in map(self._resolved, self._operation.get("parameters", [])):
            required = "yes" if each.get("required") else "no"
            yield markdown.code(each["name"]), each["in"], self._type(each["schema"]), required, self._meaning(each)

    def _body(self) -> Iterator[tuple[str, ...]]:
        schema = self._body_schema()
        if schema is not None:
            yield from self._body_fields(schema, "")

    def _body_schema(self) -> Node | None:
        body = self._operation.get("requestBody")
        return None if body is None else self._resolved(self._resolved(body)["content"]["application/json"]["schema"])

    def _body_fields(self, schema: Node, above: str) -> Iterator[tuple[str, ...]]:
        """Those of an object, and of the objects in it."""
        inner = self._resolved(schema)
        for name, each in inner["properties"].items():
            if "properties" in self._resolved(each):
                yield from self._body_fields(each, f"{above}{name}.")
            else:
                required = "yes" if name in inner.get("required", ()) else "no"
                yield markdown.code(above + name), "body", self._type(each), required, self._meaning(each)

    def _answers(self) -> str:
        answers = {status: self._resolved(each) for status, each in sorted(self._operation["responses"].items())}
        good = {status: each for status, each in answers.items() if not self._codes_of(each)}
        meanings = markdown.table(("Answer", "Meaning"), [(status, good[status]["description"]) for status in good])
        fields = [(status, *row) for status, each in good.items() for row in self._fields_of(each)]
        shown = markdown.table(("Answer", "Field", "Values"), fields) if fields else ""
        errors = [
            (status, ", ".join(map(markdown.code, codes)))
            for status, each in answers.items()
            if (codes := self._codes_of(each))
        ]
        refused = markdown.table(("Status", "Errors"), errors) if errors else ""
        return "\n\n".join(filter(None, (meanings, shown, refused)))

    def _fields_of(self, answer: Node) -> list[tuple[str, str]]:
        """The path of each field and its values, if they are listed; or the media type of a body that is not JSON."""
        content: Node = answer.get("content", {})
        if "application/json" not in content:
            return [(markdown.code(each), "") for each in content]
        return list(dict.fromkeys(self._leaves(content["application/json"]["schema"], "")))

    def _codes_of(self, answer: Node) -> list[str]:
        """Those of an error; a good answer has none."""
        content: Node = answer.get("content", {}).get("application/json", {"schema": {}})
        error = self._resolved(content["schema"]).get("properties", {}).get("error")
        if error is None:
            return []
        code = self._resolved(error)["properties"]["code"]
        return [code["const"]] if "const" in code else code["enum"]

    def _leaves(self, schema: Node, above: str) -> Iterator[tuple[str, str]]:
        """The path of each field, such as `sessions[].user_id`, and its values, if they are listed."""
        inner = self._resolved(schema)
        if inner.get("type") == "array":
            yield from self._leaves(inner["items"], f"{above}[]")
        elif "properties" in inner:
            for name, each in inner["properties"].items():
                yield from self._leaves(each, f"{above}.{name}" if above else name)
        elif "oneOf" in inner and not above:
            for each in inner["oneOf"]:
                yield from self._leaves(each, above)
        else:
            yield markdown.code(above), _values(inner)

    def _type(self, schema: Node) -> str:
        """In words: `string`, `integer, 1 to 1000`, the values to choose from."""
        inner = self._resolved(schema)
        if "oneOf" in inner:
            inner = self._resolved(next(each for each in inner["oneOf"] if each.get("type") != "null"))
        if "enum" in inner:
            words = _values(inner)
        elif inner.get("type") == "array":
            words = f"array of {self._type(inner['items'])}"
        else:
            words = _type_name(inner) + _bounds(inner)
        return f"{words}, default {markdown.code(str(inner['default']))}" if "default" in inner else words

    def _meaning(self, node: Node) -> str:
        """Its own description, or that of its schema."""
        own = node.get("description") or self._resolved(node.get("schema", node)).get("description", "")
        return " ".join(own.split())

    def _resolved(self, node: Node) -> Node:
        """The target of a `$ref`, with the words beside it."""
        beside = {name: value for name, value in node.items() if name != "$ref"}
        if "$ref" not in node:
            return node
        target: Node = self._document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return self._resolved(target) | beside


def _values(schema: Node) -> str:
    """The values to choose from; the empty text if any value of the type will do."""
    values: list[object] = schema.get("enum", [schema["const"]] if "const" in schema else [])
    joint = " or " if len(values) <= _FEW else ", "
    return joint.join(markdown.code(str(each)) for each in values if each is not None)


def _type_name(schema: Node) -> str:
    named = schema.get("type", "string")
    return named if isinstance(named, str) else next(each for each in named if each != "null")


def _bounds(schema: Node) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is None:
        return ""
    return f", at least {least}" if most is None else f", {least} to {most}"
