"""`slugline`: the command line. Lists the commands and turns known errors into one sentence and an exit status.

Exit status: 0 done, 1 it didn't work and the message says why, 2 the command line was off.
"""

import sys
from collections.abc import Sequence

import typer
from typer.main import get_command_name
from typer.models import CommandInfo

from slugline.commands import (
    adopt,
    alert,
    audit,
    calls,
    changes,
    dataset,
    demo,
    drift,
    erase,
    eval,
    gate,
    import_,
    key,
    live,
    monitor,
    plan,
    probe,
    prompt,
    pull,
    push,
    quality,
    scan,
    score,
    scores,
    serve,
    simulator,
    spool,
    sql,
    tail,
    trace,
)


def build() -> typer.Typer:
    """The application with all its commands."""
    app = typer.Typer(
        name="slugline",
        help="Serves versioned prompts to apps over OpenAI's API, and records every call with its version.",
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.command("serve")(serve.serve)
    app.command("demo")(demo.demo)
    app.add_typer(prompt.build(), name="prompt")
    app.command("live")(live.live)
    app.add_typer(audit.build(), name="audit")
    app.command("pull")(pull.pull)
    app.command("plan")(plan.plan)
    app.command("push")(push.push)
    app.add_typer(key.build(), name="key")
    app.add_typer(import_.build(), name="import")
    app.add_typer(monitor.build(), name="monitor")
    app.add_typer(alert.build(), name="alert")
    app.command("quality")(quality.quality)
    app.command("drift")(drift.drift)
    app.command("changes")(changes.changes)
    app.command("eval")(eval.eval_)
    app.command("gate")(gate.gate)
    app.add_typer(probe.build(), name="probe")
    app.add_typer(calls.build(), name="calls")
    app.command("tail")(tail.tail)
    app.command("score")(score.score)
    app.command("trace")(trace.trace)
    app.add_typer(scores.build(), name="scores")
    app.add_typer(dataset.build(), name="dataset")
    app.command("sql")(sql.sql)
    app.add_typer(spool.build(), name="spool")
    app.command("erase")(erase.erase)
    app.command("scan")(scan.scan)
    app.command("adopt")(adopt.adopt)
    app.command("simulator")(simulator.simulator)
    return app


def narrowed(app: typer.Typer, words: Sequence[str]) -> typer.Typer:
    """The application with the one command that `words` begin with, or all of it where they name none.

    Typer reads the signatures of all commands before it runs one, and there are a hundred of them: that took longer than most commands do.
    """
    if not words:
        return app
    commands = [each for each in app.registered_commands if name_of(each) == words[0]]
    groups = [each for each in app.registered_groups if each.name == words[0]]
    if not commands and not groups:
        return app
    app.registered_commands, app.registered_groups = commands, groups
    for group in groups:
        if group.typer_instance is not None:
            narrowed(group.typer_instance, words[1:])
    return app


def name_of(command: CommandInfo) -> str:
    """What a command is called by: a name of its own, or its function's."""
    return command.name or get_command_name(getattr(command.callback, "__name__", ""))


def main() -> None:
    try:
        app = build()
        app.callback()(lambda: None)  # else an application with one command would be that command
        narrowed(app, sys.argv[1:])()
    except Exception as error:
        message = _in_words(error)
        if message is None:
            raise
        print(f"slugline: {message}", file=sys.stderr)
        sys.exit(1)


def _in_words(error: Exception) -> str | None:
    """The message of an error that a user can do something about; None for faults of ours, which keep their traceback."""
    from evaluation.errors import AnalysisError
    from evaluation.runs.errors import EvaluationError
    from registry.errors import RegistryError
    from slugline.client import ServerError
    from slugline.folder import FolderInUse
    from slugline.settings import SettingsError
    from tracing.clickhouse import ClickHouseRefused, ClickHouseUnavailable
    from tracing.migrate import SchemaTooNew
    from tracing.search.errors import SearchError
    from tracing.transfer.errors import TransferError

    if isinstance(error, RegistryError):
        return error.message
    known = FolderInUse | SettingsError | ServerError | ClickHouseUnavailable | ClickHouseRefused | SchemaTooNew
    if isinstance(error, known | SearchError | TransferError | EvaluationError | AnalysisError):
        return str(error)
    return None
