"""Drives every route and every failing path of a product with marked secrets."""

import base64
import hashlib
import json
import time

import httpx

from contracts.notices import REVOKE_BY_NOTICE_PATH
from services.internal_admin.operators.domain.owner_setup import new_setup_code
from shared.kernel.entropy import SystemEntropy
from tests.support.builders import client_public_key
from tests.support.marked_secrets import MARK, Secrets
from tests.support.product import BLOCKS, CAUSE, CONFIRM, INTERNAL, SEND, Product
from tests.support.stack import wait_for

AUTH = "/api/control-plane/auth"
SECRETS = "/api/control-plane/secrets"
PASSWORD = "Correct Horse 7 of an operator"


def bearer(session_token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {session_token}"}


class Driver:
    """Makes calls with marked secrets, and keeps the bodies of errors."""

    def __init__(self, product: Product, secrets: Secrets) -> None:
        self.product, self.secrets = product, secrets
        self.statuses: set[int] = set()

    def call(self, client: httpx.Client, method: str, path: str, **request: object) -> httpx.Response:
        answer: httpx.Response = client.request(method, path, **request)  # pyright: ignore[reportArgumentType]
        self.statuses.add(answer.status_code)
        if answer.status_code >= 400:
            self.secrets.error_bodies.append(f"{answer.text}\n{answer.headers}")
        return answer

    def public(self, path: str, body: object) -> httpx.Response:
        return self.call(self.product.public, "POST", path, json=body)

    def internal(self, path: str, body: object) -> httpx.Response:
        return self.call(self.product.internal, "POST", INTERNAL + path, json=body)

    def get(self, path: str, **query: str) -> httpx.Response:
        return self.call(self.product.internal, "GET", INTERNAL + path, params=query)

    def log_in(self, name: str) -> tuple[str, dict[str, str]]:
        """Logs in. Returns the session and the confirm's body, of which every part is a secret."""
        email = self.secrets.keep(f"address {name}", f"{name}+{MARK}@example.com")
        challenge_id = self.challenge(email)
        code = self.secrets.keep_code(self.product.code(email, challenge_id))
        key = self.secrets.keep(f"key {name}", client_public_key(name).base64)
        label = self.secrets.keep(f"label {name}", f"{name} {MARK} phone")
        body = {
            "challenge_id": challenge_id,
            "code": code,
            "client_public_key": key,
            "time_zone": "Europe/Berlin",
            "device_label": label,
        }
        return self.public(CONFIRM, body).json()["device_session_id"], body

    def challenge(self, email: str) -> str:
        challenge_id = self.public(SEND, {"email": email}).json()["challenge_id"]
        return self.secrets.keep(f"challenge of {email}", challenge_id)

    def every_route(self, name: str) -> None:
        """Calls the routes as clients do, with right, wrong and repeated values."""
        session_id, body = self.log_in(name)
        email = f"{name}+{MARK}@example.com"
        self.public(CONFIRM, body)
        self.public(
            CONFIRM, {**body, "client_public_key": self.secrets.keep("another key", client_public_key().base64)}
        )
        proof = self.secrets.keep("proof", base64.b64encode(f"{MARK}-of-a-proof".ljust(64, "x").encode()).decode())
        self.public(CONFIRM, {**body, "client_key_proof": proof})
        challenge_id = self.challenge(email)
        for wrong in ("111111", "222222"):
            self.public(CONFIRM, {**body, "challenge_id": challenge_id, "code": self.secrets.keep_code(wrong)})
        user_id = self.get("/users", email=email).json()["user"]["user_id"]
        self.get("/dev/mailbox", email=email)
        self.get(f"/sessions/{session_id}")
        self.get(f"/users/{user_id}/sessions")
        self.end_by_notice(name, session_id)
        self.internal(f"/sessions/{session_id}/revoke", CAUSE)
        self.internal(f"/users/{user_id}/sessions/revoke-all", CAUSE)
        for subject in ({"email": email}, {"user_id": user_id}):
            self.internal("/user-blocks", {**CAUSE, **subject})
            self.get("/user-blocks", **subject)
            self.get("/user-blocks")
            self.public(SEND, {"email": email})
            self.internal("/user-blocks/remove", {**CAUSE, **subject})

    def end_by_notice(self, name: str, session_id: str) -> None:
        """Ends the session by the token of a notice, twice, and by texts that are no token."""
        token = self.secrets.keep(f"notice token {name}", f"{name}-{MARK}-of-a-notice".ljust(43, "x"))
        self.product.stack.database.execute(
            "insert into session_notices values (gen_random_uuid(), $1, $2, clock_now())",
            session_id,
            hashlib.sha256(token.encode()).digest(),
        )
        for body in ({"token": token}, {"token": token}, {"token": token[1:]}, {"token": token, "everything": token}):
            self.public(REVOKE_BY_NOTICE_PATH, body)

    def every_route_of_operators(self) -> None:
        """Plays an owner's whole life, with right, wrong, weak and misplaced secrets."""
        keep, database = self.secrets.keep, self.product.stack.database
        code = new_setup_code(SystemEntropy())
        keep("setup code", code.text)
        database.execute(
            "update owner_setup set setup_code_hash = $1, setup_code_expires_at = clock_now() + interval '1 minute'",
            code.hash,
        )
        self.operators("bootstrap/exchange", {"setup_code": keep("wrong setup code", "ZEBR-QUAG-2345")})
        exchanged = self.operators("bootstrap/exchange", {"setup_code": code.text})
        token = keep("registration token", exchanged.json()["registration_token"])
        owner = {"registration_token": token, "user_name": "ada", "email": keep("operator", f"ada@{MARK}.example")}
        self.operators("register-owner", {**owner, "password": keep("weak password", f"weak{MARK}")})
        self.operators("register-owner", {**owner, "user_name": f"{MARK} {MARK}", "password": PASSWORD})
        registered = self.operators("register-owner", {**owner, "password": keep("operator's password", PASSWORD)})
        session = self.keep_operator(registered, "first")
        codes = registered.json()["recovery_codes"]
        for name, password in (("ada", f"wrong {MARK}"), (PASSWORD, "swapped"), (f"{MARK}", PASSWORD)):
            self.operators("login", {"user_name": name, "password": password})
        other = self.keep_operator(self.operators("login", {"user_name": "ada", "password": PASSWORD}), "second")
        for path in ("status", "session", "sessions", "tokens", "recovery-codes"):
            self.operators(path, None, other)
        new_password = keep("operator's next password", f"Next Horse 8 {MARK}")
        self.operators("recovery-codes/regenerate", {"current_password": f"wrong {MARK}"}, session)
        self.operators("password/change", {"current_password": PASSWORD, "new_password": f"weak{MARK}"}, session)
        self.operators("password/change", {"current_password": PASSWORD, "new_password": new_password}, session)
        recovery = {"user_name": "ada", "new_password": PASSWORD}
        self.operators("password/recover", {**recovery, "recovery_code": codes[0], "new_password": f"weak{MARK}"})
        recovered = self.operators("password/recover", {**recovery, "recovery_code": codes[0]})
        session = self.keep_operator(recovered, "third")
        self.operators("password/recover", {**recovery, "recovery_code": codes[1]})
        for path in ("login", "register-owner", "password/recover", f"sessions/{MARK}", f"tokens/{MARK}"):
            self.operators(path, {f"{MARK}@example.com": MARK}, MARK)
        self.every_route_of_secrets(session)
        self.operators("logout", {}, session)

    def every_route_of_secrets(self, session_token: str) -> None:
        """Values that are stored, refused, restored, and stored in a row that somebody changed."""
        value, headers = self.secrets.keep("stored value", f"stored value {MARK}"), bearer(session_token)

        def call(method: str, path: str, body: object = None) -> httpx.Response:
            return self.call(self.product.internal, method, f"{SECRETS}{path}", json=body, headers=headers)

        for body in (
            {"value": value},
            {"value": value, "expected_version": 7},
            {"value": value, "sealed_value": value},
        ):
            made = call("PUT", "/MODEL_KEY", body)
        self.call(self.product.internal, "PUT", f"{SECRETS}/MODEL_KEY", json={"value": value}, headers={
            **headers, "idempotency-key": "stored",
        })  # fmt: skip
        call("PUT", f"/{MARK}", {"value": value})
        call("PUT", "/MODEL_KEY", {"sealed_value": value, "key_id": MARK})
        [secret] = call("GET", "?name=MODEL_KEY").json()["secrets"]
        one = f"/{secret['secret_id']}"
        call("POST", f"{one}/restore", {"version": 1})
        call("POST", f"{one}/grants", {"grantee": MARK})
        call("GET", one)
        self.product.stack.database.execute("update secrets set name = 'OTHER_KEY'")
        broken = call("POST", f"{one}/restore", {"version": 1})
        assert (made.status_code, broken.status_code) == (400, 500), (made.text, broken.text)
        self.product.stack.database.execute("update secrets set name = 'MODEL_KEY'")
        call("POST", f"{one}/destroy", {"versions": [1]})
        call("DELETE", one)
        call("POST", f"{one}/undelete")

    def operators(self, path: str, body: object, session_token: str | None = None) -> httpx.Response:
        method = "GET" if body is None else "POST"
        headers = {} if session_token is None else bearer(session_token)
        return self.call(self.product.internal, method, f"{AUTH}/{path}", json=body, headers=headers)

    def keep_operator(self, answer: httpx.Response, name: str) -> str:
        """The session token of an answer that opened a session. Every secret of the answer is kept."""
        body = answer.json()
        for number, code in enumerate(body.get("recovery_codes", ())):
            self.secrets.keep(f"recovery code {name} {number}", code)
        return self.secrets.keep(f"session token {name}", body["session_token"])

    def every_malformed(self) -> None:
        """Sends secrets where they do not belong: in names, paths, queries, headers and broken bodies."""
        json_type = {"content-type": "application/json"}
        for client, path in (
            (self.product.public, SEND),
            (self.product.public, CONFIRM),
            (self.product.internal, BLOCKS),
        ):
            for content in (
                f'{{"email": "{MARK}@example.com"',
                f'{{"{MARK}@example.com": 1}}',
                f'{{"email": "{MARK}", "email": "{MARK}"}}',
                f'{{"email": ["{MARK}@example.com"]}}',
                f'{{"challenge_id": "{MARK}", "code": "{MARK}", "client_public_key": "{MARK}"}}',
                json.dumps({**CAUSE, "email": f"{MARK} <{MARK}@example.com>"}),
                MARK * 2000,
            ):
                self.call(client, "POST", path, content=content, headers=json_type)
            self.call(client, "POST", path, content=MARK, headers={"content-type": f"text/{MARK}"})
            self.call(client, "GET", f"{path}/{MARK}@example.com?email={MARK}@example.com")
            self.call(client, MARK, path)
            headers = {"Cookie": MARK, "Authorization": MARK, "X-Request-Id": f"<{MARK}>", "X-Forwarded-For": MARK,
                       "Accept-Language": MARK, "User-Agent": MARK, "traceparent": MARK}  # fmt: skip
            self.call(client, "POST", path, json={"email": f"{MARK}@example.com"}, headers=headers)
        self.get(f"/sessions/{MARK}")
        self.get("/users", email=f"nobody+{MARK}@example.com")
        self.get("/users", email=MARK)
        self.get("/users", **{f"{MARK}@example.com": MARK})
        self.get("/user-blocks", cursor=MARK)

    def faults(self) -> None:
        """Provokes 500s: a sealed code that does not open, and constraints of another release that quote the refused
        row.
        """
        database = self.product.stack.database
        email = self.secrets.keep("address fault", f"fault+{MARK}@example.com")
        challenge_id = self.challenge(email)
        code = self.secrets.keep_code(self.product.code(email, challenge_id))
        database.execute("update login_codes set sealed_code = sealed_code || '\\x00' where email = $1", email)
        assert self.get("/dev/mailbox", email=email).status_code == 500
        database.execute(f"alter table users add constraint another check (email not like '%{MARK}%') not valid")
        body = {"challenge_id": challenge_id, "code": code, "client_public_key": client_public_key("fault").base64}
        self.secrets.keep("key fault", body["client_public_key"])
        assert self.public(CONFIRM, body).status_code == 500
        database.execute("alter table users drop constraint another")
        database.execute(
            f"alter table emails add constraint another check (folded not like '%other+{MARK}%') not valid"
        )
        assert self.public(SEND, {"email": f"other+{MARK}@example.com"}).status_code == 500
        assert self.internal("/user-blocks", {**CAUSE, "email": f"other+{MARK}@example.com"}).status_code == 500
        database.execute("alter table emails drop constraint another")

    def without_dependencies(self) -> None:
        """Provokes 503s, while workers wait for dependencies in the background."""
        session_id, body = self.log_in("waiting")
        redis, postgres = self.product.stack.redis_server, self.product.stack.database.server
        redis.kill()
        assert self.public(CONFIRM, body).status_code == 503
        assert self.internal(f"/sessions/{session_id}/revoke", CAUSE).status_code == 503
        redis.start()
        postgres.kill()
        for path, asked in ((SEND, {"email": f"waiting+{MARK}@example.com"}), (CONFIRM, body)):
            assert self.public(path, asked).status_code == 503
        assert self.get("/dev/mailbox", email=f"waiting+{MARK}@example.com").status_code == 503
        assert self.internal("/user-blocks", {**CAUSE, "email": f"waiting+{MARK}@example.com"}).status_code == 503
        time.sleep(1.5)  # the workers meet the fault too
        postgres.start()
        for name in self.product.stack.services:
            wait_for(lambda name=name: self.product.stack.services[name].is_ready())
