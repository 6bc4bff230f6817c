"""The pictures that students give: taken in, sealed, looked at, reviewed, removed."""

from typing import Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from attendance.models import UNFINISHED, Selfie, Student, User, WorkState
from attendance.services import erasures, files, keys, queue, sealing
from attendance.services.audit import record_event
from attendance.services.engine import Photo
from attendance.services.erasures import Forgotten
from attendance.services.errors import ByHandOnly, SelfieTwin, UploadLimit, WrongState, not_found
from attendance.services.gallery.confirmed import forget_without_selfie, remove_confirmed
from attendance.services.gallery.consent import require_consent
from attendance.services.gallery.templates import accept_selfie
from attendance.services.school import require_face_features
from attendance.services.uploads import STUDENTS_LANE, read_upload

MOST_WAITING: Final = 3
"""How many selfies of one student may wait for a worker."""
WAIT_SECONDS: Final = 60
_DEAD = (WorkState.FAILED, WorkState.CANCELLED)


def add_selfie(*, student: Student, data: bytes, by: User | None, extra: bool = False) -> Selfie:
    """Take a student's selfie in and queue it for a worker. The one before stays until this one is accepted.

    Args:
        student: whose face it shows.
        data: the picture.
        by: who uploads it.
        extra: let it stand beside the others (three at most) instead of replacing them.

    Returns:
        the new selfie, or the one with the same bytes that is there already.

    Raises:
        FaceFeaturesOff, ByHandOnly, NoConsent, NotFound: nothing may be kept of this student's face.
        BadPhoto, UnsupportedPhoto, PhotoTooLarge, DiskFull, QueueTooLong, UploadLimit: the picture cannot be taken.
        SelfieTwin: the very same picture stands for another student.
    """
    _require_allowed(student)
    return store_selfie(student=student, photo=read_selfie(data=data, by=by), by=by, extra=extra)


def read_selfie(*, data: bytes, by: User | None) -> Photo:
    """Read an upload before any transaction is open.

    Raises:
        ServiceError: as ``uploads.read_upload``.
    """
    return read_upload(data=data, by=by)


def store_selfie(*, student: Student, photo: Photo, by: User | None, extra: bool = False) -> Selfie:
    """Seal a picture with the student's own key and queue it.

    Raises:
        ServiceError: as ``add_selfie``.
    """
    selfie = Selfie(student=student, sha256=photo.sha256, uploaded_by=by, extra=extra, lane=_lane(student, by))
    with transaction.atomic():
        _require_allowed(student)
        _forget_replaced(student, photo.sha256)
        standing = Selfie.objects.filter(student=student, sha256=photo.sha256).exclude(state__in=_DEAD).first()
        if standing is not None:
            return standing
        _require_few_waiting(student)
        _refuse_twin(student, photo.sha256)
        sealed = sealing.seal(photo.jpeg, key=keys.student_key(student.pk), context=keys.selfie_place(selfie))
    with files.stored(files.SELFIES, sealed, suffix=".sealed") as name, transaction.atomic():
        Student.objects.select_for_update().get(pk=student.pk)
        _require_allowed(student)  # it may have been taken back since
        _require_few_waiting(student)  # of many at once, each saw none
        selfie.image.name = name
        try:
            with transaction.atomic():
                selfie.save(force_insert=True)
        except IntegrityError as error:
            raise WrongState(_("The same picture is being added just now.")) from error
        _note(selfie, "selfie.added", by=by)
    return selfie


def _require_few_waiting(student: Student) -> None:
    """Leave the queue's room to others: what a student sends beyond a few would not be looked at sooner."""
    waiting = Selfie.objects.filter(student=student, state__in=UNFINISHED).count()
    if waiting >= MOST_WAITING:
        raise UploadLimit(
            _("%(n)d pictures of you wait already. Please wait until they have been looked at.") % {"n": waiting},
            retry_after=WAIT_SECONDS,
        )


def review_held_selfie(*, selfie: Selfie, accept: bool, by: User) -> None:
    """Decide on a selfie that looks like somebody else; accepting makes the two a pair that is always asked.

    Raises:
        WrongState: it is not held.
    """
    with transaction.atomic():
        locked = Selfie.objects.select_for_update().get(pk=selfie.pk)
        if locked.verdict != Selfie.Verdict.HELD:
            raise WrongState(_("This selfie is not waiting for a review."))
        names = accept_selfie(locked) if accept else [locked.image.name or ""]
        _note(locked, "selfie.accepted" if accept else "selfie.refused", by=by)
        if not accept:
            erasures.note(Forgotten.PICTURE, files=names)
            locked.delete()
        elif locked.look_alike is not None:
            for twin in (locked.student, locked.look_alike):
                remove_confirmed(student=twin, by=by)  # nothing that a slip could have given to the other one
    for name in names:
        files.remove(name)


def remove_selfie(*, selfie: Selfie, by: User | None) -> None:
    """Delete a selfie with its template and file; with the last one goes what confirmed faces had added."""
    with transaction.atomic():
        locked = Selfie.objects.select_for_update().filter(pk=selfie.pk).first()
        if locked is None:
            return
        name = locked.image.name
        _note(locked, "selfie.removed", by=by)
        erasures.note(Forgotten.PICTURE, files=[name or ""])
        locked.delete()
        forget_without_selfie(locked.student, by=by)
    files.remove(name)


def retry_selfie(*, selfie: Selfie, by: User) -> Selfie:
    """Let a worker try a failed selfie again.

    Raises:
        WrongState: it has not failed.
    """
    with transaction.atomic():
        if not queue.requeue(selfie):
            raise WrongState(_("Only a failed selfie can be tried again."))
        _note(selfie, "selfie.retried", by=by)
    selfie.refresh_from_db()
    return selfie


def open_selfie_image(*, selfie: Selfie, by: User) -> bytes:
    """Open a selfie's file for somebody who may see it; the look is written down.

    Raises:
        NotFound: its file is gone.
    """
    try:
        jpeg = unseal(selfie)
    except FileNotFoundError as error:
        raise not_found(_("picture")) from error
    _note(selfie, "selfie.viewed", by=by)
    return jpeg


def unseal(selfie: Selfie) -> bytes:
    """Open a selfie's file.

    Raises:
        FileNotFoundError: it is not there.
        NotFound: the student was erased.
        SealBroken: it does not open with the student's key.
    """
    sealed = files.read(selfie.image.name)
    return sealing.open_sealed(sealed, key=keys.student_key(selfie.student_id), context=keys.selfie_place(selfie))


def _require_allowed(student: Student) -> None:
    require_face_features()
    fresh = Student.objects.filter(pk=student.pk, erased_at=None).first()
    if fresh is None:
        raise not_found(_("student"))
    if fresh.by_hand_only:
        raise ByHandOnly(_("This student is marked by hand only."))
    require_consent(fresh)


def _lane(student: Student, by: User | None) -> int:
    """Students share one lane, whoever of the staff uploads for them has another: a class does not wait for a pile."""
    return STUDENTS_LANE if by is None or by.pk == student.user_id else by.pk


def _refuse_twin(student: Student, sha256: str) -> None:
    """Refuse a file that stands for somebody else already, without saying for whom."""
    if Selfie.objects.filter(sha256=sha256).exclude(student=student).exclude(state__in=_DEAD).exists():
        raise SelfieTwin(_("This very picture was given for another student. Take a new one of this student alone."))


def _forget_replaced(student: Student, sha256: str) -> None:
    """Let a picture that gave way to another come back."""
    Selfie.objects.filter(student=student, sha256=sha256, verdict=Selfie.Verdict.REPLACED).delete()


def _note(selfie: Selfie, action: str, *, by: User | None) -> None:
    record_event(actor=by, action=action, object_type="selfie", object_id=selfie.pk, student_id=selfie.student_id)
