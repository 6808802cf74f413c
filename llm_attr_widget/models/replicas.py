"""Replicas of a model in actors of Ray's: who is there, who has died and of what, who comes and goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from importlib import import_module
from threading import Lock
from typing import Any

from llm_attr_widget.errors import AttributionError, CapabilityError, InputError, ScoreError, discreet, made_discreet
from llm_attr_widget.models.replica import Facts, Replica
from llm_attr_widget.types import Scorer

LOOK = 1.0
"""Seconds between two looks for replicas that another thread has added or taken away, while all others work."""


@dataclass(eq=False)
class Member:
    """A replica, as it is known here.

    told: what it answers once its model is built. alive: what it never answers, so that it ends with the replica.
    blocks: how many it has under way, in all runs. leaving: it gets no further one.
    """

    actor: Any
    told: Any
    alive: Any
    ready: bool = False
    blocks: int = 0
    leaving: bool = False


class Replicas:
    """Those that are alive, for any number of runs and threads.

    make: builds the model in each. resources: what each asks of Ray. lost: of each that died, why, in words.
    Raises CapabilityError where ray is missing.
    """

    def __init__(self, make: Callable[[], Scorer], resources: Mapping[str, Any]) -> None:
        self.ray = _ray()
        self.lost: tuple[str, ...] = ()
        self.closed = False
        self._resources = dict(resources)
        self._make = make
        self._lock = Lock()
        self._members: list[Member] = []
        self._first: Facts | None = None

    @property
    def facts(self) -> Facts:
        """What all of them have. Raises ScoreError while none has told."""
        if self._first is None:
            raise ScoreError("No replica has told what model it has.")
        return self._first

    def count(self) -> int:
        """How many are alive now and stay, those that still build their model among them."""
        self.bury()
        with self._lock:
            return sum(not member.leaving for member in self._members)

    def add(self, replicas: int) -> None:
        """Start so many more. Raises InputError for less than one."""
        if replicas < 1:
            raise InputError(f"Expected 1 or more replicas to add, got {replicas}.")
        self.require_open()
        actor = self.ray.remote(**self._resources, concurrency_groups={"watch": 1})(Replica)
        for _ in range(replicas):
            made = actor.remote(self._make)
            alive = made.end.options(concurrency_group="watch").remote()
            with self._lock:
                self._members.append(Member(made, made.facts.remote(), alive))

    def remove(self, replicas: int) -> None:
        """Let the newest go, once they have ended what they have under way. Raises InputError unless one stays."""
        if not 0 < replicas < (there := self.count()):
            raise InputError(
                f"Expected to remove 1 or more of {there} replicas and to keep one, got {replicas}. close() ends all."
            )
        with self._lock:
            staying = [member for member in self._members if not member.leaving]
            for member in staying[-replicas:]:
                member.leaving = True
        self._see_off()

    def close(self) -> None:
        """End all, what they have under way, too."""
        with self._lock:
            members, self._members, self.closed = self._members, [], True
        for member in members:
            self.ray.kill(member.actor)

    def await_one(self, patience: float) -> None:
        """Until one is ready. Raises ScoreError where none will be, CapabilityError where none is after so many
        seconds.
        """
        until = time.monotonic() + patience
        while not any(member.ready for member in self._members):
            self.require_some()
            self.look([], LOOK)
            if time.monotonic() > until:
                room = {name: count for name, count in self.ray.cluster_resources().items() if ":" not in name}
                self.close()
                raise CapabilityError(
                    f"No replica was ready within {patience:g} s. Each asks for {self._resources}, and Ray has {room} "
                    "in all: ask for less, add nodes, or give more patience for a model that loads slowly."
                )

    def require_open(self) -> None:
        """Raises CapabilityError after `close`."""
        if self.closed:
            raise CapabilityError("These replicas were closed. Make a new RayModel.")

    def require_some(self) -> None:
        """Raises ScoreError where none is left."""
        self.require_open()
        with self._lock:
            if self._members:
                return
        raise ScoreError(
            f"No replica is left: {len(self.lost)} lost, the last one because {self.lost[-1]}. Where memory ran out, "
            "use fewer replicas or a smaller batch; where the model could not be made, make it by itself first. add() "
            "starts new ones."
        )

    def take(self, most: int, busy: Set[Member]) -> list[Member]:
        """At most so many that are ready and not among the busy, each of them with one block more under way."""
        with self._lock:
            free = [each for each in self._members if each.ready and not each.leaving and each not in busy][:most]
            for member in free:
                member.blocks += 1
        return free

    def give_back(self, member: Member) -> None:
        """A block of it is no longer under way."""
        with self._lock:
            member.blocks -= 1
        self._see_off()

    def look(self, asked: list[Any], seconds: float) -> list[Any]:
        """Those of the references that are there, waiting for one or for news of a replica, but not for ever."""
        with self._lock:
            news = [each.told for each in self._members if not each.ready] + [each.alive for each in self._members]
        self._wait([*asked, *news], seconds, 1)
        done = self._wait(asked, 0, len(asked))
        with self._lock:
            building = {member.told: member for member in self._members if not member.ready}
        for reference in self._wait(list(building), 0, len(building)):
            self._greet(building[reference])
        self.bury()
        return done

    def any(self, ask: Callable[[Any], Any]) -> Any:
        """What the first answers that lives to do so; those that are ready, and have least to do, are asked first."""
        while True:
            self.require_some()
            with self._lock:
                member = max(self._members, key=lambda each: (each.ready, -each.blocks))
            answer = self.received(ask(member.actor), member)
            if answer is not None:
                return answer

    def received(self, asked: Any, member: Member) -> Any:
        """What a replica answers; None where it died, which is remembered. Raises what it raised."""
        try:
            return self.ray.get(asked)
        except self.ray.exceptions.RayTaskError as error:
            made_discreet(error)
            if isinstance(error.cause, AttributionError):
                raise error.cause from error
            failed = discreet(repr(error.cause))
            raise ScoreError(f"A replica failed: {failed}. Try the model it makes by itself first.") from error
        except self.ray.exceptions.RayError as error:
            self._drop(member, _brief(error))
            return None

    def bury(self) -> None:
        """Drop those that have died since."""
        with self._lock:
            watched = {member.alive: member for member in self._members}
        for reference in self._wait(list(watched), 0, len(watched)):
            self.received(reference, watched[reference])

    def _wait(self, references: list[Any], seconds: float, count: int) -> list[Any]:
        if not references:
            return []
        if not self.ray.is_initialized():  # else asking would start another Ray
            raise ScoreError("Ray was shut down under these replicas. Start it anew, and make a new RayModel.")
        try:
            return self.ray.wait(references, num_returns=count, timeout=seconds, fetch_local=False)[0]
        except self.ray.exceptions.RayError as error:
            raise ScoreError(f"Ray itself does not answer: {_brief(error)}. Start it anew.") from error

    def _greet(self, member: Member) -> None:
        try:
            facts = self.received(member.told, member)
        except AttributionError as error:
            self._drop(member, str(error))
            return
        self._first = self._first or facts
        if facts is not None and facts != self._first:
            self._drop(member, f"it has another model than the first: {facts}, not {self._first}")
        member.ready = True

    def _see_off(self) -> None:
        with self._lock:
            gone = [member for member in self._members if member.leaving and not member.blocks]
            self._members = [member for member in self._members if member not in gone]
        for member in gone:
            self.ray.kill(member.actor)

    def _drop(self, member: Member, reason: str) -> None:
        with self._lock:
            if member not in self._members:
                return
            self._members.remove(member)
            self.lost = (*self.lost, discreet(reason))
        self.ray.kill(member.actor)


def _ray() -> Any:
    try:
        # By its name, so that type checkers do not ask for it where it is not installed.
        ray: Any = import_module("ray")
    except ImportError as error:
        raise CapabilityError("RayModel needs the ray package: pip install 'llm_attr_widget[ray]'.") from error
    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False)
    return ray


def _brief(error: Exception) -> str:
    """The first and the last line of what Ray says, which may be a page."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[0] if len(lines) == 1 else f"{lines[0]} … {lines[-1]}"
