"""How groups of unknown faces look on a page."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from attendance.models import DetectedFace, Student, User
from attendance.services.strangers import Group
from attendance.web.faceviews import Candidate, likeness

CROPS_SHOWN: Final = 6
CANDIDATES_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Crop:
    """A face of a group, and where it is on its photo's sheet of faces."""

    face: DetectedFace
    place: int


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group as a card.

    Attributes:
        crops: the newest few of its faces.
        more: how many are not shown.
        face_ids: all of them, as the form sends them back.
        candidates: the students most like it.
    """

    group: Group
    crops: list[Crop]
    more: int
    face_ids: str
    candidates: list[Candidate]


@dataclass(frozen=True, slots=True)
class Answered:
    """What was said last, and of which faces, so that it can be taken back."""

    word: str
    count: int
    face_ids: str


def group_views(groups: Iterable[Group], roster: Mapping[int, Student]) -> list[GroupView]:
    """Give the cards of groups, in one query however many there are."""
    shown = [(group, group.faces[:CROPS_SHOWN]) for group in groups]
    places = _places({face.snapshot_id for _group, faces in shown for face in faces})
    return [
        GroupView(
            group=group,
            crops=[Crop(face, places.get(face.pk, 0)) for face in faces],
            more=len(group.faces) - len(faces),
            face_ids=joined(face.pk for face in group.faces),
            candidates=_candidates(group, roster),
        )
        for group, faces in shown
    ]


def answered(faces: Iterable[DetectedFace], by: User) -> Answered | None:
    """Say what this person said of these faces, as far as it stands."""
    mine = [face for face in faces if face.decision != DetectedFace.Decision.NONE and face.decided_by_id == by.pk]
    if not mine:
        return None
    return Answered(word=_word(mine[0]), count=len(mine), face_ids=joined(face.pk for face in mine))


def joined(face_ids: Iterable[int]) -> str:
    """Write ids as a form sends them."""
    return ",".join(map(str, face_ids))


def _word(face: DetectedFace) -> str:
    if face.decided_student is not None:
        return face.decided_student.display_name
    word = DetectedFace.Outsider(face.outsider) if face.outsider else DetectedFace.Decision(face.decision)
    return str(word.label)


def _candidates(group: Group, roster: Mapping[int, Student]) -> list[Candidate]:
    known = [(roster[pk], similarity) for pk, similarity in group.candidates if pk in roster][:CANDIDATES_SHOWN]
    return [Candidate(student, likeness(similarity), key) for key, (student, similarity) in enumerate(known, start=1)]


def _places(snapshot_pks: Collection[int]) -> dict[int, int]:
    """Give the place of every face on its photo's sheet, which holds them in their stored order."""
    places: dict[int, int] = {}
    counts: Counter[int] = Counter()
    for snapshot_pk, pk in DetectedFace.objects.filter(snapshot__in=snapshot_pks).values_list("snapshot_id", "pk"):
        places[pk] = counts[snapshot_pk]
        counts[snapshot_pk] += 1
    return places
