"""What Git knows: the commit and blob of each file, which commits a checkout contains, where it came from.

Knows Git's commands and their output (https://git-scm.com/docs/git-log). Refuses to change anything: it only reads, and takes no
lock. Its errors are SettingsErrors with Git's own words.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from slugline.gitops.values import Commit, Lineage, Origin
from slugline.settings import SettingsError

_SECONDS = 120
_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_USER = re.compile(r"^[^/]*@")
_MARK = "\x01commit "  # no prompt's file is called that
_WHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A checkout that has the folder in it. `prefix` is the folder's path in it, "" or with `/` at the end."""

    folder: Path
    prefix: str
    head: str | None
    shallow: bool
    repository: str = ""

    def origins(self, paths: Collection[str]) -> dict[str, Origin]:
        """What Git knows of files, by their paths in the folder."""
        files = {path: self._file(path) for path in paths}
        blobs = self._blobs()
        changed = self._changed()
        commits = self._commits({path for path in files.values() if path in blobs})
        return {
            path: Origin(
                commit=commits.get(file),
                blob=blobs.get(file, ""),
                dirty=file not in commits or not changed.isdisjoint((path, file)),
            )
            for path, file in files.items()
        }

    def lineage(self, commits: Mapping[str, Collection[str]]) -> Lineage:
        """Which commits HEAD's history contains. With each come the blobs that were pushed from it: a commit that isn't there itself
        is contained all the same if the folder's history had exactly one of them, as after a squash."""
        ids = [commit for commit in commits if _HASH.fullmatch(commit)]
        if self.head is None or not ids:
            return Lineage(shallow=self.shallow)
        asked = "".join(f"{commit}^{{commit}}\n" for commit in ids)
        answers = self._git("cat-file", "--batch-check=%(objectname)", stdin=asked).splitlines()
        known = {commit for commit, answer in zip(ids, answers, strict=True) if answer == commit}
        beyond = set()
        if known:
            # Of all commits that any of these reaches and HEAD doesn't, those that were asked for.
            beyond = set(self._git("rev-list", "--stdin", stdin="\n".join([*known, f"^{self.head}"])).split())
        contained = known - beyond
        contained |= {each for each in ids if each not in contained and any(map(self._had, commits[each]))}
        return Lineage(contained=frozenset(contained), elsewhere=frozenset(known - contained), shallow=self.shallow)

    def _file(self, path: str) -> str:
        """Where a file lies; a linked one is known to Git where the link leads."""
        place = self.folder / path
        return place.resolve().relative_to(self.folder).as_posix() if place.is_symlink() else path

    def _had(self, blob: str) -> bool:
        if not _HASH.fullmatch(blob):
            return False
        done = _run(self.folder, "log", "-1", "--format=%H", f"--find-object={blob}", str(self.head), "--", ".")
        return done.returncode == 0 and bool(done.stdout.strip())

    def _blobs(self) -> dict[str, str]:
        if self.head is None:
            return {}
        listed = self._git("ls-tree", "-r", "-z", "--full-tree", self.head, *([self.prefix] if self.prefix else []))
        found = {}
        for line in filter(None, listed.split("\0")):
            about, _, path = line.partition("\t")
            found[path.removeprefix(self.prefix)] = about.split(" ")[2]
        return found

    def _changed(self) -> set[str]:
        if self.head is None:
            return set()
        listed = self._git("status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=no", "--", ".")
        return {line[3:].removeprefix(self.prefix) for line in filter(None, listed.split("\0"))}

    def _commits(self, wanted: set[str]) -> dict[str, Commit]:
        """The commit that changed each file last."""
        found = self._last_changes(wanted)
        if not found:
            return {}
        asked = "\n".join(sorted(set(found.values())))
        told = self._git("log", "--no-walk=unsorted", "--stdin", "-z", "--format=%H%x00%aN <%aE>%x00%B", stdin=asked)
        words = told.split("\0")
        commits = {
            words[place]: Commit(id=words[place], author=words[place + 1].strip(), message=words[place + 2].strip())
            for place in range(0, len(words) - 2, 3)
        }
        return {path: commits[commit] for path, commit in found.items()}

    def _last_changes(self, wanted: set[str]) -> dict[str, str]:
        """One walk through the history, newest first, until every file was met. `-c` has a merge's own changes told, too."""
        found: dict[str, str] = {}
        if not wanted or self.head is None:
            return found
        log = ("log", "-z", "-c", "--no-renames", "--no-ext-diff", "--name-only", f"--format={_MARK}%H", self.head)
        command = _command(self.folder, *log, "--", ".")
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment()) as git:
            assert git.stdout is not None  # noqa: S101 - a pipe was asked for
            commit, rest = "", b""
            while len(found) < len(wanted) and (read := os.read(git.stdout.fileno(), 65536)):
                *words, rest = (rest + read).split(b"\0")
                for word in (each.decode(errors="surrogateescape").strip("\n") for each in words):
                    path = word.removeprefix(self.prefix)
                    if word.startswith(_MARK):
                        commit = word.removeprefix(_MARK)
                    elif path in wanted:
                        found.setdefault(path, commit)
            git.stdout.close()
            git.terminate()
        return found

    def _git(self, *arguments: str, stdin: str = "") -> str:
        done = _run(self.folder, *arguments, stdin=stdin)
        if done.returncode:
            raise _failed(arguments[0], done.stderr)
        return done.stdout


def find_checkout(folder: Path) -> Checkout | None:
    """The checkout that a folder is in; None if it is in none. Raises SettingsError if Git is missing or refuses."""
    folder = folder.resolve()
    within = any((place / ".git").exists() for place in (folder, *folder.parents))
    try:
        done = _run(folder, "rev-parse", "--is-inside-work-tree", "--is-shallow-repository", "--show-prefix")
    except SettingsError:
        if within:
            raise
        return None
    if done.returncode:
        if within:
            raise _failed("rev-parse", done.stderr)
        return None
    inside, shallow, *prefix = done.stdout.split("\n")
    if inside != "true":
        return None
    head = _run(folder, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    return Checkout(
        folder=folder,
        prefix=prefix[0] if prefix else "",
        head=head.stdout.strip() or None,
        shallow=shallow == "true",
        repository=_repository(folder),
    )


def without_credentials(url: str) -> str:
    """A remote's URL as it may be told to everybody: no user, no password, no token.

    >>> without_credentials("https://oauth2:glpat-secret@git.example.org/team/prompts.git?x=1")
    'https://git.example.org/team/prompts.git'
    """
    parts = urlsplit(url)
    if "://" not in url:  # user@host:path, or a folder
        return _USER.sub("", url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _repository(folder: Path) -> str:
    remotes = _run(folder, "remote").stdout.split()
    if not remotes:
        return ""
    name = "origin" if "origin" in remotes else remotes[0]
    return without_credentials(_run(folder, "remote", "get-url", name).stdout.strip())


def _command(folder: Path, *arguments: str) -> list[str]:
    """Whatever the user's settings, nothing but Git itself is started, and nothing is printed that wasn't asked for."""
    return ["git", "-C", str(folder), "-c", "core.fsmonitor=false", "-c", "log.showSignature=false", *arguments]


def _run(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            _command(folder, *arguments),
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            env=_environment(),
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise SettingsError("git isn't installed: it says which commit a prompt's file comes from") from error
    except subprocess.TimeoutExpired as error:
        raise SettingsError(f"git didn't answer within {_SECONDS} s") from error


def _environment() -> dict[str, str]:
    """Git's words in English, nothing asked or fetched, no lock for a mere look; and in a hook, not the hook's own idea of where it is."""
    kept = {name: value for name, value in os.environ.items() if name not in _WHERE}
    ours = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1"}
    return {**kept, **ours, "GIT_LITERAL_PATHSPECS": "1"}


def _failed(command: str, stderr: str) -> SettingsError:
    return SettingsError(f"git {command}: {stderr.strip().removeprefix('fatal: ') or 'it failed without a word'}")
