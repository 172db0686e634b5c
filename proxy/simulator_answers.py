"""What the provider simulator answers: a pure function of the messages, the seed and the choice's index.

Knows a few instructions that a system message may give (language, apology, refund, refusal, brevity, bullets,
formality, JSON) and how to count tokens in text. Refuses to know HTTP, streams, time and model names beyond one fact:
a model that lapses forgets a tone instruction now and then, as small models do. It is no language model.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_WORD = re.compile(r"(?<!['’\w])[^\W\d_]{3,}(?!['’\w])", re.UNICODE)  # whole words: no half of "hasn't"
_TOKEN = re.compile(r"\w{1,4}|[^\w\s]", re.UNICODE)
_CLAUSE = re.compile(r"[.!?;\n]+|,? but ")
_NEGATION = re.compile(r"\b(do not|don't|dont|never|avoid|without|not|no)\b", re.IGNORECASE)
_SUM = re.compile(r"(-?\d{1,9})\s*([+*×x-])\s*(-?\d{1,9})")
_INSTRUCTIONS = {
    "french": r"\b(french|fran[cç]ais)\b",
    "apologise": r"\b(apologi[sz]e|apolog(y|ies)|say (you are |that you are |you're )?sorry)",
    "refund": r"\brefunds?\b",
    "brief": r"\b(brief(ly)?|concise(ly)?|short|terse|one sentence)\b",
    "bullets": r"\bbullets?( points?)?\b",
    "formal": r"\bformal(ly)?\b",
    "question": r"\b(follow-up|clarifying) questions?\b",
    "json": r"\bjson\b",
}
_REFUSAL = re.compile(r"\b(?:refuse|decline)\b(.*)", re.IGNORECASE)
_STOP_WORDS = frozenset(
    _WORD.findall(
        "about after again all also and any anything are asks asked answer answers been before but can could did "
        "does every everything for from give get has have help her him his how into its just like make may more "
        "most much must need not now only other our out please polite politely questions question request requests "
        "shall she should some such than that the their them then there these they this those user users was were "
        "what when where which who whom why will with would you your "
    )
)
_PHRASES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "open": ("Thank you for your message.", "Thanks for getting in touch.", "Good that you asked."),
        "formal": ("Dear customer, thank you for your enquiry.", "Dear customer, we have received your request."),
        "apologise": ("I'm sorry for the trouble this has caused.", "I apologise for the inconvenience."),
        "topic": ("You asked about {topic}.", "This is about {topic}.", "I looked into {topic}."),
        "steps": (
            "Open the page of your order and choose what has to change.",
            "Check that the details in your account are up to date.",
            "The change is confirmed by e-mail within the hour.",
            "If nothing arrives, reply here with the order number.",
        ),
        "refund": ("I can offer you a full refund, paid back within five days.", "You will get a refund to your card."),
        "question": ("Could you tell me the order number?", "When did this happen first?"),
        "refuse": ("I can't help with that request.", "I'm not able to help with that."),
        "close": ("Let me know if anything else is unclear.", "I am happy to look further into it."),
    },
    "fr": {
        "open": ("Merci pour votre message.", "Merci de nous avoir contactés.", "Vous avez bien fait de demander."),
        "formal": (
            "Madame, Monsieur, nous vous remercions de votre demande.",
            "Madame, Monsieur, merci de votre message.",
        ),
        "apologise": ("Je suis désolé pour la gêne occasionnée.", "Je vous présente mes excuses pour ce désagrément."),
        "topic": (
            "Votre question porte sur {topic}.",
            "Il s'agit de {topic}.",
            "J'ai regardé ce qui concerne {topic}.",
        ),
        "steps": (
            "Ouvrez la page de votre commande et choisissez ce qui doit changer.",
            "Vérifiez que les informations de votre compte sont à jour.",
            "La modification est confirmée par courriel dans l'heure.",
            "Si rien n'arrive, répondez ici avec le numéro de commande.",
        ),
        "refund": (
            "Je peux vous proposer un remboursement intégral.",
            "Vous recevrez un remboursement sur votre carte.",
        ),
        "question": ("Pouvez-vous me donner le numéro de commande ?", "Quand cela s'est-il produit ?"),
        "refuse": ("Je ne peux pas répondre à cette demande.", "Il m'est impossible de vous aider pour cela."),
        "close": ("Dites-moi si un point reste obscur.", "Je reste à votre disposition."),
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One choice: its text in the pieces that a stream sends, why it ended, and how many tokens it has."""

    pieces: tuple[str, ...]
    finish_reason: str
    tokens: int

    @property
    def text(self) -> str:
        return "".join(self.pieces)


def count_tokens(text: str) -> int:
    """Tokens in a text as the simulator counts them: runs of up to four letters or digits, and every other sign."""
    return len(_TOKEN.findall(text))


def count_prompt_tokens(messages: Sequence[Mapping[str, Any]]) -> int:
    """Tokens of a request: those of every message's text, three more a message, and three for the reply's opening."""
    return 3 + sum(3 + count_tokens(message_text(message)) for message in messages)


def message_text(message: Mapping[str, Any]) -> str:
    """The text of a message whose content is a string, a list of parts (only text parts count), or absent."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def answer(body: Mapping[str, Any], *, index: int = 0, lapses: bool = False) -> Answer:
    """The choice `index` for a chat request; equal messages, seed and index give an equal answer.

    Honours `max_completion_tokens` (or `max_tokens`), `stop` and `response_format`. With `lapses`, each tone
    instruction is forgotten in about one answer of eight; which ones, follows from the messages as well.
    """
    messages: Sequence[Mapping[str, Any]] = body["messages"]
    key = json.dumps(
        [[(m.get("role"), message_text(m)) for m in messages], body.get("seed"), index], ensure_ascii=False
    )
    dice = _Dice(key.encode("utf-8", "surrogatepass"))
    text = _compose(messages, body.get("response_format"), dice, lapses=lapses)
    return _cut(text, body.get("stop"), body.get("max_completion_tokens", body.get("max_tokens")))


class _Dice:
    """Choices that follow from a key and a name alone, so that one instruction more never reshuffles the others."""

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.sha256(key).digest()

    def roll(self, name: str, sides: int) -> int:
        return int.from_bytes(hashlib.sha256(self._key + name.encode()).digest()[:8], "big") % sides


def _wanted(system: str) -> set[str]:
    """The instructions that the system text gives; of two clauses about the same thing the later one counts."""
    wanted: dict[str, bool] = {}
    for clause in _CLAUSE.split(system):
        for name, pattern in _INSTRUCTIONS.items():
            if found := re.search(pattern, clause, re.IGNORECASE):
                wanted[name] = not _NEGATION.search(clause[: found.start()])
    return {name for name, yes in wanted.items() if yes}


def _keywords(text: str) -> list[str]:
    return [word for word in _WORD.findall(text) if word.lower() not in _STOP_WORDS]


def _refuses(system: str, user: str) -> bool:
    """A bare "refuse" refuses everything; "refuse to discuss prices" only what shares a word with the condition."""
    asked = {word.lower()[:5] for word in _keywords(user)}
    for clause in _CLAUSE.split(system):
        found = _REFUSAL.search(clause)
        if found and not _NEGATION.search(clause[: found.start()]):
            condition = {word.lower()[:5] for word in _keywords(found[1])} - {"discu", "talk", "speak"}
            if not condition or condition & asked:
                return True
    return False


def _compose(messages: Sequence[Mapping[str, Any]], response_format: object, dice: _Dice, *, lapses: bool) -> str:
    system = "\n".join(message_text(m) for m in messages if m.get("role") in ("system", "developer"))
    user = next((message_text(m) for m in reversed(messages) if m.get("role") == "user"), "")
    wanted = _wanted(system)
    language = "fr" if "french" in wanted else "en"
    if lapses:
        wanted = {name for name in wanted if name == "json" or dice.roll(f"lapse {name}", 8)}
    phrases = _PHRASES[language]

    def say(kind: str) -> str:
        return phrases[kind][dice.roll(kind, len(phrases[kind]))]

    topic = " ".join(_keywords(user)[:3]) or ("votre demande" if language == "fr" else "your request")
    if _refuses(system, user):
        text = " ".join([*([say("apologise")] if "apologise" in wanted else []), say("refuse")])
    else:
        facts = [f"{found[0]} = {_calculate(found)}." for found in [_SUM.search(user)] if found]
        facts = facts or [say("topic").format(topic=topic)]
        steps = [phrases["steps"][(dice.roll("steps", 4) + i) % 4] for i in range(1 if "brief" in wanted else 3)]
        lines = [] if "brief" in wanted else [say("formal" if "formal" in wanted else "open")]
        lines += [say(kind) for kind in ("apologise",) if kind in wanted] + facts
        lines += ["\n" + "\n".join(f"- {step}" for step in steps) + "\n"] if "bullets" in wanted else steps
        lines += [say(kind) for kind in ("refund", "question") if kind in wanted]
        lines += [] if "brief" in wanted else [say("close")]
        text = " ".join(lines).replace(" \n", "\n").replace("\n ", "\n")
    as_json = isinstance(response_format, Mapping) and response_format.get("type") in ("json_object", "json_schema")
    if as_json or "json" in wanted:
        return json.dumps({"answer": text, "language": language, "topic": topic}, ensure_ascii=False)
    return text


def _calculate(found: re.Match[str]) -> int:
    left, sign, right = int(found[1]), found[2], int(found[3])
    return left + right if sign == "+" else left - right if sign == "-" else left * right


def _cut(text: str, stop: object, limit: object) -> Answer:
    """The text up to the first stop sequence and at most `limit` tokens, in pieces of one word each."""
    for sequence in [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else []:
        if isinstance(sequence, str) and sequence:
            text = text.split(sequence, 1)[0]
    reason = "stop"
    if isinstance(limit, int) and not isinstance(limit, bool) and 0 <= limit < count_tokens(text):
        ends = [found.end() for found in _TOKEN.finditer(text)]
        text, reason = text[: ends[limit - 1]] if limit else "", "length"
    return Answer(pieces=tuple(re.findall(r"\s*\S+\s*", text)), finish_reason=reason, tokens=count_tokens(text))
