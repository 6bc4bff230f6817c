"""What the machine says about the faces of one photo: marked, uncertain, or not on the roster. Pure: rows come later.

A face at or above the threshold is marked, one student a face. A face a little below it, whose best candidate was not
seen anywhere else, is shown as uncertain. Who looks like a classmate, and everybody in a course that only wants
suggestions, is never marked but asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from attendance.models import DetectedFace
from attendance.services import engine

Outcome = DetectedFace.Outcome


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """A face to decide on.

    Attributes:
        embedding: of the gallery's model.
        rejected: students of whom a teacher said "not this one".
    """

    embedding: engine.Embedding
    rejected: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for this photo.

    Attributes:
        threshold_cosine: similarity that a match must reach.
        margin_cosine: how far below it a face is still asked about.
        taken: students whom a teacher has named in this photo already.
        seen: students who count as present, by this or another photo or by hand.
        ask_always: students who look like a classmate.
        suggestions_only: nobody is marked.
    """

    threshold_cosine: float
    margin_cosine: float
    taken: frozenset[int] = frozenset()
    seen: frozenset[int] = frozenset()
    ask_always: frozenset[int] = frozenset()
    suggestions_only: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the machine says about one face.

    Attributes:
        outcome: its word.
        student_pk: whom it means; None when nobody.
        similarity: to that student.
        candidates: the nearest students with their similarities, best first, rejected ones left out.
    """

    outcome: Outcome
    student_pk: int | None = None
    similarity: float | None = None
    candidates: tuple[tuple[int, float], ...] = field(default=())


def decide(
    probes: Sequence[Probe],
    gallery: engine.Gallery,
    *,
    rules: Rules,
    photo: Sequence[engine.Embedding] | None = None,
) -> list[Verdict]:
    """Decide on all open faces of a photo together.

    Args:
        probes: the open faces.
        gallery: of the day's roster.
        rules: what holds for the photo.
        photo: embeddings of all its faces, where some are no longer open; None means the probes.

    Returns:
        a verdict for each probe, in their order.
    """
    solutions = engine.solve(
        [probe.embedding for probe in probes],
        gallery,
        threshold_cosine=rules.threshold_cosine,
        not_these=[probe.rejected | rules.taken for probe in probes],
        photo=photo,
    )
    matched = {one.student_pk for one in solutions if one.student_pk is not None}
    verdicts = [_of_match(one, probe, rules) for one, probe in zip(solutions, probes, strict=True)]
    used = matched | rules.taken | rules.seen
    for position in sorted(range(len(verdicts)), key=lambda place: -_best(verdicts[place])):
        if verdicts[position].outcome == Outcome.UNKNOWN:
            verdicts[position] = _asked(verdicts[position], used, rules)
            used = used | {verdicts[position].student_pk or 0}
    return verdicts


def _of_match(solution: engine.Solution, probe: Probe, rules: Rules) -> Verdict:
    near = tuple(one for one in solution.candidates if one[0] not in probe.rejected)
    if solution.student_pk is None:
        return Verdict(Outcome.UNKNOWN, similarity=near[0][1] if near else None, candidates=near)
    asked = rules.suggestions_only or solution.student_pk in rules.ask_always
    outcome = Outcome.UNCERTAIN if asked else Outcome.MARKED
    return Verdict(outcome, solution.student_pk, solution.similarity, near)


def _asked(verdict: Verdict, used: frozenset[int] | set[int], rules: Rules) -> Verdict:
    """Turn an unmatched face into a question, where somebody not seen elsewhere is near enough."""
    for student_pk, similarity in verdict.candidates:
        if similarity >= rules.threshold_cosine - rules.margin_cosine and student_pk not in used:
            return Verdict(Outcome.UNCERTAIN, student_pk, similarity, verdict.candidates)
    return verdict


def _best(verdict: Verdict) -> float:
    return verdict.candidates[0][1] if verdict.candidates else -1.0
