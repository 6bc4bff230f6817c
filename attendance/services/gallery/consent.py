"""What students are told, what they agreed to, and what happens when they take it back."""

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from attendance.models import Consent, FaceTemplate, PolicyText, SchoolSettings, Student, User
from attendance.services import erasures, files
from attendance.services.audit import record_event
from attendance.services.erasures import Forgotten
from attendance.services.errors import InvalidValue, NoConsent, not_found
from attendance.services.gallery.forgetting import forget_faces, hold_open_sessions
from attendance.services.school import require_face_features


@transaction.atomic
def publish_policy(
    *,
    by: User,
    text: str,
    lawful_basis: str,
    photo_retention_days: int,
    template_retention_days: int,
    keeps_confirmed: bool = False,
) -> PolicyText:
    """Publish what students are told, and switch the face features on.

    Args:
        by: an admin.
        text: what a student reads before agreeing.
        lawful_basis: by what right the school may do this.
        photo_retention_days: how long a class photo is kept.
        template_retention_days: how long a face template is kept.
        keeps_confirmed: whether faces that a teacher confirms may be kept as templates too, of who agrees to this
            version. A version without it deletes at once those that are kept.

    Raises:
        InvalidValue: an empty text or basis, or a time under a day.
    """
    text, lawful_basis = text.strip(), lawful_basis.strip()
    if not text or not lawful_basis:
        raise InvalidValue(_("Write the policy text and the lawful basis first."))
    if min(photo_retention_days, template_retention_days) < 1:
        raise InvalidValue(_("Photos and templates are kept for one day at least."))
    SchoolSettings.objects.get_or_create(pk=1)
    school = SchoolSettings.objects.select_for_update().get(pk=1)
    version = (PolicyText.objects.aggregate(last=Max("version"))["last"] or 0) + 1
    policy = PolicyText.objects.create(
        version=version,
        text=text,
        lawful_basis=lawful_basis[:300],
        keeps_confirmed=keeps_confirmed,
        published_by=by,
    )
    if not keeps_confirmed:
        kept = FaceTemplate.objects.filter(face__isnull=False)
        erasures.note(Forgotten.CONFIRMED, students=set(kept.values_list("student_id", flat=True)))
        kept.delete()
    school.face_features_on = True
    school.photo_retention_days = photo_retention_days
    school.template_retention_days = template_retention_days
    school.save(update_fields=["face_features_on", "photo_retention_days", "template_retention_days"])
    record_event(
        actor=by,
        action="policy.published",
        object_type="policytext",
        object_id=policy.pk,
        new={
            "version": version,
            "photo_days": photo_retention_days,
            "template_days": template_retention_days,
            "keeps_confirmed": keeps_confirmed,
        },
    )
    return policy


@transaction.atomic
def give_consent(*, student: Student, by: User | None) -> Consent:
    """Note that the student agrees to the policy as it reads today; a standing yes to the same text is kept.

    Args:
        student: who agrees.
        by: who typed it in; None is the student on a one-time link.

    Raises:
        FaceFeaturesOff: there is no policy yet.
        NotFound: the student was erased.
    """
    require_face_features()
    _lock(student)
    policy = PolicyText.objects.latest("version")
    standing = standing_consent(student)
    if standing is not None and standing.policy_id == policy.pk:
        return standing
    if standing is not None:
        standing.withdrawn_at = timezone.now()
        standing.save(update_fields=["withdrawn_at"])
    consent = Consent.objects.create(student=student, policy=policy, given_by=by)
    _note(student, "consent.given", by=by, new={"policy": policy.version})
    return consent


def withdraw_consent(*, student: Student, by: User | None) -> None:
    """Take the yes back: all that knows the face goes at once, with the key that sealed it; records stay."""
    with transaction.atomic():
        hold_open_sessions([student.pk])
        _lock(student)
        ended = Consent.objects.filter(student=student, withdrawn_at=None).update(withdrawn_at=timezone.now())
        names = forget_faces([student.pk])
        _note(student, "consent.withdrawn", by=by, new={"consents": ended, "selfies": len(names)})
        erasures.note(Forgotten.WITHDRAWN, students=[student.pk], files=names)
    _remove(names)


def set_by_hand_only(*, student: Student, on: bool, by: User | None) -> None:
    """Choose whether the machine may look for this student; "by hand only" deletes what it knew of their face."""
    with transaction.atomic():
        hold_open_sessions([student.pk])
        locked = _lock(student)
        locked.by_hand_only = student.by_hand_only = on
        locked.save(update_fields=["by_hand_only"])
        names = forget_faces([student.pk]) if on else []
        _note(student, "student.by_hand", by=by, new={"on": on})
        if on:
            erasures.note(Forgotten.BY_HAND, students=[student.pk], files=names)
    _remove(names)


def standing_consent(student: Student) -> Consent | None:
    """Give the consent that holds now."""
    return Consent.objects.filter(student=student, withdrawn_at=None).first()


def require_consent(student: Student) -> None:
    """Refuse to keep a face without a standing yes.

    Raises:
        NoConsent: there is none.
    """
    if standing_consent(student) is None:
        raise NoConsent(_("The student has not agreed to face recognition."))


def _lock(student: Student) -> Student:
    locked = Student.objects.select_for_update().filter(pk=student.pk, erased_at=None).first()
    if locked is None:
        raise not_found(_("student"))
    return locked


def _remove(names: list[str]) -> None:
    for name in names:
        files.remove(name)


def _note(student: Student, action: str, *, by: User | None, new: dict[str, int | bool]) -> None:
    record_event(actor=by, action=action, object_type="student", object_id=student.pk, student_id=student.pk, new=new)
