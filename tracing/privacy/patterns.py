"""What is looked for: keys and tokens of well-known services, and people's data. A table and nothing else.

The patterns are RE2's (https://github.com/google/re2/wiki/Syntax): time grows with the text's length alone, whatever the text. Group 1,
where a pattern has one, is what goes; a check then drops false alarms. `secret` kinds are looked for in identifiers too.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tracing.privacy.checks import Span, cards, ibans, passwords, phones, random_looking, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """One thing to look for. `kind` is what stands in its place, `[redacted:kind]`."""

    kind: str
    regex: str
    check: Callable[[bytes], Iterable[Span]] = whole


SECRETS = "secrets"

_PASSWORDS = r"passwords?|passwd|passphrase|pwd"
_TOKENS = (
    r"api[_\- ]?keys?|apikey|access[_\- ]?keys?|access[_\- ]?token|auth[_\- ]?token|refresh[_\- ]?token|session[_\- ]?token|"
    r"client[_\- ]?secret|secret[_\- ]?(?:access[_\- ]?)?key|private[_\- ]?key|signing[_\- ]?key|encryption[_\- ]?key|"
    r"account[_\- ]?key|secret|token|key|credentials?"
)
_ASSIGNED = r"""["'`]?\s{0,4}(?::=|=>|=|:)\s{0,4}["'`]?"""
_VALUE = r"""([^\s"'`,;&<>]{6,})"""

KINDS: dict[str, tuple[Pattern, ...]] = {
    SECRETS: (
        Pattern(
            kind="private-key",
            regex=r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
        ),
        Pattern(kind="slugline-key", regex=r"slk_[A-Za-z0-9]{8,}"),
        Pattern(kind="anthropic-key", regex=r"sk-ant-[A-Za-z0-9_\-]{16,}"),
        Pattern(kind="openai-key", regex=r"\bsk-(?:proj|svcacct|admin|None|or-v1|lf)-[A-Za-z0-9_\-]{16,}"),
        Pattern(kind="api-key", regex=r"\b(?:sk|pk)-[A-Za-z0-9_\-]{16,}", check=random_looking),
        Pattern(kind="aws-key", regex=r"\b(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ANVA|ABIA|ACCA)[A-Z0-9]{16}\b"),
        Pattern(kind="github-token", regex=r"gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,}"),
        Pattern(kind="gitlab-token", regex=r"\bgl(?:pat|ptt|dt|rt|cbt|soat)-[A-Za-z0-9_\-]{20,}"),
        Pattern(
            kind="slack-token",
            regex=r"\bxox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9\-]{10,}|\bxapp-\d-[A-Za-z0-9\-]{10,}|"
            r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/_]{20,}",
        ),
        Pattern(
            kind="google-key", regex=r"AIza[A-Za-z0-9_\-]{35}|\bya29\.[A-Za-z0-9_\-]{20,}|\bGOCSPX-[A-Za-z0-9_\-]{20,}"
        ),
        Pattern(kind="stripe-key", regex=r"\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}|\bwhsec_[A-Za-z0-9+/=]{16,}"),
        Pattern(
            kind="api-key",
            regex=r"\b(?:hf|gsk|npm|r8|dop_v1|shpat|xai|pplx|fw|tvly|nvapi|lsv2_pt|pypi|SG|sq0atp|dckr_pat)[_.\-][A-Za-z0-9_.\-]{20,}",
            check=random_looking,
        ),
        Pattern(kind="jwt", regex=r"\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*"),
        Pattern(kind="bearer", regex=r"(?i)\bbearer[ \t]+([A-Za-z0-9._~+/\-]{16,}=*)", check=random_looking),
        Pattern(kind="basic-auth", regex=r"""(?i)\bauthorization["']?\s*[:=]\s*["']?basic\s+([A-Za-z0-9+/]{8,}=*)"""),
        Pattern(kind="password", regex=r"""(?i)\b[a-z][a-z0-9+.\-]*://[^\s/:@"'<>]*:([^\s/@"'<>]{3,})@"""),
        Pattern(kind="password", regex=rf"(?i)(?:{_PASSWORDS}){_ASSIGNED}{_VALUE}", check=passwords),
        Pattern(kind="secret", regex=rf"(?i)(?:{_TOKENS}){_ASSIGNED}{_VALUE}", check=random_looking),
    ),
    "email": (Pattern(kind="email", regex=r"[\pL\pN._%+\-]+@(?:[\pL\pN](?:[\pL\pN\-]*[\pL\pN])?\.)+[\pL]{2,24}"),),
    "card": (Pattern(kind="card", regex=r"\b\d(?:[ .\-\x{a0}]?\d){12,}\b", check=cards),),
    "iban": (Pattern(kind="iban", regex=r"(?i)\b[A-Z]{2}\d{2}(?:[ \-\x{a0}]?[A-Z0-9]){11,30}", check=ibans),),
    "phone": (
        Pattern(kind="phone", regex=r"\B\+[1-9](?:[ ().\-/\x{a0}]{0,3}\d){7,14}\b", check=phones),
        Pattern(
            kind="phone", regex=r"(?:^|[^\w.,/+\-])(\(?[2-9]\d{2}\)?[ .\-]{1,2}[2-9]\d{2}[ .\-]\d{4})\b", check=phones
        ),
        Pattern(
            kind="phone",
            regex=r"(?:^|[^\w.,/+\-])(\(?0(?:0[ .\-]?)?[1-9]\d{0,4}\)?(?:[ /.\-]{1,2}\d{2,8}){1,5})\b",
            check=phones,
        ),
    ),
    "ipv4": (
        Pattern(
            kind="ipv4",
            regex=r"(?:^|[^\w.])((?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d))\b",
        ),
    ),
}
"""The built-in kinds by the name that settings call them by."""

SECRET_NAMES = frozenset(
    {
        "apikey",
        "accesskey",
        "accesstoken",
        "authtoken",
        "refreshtoken",
        "sessiontoken",
        "clientsecret",
        "secretkey",
        "secretaccesskey",
        "awssecretaccesskey",
        "privatekey",
        "signingkey",
        "encryptionkey",
        "accountkey",
        "secret",
        "token",
        "authorization",
        "credential",
        "credentials",
        "xapikey",
    }
)
PASSWORD_NAMES = frozenset(["password", "passwords", "passwd", "passphrase", "pwd"])
"""Names of JSON members, in small letters without separators, whose values are secrets by their place."""
