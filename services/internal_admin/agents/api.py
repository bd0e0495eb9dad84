"""The routes of agents (SPEC §19.1)."""

from dataclasses import dataclass

from contracts.control_plane.agents import CompiledPrompt, decode_compiled_prompt, encode_compiled_prompt
from services.internal_admin.agents.kind import AGENT
from services.internal_admin.agents.store import read_prompt
from services.internal_admin.callers.access import Scoped
from services.internal_admin.callers.identity import Identity, Scope
from services.internal_admin.callers.paths import CONTROL_PLANE
from services.internal_admin.callers.route import Route
from services.internal_admin.publication.api import SubjectApi, routes
from services.internal_admin.publication.refusals import refusal
from shared.io.postgres import Postgres
from shared.web.exchange import Request, Response

AGENTS = CONTROL_PLANE + "/agents"


@dataclass(frozen=True, slots=True)
class PromptApi:
    """Shows the prompts that publishing made, or would make."""

    postgres: Postgres

    async def read(self, request: Request, _: Identity | None) -> Response:
        """The prompt of the draft or of a version, as a runtime gets it."""
        agent_id, source = request.path_parameters["agent_id"], decode_compiled_prompt(request.query)
        found = await self.postgres.unit_of_work(read_prompt, AGENT, agent_id, source)
        if not isinstance(found, CompiledPrompt):
            raise refusal(AGENT, found)
        return Response(200, encode_compiled_prompt(found))


ROUTES: tuple[Route[SubjectApi], ...] = routes(
    AGENT, AGENTS, read=Scope.AGENTS_READ, write=Scope.AGENTS_WRITE, publish=Scope.AGENTS_PUBLISH
)
PROMPT_ROUTES: tuple[Route[PromptApi], ...] = (
    Route("GET", AGENTS + "/{agent_id}/compiled-prompt", PromptApi.read, access=Scoped(Scope.AGENTS_READ)),
)
