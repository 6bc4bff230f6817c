"""The school itself: its settings and its terms."""

import datetime as dt
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from attendance.models import SchoolSettings, Term, User
from attendance.services.audit import record_event
from attendance.services.errors import FaceFeaturesOff, InvalidValue
from attendance.services.names import clean_text

SETTINGS: Final = ("name", "photo_retention_days", "template_retention_days")


def school_settings() -> SchoolSettings:
    """Give the school's one row; unsaved defaults before the first change."""
    return SchoolSettings.objects.filter(pk=1).first() or SchoolSettings(pk=1)


def require_face_features() -> None:
    """Make sure that an admin has published what students are told.

    Raises:
        FaceFeaturesOff: nothing about faces may be stored yet.
    """
    if not SchoolSettings.objects.filter(pk=1, face_features_on=True).exists():
        raise FaceFeaturesOff(
            _("Face features are off: an admin publishes the privacy text first. Marks by hand work without it.")
        )


@transaction.atomic
def update_school(*, by: User, **fields: Any) -> SchoolSettings:
    """Change the school's name or how long pictures and templates are kept.

    Face features are switched on by publishing a policy only (``gallery.publish_policy``).

    Raises:
        InvalidValue: a value that does not hold.
    """
    if fields.keys() - set(SETTINGS):
        raise InvalidValue(_("The school has no such setting."))
    school = SchoolSettings.objects.select_for_update().get_or_create(pk=1)[0]
    old = {name: getattr(school, name) for name in fields}
    for name, value in fields.items():
        setattr(school, name, clean_text(value) if isinstance(value, str) else value)
    _check(school)
    school.save(update_fields=[*fields])
    new = {name: getattr(school, name) for name in fields}
    record_event(actor=by, action="school.changed", object_type="schoolsettings", object_id=1, old=old, new=new)
    return school


def term_on(day: dt.date) -> Term | None:
    """Give the term of a day; of several, the one that began last."""
    return Term.objects.filter(starts_on__lte=day, ends_on__gte=day).order_by("-starts_on").first()


@transaction.atomic
def create_term(*, name: str, starts_on: dt.date, ends_on: dt.date, by: User) -> Term:
    """Add a term.

    Raises:
        InvalidValue: a name that is taken, or an end before the start.
    """
    term = Term(name=clean_text(name), starts_on=starts_on, ends_on=ends_on)
    _check(term)
    term.save()
    record_event(actor=by, action="term.created", object_type="term", object_id=term.pk, new=_span(term))
    return term


@transaction.atomic
def update_term(*, term: Term, name: str, starts_on: dt.date, ends_on: dt.date, by: User) -> Term:
    """Change a term; sessions that lie outside it afterwards stay as they are.

    Raises:
        InvalidValue: a name that is taken, or an end before the start.
    """
    old = _span(term)
    term.name, term.starts_on, term.ends_on = clean_text(name), starts_on, ends_on
    _check(term)
    term.save()
    record_event(actor=by, action="term.changed", object_type="term", object_id=term.pk, old=old, new=_span(term))
    return term


def _check(row: SchoolSettings | Term) -> None:
    try:
        row.full_clean()
    except ValidationError as error:
        raise InvalidValue(" ".join(error.messages)) from error


def _span(term: Term) -> dict[str, str]:
    return {"starts_on": term.starts_on.isoformat(), "ends_on": term.ends_on.isoformat()}
