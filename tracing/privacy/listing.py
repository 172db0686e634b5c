"""What is a person's, as statements that list it by ids in the table `erasing`. Pure.

1. **Calls** of the user, of the session, or of both. Then what judges asked about these: such a call quotes the other.
2. **Spans** that name the user or one of the user's sessions in their attributes. A session is the user's when each of its calls is.
3. **Traces** of such calls and spans as a whole: their spans, and their calls without a user. What names somebody else in them stays.
4. The keys that scores' targets are looked up by, made from the ids as the migrations make them.

Names of attributes: OpenTelemetry's (https://opentelemetry.io/docs/specs/semconv/registry/attributes/), Langfuse's
(https://langfuse.com/integrations/native/opentelemetry#property-mapping), OpenInference's and OpenLLMetry's.
"""

from dataclasses import dataclass

USER_ATTRIBUTES = (
    "user.id", "enduser.id", "enduser.pseudo.id", "langfuse.user.id", "traceloop.association.properties.user_id",
)  # fmt: skip
SESSION_ATTRIBUTES = (
    "session.id", "gen_ai.conversation.id", "langfuse.session.id", "traceloop.association.properties.session_id",
)  # fmt: skip
JUDGED_TAG = "judged-call"
"""The tag of a judge's call that holds the id of the call it was asked about."""

_INTO = "INSERT INTO erasing (erasure_id, kind, key)\n"
_USERS = "{users:Array(String)}"
_SESSIONS = "{sessions:Array(String)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whose records are to go: a user's, a session's, or with both that user's of that session. Each by all the forms that the record
    may hold, as it was sent and hashed."""

    users: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()

    @property
    def selector(self) -> str:
        """What the person was named by; it says nothing of who it is."""
        return " and ".join(name for name, given in (("user", self.users), ("session", self.sessions)) if given)


def listing(person: Person) -> list[str]:
    """The statements, in order. Their parameters: `erasure`, `users`, `sessions`."""
    spans_named = _spans_that_name(person)
    return [
        *_given(person),
        _span_keys(spans_named),
        _trace_keys(spans_named),
        _call_keys(_calls_of(person)),
        _call_keys(f"tags['{JUDGED_TAG}'] GLOBAL IN {_listed('call')}"),
        _span_keys(f"trace_id GLOBAL IN {_listed('trace')} AND NOT ({_names_another(person)})"),
    ]


def listing_of_cases() -> str:
    """The statement for the calls by which evaluations and probes asked about cases. Its parameters: `erasure`, `cases`."""
    return _call_keys("purpose IN ('evaluation', 'probe') AND tags['case'] IN {cases:Array(String)}")


def _given(person: Person) -> list[str]:
    """The person's names. One that is asked for by user and session is not to lose all that either names."""
    if person.users and person.sessions:
        return []
    if person.sessions:
        return [f"{_INTO}SELECT {{erasure:UUID}}, 'session', arrayJoin({_SESSIONS})"]
    own = (
        f"SELECT session FROM calls WHERE session != '' AND session GLOBAL IN (SELECT session FROM calls WHERE user IN {_USERS}) "  # noqa: S608 - our own text; values are parameters
        f"GROUP BY session HAVING countIf(user NOT IN {_USERS}) = 0"
    )
    return [
        f"{_INTO}SELECT {{erasure:UUID}}, 'user', arrayJoin({_USERS})",
        f"{_INTO}SELECT {{erasure:UUID}}, 'session', session FROM ({own})",  # noqa: S608
    ]


def _spans_that_name(person: Person) -> str:
    user, session = _attribute(USER_ATTRIBUTES, f"IN {_USERS}"), _attribute(SESSION_ATTRIBUTES, f"IN {_SESSIONS}")
    if person.users and person.sessions:
        return f"({user}) AND ({session})"
    if person.sessions:
        return session
    own = _attribute(SESSION_ATTRIBUTES, f"GLOBAL IN {_listed('session')}")
    return f"({user}) OR (({own}) AND NOT ({_names_another(person)}))"


def _names_another(person: Person) -> str:
    """Whether a span names a user who is not the person."""
    if not person.users:
        return "0"
    another = " OR ".join(f"({each} != '' AND {each} NOT IN {_USERS})" for each in _places(USER_ATTRIBUTES))
    return f"({another}) AND NOT ({_attribute(USER_ATTRIBUTES, f'IN {_USERS}')})"


def _calls_of(person: Person) -> str:
    user = f"user IN {_USERS}" if person.users else "1"
    session = f"session IN {_SESSIONS}" if person.sessions else "1"
    unnamed = f"user = '' AND trace_id != '' AND trace_id GLOBAL IN {_listed('trace')}"
    if person.sessions:
        unnamed += f" AND (session = '' OR {session})"
    return f"({user} AND {session}) OR ({unnamed})"


def _call_keys(condition: str) -> str:
    return (
        f"{_INTO}SELECT {{erasure:UUID}}, found.1, found.2\n"  # noqa: S608
        "FROM (SELECT arrayJoin([('call', toString(call_id)), ('trace', trace_id), ('external', external_id), "
        f"('key', toString(call_id)), ('key', {_hashed('trace', 'trace_id')}), ('key', {_hashed('external', 'external_id')})]) AS found "
        f"FROM calls WHERE {condition})\nWHERE found.2 != ''\nGROUP BY found"
    )


def _trace_keys(condition: str) -> str:
    return (
        f"{_INTO}SELECT {{erasure:UUID}}, found.1, found.2\n"  # noqa: S608
        f"FROM (SELECT arrayJoin([('trace', trace_id), ('key', {_hashed('trace', 'trace_id')})]) AS found FROM spans WHERE {condition})\n"
        "WHERE found.2 != ''\nGROUP BY found"
    )


def _span_keys(condition: str) -> str:
    return (
        f"{_INTO}SELECT DISTINCT {{erasure:UUID}}, 'span', concat(trace_id, '/', span_id) FROM spans WHERE {condition}"  # noqa: S608
    )


def _hashed(kind: str, column: str) -> str:
    return f"if({column} = '', '', toString(reinterpretAsUUID(sipHash128('{kind}', {column}))))"


def _attribute(names: tuple[str, ...], condition: str) -> str:
    return " OR ".join(f"{each} {condition}" for each in _places(names))


def _places(names: tuple[str, ...]) -> list[str]:
    return [f"{column}['{name}']" for column in ("attributes", "resource_attributes") for name in names]


def _listed(kind: str) -> str:
    return f"(SELECT key FROM erasing WHERE erasure_id = {{erasure:UUID}} AND kind = '{kind}')"  # noqa: S608
