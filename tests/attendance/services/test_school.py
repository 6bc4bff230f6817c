"""The school's settings and terms."""

import datetime as dt

import pytest

from attendance.models import AuditEvent, SchoolSettings, Term, User
from attendance.services import school as service
from attendance.services.errors import FaceFeaturesOff, InvalidValue

DAY = dt.timedelta(days=1)


def test_reading_the_settings_writes_nothing(db: None) -> None:
    assert service.school_settings().face_features_on is False
    assert not SchoolSettings.objects.exists()


def test_change_is_in_the_log_with_old_and_new(admin: User) -> None:
    service.update_school(by=admin, name=" Hill  School ", photo_retention_days=10)
    assert service.school_settings().name == "Hill School"
    event = AuditEvent.objects.get(action="school.changed")
    assert (event.old, event.new) == (
        {"name": "Rollcall School", "photo_retention_days": 30},
        {"name": "Hill School", "photo_retention_days": 10},
    )


@pytest.mark.parametrize("fields", [{"face_features_on": True}, {"name": ""}, {"photo_retention_days": -1}])
def test_face_features_and_wrong_values_cannot_be_set(fields: dict[str, str | int], admin: User) -> None:
    with pytest.raises(InvalidValue):
        service.update_school(by=admin, **fields)
    assert not SchoolSettings.objects.filter(face_features_on=True).exists()


def test_faces_need_a_published_policy(db: None) -> None:
    with pytest.raises(FaceFeaturesOff):
        service.require_face_features()


def test_published_policy_opens_the_face_features(school: SchoolSettings) -> None:
    service.require_face_features()


def test_term_is_found_by_its_days(term: Term) -> None:
    days = (term.starts_on - DAY, term.starts_on, term.ends_on, term.ends_on + DAY)
    assert [service.term_on(day) for day in days] == [None, term, term, None]


def test_of_two_terms_the_later_one_holds(term: Term, admin: User, today: dt.date) -> None:
    later = service.create_term(name="Project weeks", starts_on=today, ends_on=today + DAY, by=admin)
    assert service.term_on(today) == later
    assert service.term_on(today - DAY) == term


def test_term_with_a_taken_name_or_no_days_is_refused(term: Term, admin: User, today: dt.date) -> None:
    with pytest.raises(InvalidValue):
        service.create_term(name="Autumn", starts_on=today, ends_on=today, by=admin)
    with pytest.raises(InvalidValue):
        service.create_term(name="Backwards", starts_on=today, ends_on=today - DAY, by=admin)


def test_changed_term_is_in_the_log(term: Term, admin: User, today: dt.date) -> None:
    old = {"starts_on": term.starts_on.isoformat(), "ends_on": term.ends_on.isoformat()}
    service.update_term(term=term, name="Autumn", starts_on=today, ends_on=today + DAY, by=admin)
    event = AuditEvent.objects.get(action="term.changed")
    assert (event.old, (event.new or {})["starts_on"]) == (old, today.isoformat())
