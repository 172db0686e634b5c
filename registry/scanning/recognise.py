"""Which texts of a file are prompts, and why: by where they are used, what they are called, and what they say.

Pure: takes the shapes of `syntax`, whatever language they come from, and gives findings. The reasons, strongest first:

1. A message: `{"role": "system", "content": …}`, `("system", …)` in a list of messages, `SystemMessage(…)`.
2. An argument: `instructions=`, `system=`, `prompt=` of an SDK's call.
3. A name: `SUMMARY_PROMPT = …`, `"system_prompt": …`.
4. The words: a text that opens as prompts do ("You are a …") and goes on so.

Use and name alone don't do: the text must also read like one, the more so the less its place says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from registry.scanning import judge, names
from registry.scanning.candidates import Candidate, findings_of
from registry.scanning.draft import Style, literal
from registry.scanning.finding import Finding
from registry.scanning.resolve import Scopes, Text, texts_inside
from registry.scanning.syntax import MORE, RETURNS, Bind, Block, Call, Formatted, Joined, Node, Record, Row, Words


def recognise(path: str, root: Node) -> list[Finding]:
    """The prompts below `root`, in the order of their lines; each text once, for its strongest reason."""
    return findings_of(path, _candidates(root, Scopes(root)))


def _candidates(node: Node, scopes: Scopes) -> Iterator[Candidate]:
    """Depth first, without recursion into what a text is made of."""
    stack = [node]
    while stack:
        node = stack.pop()
        yield from _at(node, scopes)
        match node:
            case Block(inside=inside):
                stack.extend(inside)
            case Bind(value=value):
                stack.append(value)
            case Record(entries=entries):
                stack.extend(value for _, value in entries)
            case Row(items=items) | Joined(items=items):
                stack.extend(items)
            case Formatted(base=base):
                stack.append(base)
            case Call(args=args, named=named, base=base):
                stack.extend(args)
                stack.extend(value for _, value in named)
                if base is not None:
                    stack.append(base)
            case _:
                pass


def _at(node: Node, scopes: Scopes) -> Iterator[Candidate]:
    match node:
        case Record():
            yield from _message(node.entries, scopes)
            for key, value in node.entries:
                if key is not None and names.names_a_prompt(key):
                    yield from _named(key, value, scopes, f"the key '{key}'")
        case Call():
            yield from _message(node.named, scopes)
            yield from _constructed(node, scopes)
            yield from _arguments(node, scopes)
        case Bind(name=name, value=value):
            plain = name.removesuffix(RETURNS).removesuffix(MORE)
            if names.names_a_prompt(plain):
                reason = f"what {plain} returns" if name.endswith(RETURNS) else f"the name {plain}"
                yield from _named(plain, value, scopes, reason)
        case Words() | Joined() | Formatted():
            text = scopes.text(node)
            if text is not None:
                yield from _by_words(text)
        case _:
            pass


def _message(entries: Sequence[tuple[str | None, Node]], scopes: Scopes) -> Iterator[Candidate]:
    given = dict(entries)
    if "role" not in given or "content" not in given:
        return
    said = scopes.text(given["role"])
    role = literal(said.parts) if said else ""
    for text in _contents(given["content"], scopes):
        yield from _as_message(role, text, f"the content of a message with the role {role}")


def _contents(node: Node, scopes: Scopes) -> Iterator[Text]:
    """A message's text, or the texts of its parts."""
    text = scopes.text(node)
    if text is not None:
        yield text
    elif isinstance(node, Row):
        for item in node.items:
            part = dict(item.entries).get("text") if isinstance(item, Record) else None
            text = scopes.text(part) if part is not None else None
            if text is not None:
                yield text


def _as_message(role: str, text: Text, reason: str) -> Iterator[Candidate]:
    said = literal(text.parts)
    if role in names.SYSTEM_ROLES and judge.words(said) >= 3:
        yield Candidate(text=text, role="system", reason=reason, confidence="high")
    elif role in names.USER_ROLES and judge.words(said) + text.holes >= 4 and judge.something_else(said) is None:
        count = judge.cues(said)
        if count >= 2 or (count and text.holes):
            yield Candidate(text=text, role="user", reason=reason, confidence="high")
        elif count or text.holes:
            yield Candidate(text=text, role="user", reason=reason, confidence="medium")


def _constructed(call: Call, scopes: Scopes) -> Iterator[Candidate]:
    short = call.callee.rpartition(".")[2] or call.callee
    if names.takes_messages(call.callee):
        pairs = [item for row in call.args[:1] if isinstance(row, Row) for item in row.items]
        for pair in pairs:
            if isinstance(pair, Row) and len(pair.items) == 2:
                role, text = scopes.text(pair.items[0]), scopes.text(pair.items[1], style="format")
                if role is not None and text is not None:
                    yield from _as_message(literal(role.parts), text, f"a message of {short}")
    role_of_type = names.message_role(call.callee)
    if role_of_type is not None:
        given = dict(call.named)
        style: Style | None = "format" if "emplate" in call.callee else None
        node = (
            given.get("content")
            or given.get("template")
            or given.get("prompt")
            or (call.args[0] if call.args else None)
        )
        if isinstance(node, Record):  # PromptTemplate and SystemMessage in JavaScript take an object
            inner = dict(node.entries)
            node = inner.get("content") or inner.get("template")
        text = scopes.text(node, style=style) if node is not None else None
        if text is not None:
            yield from _as_message("system" if role_of_type == "system" else "user", text, f"the text of {call.callee}")


def _arguments(call: Call, scopes: Scopes) -> Iterator[Candidate]:
    known = names.asks_a_model(call.callee)
    if names.asks_a_person(call.callee) and not known:
        return
    objects = [pair for arg in call.args if isinstance(arg, Record) for pair in arg.entries]
    for key, value in [*call.named, *objects]:
        if key is None:
            continue
        reason = f"the argument '{key}' of {call.callee}" if call.callee else f"the argument '{key}'"
        for text in _contents(value, scopes):
            yield from _as_argument(key, text, known=known, reason=reason)
    first = scopes.text(call.args[0]) if call.args and names.asks_a_model_first(call.callee) else None
    if first is not None:
        said = literal(first.parts)
        if judge.words(said) >= 6 and judge.cues(said) and judge.something_else(said) is None:
            yield Candidate(text=first, role="user", reason=f"what {call.callee} is asked", confidence="medium")


def _as_argument(key: str, text: Text, *, known: bool, reason: str) -> Iterator[Candidate]:
    said = literal(text.parts)
    count, size = judge.cues(said), judge.words(said)
    if size < 3 or judge.something_else(said) is not None:
        return
    if names.is_system_key(key):
        if known or (names.is_only_for_models(key) and (count or size >= 8)):
            yield Candidate(text=text, role="system", reason=reason, confidence="high" if known or count else "medium")
        elif count >= 2 and size >= 5:
            yield Candidate(text=text, role="system", reason=reason, confidence="medium")
    elif names.is_user_key(key):
        if known and size + text.holes >= 4 and (count or text.holes):
            yield Candidate(text=text, role="user", reason=reason, confidence="high" if count >= 2 else "medium")
        elif count >= 2 and size >= 8:
            yield Candidate(text=text, role="user", reason=reason, confidence="medium")


def _named(name: str, value: Node, scopes: Scopes, reason: str) -> Iterator[Candidate]:
    for text in texts_inside(value, scopes):
        said = literal(text.parts)
        count, size = judge.cues(said), judge.words(said) + text.holes
        if size < 5 or judge.something_else(said) is not None:
            continue
        role = names.role_of_name(name)
        if role == "?" and judge.opens_like_a_prompt(said):
            role = "system"
        if count >= 2 or (count and size >= 8):
            yield Candidate(text=text, role=role, reason=f"{reason}, and it reads like a prompt", confidence="high")
        elif count:
            yield Candidate(text=text, role=role, reason=f"{reason}, and it reads like a prompt", confidence="medium")


def _by_words(text: Text) -> Iterator[Candidate]:
    said = literal(text.parts)
    reads = judge.opens_like_a_prompt(said) and judge.words(said) >= 8 and judge.cues(said) >= 3
    if reads and judge.something_else(said) is None:
        yield Candidate(text=text, role="system", reason="it opens and reads like a prompt", confidence="medium")
