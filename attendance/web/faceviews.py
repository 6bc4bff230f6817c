"""How faces look on a page: a word, a number, a line style and a place in the order; never colour alone."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from attendance.models import ClassSession, DetectedFace, Selfie, Snapshot, Student, WorkState
from attendance.services import engine

LABEL_LETTERS: Final = 14
SMALLEST_LABEL_SHARE: Final = 1 / 95  # of the photo's width: readable when the photo is zoomed on a phone
LOOK_FIRST: Final = {"uncertain": 0, "unknown": 1}


@dataclass(frozen=True, slots=True)
class FaceView:
    """One face, ready to be drawn; coordinates are pixels of the photo.

    Attributes:
        place: where the face is on the photo's sheet of faces.
        kind: recognised (solid), uncertain (dashed), unknown (dotted), confirmed (solid) or dismissed.
        word: what the machine or the teacher says, in words.
        number: the likeness with two digits, or nothing where there is none.
    """

    face: DetectedFace
    place: int
    kind: str
    name: str
    word: str
    number: str
    label: str
    label_x: float
    label_y: float
    label_px: float

    @property
    def is_open(self) -> bool:
        """Whether the teacher should look at it."""
        return self.kind == "uncertain"


@dataclass(frozen=True, slots=True)
class PhotoView:
    """One photo with its faces, left to right for the drawing and doubtful first for the list."""

    snapshot: Snapshot
    faces: list[FaceView]

    @property
    def doubtful(self) -> list[FaceView]:
        """Give what the teacher should look at: uncertain faces first, then strangers."""
        doubtful = [view for view in self.faces if view.kind in LOOK_FIRST]
        return sorted(doubtful, key=lambda view: (LOOK_FIRST[view.kind], view.face.x))

    @property
    def settled(self) -> list[FaceView]:
        """Give the others, from left to right; what is no face of this class comes last."""
        settled = [view for view in self.faces if view.kind not in LOOK_FIRST]
        return sorted(settled, key=lambda view: (view.kind == "dismissed", view.face.x))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A student whom the machine finds like this face."""

    student: Student
    number: str
    key: int


def likeness(value: float | None) -> str:
    """Give a similarity as two digits after the point."""
    return "" if value is None else f"{value:.2f}"


def _kind(face: DetectedFace) -> str:
    if face.decision == DetectedFace.Decision.STUDENT:
        return "confirmed"
    if face.decision in {DetectedFace.Decision.NOT_IN_CLASS, DetectedFace.Decision.NOT_A_FACE}:
        return "dismissed"
    kinds = {DetectedFace.Outcome.MARKED: "recognised", DetectedFace.Outcome.UNCERTAIN: "uncertain"}
    return kinds.get(DetectedFace.Outcome(face.outcome), "unknown")


def _word(face: DetectedFace, kind: str) -> str:
    if kind == "confirmed":
        return _("confirmed by hand")
    if kind == "dismissed":
        word = DetectedFace.Outsider(face.outsider) if face.outsider else DetectedFace.Decision(face.decision)
        return str(word.label)
    if kind == "uncertain":
        return _("please look")
    if kind == "unknown":
        return _("not on this roster")
    sure = engine.confidence(face.similarity or 0.0, threshold_cosine=face.threshold_cosine)
    return _("clear") if sure == engine.Confidence.CLEAR else _("likely")


def face_view(face: DetectedFace, *, photo_width_px: int, place: int = 0) -> FaceView:
    """Say how one face looks."""
    kind = _kind(face)
    student = face.decided_student if kind == "confirmed" else face.student
    name = student.display_name if student is not None and kind != "dismissed" else _("Unknown")
    label_px = max(face.width * 0.3, photo_width_px * SMALLEST_LABEL_SHARE)
    below = face.y + face.height + label_px
    short = name if len(name) <= LABEL_LETTERS else name.split()[0][:LABEL_LETTERS]
    label = {"uncertain": f"{short}?", "unknown": "?", "dismissed": ""}.get(kind, short)
    return FaceView(
        face=face,
        place=place,
        kind=kind,
        name=name,
        word=_word(face, kind),
        number=likeness(face.similarity) if kind in {"recognised", "uncertain"} else "",
        label=label,
        label_x=face.x + face.width / 2,
        label_y=below,
        label_px=label_px,
    )


def photo_views(session: ClassSession) -> list[PhotoView]:
    """Give a session's finished photos with their faces, in two queries however many there are."""
    photos = session.snapshots.filter(state=WorkState.DONE).prefetch_related("faces__student", "faces__decided_student")
    return [
        PhotoView(
            snapshot,
            [
                face_view(face, photo_width_px=snapshot.width, place=place)
                for place, face in enumerate(snapshot.faces.all())
            ],
        )
        for snapshot in photos
    ]


def candidates(face: DetectedFace, students: Mapping[int, Student], *, most: int = 3) -> list[Candidate]:
    """Give the students most like this face: the machine's own suggestion, then the best, without those ruled out."""
    likeness_of = {int(pk): float(similarity) for pk, similarity in face.candidates}
    open_pks = [pk for pk in likeness_of if pk in students and pk not in face.rejected]
    best = sorted(open_pks, key=lambda pk: pk != face.student_id)[:most]
    return [Candidate(students[pk], likeness(likeness_of[pk]), key) for key, pk in enumerate(best, start=1)]


def alike_selfies(face: DetectedFace, roster: Collection[int], *, most: int = 2) -> list[Selfie]:
    """Give the portraits to compare a face with that look-alikes share; none where nobody shares it.

    A face that reaches the threshold is asked about only because somebody else looks like its student, or because the
    course asks about everybody.
    """
    asked = face.outcome == DetectedFace.Outcome.UNCERTAIN and face.decision == DetectedFace.Decision.NONE
    enough = face.similarity is not None and face.similarity >= face.threshold_cosine
    if not (asked and enough) or face.snapshot.session.course.suggestions_only:
        return []
    near = [int(pk) for pk, _similarity in face.candidates if pk in roster and pk not in face.rejected]
    wanted = sorted(near, key=lambda pk: pk != face.student_id)[:most]
    newest_last = Selfie.objects.filter(student__in=wanted, verdict=Selfie.Verdict.ACCEPTED).order_by(
        "created_at", "pk"
    )
    by_student = {selfie.student_id: selfie for selfie in newest_last.select_related("student")}
    return [by_student[pk] for pk in wanted if pk in by_student]
