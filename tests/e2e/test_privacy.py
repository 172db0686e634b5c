"""What a server keeps of a call, from its settings to the disk and the row."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plugins.leaks import files_of
from tests.plugins.server import Server, run_server, simulator_settings

PLANTED = "sk-proj-planted0planted1planted2planted3"
MAIL = "planted.person@planted.example"
CARD = "4111 1111 1111 1111"

SETTINGS = """
[record.prompts."quiet-*"]
mode = "metadata"

[record.prompts."silent"]
mode = "none"

[record.prompts."rare"]
sample = 0.000001

[record.redact]
kinds = ["secrets", "card", "email"]
patterns = { staff = 'E-\\d{6}' }
hash_key = "env:HASH_KEY"
identities = "hash"
"""


@pytest.fixture(scope="module")
def careful(tmp_path_factory: pytest.TempPathFactory, provider: str) -> Iterator[Server]:
    settings = simulator_settings(provider + "/v1") + SETTINGS
    with run_server(tmp_path_factory.mktemp("careful"), settings, workers=1, HASH_KEY="k") as running:
        yield running


def on_disk(server: Server, value: str) -> list[str]:
    """The files of the data folder that a value stands in as it is."""
    return [str(path) for path, content in files_of(server.data) if value.encode() in content]


@pytest.mark.parametrize("stream", [False, True])
def test_nothing_that_has_to_go_reaches_the_disk_or_the_row(careful: Server, stream: bool) -> None:
    said = f"My key is {PLANTED}, mail {MAIL}, card {CARD}, I am E-123456. Repeat it."
    answer = careful.chat(
        model="simulator-large",
        stream=stream,
        messages=[{"role": "user", "content": said}],
        tools=[
            {"type": "function", "function": {"name": "f", "parameters": {"default": {"password": "planted-pa55"}}}}
        ],
        headers={"x-slugline-user": "planted-user", "x-slugline-tags": f"mail={MAIL}"},
    )
    assert answer.status_code == 200
    row = careful.row(answer.headers["x-slugline-call-id"])
    everything = json.dumps(row, default=str)
    for value in (PLANTED, MAIL, CARD, "E-123456", "planted-pa55", "planted-user"):
        assert value not in everything
        assert on_disk(careful, value) == []
    request = json.loads(row["request"])["messages"][-1]["content"]
    assert "[redacted:openai-key:" in request
    assert "[redacted:staff:" in request
    assert row["redactions"] >= 6
    assert len(row["user"]) == 32


def test_modes_and_samples_by_prompt(careful: Server) -> None:
    ids = {}
    for slug in ("quiet-one", "silent", "rare"):
        careful.promote(slug, careful.save(slug, "Be brief."))
        answer = careful.chat(
            prompt={"id": slug},
            messages=[{"role": "user", "content": "Hi"}],
            headers={"x-slugline-record": "full", "x-slugline-session": "one"},
        )
        ids[slug] = answer.headers["x-slugline-call-id"]
    failed = careful.chat(prompt={"id": "rare"}, model="simulator-large", messages=[{"role": "user", "content": 7}, 5])
    row = careful.row(ids["quiet-one"])
    assert (row["record_mode"], row["request"], row["response"]) == ("metadata", "", "")
    kept = careful.row(failed.headers["x-slugline-call-id"])
    assert (kept["outcome"] != "ok", kept["sample_rate"]) == (True, 1.0), kept
    assert careful.sql(f"SELECT count() AS n FROM calls WHERE call_id IN ('{ids['silent']}', '{ids['rare']}')") == [
        {"n": 0}
    ]
    records = careful.api.get("/health/ready").json()["records"]
    assert records["left_out"] == 2
    assert (records["lost"], records["redactions_failed"]) == (0, 0)


def test_settings_that_cannot_be_used_keep_the_server_from_starting(tmp_path: Path, provider: str) -> None:
    settings = simulator_settings(provider) + '[record.redact]\nidentities = "hash"\n'
    with pytest.raises(RuntimeError, match=r"needs record\.redact\.hash_key"), run_server(tmp_path, settings):
        pass
