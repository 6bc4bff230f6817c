"""Accounts: who signs in, in which role, and which student an account belongs to."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from rest_framework.authtoken.models import Token

from attendance.models import Role, Student, User
from attendance.services.audit import record_event
from attendance.services.errors import InvalidValue, WrongState
from attendance.services.names import clean_text


@transaction.atomic
def create_person(
    *,
    username: str,
    name: str,
    role: str,
    password: str,
    by: User,
    email: str = "",
    is_active: bool = True,
    student: Student | None = None,
) -> User:
    """Make an account.

    Args:
        username: what is typed to sign in.
        name: what others read.
        role: ADMIN, TEACHER or STUDENT.
        password: the first one.
        by: an admin.
        email: where notices go, if anywhere.
        is_active: False makes an account that cannot sign in yet.
        student: whose own record this account sees.

    Raises:
        InvalidValue: a value that does not hold, a weak password, or a student who has an account.
    """
    if not password:
        raise InvalidValue(_("Choose a first password."))
    person = User()
    _set(person, username=username, name=name, email=email, role=role, is_active=is_active)
    _set_password(person, password)
    person.save()
    _join(person, student)
    _note("person.created", person, by=by)
    return person


@transaction.atomic
def update_person(
    *,
    person: User,
    username: str,
    name: str,
    role: str,
    by: User,
    email: str = "",
    is_active: bool = True,
    password: str = "",
    student: Student | None = None,
) -> User:
    """Change an account; an empty password keeps the present one.

    Raises:
        InvalidValue: a value that does not hold, a weak password, or a student who has another account.
        WrongState: nobody would be left to run the site.
    """
    # With all admins: two who switch each other off at once must not both see the other still there.
    held = User.objects.select_for_update().filter(Q(pk=person.pk) | Q(role=Role.ADMIN, is_active=True))
    locked = next(one for one in held.order_by("pk") if one.pk == person.pk)
    old = _rights(locked)
    _set(locked, username=username, name=name, email=email, role=role, is_active=is_active)
    if password:
        _set_password(locked, password)
        Token.objects.filter(user=locked).delete()  # as browser sessions end with the password that opened them
    locked.save()
    _join(locked, student)
    if not User.objects.filter(role=Role.ADMIN, is_active=True).exists():
        raise WrongState(_("Somebody must stay who runs the site: this is the last admin."))
    _note("person.changed", locked, by=by, old=old, new_password=bool(password))
    return locked


def _set(person: User, *, username: str, name: str, email: str, role: str, is_active: bool) -> None:
    person.username, person.name, person.email = username.strip(), clean_text(name), email.strip()
    person.role, person.is_active = role, is_active
    person.is_staff = role == Role.ADMIN
    try:
        person.full_clean(exclude=["password"])
    except ValidationError as error:
        raise InvalidValue(" ".join(error.messages)) from error


def _set_password(person: User, password: str) -> None:
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise InvalidValue(" ".join(error.messages)) from error
    person.set_password(password)


def _join(person: User, student: Student | None) -> None:
    """Let the account see this student's record, and no other's."""
    if student is not None and person.role != Role.STUDENT:
        raise InvalidValue(_("Only an account of the role student belongs to a student."))
    if student is not None and student.user_id not in {None, person.pk}:
        raise InvalidValue(_("This student has an account already."))
    Student.objects.filter(user=person).update(user=None)
    if student is not None:
        Student.objects.filter(pk=student.pk).update(user=person)


def _rights(person: User) -> dict[str, object]:
    student = Student.objects.filter(user=person).values_list("pk", flat=True).first()
    return {"role": person.role, "is_active": person.is_active, "student": student}


def _note(
    action: str, person: User, *, by: User, old: dict[str, object] | None = None, new_password: bool = False
) -> None:
    record_event(
        actor=by,
        action=action,
        object_type="user",
        object_id=person.pk,
        old=old,
        new=_rights(person) | ({"password": "changed"} if new_password else {}),
    )
