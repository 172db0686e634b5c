"""Errors at the border of `/api`: every room's errors become OpenAI's error body, in one place."""

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from evaluation.errors import AnalysisError, MetricNotFoundError
from evaluation.runs.errors import EvaluationError
from proxy.errors import ProxyError, answer_for, error_body
from registry.errors import RegistryError
from tracing.api import NotRecorded, ScoreNotFound
from tracing.clickhouse import ClickHouseRefused, ClickHouseUnavailable
from tracing.search.errors import CallNotFoundError, SearchError, SearchInvalidError, SearchTooBroadError

SEARCH: Mapping[type[Exception], tuple[int, str]] = {
    SearchInvalidError: (422, "request_invalid"),
    SearchTooBroadError: (422, "search_too_broad"),
    CallNotFoundError: (404, "call_not_found"),
}
"""Kind of a search's error to status and code."""


def add_error_handlers(app: FastAPI) -> None:
    """Teaches the application to answer each error of the rooms below."""

    def known_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, RegistryError | ProxyError)  # noqa: S101 - registered for them alone
        answer = answer_for(error)
        return _json(answer.status, answer.body("openai"))

    def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        problems = error.errors()
        first = problems[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body")
        message = "; ".join(f"{'.'.join(str(part) for part in p['loc'])}: {p['msg']}" for p in problems[:5])
        return _json(422, error_body(message, "invalid_request_error", "request_invalid", where or None))

    def unavailable(_: Request, error: Exception) -> Response:
        return _json(503, error_body(str(error), "api_error", "records_unavailable"))

    def score_not_found(_: Request, error: Exception) -> Response:
        return _json(404, error_body(str(error), "invalid_request_error", "score_not_found", "id"))

    def search_error(_: Request, error: Exception) -> Response:
        status, code = SEARCH.get(type(error), (422, "request_invalid"))
        return _json(status, error_body(str(error), "invalid_request_error", code))

    def evaluation_error(_: Request, error: Exception) -> Response:
        return _json(422, error_body(str(error), "invalid_request_error", "evaluation_invalid"))

    def analysis_error(_: Request, error: Exception) -> Response:
        return _json(422, error_body(str(error), "invalid_request_error", "request_invalid"))

    def metric_not_found(_: Request, error: Exception) -> Response:
        return _json(404, error_body(str(error), "invalid_request_error", "metric_not_found", "metric"))

    def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        message = f"{request.method} {request.url.path}: {error.detail}"
        return _json(error.status_code, error_body(message, "invalid_request_error", "request_route_not_found"))

    app.add_exception_handler(RegistryError, known_error)
    app.add_exception_handler(ProxyError, known_error)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(ClickHouseUnavailable, unavailable)
    app.add_exception_handler(ClickHouseRefused, unavailable)
    app.add_exception_handler(NotRecorded, unavailable)
    app.add_exception_handler(ScoreNotFound, score_not_found)
    app.add_exception_handler(SearchError, search_error)
    app.add_exception_handler(EvaluationError, evaluation_error)
    app.add_exception_handler(AnalysisError, analysis_error)
    app.add_exception_handler(MetricNotFoundError, metric_not_found)
    app.add_exception_handler(HTTPException, http_error)


def _json(status: int, body: bytes) -> Response:
    return Response(body, status_code=status, media_type="application/json")
