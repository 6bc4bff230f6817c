"""What a restored database needs before anybody works with it: lost files, work that was going on, the forgotten."""

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Final

from django.db.models import F, Max, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from attendance.models import UNFINISHED, Consent, FaceTemplate, Selfie, Snapshot, Student, WorkState
from attendance.services import files, gallery, privacy, queue
from attendance.services.erasures import Erasure, Forgotten, installation_id
from attendance.services.gallery.forgetting import forget_faces
from attendance.storage import private_storage

FILE_MISSING: Final = "file-missing"
_BEYOND: Final = 1_000_000
"""Added to fencing tokens: more claims than a row can have had since the backup: no worker of then writes now."""
_AT_A_TIME: Final = 500
_WITH_FILES: Final[tuple[tuple[str, type[Snapshot] | type[Selfie]], ...]] = (
    (files.SNAPSHOTS, Snapshot),
    (files.SELFIES, Selfie),
)


def mark_missing(names: Collection[str]) -> list[str]:
    """Fail the unfinished work whose file the backup does not have; what was done before stands without its picture.

    Returns:
        a line a row.
    """
    said: list[str] = []
    for _folder, model in _WITH_FILES:
        for row in model._default_manager.filter(image__in=list(names)).order_by("pk"):
            said.append(
                f"{model._meta.model_name} {row.pk}: {'failed' if row.is_unfinished else 'kept'} without a file"
            )
        lost = model._default_manager.filter(image__in=list(names))
        lost.filter(state__in=UNFINISHED).update(
            state=WorkState.FAILED,
            lease_until=None,
            finished_at=Now(),
            failure_code=FILE_MISSING,
            failure_reason=_("The picture is not in the backup that was restored. Please upload it again."),
        )
        lost.update(image="")
    return said


def requeue_unfinished() -> int:
    """Queue unfinished work anew: no lease of then holds, and no worker of then can write."""
    count = 0
    for model in queue.KINDS:
        count += model._default_manager.filter(state__in=UNFINISHED).update(
            state=WorkState.QUEUED,
            attempts=0,
            lease_until=None,
            not_before=Now(),
            woken_at=None,
            fencing_token=F("fencing_token") + _BEYOND,
        )
    return count


def forget_again(entries: Collection[Erasure]) -> int:
    """Apply the list of the forgotten; an entry that the database knows already changes nothing.

    An entry concerns only what is older than itself: whoever withdrew and agreed again later keeps the later selfie.

    Returns:
        how many entries changed something.
    """
    return sum([_APPLY[entry.kind](entry) for entry in entries])


def holds(entry: Erasure) -> bool:
    """Whether the database shows that an entry without a seal tells the truth: it asks for nothing that is not so.

    Such an entry may get the seal: from an older backup, too, it takes no more away than is gone here already.
    """
    highest = Student.objects.aggregate(highest=Max("pk"))["highest"]
    return (
        highest is not None  # an empty database contradicts nothing
        and entry.installation == installation_id()
        and entry.at <= timezone.now()
        and max(entry.students, default=0) <= highest  # a restore counts on from there
        and not any(rows.exists() for rows in _LEFT[entry.kind](entry))
    )


def count_orphans() -> int:
    """Count stored files that no row names."""
    count = 0
    for folder, model in _WITH_FILES:
        try:
            _folders, names = private_storage().listdir(folder)
        except FileNotFoundError:
            continue
        known = set(model._default_manager.exclude(image="").values_list("image", flat=True))
        count += len({f"{folder}/{name}" for name in names} - known)
    return count


def _erase(entry: Erasure) -> bool:
    found = list(_students(entry))
    for student in found:
        privacy.erase_student(student=student, by=None, keep_name=entry.keep_name)
    return bool(found)


def _withdraw(entry: Erasure) -> bool:
    found = list(_agreeing(entry))
    for student in found:
        gallery.withdraw_consent(student=student, by=None)
    return bool(found)


def _by_hand(entry: Erasure) -> bool:
    found = list(_recognised(entry))
    for student in found:
        gallery.set_by_hand_only(student=student, on=True, by=None)
    return bool(found)


def _forget_face(entry: Erasure) -> bool:
    found = set(_known(entry).values_list("pk", flat=True))
    _remove(forget_faces(found))
    return bool(found)


def _forget_confirmed(entry: Erasure) -> bool:
    return bool(_confirmed(entry).delete()[0])


def _remove_pictures(entry: Erasure) -> bool:
    changed = 0
    for names in _some_files(entry):
        changed += Selfie.objects.filter(image__in=names).delete()[0]
        photos = Snapshot.objects.filter(image__in=names)
        queue.cancel(photos)
        changed += photos.update(image="")
    _remove(entry.files)
    return bool(changed)


def _delete_photos(entry: Erasure) -> bool:
    gone, _kinds = Snapshot.objects.filter(image__in=entry.files).delete()
    _remove(entry.files)
    return bool(gone)


def _agreeing(entry: Erasure) -> QuerySet[Student]:
    agreed = Consent.objects.filter(withdrawn_at=None, given_at__lte=entry.at).values("student")
    return _students(entry).filter(Q(pk__in=agreed) | _knows_face_before(entry.at)).distinct()


def _recognised(entry: Erasure) -> QuerySet[Student]:
    later = Selfie.objects.filter(created_at__gt=entry.at).values("student")
    return _students(entry).filter(by_hand_only=False).exclude(pk__in=later)


def _known(entry: Erasure) -> QuerySet[Student]:
    return _students(entry).filter(_knows_face_before(entry.at))


def _confirmed(entry: Erasure) -> QuerySet[FaceTemplate]:
    return FaceTemplate.objects.filter(face__isnull=False, student__in=entry.students, created_at__lte=entry.at)


def _pictured(entry: Erasure) -> Iterator[QuerySet[Any]]:
    for names in _some_files(entry):
        yield Selfie.objects.filter(image__in=names)
        yield Snapshot.objects.filter(image__in=names)


def _some_files(entry: Erasure) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(entry.files), _AT_A_TIME):
        yield entry.files[start : start + _AT_A_TIME]


def _students(entry: Erasure) -> QuerySet[Student]:
    """Give those of the entry who are there and were when it was written: a number is never given twice."""
    return Student.objects.filter(pk__in=entry.students, erased_at=None, created_at__lte=entry.at)


def _knows_face_before(at: dt.datetime) -> Q:
    selfies = Selfie.objects.filter(created_at__lte=at).values("student")
    templates = FaceTemplate.objects.filter(created_at__lte=at).values("student")
    return Q(pk__in=selfies) | Q(pk__in=templates)


def _remove(names: Collection[str]) -> None:
    for name in names:
        files.remove(name)


_APPLY: Final[dict[Forgotten, Callable[[Erasure], bool]]] = {
    Forgotten.ERASED: _erase,
    Forgotten.WITHDRAWN: _withdraw,
    Forgotten.BY_HAND: _by_hand,
    Forgotten.FACE: _forget_face,
    Forgotten.CONFIRMED: _forget_confirmed,
    Forgotten.PICTURE: _remove_pictures,
    Forgotten.PHOTO: _delete_photos,
}
_LEFT: Final[dict[Forgotten, Callable[[Erasure], Iterable[QuerySet[Any]]]]] = {
    Forgotten.ERASED: lambda entry: [_students(entry)],
    Forgotten.WITHDRAWN: lambda entry: [_agreeing(entry)],
    Forgotten.BY_HAND: lambda entry: [_recognised(entry)],
    Forgotten.FACE: lambda entry: [_known(entry)],
    Forgotten.CONFIRMED: lambda entry: [_confirmed(entry)],
    Forgotten.PICTURE: _pictured,
    Forgotten.PHOTO: _pictured,
}
"""The rows that an entry would still change."""
