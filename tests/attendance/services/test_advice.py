"""What a photo's own faces say about how to take the next one."""

from collections.abc import Callable, Sequence

import pytest

from attendance.models import ClassSession, DetectedFace, Status, Student, User
from attendance.services import records, sessions
from attendance.services.advice import photo_advice, session_advice
from tests.attendance.services.builders import photo_of

Recognisable = Callable[..., Student]


def faces(widths: Sequence[float], *, sharpness: float = 0.03) -> list[DetectedFace]:
    """Faces of one photo, never saved."""
    return [DetectedFace(width=width, height=width, quality={"sharpness": sharpness}) for width in widths]


def test_small_back_row_is_named_with_its_width_and_what_to_do() -> None:
    advice = photo_advice(faces([80, 70, 75, 60, 22, 21, 24, 50]))
    assert advice == "The back row's faces are 22 px wide: step closer or take two photos."


def test_photo_of_small_faces_only_has_no_back_row() -> None:
    assert photo_advice(faces([22, 23, 24])) == "The faces are 23 px wide: step closer or take two photos."


@pytest.mark.parametrize("widths", [[], [80.0, 70.0, 35.0, 35.0], [80.0, 70.0, 20.0], [60.0] * 28 + [20.0, 20.0]])
def test_nothing_is_said_when_all_is_well_or_one_passes_behind(widths: list[float]) -> None:
    assert photo_advice(faces(widths)) is None


def test_boxes_that_are_no_faces_do_not_count() -> None:
    found = faces([80, 70, 22, 21])
    for face in found[2:]:
        face.decision = DetectedFace.Decision.NOT_A_FACE
    assert photo_advice(found) is None


def test_blurred_photo_is_named_unless_nobody_measured_it() -> None:
    blurred = faces([80, 70, 60], sharpness=0.002)
    assert photo_advice(blurred) == (
        "The faces are blurred: hold the camera still, wipe its lens and take another photo."
    )
    for face in blurred:
        face.quality = {}
    assert photo_advice(blurred) is None


class TestOfASession:
    def test_speaks_of_the_last_photo_while_somebody_is_missing(
        self, recognisable: Recognisable, class_session: ClassSession, teacher: User
    ) -> None:
        ada = recognisable("ada")
        far, near = photo_of(class_session), photo_of(class_session)
        small, large = faces([22, 22, 60]), faces([60, 60])
        assert session_advice(class_session, [(near, large), (far, small)]) is not None
        assert session_advice(class_session, [(far, small), (near, large)]) is None
        assert session_advice(class_session, []) is None
        records.set_status(session=class_session, student=ada, status=Status.PRESENT, by=teacher)
        assert session_advice(class_session, [(far, small)]) is None

    def test_is_silent_about_who_is_called_by_hand_and_once_the_register_is_final(
        self, make_student: Recognisable, recognisable: Recognisable, class_session: ClassSession, teacher: User
    ) -> None:
        make_student("ben")
        far, small = photo_of(class_session), faces([22, 22, 60])
        assert session_advice(class_session, [(far, small)]) is None
        recognisable("ada")
        assert session_advice(class_session, [(far, small)]) is not None
        sessions.finalise_session(session=class_session, by=teacher)
        class_session.refresh_from_db()
        assert session_advice(class_session, [(far, small)]) is None
