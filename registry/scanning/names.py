"""Names that tell a prompt: of variables, of arguments, and of the calls of SDKs and frameworks.

Tables and look-ups. The calls are those of the public SDKs' references: OpenAI (https://platform.openai.com/docs/api-reference),
Anthropic (https://docs.anthropic.com/en/api/messages), Google (https://ai.google.dev/api), LangChain
(https://python.langchain.com/api_reference/core/prompts.html), Vercel's AI SDK (https://ai-sdk.dev/docs/reference).
"""

from __future__ import annotations

import re

from registry.scanning.finding import Role

SYSTEM_ROLES = frozenset({"system", "developer"})
USER_ROLES = frozenset({"user", "human"})

_SYSTEM_KEYS = frozenset(
    {"system", "instructions", "systemprompt", "systeminstruction", "systeminstructions", "systemmessage", "developermessage"}
)  # fmt: skip
_ONLY_FOR_MODELS = _SYSTEM_KEYS - {"system", "instructions"}
_USER_KEYS = frozenset({"prompt", "input", "contents", "template", "userprompt", "prompttemplate"})
_MODEL_CALLS = re.compile(
    r"(?:^|\.)(?:(?:messages|completions|responses|threads|runs|assistants|chat)\.(?:create|parse|stream|createAndPoll|create_and_run)"
    r"|generate_?content(?:_?stream|_?async)?|generate_?text|stream_?text|generate_?object|stream_?object|GenerateContentConfig"
    r"|GenerativeModel|get_?generative_?model|(?:a?completion)|create_react_agent|create_agent|create_?(?:openai_)?tools_agent"
    r"|(?:\w*Agent)|LlmAgent|ChatAgent|AssistantAgent|ConversableAgent|converse(?:_stream)?|chat_completion)$",
    re.IGNORECASE,
)
_MESSAGE_TYPES: dict[str, Role] = {
    "systemmessage": "system",
    "systemmessageprompttemplate": "system",
    "systempromptpart": "system",
    "developermessage": "system",
    "systemmessageparam": "system",
    "humanmessage": "user",
    "humanmessageprompttemplate": "user",
    "usermessage": "user",
    "userpromptpart": "user",
    "prompttemplate": "user",
    "chatprompttemplate": "user",
    "fewshotprompttemplate": "user",
}
_ASKING_MODELS = re.compile(
    r"(?:^|\.)(?:generate_?content|(?:llm|model|chat|agent|chain|client)\w*\.(?:a?invoke|a?predict|run|run_sync|complete|generate|ask))$",
    re.IGNORECASE,
)
_ASKING_PEOPLE = re.compile(
    r"(?:^|\.)(?:option|argument|ask|input|prompt|getpass|confirm|field|query_?selector\w*|text_?input|text_?area|chat_?input|"
    r"dialog|question|select|checkbox|add_argument|env\w*|getenv|get|setattr|getattr)$",
    re.IGNORECASE,
)
_SPLIT = re.compile(r"[^\W_]+")
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PROMPT_WORDS = frozenset({"prompt", "prompts", "instruction", "instructions", "preamble"})
_SPEAKERS = frozenset({"system", "developer", "assistant", "persona", "agent", "llm"})
_SAID = frozenset({"message", "msg", "content", "role", "text", "template"})
_ABOUT_A_PROMPT = frozenset(
    {
        *(
            "path",
            "file",
            "filename",
            "name",
            "id",
            "key",
            "dir",
            "directory",
            "folder",
            "url",
            "uri",
            "version",
            "hash",
        ),
        *(
            "re",
            "regex",
            "pattern",
            "type",
            "label",
            "title",
            "description",
            "desc",
            "error",
            "errors",
            "help",
            "doc",
            "docs",
        ),
        *(
            "placeholder",
            "style",
            "color",
            "colour",
            "class",
            "tokens",
            "length",
            "size",
            "count",
            "cost",
            "warning",
            "note",
        ),
        *(
            "field",
            "column",
            "sql",
            "query",
            "html",
            "css",
            "icon",
            "response",
            "result",
            "log",
            "toolkit",
            "session",
            "continuation",
            "symbol",
            "prefixes",
        ),
    }
)


def is_system_key(key: str) -> bool:
    """True for keys and arguments that carry a system prompt: `system`, `instructions`, `systemPrompt`."""
    return _plain(key) in _SYSTEM_KEYS


def is_only_for_models(key: str) -> bool:
    """True for those of them that mean nothing else, whatever they are passed to: `system_prompt`."""
    return _plain(key) in _ONLY_FOR_MODELS


def is_user_key(key: str) -> bool:
    """True for arguments that carry what a model is asked: `prompt`, `input`, `template`."""
    return _plain(key) in _USER_KEYS


def asks_a_model(callee: str) -> bool:
    """True for calls of SDKs and frameworks whose arguments are prompts."""
    return _MODEL_CALLS.search(callee) is not None


def asks_a_model_first(callee: str) -> bool:
    """True for calls whose first argument is what a model is asked: `model.generate_content`, `llm.invoke`."""
    return _ASKING_MODELS.search(callee) is not None


def asks_a_person(callee: str) -> bool:
    """True for calls whose `prompt` is shown to a person: `typer.Option`, `Prompt.ask`, `input`."""
    return _ASKING_PEOPLE.search(callee) is not None


def message_role(callee: str) -> Role | None:
    """The role of a message's or template's constructor: `SystemMessage`, `PromptTemplate.from_template`."""
    names = [name for name in callee.split(".") if _plain(name) not in {"fromtemplate", "new"}]
    return _MESSAGE_TYPES.get(_plain(names[-1])) if names else None


def takes_messages(callee: str) -> bool:
    """True for `ChatPromptTemplate.from_messages`, whose pairs are role and text with `{name}` fields."""
    return (
        _plain(callee.rpartition(".")[2]) == "frommessages" or _plain(callee.rpartition(".")[2]) == "chatprompttemplate"
    )


def names_a_prompt(name: str) -> bool:
    """True for names such as `SYSTEM_PROMPT`, `summaryPromptTemplate` or `agent_instructions`, not for `prompt_path`."""
    parts = [word.lower() for word in _SPLIT.findall(_HUMPS.sub("_", name.rpartition(".")[2]))]
    if not parts or parts[-1] in _ABOUT_A_PROMPT:
        return False
    if _PROMPT_WORDS & set(parts):
        return True
    return (parts[-1] in _SAID and bool(_SPEAKERS & set(parts[:-1]))) or parts in (["system"], ["persona"])


def role_of_name(name: str) -> Role:
    """What a name says about the role."""
    plain = _plain(name.rpartition(".")[2])
    if any(word in plain for word in ("system", "instruction", "persona", "developer", "preamble")):
        return "system"
    return "user" if "user" in plain or "human" in plain else "?"


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
