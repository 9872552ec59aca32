"""What a client hears when it is refused: OpenAI's form of an error, with what is allowed and the remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from starlette.responses import JSONResponse

from calame.recipe.errors import Problem, UserError

BAD, UNKNOWN, TOO_LARGE, TOO_SLOW, BUSY, CLOSED = 400, 404, 413, 408, 429, 503
KINDS = {401: "authentication_error", 403: "permission_error", BUSY: "rate_limit_error", CLOSED: "server_error"}


class Refused(Exception):
    """An answer of `status` instead of what was asked for. param: the field that is wrong; code: for programs."""

    def __init__(
        self,
        status: int,
        problems: Problem | Sequence[Problem],
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ):
        self.status, self.code, self.headers = status, code, headers
        self.problems = [problems] if isinstance(problems, Problem) else list(problems)
        super().__init__("; ".join(map(in_a_line, self.problems)))

    def body(self) -> dict[str, Any]:
        kind = KINDS.get(self.status, "invalid_request_error")
        return {"error": {"message": str(self), "type": kind, "param": self.problems[0].where, "code": self.code}}

    def response(self) -> JSONResponse:
        return JSONResponse(self.body(), self.status, self.headers)


def in_a_line(problem: Problem) -> str:
    allowed = f" (allowed: {problem.allowed})" if problem.allowed else ""
    return f"{problem.where}: {problem.found}{allowed}" + (f"; {problem.remedy}" if problem.remedy else "")


def of_user_error(error: UserError) -> Refused:
    return Refused(BAD, error.problems)


def of_validation(error: ValidationError) -> Refused:
    """All that is wrong with a body, without repeating it: it may be long, and private."""
    problems = []
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        where = ".".join(map(str, fault["loc"])) or "body"
        found = "no such field here" if fault["type"] == "extra_forbidden" else fault["msg"]
        problems.append(Problem(where, found))
    return Refused(BAD, problems)
