"""One-time links: one wins, and only a POST uses them."""

import datetime as dt
import threading

import pytest
from django.db import connection
from django.utils import timezone

from attendance.models import EnrolmentLink, SchoolSettings, Selfie, Student, User
from attendance.services import gallery
from attendance.services.errors import BadPhoto, FaceFeaturesOff, LinkExpired, LinkUsed, NoConsent, NotFound
from tests.fakes import class_photo, selfie_of


@pytest.fixture
def token(student: Student, school: SchoolSettings, teacher: User) -> str:
    return gallery.make_enrolment_link(student=student, by=teacher)


def test_only_the_tokens_hash_is_kept(token: str, student: Student) -> None:
    link = EnrolmentLink.objects.get()
    assert token not in link.token_hash
    assert gallery.find_enrolment_link(token).student == student


def test_looking_does_not_use_it(token: str) -> None:
    gallery.find_enrolment_link(token)
    gallery.find_enrolment_link(token)
    assert EnrolmentLink.objects.get().used_at is None


def test_first_use_wins_and_the_second_is_told(token: str, student: Student) -> None:
    selfie = gallery.use_enrolment_link(token=token, data=selfie_of("ada"), consent=True)
    assert (selfie.student, selfie.uploaded_by) == (student, None)
    assert gallery.standing_consent(student) is not None
    with pytest.raises(LinkUsed):
        gallery.use_enrolment_link(token=token, data=selfie_of("ada", seed=1), consent=True)
    assert Selfie.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_a_race_one_wins(token: str) -> None:
    outcomes: list[str] = []
    barrier = threading.Barrier(4)

    def use(seed: int) -> None:
        barrier.wait()
        try:
            gallery.use_enrolment_link(token=token, data=selfie_of("ada", seed=seed), consent=True)
            outcomes.append("won")
        except LinkUsed:
            outcomes.append("used")
        finally:
            connection.close()

    threads = [threading.Thread(target=use, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["used", "used", "used", "won"]
    assert Selfie.objects.count() == 1


def test_tampered_token_is_not_found(token: str) -> None:
    with pytest.raises(NotFound):
        gallery.find_enrolment_link(token[:-1] + ("a" if token[-1] != "a" else "b"))


def test_old_link_is_refused(token: str) -> None:
    EnrolmentLink.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    with pytest.raises(LinkExpired):
        gallery.use_enrolment_link(token=token, data=selfie_of("ada"), consent=True)


def test_new_link_replaces_the_one_before(token: str, student: Student, teacher: User) -> None:
    gallery.make_enrolment_link(student=student, by=teacher)
    with pytest.raises(NotFound):
        gallery.find_enrolment_link(token)


def test_refused_picture_and_missing_consent_leave_the_link_as_it_was(token: str) -> None:
    with pytest.raises(BadPhoto):
        gallery.use_enrolment_link(token=token, data=b"text", consent=True)
    with pytest.raises(NoConsent):
        gallery.use_enrolment_link(token=token, data=selfie_of("ada"), consent=False)
    assert gallery.find_enrolment_link(token).used_at is None


def test_link_opens_again_when_its_selfie_turns_out_unusable(token: str) -> None:
    selfie = gallery.use_enrolment_link(token=token, data=class_photo(), consent=True)
    gallery.process_selfie(selfie.pk)
    assert gallery.find_enrolment_link(token).selfie == selfie
    again = gallery.use_enrolment_link(token=token, data=selfie_of("ada"), consent=True)
    gallery.process_selfie(again.pk)
    with pytest.raises(LinkUsed):
        gallery.find_enrolment_link(token)


def test_student_may_choose_to_be_marked_by_hand(token: str, student: Student) -> None:
    gallery.choose_by_hand(token=token)
    student.refresh_from_db()
    assert student.by_hand_only
    with pytest.raises(LinkUsed):
        gallery.find_enrolment_link(token)


def test_no_link_before_a_policy_is_published(student: Student, teacher: User) -> None:
    with pytest.raises(FaceFeaturesOff):
        gallery.make_enrolment_link(student=student, by=teacher)
