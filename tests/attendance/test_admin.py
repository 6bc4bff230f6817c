"""The back office: admins look, nobody changes, and nothing secret is on a page."""

import re

import pytest
from django.db import models
from django.test import Client
from django.urls import reverse

from attendance.admin import back_office
from attendance.models import (
    AuditEvent,
    ClassSession,
    Consent,
    DetectedFace,
    EnrolmentLink,
    FaceTemplate,
    PolicyText,
    Selfie,
    Student,
    User,
)
from attendance.services import records
from tests.attendance.services.builders import face_in
from tests.conftest import PASSWORD

SECRET = "5ec2e7"
MODELS = [model for model, _admin in back_office._registry.items()]


def address(model: type[models.Model], page: str, *args: object) -> str:
    return reverse(f"admin:attendance_{model._meta.model_name}_{page}", args=args)


@pytest.fixture
def full_school(class_session: ClassSession, student: Student, teacher: User, policy: PolicyText) -> None:
    """A row of nearly everything, with secrets in it."""
    Student.objects.update(wrapped_key=SECRET.encode())
    ClassSession.objects.update(wrapped_key=SECRET.encode())
    User.objects.update(password=f"md5${SECRET}")
    Consent.objects.create(student=student, policy=policy)
    EnrolmentLink.objects.create(student=student, token_hash=SECRET, expires_at="2030-01-01T00:00Z")
    selfie = Selfie.objects.create(student=student, image=f"selfies/{SECRET}", sha256="0" * 64)
    FaceTemplate.objects.create(student=student, selfie=selfie, model_id="m", sealed_embedding=SECRET.encode())
    face = face_in(class_session, student)
    DetectedFace.objects.update(sealed_embedding=SECRET.encode(), landmarks=[SECRET])
    records.set_status(session=class_session, student=student, status="PRESENT", by=teacher, face=face)


@pytest.mark.parametrize("model", MODELS)
def test_admin_sees_every_row_and_no_secret(
    model: type[models.Model], full_school: None, admin: User, client: Client
) -> None:
    client.force_login(User.objects.get(pk=admin.pk))  # its password is another one now
    listing = client.get(address(model, "changelist"))
    assert listing.status_code == 200
    assert SECRET not in listing.content.decode()
    for row in model._default_manager.all():
        page = client.get(address(model, "change", row.pk))
        assert page.status_code == 200
        assert SECRET not in page.content.decode()
        assert SECRET.encode().hex() not in page.content.decode()


def test_index_says_that_it_is_for_looking_and_where_changes_are_made(admin: User, client: Client) -> None:
    client.force_login(admin)
    page = client.get(reverse("admin:index")).content.decode()
    content = page[page.index('id="content"') :]
    assert "look at every table and change nothing" in content
    assert "Recent actions" not in content
    links = re.findall(r'<a href="(/(?!back-office)[^"]*)">', content)
    assert len(links) == 6
    for link in links:
        assert client.get(link).status_code == 200


def test_own_password_is_changed_where_the_log_hears_of_it(admin: User, client: Client) -> None:
    client.force_login(admin)
    before = admin.password
    form = {"old_password": PASSWORD, "new_password1": "another-long-one", "new_password2": "another-long-one"}
    answer = client.post(reverse("admin:password_change"), form)
    assert answer["Location"] == reverse("person", args=[admin.pk])
    admin.refresh_from_db()
    assert admin.password == before


def test_most_models_had_a_row_to_look_at(full_school: None) -> None:
    empty = {model.__name__ for model in MODELS if not model._default_manager.exists()}
    assert empty == {"FaceModelChange", "Heartbeat"}


@pytest.mark.parametrize("model", MODELS)
def test_nothing_can_be_changed(model: type[models.Model], full_school: None, admin: User, client: Client) -> None:
    client.force_login(User.objects.get(pk=admin.pk))
    assert client.post(address(model, "add"), {}).status_code == 403
    row = model._default_manager.first()
    if row is not None:
        assert client.post(address(model, "change", row.pk), {"name": "x"}).status_code == 403
        assert client.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403
        assert model._default_manager.filter(pk=row.pk).exists()


@pytest.mark.parametrize(
    ("model", "lookup"),
    [
        (User, "password__startswith=md5"),
        (EnrolmentLink, "token_hash__startswith=5"),
        (FaceTemplate, "sealed_embedding__contains=5"),
        (Student, "wrapped_key__isnull=False"),
        (Selfie, "image__startswith=selfies"),
    ],
)
def test_what_is_not_shown_is_no_filter_either(
    model: type[models.Model], lookup: str, full_school: None, admin: User, client: Client
) -> None:
    client.force_login(User.objects.get(pk=admin.pk))
    assert client.get(f"{address(model, 'changelist')}?{lookup}").status_code == 400


@pytest.mark.parametrize("role", ["teacher", "student_user"])
def test_who_is_no_admin_is_refused(role: str, request: pytest.FixtureRequest, client: Client) -> None:
    client.force_login(request.getfixturevalue(role))
    assert client.get(reverse("admin:index"), follow=True).status_code == 403
    assert client.get(address(AuditEvent, "changelist"), follow=True).status_code == 403


def test_staff_flag_alone_opens_nothing(teacher: User, client: Client) -> None:
    User.objects.filter(pk=teacher.pk).update(is_staff=True)
    client.force_login(User.objects.get(pk=teacher.pk))
    assert client.get(reverse("admin:index"), follow=True).status_code == 403


def test_stranger_is_sent_to_the_schools_own_login(client: Client, db: None) -> None:
    answer = client.get(reverse("admin:index"), follow=True)
    assert answer.redirect_chain[-1][0].startswith(reverse("login"))
