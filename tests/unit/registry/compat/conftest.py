"""A registry that can be read as other products' clients do: over HTTP, with Slugline's own error bodies."""

from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from registry.compat import langfuse, litellm
from registry.roles import owner
from registry.serving.live import LiveRegistry, Resolved
from registry.values import Content
from registry.writing.store import Store
from slugline.errors import add_error_handlers


@pytest.fixture
def live(engine: Engine) -> Iterator[LiveRegistry]:
    live = LiveRegistry(engine)
    yield live
    live.close()


@pytest.fixture
def client(store: Store, live: LiveRegistry) -> Iterator[TestClient]:
    app = FastAPI()
    app.include_router(langfuse.build_router(store, live, lambda _: owner("ann")))
    app.include_router(litellm.build_router(live, lambda _: owner("ann")))
    add_error_handlers(app)
    with TestClient(app) as client:
        yield client


@pytest.fixture
def saved(store: Store, live: LiveRegistry) -> Callable[[Content], Resolved]:
    """Saves content as the newest version of `a` and resolves it."""

    def save(content: Content) -> Resolved:
        store.save("a", content, message="why", by=owner("ann"))
        return live.resolve("a@latest")

    return save
