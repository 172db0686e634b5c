"""The nights of probes: which are due, how one becomes an evaluation that the keeper runs, and what it came to against the reference.

Knows that a night is begun in the name of whoever set the probe up, once however many keepers there are, and that what was missed is caught
up by one night. Refuses to know how evaluations run, and how nights are compared (`evaluation.probes`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from evaluation.runs.plan import Plan
from evaluation.runs.values import CaseResult, Target
from registry.errors import AuthRoleNotAllowedError, EvaluationNotFoundError, RegistryError
from registry.evaluations import Evaluation
from registry.keys import principal_of
from registry.probes import Probe, ProbeNight, night_due
from registry.roles import Principal, owner
from registry.writing.key_store import KeyStore
from registry.writing.store import Store
from slugline.evaluation_asking import queue

if TYPE_CHECKING:
    from evaluation.probes.values import ProbeChange

log = logging.getLogger("slugline.probe")

KEEPER = Principal(name="the probe", identity="slugline:probe", roles=frozenset())
"""Who puts what a probe finds into the history."""

_KEY = "key:"


def begin_due(store: Store, now: datetime) -> list[Evaluation]:
    """Begins every night that is due, and gives the evaluations that were asked for. One that can't be begun is logged, and the next night
    is another chance. Raises RegistryUnavailableError."""
    begun = []
    for probe in store.probes():
        nights = store.probe_nights(probe.probe_id)
        night = night_due(probe, now) if nights else f"{probe.created_at:%Y-%m-%d}"
        if night is None or any(each.night == night and _state(store, each) for each in nights):
            continue
        try:
            begun.append(begin(store, probe, night))
        except RegistryError as error:
            log.warning("the probe of %s on %s could not begin: %s", probe.target, probe.source, error.message)
    return begun


def begin(store: Store, probe: Probe, night: str = "") -> Evaluation:
    """Asks the server for a night of a probe, this moment's unless one is named; asked again, it is the same evaluation.

    Raises RegistryError, also where whoever set the probe up may not evaluate any more.
    """
    by = _by(store, probe)
    begun = store.begin_night(probe.probe_id, night or night_now())
    about = {"probe_id": probe.probe_id, "night": begun.night}
    return queue(
        store, begun.evaluation_id, plan_of_probe(store, probe), by=by, budget_usd=probe.budget_usd, probe=about
    )


def night_now() -> str:
    """What a night is called that nobody waited for."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def plan_of_probe(store: Store, probe: Probe) -> Plan:
    """What each of its nights asks. Raises RegistryError."""
    dataset = store.read_dataset(probe.source)
    target = _target(probe)
    return Plan(
        targets=(target,),
        cases=dataset.cases,
        checks=dataset.checks,
        repeats=probe.repeats,
        dataset=dataset.name,
        number=dataset.number,
        hashes={target.label: store.version(probe.slug, probe.version).content_hash},
        embedding_model=probe.embedding_model,
    )


def conclude(store: Store, probe_id: str, night: str) -> ProbeChange | None:
    """Compares a night whose results are all there with the reference, and keeps what that says; None for the reference itself.

    A change goes into the prompt's history and the log, once until it is gone or another one is seen. Raises RegistryError.
    """
    probe, nights = store.probe(probe_id), store.probe_nights(probe_id)
    [tonight] = [each for each in nights if each.night == night]
    reference = reference_of(store, probe, nights, tonight)
    if reference is None:
        return None
    found = compare(store, probe, reference, tonight)
    earlier = [each for each in nights if each.at < tonight.at and each.change is not None]
    store.note_night(tonight.evaluation_id, found.to_json())
    if found.changed and not (earlier and _same(found, earlier[0])):
        store.note_change(probe_id, night, found.sentence, by=KEEPER)
        log.warning("%s", found.sentence)
    return found


def compare(store: Store, probe: Probe, reference: ProbeNight, tonight: ProbeNight) -> ProbeChange:
    """What changed between two nights. Raises RegistryError."""
    from evaluation.probes.change import change_between

    return change_between(
        target=_target(probe),
        source=probe.source,
        cases=store.read_dataset(probe.source).cases,
        before=(reference.evaluation_id, reference.at, _results(store, reference)),
        now=(tonight.evaluation_id, tonight.at, _results(store, tonight)),
        repeats=probe.repeats,
    )


def reference_of(
    store: Store, probe: Probe, nights: Sequence[ProbeNight], tonight: ProbeNight | None = None
) -> ProbeNight | None:
    """The night that a probe's others are compared with: the one that was chosen, else the first that came to its end; None for none, or
    where that is `tonight` itself."""
    if probe.reference:
        chosen = next((each for each in nights if each.evaluation_id == probe.reference), None)
        return None if chosen == tonight else chosen
    for each in sorted(nights, key=lambda night: night.at):
        if each == tonight:
            return None
        if _state(store, each) == "done":
            return each
    return None


def _same(found: ProbeChange, earlier: ProbeNight) -> bool:
    """Whether an earlier night said the same: the same measures moved, in the same direction."""
    from evaluation.probes.values import read_change

    def moved(change: ProbeChange) -> set[tuple[str, bool]]:
        return {(each.name, each.change > 0) for each in change.measures if each.sure}

    before = read_change(earlier.change or {})
    served = (before.served_before, before.served_now) == (found.served_before, found.served_now)
    return before.changed and served and moved(found) <= moved(before)


def _target(probe: Probe) -> Target:
    return Target(slug=probe.slug, version=probe.version, model=probe.model)


def _results(store: Store, night: ProbeNight) -> list[CaseResult]:
    import msgspec

    return [msgspec.convert(dict(each.result), CaseResult) for each in store.results(night.evaluation_id)]


def _state(store: Store, night: ProbeNight) -> str | None:
    """How far its evaluation is; None where there is none, because a keeper was killed between the two."""
    try:
        return store.evaluation(night.evaluation_id).state
    except EvaluationNotFoundError:
        return None


def _by(store: Store, probe: Probe) -> Principal:
    """Whoever set a probe up, with the roles that they have by now."""
    if not probe.identity.startswith(_KEY):
        return Principal(name=probe.actor, identity=probe.identity, roles=owner(probe.actor).roles)
    key = KeyStore(store.engine).key(probe.identity.removeprefix(_KEY))
    if key.revoked_at is not None or key.expired(datetime.now(UTC)):
        raise AuthRoleNotAllowedError(f"the key of {probe.actor}, who set the probe up, has ended: add the probe anew")
    return principal_of(key)
