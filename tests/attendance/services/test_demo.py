"""A folder of pictures becomes a school to try; loading it again adds only what is missing."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from attendance.models import (
    AttendanceRecord,
    ClassSession,
    Consent,
    Course,
    SchoolSettings,
    Selfie,
    Snapshot,
    Student,
    User,
    WorkState,
)
from attendance.services import demo, gallery, rosters, sessions
from attendance.services.errors import InvalidValue
from attendance.services.reports import course_report
from tests.fakes import class_photo, selfie_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A class of three with one class photo."""
    place = tmp_path / "class-07"
    (place / "roster").mkdir(parents=True)
    for name, person in (("Ada_Lovelace", "ada"), ("Mary-Kate_Olsen", "ben"), ("Pelé", "cem")):
        (place / "roster" / f"{name}.jpg").write_bytes(selfie_of(person))
    (place / "photo-1.jpg").write_bytes(class_photo("ada", "ben"))
    (place / "truth.json").write_text("{}")
    return place


def counts() -> dict[str, int]:
    models = (User, Student, Course, ClassSession, AttendanceRecord, Selfie, Snapshot, Consent)
    return {model.__name__: model._default_manager.count() for model in models}


@pytest.mark.usefixtures("db")
class TestLoading:
    def test_folder_becomes_a_course_of_today(self, folder: Path) -> None:
        loaded = demo.load_demo(directory=folder, with_photos=True)
        assert (loaded.students, loaded.selfies, loaded.photos, loaded.refused) == (3, 3, 1, [])
        students = Student.objects.order_by("sort_key").values_list("name", "sort_key")
        assert list(students) == [
            ("Ada Lovelace", "Lovelace, Ada"),
            ("Mary-Kate Olsen", "Olsen, Mary-Kate"),
            ("Pelé", "Pelé"),
        ]
        assert set(Selfie.objects.values_list("state", flat=True)) == {WorkState.QUEUED}
        assert Snapshot.objects.get().session == loaded.session
        assert Consent.objects.filter(withdrawn_at=None).count() == 3
        assert SchoolSettings.objects.get().face_features_on

    def test_photos_stay_out_unless_asked_for(self, folder: Path) -> None:
        assert demo.load_demo(directory=folder).photos == 0
        assert not Snapshot.objects.exists()

    def test_report_has_something_to_say_at_first_look(self, folder: Path) -> None:
        course = demo.load_demo(directory=folder).course
        report = course_report(course, first_day=course.term.starts_on, last_day=course.term.ends_on)
        final = [session for session in report.sessions if session.is_final]
        assert len(final) == demo.PAST_MEETINGS
        assert {row.percent for row in report.rows} != {None}
        assert len({row.percent for row in report.rows}) > 1

    def test_loading_twice_changes_nothing(self, folder: Path) -> None:
        demo.load_demo(directory=folder, with_photos=True)
        before = counts()
        again = demo.load_demo(directory=folder, with_photos=True)
        assert counts() == before
        assert (again.selfies, again.photos) == (0, 0)

    def test_new_picture_joins_the_course(self, folder: Path) -> None:
        demo.load_demo(directory=folder)
        (folder / "roster" / "New_Comer.jpg").write_bytes(selfie_of("dee"))
        loaded = demo.load_demo(directory=folder)
        assert (loaded.students, loaded.selfies) == (4, 1)

    def test_same_person_in_two_folders_is_one_student(self, folder: Path, tmp_path: Path) -> None:
        other = tmp_path / "class-08"
        (other / "roster").mkdir(parents=True)
        (other / "roster" / "Ada_Lovelace.jpg").write_bytes(selfie_of("ada", seed=3))
        for directory in demo.demo_folders(tmp_path):
            demo.load_demo(directory=directory)
        assert Student.objects.get(name="Ada Lovelace").enrolments.count() == 2

    def test_broken_picture_is_named_and_the_others_go_on(self, folder: Path) -> None:
        (folder / "roster" / "Broken.jpg").write_bytes(b"no picture")
        loaded = demo.load_demo(directory=folder)
        assert loaded.selfies == 3
        assert [name for name, _sentence in loaded.refused] == ["Broken.jpg"]

    def test_consent_taken_back_is_not_given_again(self, folder: Path, admin: User) -> None:
        demo.load_demo(directory=folder)
        gallery.withdraw_consent(student=Student.objects.get(name="Pelé"), by=admin)
        demo.load_demo(directory=folder)
        assert not Selfie.objects.filter(student__name="Pelé").exclude(state=WorkState.CANCELLED).exists()

    def test_final_meeting_of_today_is_kept(self, folder: Path) -> None:
        loaded = demo.load_demo(directory=folder)
        sessions.finalise_session(session=loaded.session, by=User.objects.get(username="teacher"))
        assert demo.load_demo(directory=folder).session == loaded.session

    def test_school_with_students_of_its_own_publishes_its_own_policy_first(self, folder: Path, admin: User) -> None:
        rosters.create_student(name="A real one", by=admin)
        with pytest.raises(InvalidValue, match="privacy text"):
            demo.load_demo(directory=folder)
        assert not SchoolSettings.objects.filter(face_features_on=True).exists()

    def test_folder_without_a_class_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidValue, match="roster"):
            demo.load_demo(directory=tmp_path)


@pytest.mark.usefixtures("db")
class TestCommand:
    def run(self, **options: Any) -> str:
        out = io.StringIO()
        call_command("demo", stdout=out, stderr=out, **options)
        return out.getvalue()

    def test_shipped_school_is_loaded_with_its_logins(self, settings: Settings, client: Client) -> None:
        settings.DEBUG = False
        said = self.run(with_logins=True)
        assert "3 selfies" in said
        for username in ("admin", "teacher", "student"):
            assert f"{username} / {demo.PASSWORD}" in said
            assert User.objects.get(username=username).check_password(demo.PASSWORD)
        assert Student.objects.filter(user__username="student").count() == 1

    def test_without_logins_nobody_can_sign_in(self, settings: Settings) -> None:
        settings.DEBUG = False
        said = self.run()
        assert demo.PASSWORD not in said
        assert not any(user.has_usable_password() for user in User.objects.all())

    def test_changed_password_is_neither_reset_nor_printed(self) -> None:
        self.run(with_logins=True)
        teacher = User.objects.get(username="teacher")
        teacher.set_password("something else entirely")
        teacher.save()
        said = self.run(with_logins=True)
        assert "teacher /" not in said
        teacher.refresh_from_db()
        assert teacher.check_password("something else entirely")

    def test_folder_of_folders_is_loaded_course_by_course(self, folder: Path) -> None:
        (folder.parent / "class-08" / "roster").mkdir(parents=True)
        (folder.parent / "class-08" / "roster" / "Dee.jpg").write_bytes(selfie_of("dee"))
        self.run(directory=folder.parent, with_photos=True)
        assert sorted(Course.objects.values_list("name", flat=True)) == ["Class 07", "Class 08"]

    def test_wrong_folder_is_one_sentence(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="holds no class"):
            self.run(directory=tmp_path / "nowhere")
