"""The face model in numbers that an admin can use: what a face must reach, what error is accepted, whom it knows."""

from typing import Any

from django.conf import settings
from django.db.models import Count

from attendance.models import DetectedFace, FaceCalibration, FaceTemplate, SchoolSettings
from attendance.services import face_model


def one_in(rate: float) -> str:
    """Give a rate of errors, range (0, 1), as the number of cases with one error among them."""
    return f"{round(1 / rate):,}"


def model_facts(school: SchoolSettings) -> dict[str, Any]:
    """Give where faces begin to match and by whose word, and what is stored of the model at work."""
    calibration = face_model.calibration_of(school.face_model_id)
    templates = FaceTemplate.objects.filter(model_id=school.face_model_id)
    faces = DetectedFace.objects.filter(model_id=school.face_model_id).select_related("snapshot__session__course")
    return {
        "chosen_threshold": face_model.operators_threshold(),
        "calibration": calibration,
        "calibrated": None if calibration is None else _calibrated(calibration),
        "accepted": one_in(settings.FALSE_MARK_RATE),
        "last_face": faces.order_by("-pk").first() if school.face_model_id else None,
        "templates": templates.aggregate(
            selfies=Count("selfie"), confirmed=Count("face"), students=Count("student", distinct=True)
        ),
    }


def _calibrated(calibration: FaceCalibration) -> dict[str, str]:
    return {"rate": one_in(calibration.rate), "upper": one_in(calibration.rate_upper)}
