"""Which recogniser the school's templates were made with, and so has to be worked with."""

from django.conf import settings
from django.utils.translation import gettext as _

from attendance.models import UNFINISHED, FaceCalibration, FaceModelChange, FaceTemplate, SchoolSettings
from attendance.services import engine
from attendance.services.errors import EngineNotReady
from attendance.services.school import school_settings


def active_recogniser() -> str:
    """Name the recogniser to work with now.

    Raises:
        EngineNotReady: ``FACE_MODEL`` asks for another one than that of the stored templates.
    """
    row, wanted = school_settings(), settings.FACE_MODEL
    if not wanted or wanted == row.face_model:
        return row.face_model
    if not FaceTemplate.objects.exists():
        return str(wanted)
    if FaceModelChange.objects.filter(face_model=wanted, state__in=UNFINISHED).exists():
        return row.face_model  # until the change is done
    raise EngineNotReady(
        _(
            "FACE_MODEL is %(wanted)s, but the stored templates were made with %(stored)s. "
            "Run: manage.py set_face_model %(wanted)s"
        )
        % {"wanted": wanted, "stored": row.face_model}
    )


def patience_seconds() -> float:
    """How long a call may wait for models that are being loaded: the rest of its time limit is for a photo."""
    return float(settings.LEASE_SECONDS / 4)


def load_pipeline(*, first_jpeg: bytes) -> None:
    """Load the models that fit the stored templates, however long that takes, and let them look at a photo.

    Raises:
        EngineNotReady: ``FACE_MODEL`` asks for others than those of the templates, or weights are missing or wrong.
    """
    engine.pipeline(active_recogniser(), first_jpeg=first_jpeg)


def active_pipeline() -> engine.Pipeline:
    """Give the pipeline that fits the stored templates; waits for its models as long as ``patience_seconds``.

    Raises:
        EngineNotReady: weights are missing or wrong, or the templates were made with another recipe.
        ModelsLoading: the models are not loaded yet.
    """
    recogniser = active_recogniser()
    pipeline = engine.pipeline(recogniser, patience_seconds=patience_seconds())
    if not _fits(school_settings(), pipeline):
        raise EngineNotReady(
            _("The stored templates were made with another recipe of %(name)s. Run: manage.py set_face_model %(name)s")
            % {"name": recogniser}
        )
    return pipeline


def threshold_cosine(pipeline: engine.Pipeline) -> float:
    """Give the similarity that a match must reach: the operator's, else the school's calibration, else the recipe's.

    The recipe's is moved to the operator's rate of false marks; a calibration states a rate of its own.
    """
    chosen = operators_threshold()
    if chosen is not None:
        return chosen
    calibrated = calibration_of(pipeline.model_id)
    if calibrated is not None:
        return calibrated.threshold_cosine
    return engine.threshold_at(pipeline.threshold_cosine, rate=settings.FALSE_MARK_RATE)


def operators_threshold() -> float | None:
    """Give the similarity that the operator set for every model; None where calibration decides."""
    chosen: float | None = settings.MATCH_THRESHOLD_COSINE
    return chosen


def calibration_of(model_id: str) -> FaceCalibration | None:
    """Give the calibration that holds for a recipe, the newest one."""
    return FaceCalibration.objects.filter(model_id=model_id).order_by("-created_at", "-pk").first()


def hold(pipeline: engine.Pipeline) -> None:
    """Make sure, in a transaction that writes a template, that this is the school's model; it stays so till its end.

    Raises:
        EngineNotReady: the school has switched meanwhile.
    """
    SchoolSettings.objects.get_or_create(pk=1)
    row = SchoolSettings.objects.select_for_update().get(pk=1)
    if not _fits(row, pipeline):
        raise EngineNotReady(_("The school has changed to another face model meanwhile."))
    if row.face_model_id != pipeline.model_id:
        row.face_model, row.face_model_id = active_recogniser(), pipeline.model_id
        row.save(update_fields=["face_model", "face_model_id"])


def is_current(pipeline: engine.Pipeline) -> bool:
    """Whether the stored templates are, at this moment, those of this pipeline."""
    return _fits(school_settings(), pipeline)


def _fits(row: SchoolSettings, pipeline: engine.Pipeline) -> bool:
    if row.face_model_id in ("", pipeline.model_id):
        return True
    return not FaceTemplate.objects.filter(model_id=row.face_model_id).exists()
