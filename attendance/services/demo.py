"""A school to try things on: a folder of pictures becomes a course with students, selfies, sessions and a class photo.

A folder holds ``roster/<First_Last>.jpg``, one picture a student, and ``photo-*.jpg``, pictures of the class. Loading
it again adds only what is missing, so an interrupted load is simply started again.
"""

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from attendance.models import ClassSession, Course, Role, Status, Student, Term, User, WorkState
from attendance.services import gallery, records, rosters, school, sessions, snapshots
from attendance.services.errors import InvalidValue, ServiceError

SHIPPED: Final = Path(settings.BASE_DIR) / "attendance" / "demo_school"
PASSWORD: Final = "rollcall-demo"  # noqa: S105  printed for everybody, and only for a school to try things on
PAST_MEETINGS: Final = 4
_PREFIX: Final = "demo-"
_PICTURES: Final = (".jpg", ".jpeg", ".png", ".heic", ".webp")
_NAMES: Final = {Role.ADMIN: "Alex Admin", Role.TEACHER: "Tess Teacher", Role.STUDENT: "Sam Student"}
_POLICY: Final = (
    "This is a demo school. A student's selfie is compared with class photos to help the teacher fill in the "
    "register. The selfie and what is computed from it are kept encrypted with the student's own key and are deleted "
    "at once when the student withdraws. Being marked by hand only is as good and needs no reason."
)


@dataclass(frozen=True, slots=True)
class Login:
    """A way in.

    Attributes:
        role: what it may do.
        username: what to type.
        password: the same for all demo logins.
    """

    role: Role
    username: str
    password: str


@dataclass(slots=True)
class DemoCourse:
    """What a folder has become.

    Attributes:
        course: the course.
        session: its meeting of today.
        students: how many are on its roster.
        selfies: how many pictures were queued for the worker.
        photos: how many class photos were queued.
        refused: file and sentence of each picture that was not taken.
    """

    course: Course
    session: ClassSession
    students: int = 0
    selfies: int = 0
    photos: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)


def demo_folders(directory: Path) -> list[Path]:
    """Find the class folders: the directory itself, or those in it.

    Raises:
        InvalidValue: there is none.
    """
    found = [path for path in [directory, *sorted(directory.glob("*/"))] if (path / "roster").is_dir()]
    if not found:
        raise InvalidValue(
            _('%(directory)s holds no class: a folder "roster" with one picture a student is needed.')
            % {"directory": directory}
        )
    return found[:1] if found[0] == directory else found


def make_logins(*, with_password: bool) -> list[Login]:
    """Make sure that an admin, a teacher and a student account exist.

    Args:
        with_password: give new accounts the demo password; otherwise nobody can sign in with them.

    Returns:
        the demo logins that work.
    """
    for role, name in _NAMES.items():
        username = role.value.lower()
        if not User.objects.filter(username=username).exists():
            user = User(username=username, name=name, role=role, is_staff=role == Role.ADMIN)
            user.set_password(PASSWORD if with_password else None)
            user.save()
    return working_logins()


def working_logins() -> list[Login]:
    """Give the demo logins whose password nobody has changed."""
    users = User.objects.filter(username__in=[role.value.lower() for role in _NAMES], is_active=True)
    found = {user.username: user for user in users if user.check_password(PASSWORD)}
    return [
        Login(role=role, username=role.value.lower(), password=PASSWORD)
        for role in _NAMES
        if role.value.lower() in found
    ]


def load_demo(*, directory: Path, with_photos: bool = False) -> DemoCourse:
    """Make a course of one class folder, with a few past meetings marked by hand and one of today.

    Args:
        directory: the class folder.
        with_photos: put its class photos into today's meeting, queued for the worker.

    Raises:
        InvalidValue: the folder holds no class, or a real school has not published its own privacy text yet.
    """
    (folder,) = demo_folders(directory)[:1]
    admin, teacher = _account(Role.ADMIN), _account(Role.TEACHER)
    _switch_face_features_on(admin)
    course = _course(folder, admin, teacher)
    pictures = [path for path in sorted((folder / "roster").iterdir()) if path.suffix.lower() in _PICTURES]
    students = [_student(course, path, admin) for path in pictures]
    _give_account(students)
    _hold_past_meetings(course, students, teacher)
    demo = DemoCourse(course=course, session=_meeting_of_today(course, teacher), students=len(students))
    for student, path in zip(students, pictures, strict=True):
        _add_selfie(demo, student, path, admin)
    if with_photos:
        for path in sorted(folder.glob("photo-*.*")):
            _add_photo(demo, path, teacher)
    return demo


def _account(role: Role) -> User:
    """Give the demo's own account, or whoever has that role, or a new account that nobody can sign in with."""
    users = User.objects.filter(role=role, is_active=True).order_by("pk")
    user = users.filter(username=role.value.lower()).first() or users.first()
    if user is None:
        make_logins(with_password=False)
        user = users.get(username=role.value.lower())
    return user


def _switch_face_features_on(admin: User) -> None:
    """Publish the demo's text in a school that has nothing but the demo."""
    if school.school_settings().face_features_on:
        return
    if Student.objects.exclude(school_id__startswith=_PREFIX).exists():
        raise InvalidValue(_("This school has students of its own: publish its own privacy text first."))
    gallery.publish_policy(
        by=admin, text=_POLICY, lawful_basis="consent", photo_retention_days=30, template_retention_days=400
    )


def _course(folder: Path, admin: User, teacher: User) -> Course:
    name = folder.name.replace("_", " ").replace("-", " ").capitalize()
    today = timezone.localdate()
    term = school.term_on(today) or school.create_term(
        name=_("Term of %(day)s") % {"day": today.isoformat()},
        starts_on=today - dt.timedelta(days=60),
        ends_on=today + dt.timedelta(days=120),
        by=admin,
    )
    course = Course.objects.filter(name=name, term=term).first()
    return course or rosters.create_course(name=name, code="DEMO", term=term, by=admin, teachers=[teacher])


def _student(course: Course, path: Path, admin: User) -> Student:
    """Give the student of a picture; one who is in two folders is one student."""
    school_id = f"{_PREFIX}{path.stem}"[:64]
    student = Student.objects.filter(school_id=school_id).first()
    if student is None:
        name = path.stem.replace("_", " ")
        sort_key = ", ".join([*name.split()[-1:], " ".join(name.split()[:-1])]).rstrip(", ")
        student = rosters.create_student(name=name, sort_key=sort_key, school_id=school_id, by=admin)
    if not course.enrolments.on(timezone.localdate()).filter(student=student).exists():
        rosters.enrol(course=course, student=student, from_day=_first_day(course.term), by=admin)
    return student


def _first_day(term: Term) -> dt.date:
    return max(term.starts_on, timezone.localdate() - dt.timedelta(days=30))


def _give_account(students: list[Student]) -> None:
    """Let the demo's student account belong to the first student, once."""
    user = User.objects.filter(username=Role.STUDENT.value.lower(), role=Role.STUDENT, student=None).first()
    if user is not None and students and students[0].user_id is None:
        Student.objects.filter(pk=students[0].pk).update(user=user)


@transaction.atomic
def _hold_past_meetings(course: Course, students: list[Student], teacher: User) -> None:
    """Mark a few past school days by hand, so that the report has something to say."""
    today = timezone.localdate()
    days = [today - dt.timedelta(days=n) for n in range(1, 10)]
    days = [day for day in days if day.weekday() < 5 and day >= _first_day(course.term)][:PAST_MEETINGS]
    if course.sessions.filter(held_on__lt=today).exists():
        return
    for number, day in enumerate(reversed(days)):
        starts_at = timezone.make_aware(dt.datetime.combine(day, dt.time(8)))
        session = sessions.open_session(
            course=course, starts_at=starts_at, ends_at=starts_at + dt.timedelta(minutes=45), by=teacher
        )
        for place, student in enumerate(students):
            status = {1: Status.LATE, 2: Status.ABSENT, 5: Status.EXCUSED}.get((place * 3 + number * 4) % 11)
            if status is not None:
                records.set_status(session=session, student=student, status=status, by=teacher)
        records.rest_present(session=session, by=teacher)
        sessions.finalise_session(session=session, by=teacher)


def _meeting_of_today(course: Course, teacher: User) -> ClassSession:
    found = course.sessions.filter(held_on=timezone.localdate()).first()
    return found or sessions.session_for_today(course=course, by=teacher)


def _add_selfie(demo: DemoCourse, student: Student, path: Path, admin: User) -> None:
    standing = student.selfies.exclude(state__in=[WorkState.FAILED, WorkState.CANCELLED])
    if standing.exists() or student.by_hand_only or student.consents.filter(withdrawn_at__isnull=False).exists():
        return
    try:
        gallery.give_consent(student=student, by=admin)
        gallery.add_selfie(student=student, data=path.read_bytes(), by=None)
    except ServiceError as error:
        demo.refused.append((path.name, str(error)))
    else:
        demo.selfies += 1


def _add_photo(demo: DemoCourse, path: Path, teacher: User) -> None:
    try:
        added = snapshots.add_snapshot(session=demo.session, data=path.read_bytes(), by=teacher)
    except ServiceError as error:
        demo.refused.append((path.name, str(error)))
    else:
        demo.photos += added.created
