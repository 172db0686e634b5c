"""`slugline scores import` to a server: its files in order, posted in batches to `POST /api/scores`, deletions one by one.

A score's id makes a post that is sent twice count once; a score without one gets it from its content. Nothing is posted that the server
would refuse: it is checked here by the same rules, and set aside.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from slugline.acting import local_user
from slugline.client import ServerClient, key_text
from slugline.commands.options import print_json
from slugline.importing_records import beside, in_order, opened, say, shown, slugs
from slugline.settings import SettingsError
from tracing.event import ScoreEvent
from tracing.privacy.recorder import PrivacyCounts
from tracing.scores import Score, as_posted
from tracing.transfer.aside import Rejected, TraceNotes
from tracing.transfer.importing import Progress
from tracing.transfer.reading import Found, Source
from tracing.transfer.recognise import Origin, Reading, events

BATCH = 1000


def run_posting(
    url: str, files: Sequence[Path], origin: Origin, rejected: Path | None, *, as_json: bool, as_is: bool
) -> None:
    """Posts the scores of files, and says what came of it. Exits with 1 where nothing of what was read could be taken."""
    if as_is:
        raise SettingsError(
            "--as-is works on the machine that has the data folder: a server redacts what is posted to it"
        )
    if rejected is not None and len(files) > 1:
        raise SettingsError("--rejected names one file: import the files one by one")
    progress, kept = Progress(), []
    client = ServerClient(url, key=key_text(os.environ), actor=local_user())
    with contextlib.closing(client), TraceNotes() as notes, shown() as (told, _):
        reading = Reading(what="scores", origin=origin, slug=slugs(), notes=notes)
        for path in in_order(files):
            aside = Rejected(rejected or beside(path))
            with contextlib.closing(aside), opened(path) as source:
                _post(client, source, reading, aside, progress, told)
            if aside.count:
                kept.append(aside.path)
    if as_json:
        print_json({**asdict(progress), "rejected_files": [str(path) for path in kept]})
    else:
        say("scores", progress, kept, PrivacyCounts())
    if progress.read and progress.rejected == progress.read:
        sys.exit(1)


def _post(
    client: ServerClient,
    source: Source,
    reading: Reading,
    aside: Rejected,
    progress: Progress,
    told: Callable[[Source, Progress], None],
) -> None:
    batch: list[dict[str, Any]] = []

    def send() -> None:
        if batch:
            client.send("POST", "/api/scores", batch, idempotency_key=str(uuid4()))
            progress.loaded += len(batch)
            batch.clear()
        told(source, progress)

    try:
        for found in source.records():
            progress.read += 1
            try:
                scores = _scores(found, reading)
            except (ValueError, TypeError, OverflowError, RecursionError) as error:
                text = found.text or json.dumps(found.record, ensure_ascii=False, default=str)
                aside.add(found.line, _reason(error), text)
                progress.rejected += 1
                continue
            progress.skipped += not scores
            for event in scores:
                if event.deleted:
                    send()
                    path = f"/api/scores/{quote(event.score_id, safe='')}"
                    client.send("DELETE", path, {}, idempotency_key=str(uuid4()))
                    progress.loaded += 1
                else:
                    batch.append(as_posted(event))
            if len(batch) >= BATCH:
                send()
    finally:
        send()  # what was read before a file breaks off is taken


def _scores(found: Found, reading: Reading) -> list[ScoreEvent]:
    if found.record is None:
        raise ValueError(found.reason)
    scores = [event for event in events(found.record, reading) if isinstance(event, ScoreEvent)]
    for event in scores:
        if not event.deleted:
            Score(**as_posted(event))
    return scores


def _reason(error: Exception) -> str:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(
        f"{'.'.join(map(str, each['loc']))}: {each['msg']}".lstrip(": ").replace("Value error, ", "")
        for each in error.errors()
    )
