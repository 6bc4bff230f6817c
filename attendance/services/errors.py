"""All that a service can refuse: a sentence for the person, a code for the program, a status for HTTP."""

from typing import TYPE_CHECKING, ClassVar

from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from attendance.models import AttendanceRecord


class ServiceError(Exception):
    """Root of all refusals; ``str(error)`` is fit to show to a person.

    Attributes:
        code: stable slug, the same on pages, in the API and in stored failures.
        status: HTTP status of the answer.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 400

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class TryLater(ServiceError):
    """Refused for now.

    Attributes:
        retry_after: seconds to wait.
    """

    status = 503

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BadPhoto(ServiceError):
    """The bytes are not a photo that can be read."""

    code = "bad-photo"


class UnsupportedPhoto(ServiceError):
    """A readable file of a kind that is not accepted."""

    code = "unsupported-photo"
    status = 415


class PhotoTooLarge(ServiceError):
    """The file has more bytes than the limit."""

    code = "photo-too-large"
    status = 413


class TooManyPhotos(ServiceError):
    """More photos in one upload than the limit."""

    code = "too-many-photos"


class DiskFull(ServiceError):
    """Too little space is left to accept a photo; nothing was stored."""

    code = "disk-full"
    status = 507


class QueueTooLong(TryLater):
    """The workers cannot keep up; nothing was stored."""

    code = "queue-too-long"


class UploadLimit(TryLater):
    """This person has uploaded as many photos as an hour allows."""

    code = "upload-limit"
    status = 429


class TooMuchUnfinished(TryLater):
    """This person has begun to send more than may lie about unfinished."""

    code = "too-much-unfinished"
    status = 429


class OffsetMismatch(ServiceError):
    """A part of an upload does not begin where the last one ended."""

    code = "offset-mismatch"
    status = 409


class ChecksumMismatch(ServiceError):
    """Bytes that arrived are not those that were announced; 460 is the status that tus gives to it."""

    code = "checksum-mismatch"
    status = 460


class UploadGone(ServiceError):
    """An upload whose time is over, or that lost a part: it has to begin again."""

    code = "upload-gone"
    status = 410


class UploadFinished(ServiceError):
    """An upload that cannot be cancelled any more: its photo is in, and can be deleted."""

    code = "upload-finished"
    status = 409


class UnusableFace(ServiceError):
    """A selfie whose face cannot be used.

    Attributes:
        reason_code: which of the gate's reasons it was (``no-face``, ``several-faces``, ``small``, ``blurred``, ...).
    """

    code = "unusable-face"
    status = 422

    def __init__(self, message: str, *, reason_code: str) -> None:
        super().__init__(message)
        self.reason_code = reason_code


class SelfieTwin(ServiceError):
    """The very same picture was given for another student."""

    code = "selfie-twin"
    status = 409


class FaceFeaturesOff(ServiceError):
    """No policy has been published yet, so nothing about faces may be stored."""

    code = "face-features-off"
    status = 409


class NoConsent(ServiceError):
    """The student has not agreed, or has withdrawn."""

    code = "no-consent"
    status = 409


class ByHandOnly(ServiceError):
    """The student is marked by hand only."""

    code = "by-hand-only"
    status = 409


class LinkUsed(ServiceError):
    """The one-time link was used before."""

    code = "link-used"
    status = 410


class LinkExpired(ServiceError):
    """The one-time link is too old."""

    code = "link-expired"
    status = 410


class NotFound(ServiceError):
    """There is no such thing, or not for this person."""

    code = "not-found"
    status = 404


class SessionClosed(ServiceError):
    """The session's records are already final."""

    code = "session-closed"
    status = 409


class RecordChanged(ServiceError):
    """Somebody changed the record since it was last read.

    Attributes:
        current: the record as it stands now; None when it was cleared.
    """

    code = "record-changed"
    status = 409

    def __init__(self, message: str, *, current: "AttendanceRecord | None") -> None:
        super().__init__(message)
        self.current = current


class NotEnrolled(ServiceError):
    """The student is not on the course's roster on that day."""

    code = "not-enrolled"


class BadDate(ServiceError):
    """A date or time that cannot be meant."""

    code = "bad-date"


class BadRoster(ServiceError):
    """A roster file that cannot be read."""

    code = "bad-roster"


class KeyReused(ServiceError):
    """An idempotency key that was seen with another body."""

    code = "key-reused"
    status = 409


class InvalidValue(ServiceError):
    """A value that is not allowed here."""

    code = "invalid-value"


class TooFewComparisons(ServiceError):
    """Too few comparisons of different people to state the asked rate of errors."""

    code = "too-few-comparisons"
    status = 409


class WrongState(ServiceError):
    """The thing is not in a state in which this can be done."""

    code = "wrong-state"
    status = 409


class EngineNotReady(ServiceError):
    """This machine cannot recognise now: weights are missing or wrong, or the model is not that of the templates."""

    code = "engine-not-ready"
    status = 503


class ModelsLoading(EngineNotReady):
    """The models are still being loaded in this process; nothing was taken."""

    code = "models-loading"


class StoreAway(TryLater, EngineNotReady):
    """The store of photos does not answer: nothing was stored, and a worker leaves its work queued."""

    code = "store-away"


class UnknownFaceModel(EngineNotReady):
    """No recogniser or detector goes by this name."""

    code = "unknown-face-model"


def not_found(what: str) -> NotFound:
    """Give the one answer for what is missing and for what this person may not see."""
    return NotFound(_("There is no such %(what)s.") % {"what": what})
