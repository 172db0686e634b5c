"""A promotion is seen by the very next request, whichever worker gets it, whatever the load."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.plugins.server import Server

MOVES = 200
CLIENTS = 4


def served(client: httpx.Client, slug: str) -> str:
    answer = client.post(
        "/v1/chat/completions", json={"model": f"prompt/{slug}", "messages": [{"role": "user", "content": "x"}]}
    )
    assert answer.status_code == 200, answer.text
    return answer.headers["x-slugline-prompt"]


def test_200_promotions_in_a_row_under_load_and_not_one_stale_answer(server: Server) -> None:
    slug = "promoted-200-times"
    numbers = [server.save(slug, f"Version {n}.") for n in (1, 2)]
    server.promote(slug, numbers[0])
    stop = threading.Event()

    def load() -> int:
        count = 0
        with httpx.Client(base_url=server.url, timeout=60) as client:
            while not stop.is_set():
                served(client, slug)
                count += 1
        return count

    # New connections for every check, so that the kernel hands them to either worker.
    def check(_: int) -> str:
        with httpx.Client(base_url=server.url, timeout=60) as client:
            return served(client, slug)

    stale = []
    with ThreadPoolExecutor(CLIENTS + 2) as pool:
        background = [pool.submit(load) for _ in range(2)]
        try:
            for move in range(MOVES):
                wanted = numbers[(move + 1) % 2]
                server.promote(slug, wanted)
                answers = list(pool.map(check, range(CLIENTS)))
                stale += [(move, answer) for answer in answers if answer != f"{slug}@{wanted}"]
        finally:
            stop.set()
        assert sum(future.result() for future in background) > MOVES
    assert stale == []
    history = server.api.get(f"/api/prompts/{slug}/history?limit=1000").json()["events"]
    assert sum(event["action"] == "promote" for event in history) == MOVES + 1


def test_both_workers_serve(server: Server) -> None:
    """Without this, the test above could pass with one worker doing all the work."""
    pids = server.children("slugline.worker")
    assert len(pids) == 2

    def cpu(pid: int) -> int:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            fields = file.read().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before = {pid: cpu(pid) for pid in pids}
    with ThreadPoolExecutor(16) as pool:
        for _ in range(20):
            list(pool.map(lambda _: httpx.get(server.url + "/v1/models", timeout=60), range(40)))
            if all(cpu(pid) > before[pid] for pid in pids):
                return
    raise AssertionError("one of the workers never served a request")


def test_rollback_goes_to_what_was_live_before(server: Server) -> None:
    slug = "back"
    for text in ("one", "two", "three"):
        server.promote(slug, server.save(slug, text))
    for expected in (2, 1):
        answer = server.api.post(f"/api/prompts/{slug}/channels/stable/rollback", json={"reason": "worse"})
        assert answer.status_code == 200, answer.text
        assert served(server.api, slug) == f"{slug}@{expected}"
    answer = server.api.post(f"/api/prompts/{slug}/channels/stable/rollback", json={"reason": "worse"})
    assert answer.status_code == 404
    assert answer.json()["error"]["message"]


def test_version_seven_is_always_version_seven(server: Server) -> None:
    """Saves after it, promotions and a restart of the workers change nothing about a version; the database refuses to."""
    import sqlite3

    slug = "seven"
    for number in range(1, 9):
        assert server.save(slug, f"This is version {number}.") == number
    before = server.api.get(f"/api/prompts/{slug}?_version=7").json()
    with sqlite3.connect(server.data / "registry.db") as database:
        for statement in (
            "UPDATE versions SET content = '{}' WHERE number = 7",
            "UPDATE versions SET number = 70 WHERE number = 7",
            "DELETE FROM versions WHERE number = 7",
            "INSERT OR REPLACE INTO versions SELECT * FROM versions WHERE slug = 'seven' AND number = 7",
        ):
            try:
                database.execute(statement)
            except sqlite3.IntegrityError as error:
                assert "never" in str(error) or "immutable" in str(error) or "UNIQUE" in str(error), error
            else:
                raise AssertionError(f"the database carried out: {statement}")
    server.promote(slug, 7)
    after = server.api.get(f"/api/prompts/{slug}?_version=7").json()
    assert after["content_hash"] == before["content_hash"]
    assert after["messages"] == before["messages"] == [{"role": "system", "content": "This is version 7."}]
