"""Everything that knows a student's face goes: what they gave, what was found in class photos, and what compares them.

Locks are taken in one order everywhere: sessions by number, then the student, then faces and templates.
"""

from collections.abc import Collection
from typing import Final

from django.db.models import Q

from attendance.models import (
    ClassSession,
    DetectedFace,
    Enrolment,
    FaceTemplate,
    MarkDifference,
    Selfie,
    ShadowPhoto,
    Student,
)

_AT_A_TIME: Final = 500
_ROUNDING: Final = 1e-4  # of the stored similarities


def hold_open_sessions(student_pks: Collection[int]) -> None:
    """Hold the rows of open sessions that may show these students. Runs in the caller's transaction, before all else.

    A worker or a teacher who is deciding on such a session's faces ends first, and leaves no face behind unseen.
    """
    courses = Enrolment.objects.filter(student__in=student_pks).values("course")
    rows = ClassSession.objects.filter(state=ClassSession.State.OPEN, course__in=courses).order_by("pk")
    list(rows.select_for_update(no_key=True).values_list("pk", flat=True))


def forget_faces(student_pks: Collection[int]) -> list[str]:
    """Delete selfies, templates, keys, vectors of matched faces and comparisons of students; marks stay.

    Runs in the caller's transaction, which holds the students' rows.

    Returns:
        names of the files to remove once it has committed.
    """
    pks = set(student_pks)
    if not pks:
        return []
    selfies = Selfie.objects.filter(student__in=pks)
    names = list(selfies.exclude(image="").values_list("image", flat=True))
    selfies.delete()
    FaceTemplate.objects.filter(student__in=pks).delete()
    _forget_matches(pks)
    MarkDifference.objects.filter(student__in=pks).delete()
    _forget_outcomes(pks)
    Student.objects.filter(pk__in=pks).update(wrapped_key=None)
    return names


def _forget_matches(pks: set[int]) -> None:
    """Drop the vectors of faces that are theirs as far as anybody knows, and take their names out of all the others."""
    DetectedFace.objects.filter(Q(student__in=pks) | Q(decided_student__in=pks)).update(sealed_embedding=None)
    faces = DetectedFace.objects.only("candidates", "rejected", "threshold_cosine").order_by("pk")
    named: list[DetectedFace] = []
    theirs: list[int] = []
    for face in faces.exclude(candidates=[], rejected=[]).iterator(chunk_size=_AT_A_TIME):
        if not pks & {*(pk for pk, _similarity in face.candidates), *face.rejected}:
            continue
        if _is_theirs(face, pks):
            theirs.append(face.pk)
        face.candidates = [one for one in face.candidates if one[0] not in pks]
        face.rejected = [pk for pk in face.rejected if pk not in pks]
        named.append(face)
    for start in range(0, len(theirs), _AT_A_TIME):
        DetectedFace.objects.filter(pk__in=theirs[start : start + _AT_A_TIME]).update(sealed_embedding=None)
    DetectedFace.objects.bulk_update(named, ["candidates", "rejected"], batch_size=_AT_A_TIME)


def _is_theirs(face: DetectedFace, pks: set[int]) -> bool:
    """Whether the machine took, or would have taken, the face for one of them, even where a teacher said otherwise."""
    if pks & set(face.rejected):
        return True
    if not face.candidates:
        return False
    nearest, similarity = face.candidates[0]
    return nearest in pks and similarity >= face.threshold_cosine - _ROUNDING


def _forget_outcomes(pks: set[int]) -> None:
    """Take them out of what a coming recogniser said about class photos."""
    keys = {str(pk) for pk in pks}
    named: list[ShadowPhoto] = []
    for photo in ShadowPhoto.objects.order_by("pk").iterator(chunk_size=_AT_A_TIME):
        if keys & photo.outcomes.keys():
            photo.outcomes = {key: one for key, one in photo.outcomes.items() if key not in keys}
            named.append(photo)
    ShadowPhoto.objects.bulk_update(named, ["outcomes"], batch_size=_AT_A_TIME)
