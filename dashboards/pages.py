"""The pages. So far one: what is live now, and how each version does.

Server-rendered, readable without JavaScript, with a content security policy that lets nothing foreign in. Prompt text never
appears unescaped.
"""

from collections.abc import Sequence
from importlib import resources

from anyio import to_thread
from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader

from registry.store import Store
from registry.values import Prompt
from tracing.clickhouse import ClickHouse, ClickHouseRefused, ClickHouseUnavailable

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}


def build_router(store: Store, clickhouse: ClickHouse) -> APIRouter:
    """The pages' routes."""
    router = APIRouter(include_in_schema=False)
    templates = Environment(loader=PackageLoader("dashboards"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    home_sql = (resources.files("dashboards") / "home.sql").read_text("utf-8")
    css = (resources.files("dashboards") / "static" / "app.css").read_text("utf-8")

    @router.get("/static/app.css")
    def stylesheet() -> Response:
        return Response(css, media_type="text/css", headers={"cache-control": "max-age=3600"})

    @router.get("/")
    async def home() -> HTMLResponse:
        prompts = await to_thread.run_sync(store.prompts)
        problem, traffic = "", {}
        try:
            rows = (await clickhouse.query(home_sql, max_execution_time=10)).dicts()
            traffic = {(row["prompt"], row["version"]): row for row in rows}
        except (ClickHouseUnavailable, ClickHouseRefused) as error:
            problem = str(error)
        page = templates.get_template("home.html").render(
            prompts=[_shown(p) for p in prompts], traffic=traffic, problem=problem
        )
        return HTMLResponse(page, headers=_HEADERS)

    return router


def _shown(prompt: Prompt) -> dict[str, object]:
    others: Sequence[tuple[str, int]] = sorted(
        item for item in prompt.channels.items() if item[0] not in {"stable", "latest"}
    )
    return {
        "prompt": prompt,
        "stable": prompt.channels.get("stable"),
        "latest": prompt.channels.get("latest"),
        "others": others,
    }
