"""One-time links to the selfie page: a random token, of which only the hash is kept."""

import datetime as dt
import hashlib
import secrets

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from attendance.models import EnrolmentLink, Selfie, Student, User
from attendance.services.audit import record_event
from attendance.services.errors import LinkExpired, LinkUsed, not_found
from attendance.services.gallery import consent as consents
from attendance.services.gallery import selfies
from attendance.services.school import require_face_features


def make_enrolment_link(*, student: Student, by: User) -> str:
    """Make a link for this student; the ones made before stop working.

    Returns:
        the token, which cannot be shown again.

    Raises:
        FaceFeaturesOff: there is no policy yet.
        NotFound: the student was erased.
    """
    require_face_features()
    if student.erased_at is not None:
        raise not_found(_("student"))
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        EnrolmentLink.objects.filter(student=student, used_at=None).delete()
        link = EnrolmentLink.objects.create(
            student=student,
            token_hash=_hash(token),
            expires_at=timezone.now() + dt.timedelta(hours=settings.ENROLMENT_LINK_HOURS),
            created_by=by,
        )
        record_event(
            actor=by, action="link.made", object_type="enrolmentlink", object_id=link.pk, student_id=student.pk
        )
    return token


def find_enrolment_link(token: str) -> EnrolmentLink:
    """Look a link up without using it.

    Raises:
        NotFound: no link has this token.
        LinkUsed: it was used.
        LinkExpired: it is too old.
    """
    link = EnrolmentLink.objects.select_related("student").filter(token_hash=_hash(token)).first()
    if link is None or link.student.erased_at is not None:
        raise not_found(_("link"))
    if link.used_at is not None:
        raise LinkUsed(_("This link was used before. Ask your teacher for a new one."))
    if link.expires_at <= timezone.now():
        raise LinkExpired(_("This link is too old. Ask your teacher for a new one."))
    return link


def use_enrolment_link(*, token: str, data: bytes, consent: bool) -> Selfie:
    """Take the selfie that a student gives through a link. A refused picture leaves the link as it was.

    Args:
        token: from the address.
        data: the picture.
        consent: whether the student ticked "I agree".

    Raises:
        NotFound, LinkUsed, LinkExpired: as ``find_enrolment_link``.
        NoConsent: not ticked, and not agreed before.
        ServiceError: what ``add_selfie`` refuses.
    """
    link = find_enrolment_link(token)
    photo = selfies.read_selfie(data=data, by=None)
    with transaction.atomic():
        _use(link, token)
        if consent:
            consents.give_consent(student=link.student, by=None)
        selfie = selfies.store_selfie(student=link.student, photo=photo, by=None)
        EnrolmentLink.objects.filter(pk=link.pk).update(selfie=selfie)
    return selfie


def choose_by_hand(*, token: str) -> None:
    """Let a student choose on the link's page to be marked by hand only.

    Raises:
        NotFound, LinkUsed, LinkExpired: as ``find_enrolment_link``.
    """
    link = find_enrolment_link(token)
    with transaction.atomic():
        _use(link, token)
        consents.set_by_hand_only(student=link.student, on=True, by=None)


def _use(link: EnrolmentLink, token: str) -> None:
    """Use the link up, if nobody was faster."""
    unused = EnrolmentLink.objects.filter(pk=link.pk, used_at=None, expires_at__gt=Now())
    if not unused.update(used_at=Now()):
        find_enrolment_link(token)
        raise LinkUsed(_("This link was used before. Ask your teacher for a new one."))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
