"""A recogniser's own threshold: from the faces that the school's teachers confirmed, or from a file of pairs.

Only a teacher's word counts as truth, never what the machine marked and nobody looked at: a threshold learnt from its
own marks would confirm itself. Look-alikes are left out, since they are always asked about, whatever the threshold, and
so is whoever withdrew, is marked by hand only or was erased: their faces are compared no more.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from attendance.models import ClassSession, DetectedFace, FaceCalibration, User
from attendance.services import engine, face_model, keys, sealing
from attendance.services.audit import record_event
from attendance.services.errors import InvalidValue
from attendance.services.gallery.templates import look_alikes, roster_gallery, searchable
from attendance.services.school import school_settings

Decision = DetectedFace.Decision
CLASS_SIZE = 40
"""People that a search compares with where no roster says so."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Similarities to calibrate on.

    Attributes:
        model_id: the recipe that made them.
        genuine: float32 (m,), of people with themselves.
        impostors: float32 (n,), of different people.
        largest_roster: most people that a face was compared with; ``CLASS_SIZE`` where there is no roster.
        origin: where they came from.
    """

    model_id: str
    genuine: NDArray[np.float32]
    impostors: NDArray[np.float32]
    largest_roster: int
    origin: FaceCalibration.Origin


def scores_of_sessions() -> Scores:
    """Compare the confirmed faces of open sessions, whose vectors are still kept, with the rosters' templates."""
    model_id = school_settings().face_model_id
    genuine, impostors, largest = [], [], 1
    for session in ClassSession.objects.filter(state=ClassSession.State.OPEN, wrapped_key__isnull=False):
        faces = _confirmed(session, model_id)
        gallery = roster_gallery(course_pk=session.course_id, day=session.held_on, model_id=model_id)
        if not faces or not gallery.student_pks:
            continue
        probes = _opened(session, faces, model_id)
        students, scores = engine.similarities(probes, gallery)
        largest = max(largest, len(students))
        itself, counts = _truth(faces, students)
        genuine.append(scores[itself])
        impostors.append(scores[counts & ~itself])
    return Scores(model_id, _joined(genuine), _joined(impostors), largest, FaceCalibration.Origin.SESSIONS)


def scores_of_pairs(pipeline: engine.Pipeline, *, images: Path, pairs_file: Path) -> Scores:
    """Compare all pictures that a pairs file in LFW's format names.

    Raises:
        InvalidValue: the file or a picture is missing, or cannot be read.
    """
    found = engine.pair_scores(pipeline, images, pairs_file)
    return Scores(pipeline.model_id, found.genuine, found.impostors, CLASS_SIZE, FaceCalibration.Origin.PAIRS)


def calibrated(
    scores: Scores, *, rate: float, kind: FaceCalibration.Kind, gallery_size: int | None = None
) -> FaceCalibration:
    """Choose the threshold that keeps a rate; nothing is stored yet.

    Args:
        scores: genuine and impostor.
        rate: share of errors that may be made, range (0, 1).
        kind: what the rate counts: comparisons with one other person, or searches of a roster.
        gallery_size: people on such a roster; None takes the scores' own.

    Raises:
        InvalidValue: a rate or size that cannot be, or scores that no threshold between 0 and 1 tells apart.
        TooFewComparisons: too few impostor scores to state this rate.
    """
    searched = scores.largest_roster if gallery_size is None else gallery_size
    size = searched if kind == FaceCalibration.Kind.SEARCHES else 1
    if not 0.0 < rate < 1.0 or size < 1:
        raise InvalidValue(_("A rate of errors lies between 0 and 1, and a roster has at least one person."))
    found = engine.calibrate(scores.genuine, scores.impostors, rate=rate, gallery_size=size)
    if not 0.0 < found.threshold_cosine < 1.0:
        raise InvalidValue(
            _("At this rate the threshold would be %(value).3f: these scores do not tell people apart.")
            % {"value": found.threshold_cosine}
        )
    return FaceCalibration(
        model_id=scores.model_id,
        threshold_cosine=found.threshold_cosine,
        kind=kind,
        rate=rate,
        gallery_size=size,
        rate_upper=found.rate_upper,
        impostors=found.impostors,
        accepted_impostors=found.accepted_impostors,
        genuine=found.genuine,
        rejected_genuine=found.rejected_genuine,
        origin=scores.origin,
    )


@transaction.atomic
def store(calibration: FaceCalibration, *, by: User | None) -> FaceCalibration:
    """Let a calibration hold for its recipe from now on; faces that were decided on stay as they are.

    Args:
        calibration: as ``calibrated`` gave it.
        by: the admin; None is the command line.
    """
    before = face_model.calibration_of(calibration.model_id)
    calibration.created_by = by
    calibration.save(force_insert=True)
    record_event(
        actor=by,
        action="face_model.calibrated",
        object_type="facecalibration",
        object_id=calibration.pk,
        old=None if before is None else _value(before),
        new=_value(calibration),
    )
    return calibration


def _confirmed(session: ClassSession, model_id: str) -> list[DetectedFace]:
    agreeing = searchable().filter(model_id=model_id).values("student")
    spoken = DetectedFace.objects.filter(
        Q(decided_student=None) | Q(decided_student__in=agreeing),
        snapshot__session=session,
        model_id=model_id,
        sealed_embedding__isnull=False,
    ).exclude(decision__in=[Decision.NONE, Decision.NOT_A_FACE])
    return list(spoken.order_by("pk"))


def _opened(session: ClassSession, faces: list[DetectedFace], model_id: str) -> list[engine.Embedding]:
    key, place = keys.session_key(session), keys.probe_place(session.pk, model_id)
    return [sealing.open_embedding(bytes(face.sealed_embedding or b""), key=key, context=place) for face in faces]


def _truth(faces: list[DetectedFace], students: tuple[int, ...]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Say of each face and student whether they are one, and whether the comparison counts as that of two people."""
    twins = look_alikes(set(students))
    itself = np.array([[face.decided_student_id == pk for pk in students] for face in faces], dtype=np.bool_)
    alike = np.array([[face.decided_student_id in twins and pk in twins for pk in students] for face in faces])
    return itself, ~alike


def _joined(parts: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)


def _value(calibration: FaceCalibration) -> dict[str, Any]:
    return {
        "model_id": calibration.model_id,
        "threshold_cosine": round(calibration.threshold_cosine, 6),
        "rate": calibration.rate,
        "kind": calibration.kind,
        "impostors": calibration.impostors,
        "genuine": calibration.genuine,
    }
