"""Calls operations by their id and checks every answer against its document."""

from typing import Any

import httpx

from tests.contract.openapi.documents import load, operations


class Client:
    """Of one process, by one document."""

    def __init__(self, name: str, http: httpx.Client) -> None:
        self._schema = load(name)
        self._operations = operations(name)
        self._http = http

    def call(self, operation_id: str, status: int = 200, **request: Any) -> Any:
        """The answer's JSON. Fails unless it has this status and fits its schema; `request` as for `send`."""
        return self.send(operation_id, status, **request).json()

    def send(
        self,
        operation_id: str,
        status: int = 200,
        *,
        query: str = "",
        json: Any = None,
        headers: dict[str, str] | None = None,
        **path: str,
    ) -> httpx.Response:
        """The same, whole."""
        operation = self._operations[operation_id]
        url = operation["path"].format(**path) + (f"?{query}" if query else "")
        response = self._http.request(operation["method"], url, json=json, headers=headers)
        assert response.status_code == status, response.text
        self._schema.find_operation_by_id(operation_id).validate_response(response)
        return response
