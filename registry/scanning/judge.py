"""Is a text written for a language model? Judged by its words alone.

Pure. Knows what prompts say ("You are …", "Answer in …") and what other long texts in code look like: SQL, HTML, usage
lines, log lines, licences. Refuses to know where a text stands: `recognise` weighs that.
"""

from __future__ import annotations

import re

_FLAGS = re.IGNORECASE | re.MULTILINE
_CUES = tuple(
    re.compile(pattern, _FLAGS)
    for pattern in (
        r"\byou(?:'re| are| will be) (?:an?|the|now|my|our|given|tasked|asked|provided|helping|working|responsible|\w+ing)\b",
        r"\byour (?:\w+ )?(?:task|job|role|goal|objective|mission|answers?|response|repl(?:y|ies)|output)\b",
        r"\b(?:act|behave|respond|roleplay|pretend) (?:as|like)\b",
        r"\b(?:respond|reply|answer|output|return|write|speak|format)\b[^.\n]{0,40}"
        r"\b(?:only|in|with|using|as|briefly|concisely|politely|json|sentences?|words?)\b",
        r"\b(?:do not|don't|never|always|must|should|avoid|make sure|ensure|be (?:concise|brief|polite|helpful|precise|friendly))\b",
        r"^\W*(?:summari[sz]e|translate|classify|extract|write|generate|rewrite|analy[sz]e|answer|explain|identify|describe|"
        r"evaluate|compare|convert|imagine|determine|decide|rate|score|rank|draft|compose|paraphrase|label|review|judge|"
        r"correct|propose|suggest|create|given)\b",
        r"\b(?:the|this|these|following|below|above) (?:\w+ )?(?:text|article|document|documents|conversation|transcript|context|"
        r"question|passage|email|review|message|ticket|code|sentences?|paragraph|query|article|history)\b",
        r"\bstep[ -]by[ -]step\b|\bchain of thought\b",
        r"\b(?:assistant|chatbot|language model|expert|copywriter|translator|tutor)\b",
        r"\b(?:user|customer)(?:'s|s)? (?:question|query|message|request|input|asks?|wants?)\b",
        r"^(?:context|question|input|output|answer|examples?|rules|instructions|text|conversation|response)\s*:",
        r"\b(?:if|when) (?:you|the (?:user|customer|answer|question)|asked|unsure)\b",
        r"\bdu bist\b|\bsie sind ein|\bantworte\b|\btu es\b|\bvous êtes\b|\bréponds\b|\beres un|\bresponde\b|\bsei un|\brispondi\b",
        r"あなたは|ください|你是|请|당신은",
    )
)
_OPENING = re.compile(
    r"^\W*(?:you(?:'re| are| will be) (?:an?|the|now|tasked|helping|assisting|working|acting|playing|going to|[A-Z]\w+,)\b|"
    r"act as (?:an?|the)\b|your (?:task|job|role|goal) is\b|"
    r"(?:du bist|sie sind|tu es|vous êtes|eres|sei) (?:ein|eine|un|une|una)\b|あなたは|你是|당신은)",
    re.IGNORECASE,
)
_OTHER = (
    ("SQL", r"\A\s*(?:--[^\n]*\n\s*)*(?:select\b[\s\S]+\bfrom\b|insert\s+into\b|update\s+\S+\s+set\b|delete\s+from\b|"
            r"create\s+(?:or\s+replace\s+)?(?:table|view|index|unique|function|trigger|type)\b|alter\s+table\b|with\s+\w+\s+as\s*\(|drop\s+\w+)"),
    ("HTML or XML markup", r"\A\s*<(?:!doctype|html|head|body|div|span|p|a|table|svg|script|style|form|button|h[1-6]|ul|\?xml)\b"),
    ("a usage line", r"\A\s*usage:|^\s{2,}--?\w[\w-]*[ ,=]"),
    ("a web address or a path", r"\A\s*(?:\w+://|[./~]?/)\S*\s*\Z"),
    ("code", r"\A\s*(?:import\s+\w|from\s+\S+\s+import|def\s+\w+\(|class\s+\w+[:(]|function\s*\w*\(|const\s+\w+\s*=|#!|#include)"),
    ("JSON", r"\A\s*[\[{]\s*\"[\s\S]*[\]}]\s*\Z"),
    ("a licence", r"\bcopyright\s+(?:\(c\)|©|\d{4})|\blicensed under\b|\bpermission is hereby granted\b"),
    ("GraphQL", r"\A\s*(?:query|mutation|fragment|subscription)\b[^.\n]*\{"),
)  # fmt: skip
_OTHERS = tuple((name, re.compile(pattern, re.IGNORECASE | re.MULTILINE)) for name, pattern in _OTHER)
_ASKS_A_PERSON = re.compile(
    r"\A\W*(?:(?:please )?(?:enter|type|press|select|choose|pick|input|provide|confirm|specify)\b|do you (?:want|wish|really)\b|"
    r"are you sure\b|would you like\b|(?:user ?name|password|continue|proceed|overwrite|search|ask|message|your)\b[^.\n]{0,30}[?:…]?\s*\Z)",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_][^\W_]*(?:['’-][^\W\d_]+)*")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def words(text: str) -> int:
    """How many words a text has; two characters of scripts without spaces count as one."""
    unspaced = len(_UNSPACED.findall(text))
    return len(_WORD.findall(_UNSPACED.sub(" ", text))) + unspaced // 2


def cues(text: str) -> int:
    """How many different things the text says that prompts say; how a prompt usually opens counts twice."""
    return sum(1 for cue in _CUES if cue.search(text)) + opens_like_a_prompt(text)


def opens_like_a_prompt(text: str) -> bool:
    """True for texts that begin with who the model is or what its task is."""
    return _OPENING.match(text) is not None


def something_else(text: str) -> str | None:
    """What the text is instead of a prompt, in words; None where nothing speaks against it."""
    for name, pattern in _OTHERS:
        if pattern.search(text):
            return name
    if _ASKS_A_PERSON.match(text) and len(text) < 120:
        return "a question to a person at a screen"
    visible = [char for char in text if not char.isspace()]
    letters = sum(1 for char in visible if char.isalpha())
    if not visible or letters < 0.6 * len(visible):
        return "mostly signs and digits"
    return None
