"""Accounts: what the log says of who may see what."""

from attendance.models import AuditEvent, Role, Student, User
from attendance.services import people
from tests.conftest import MakeStudent


def test_whose_record_an_account_sees_and_a_new_password_are_in_the_log(
    student: Student, student_user: User, make_student: MakeStudent, admin: User
) -> None:
    ben = make_student("Ben")
    people.update_person(
        person=student_user,
        username="student",
        name="Stu",
        role=Role.STUDENT,
        password="another battery staple",
        student=ben,
        by=admin,
    )
    event = AuditEvent.objects.get(action="person.changed")
    assert event.old == {"role": "STUDENT", "is_active": True, "student": student.pk}
    assert event.new == {"role": "STUDENT", "is_active": True, "student": ben.pk, "password": "changed"}
