"""`slugline score`."""

from typing import Annotated

import typer

from slugline.commands.options import Config, Data, settings_for


def score(
    call_id: Annotated[
        str, typer.Argument(help="The call's id (response header x-slugline-call-id).", show_default=False)
    ],
    name: Annotated[str, typer.Argument(help="What is scored, such as helpful.", show_default=False)],
    value: Annotated[str, typer.Argument(help="true, false, a number, or a category's name.", show_default=False)],
    comment: Annotated[str, typer.Option(help="A remark.")] = "",
    data: Data = None,
    config: Config = None,
) -> None:
    """Score a call."""
    from slugline.acting import local_user
    from slugline.compose import new_id, now
    from slugline.folder import DataFolder
    from slugline.settings import SettingsError
    from tracing.scores import Score, score_event
    from tracing.spool import Spool, SpoolFolders

    settings = settings_for(data, config)
    spool = Spool(SpoolFolders.at(DataFolder(settings.data).spool), bounds=settings.spool_bounds)
    posted = Score(
        call_id=call_id, name=name, value=read_value(value), comment=comment, source="human", scorer=local_user()
    )
    recorded = spool.append(score_event(posted, at=now(), new_id=new_id))
    spool.close()
    if not recorded:
        raise SettingsError(f"the score could not be written: {spool.counts.last_error}")
    print(f"scored {call_id}: {name} = {value}")


def read_value(text: str) -> bool | float | str:
    """What a value on the command line means: true and false, a number, or else a category."""
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    try:
        return float(text)
    except ValueError:
        return text
