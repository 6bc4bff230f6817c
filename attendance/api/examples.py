"""Answers as the OpenAPI page shows them."""

from typing import Final

from attendance.api.schema import example

_ADA: Final = {"id": 17, "name": "Ada Lovelace"}
_PHOTO_ID: Final = "5f3c1c9e-7c2e-4d0e-9f0b-0c8d5c1f2a34"

READINESS: Final = example(
    "One of two",
    {
        "day": "2026-03-02",
        "enrolled": 2,
        "recognisable": 1,
        "by_hand": 0,
        "held": 0,
        "missing": [{"id": 18, "name": "Ben"}],
        "retake": [],
    },
)
SESSION: Final = example(
    "A lesson",
    {
        "id": 5,
        "course_id": 3,
        "title": "Optics",
        "starts_at": "2026-03-02T08:00:00Z",
        "ends_at": "2026-03-02T09:30:00Z",
        "held_on": "2026-03-02",
        "state": "OPEN",
        "finalised_at": None,
    },
)
PHOTO: Final = example(
    "A photo that was looked at",
    {
        "id": _PHOTO_ID,
        "session_id": 5,
        "state": "DONE",
        "failure": None,
        "face_count": 23,
        "named_count": 21,
        "uncertain_count": 1,
        "advice": None,
        "width": 4032,
        "height": 3024,
        "taken_at": "2026-03-02T08:04:11Z",
        "uploaded_at": "2026-03-02T08:05:00Z",
        "processing_ms": 3120,
    },
)
FACE: Final = example(
    "A recognised face",
    {
        "id": 912,
        "box": {"x": 1204.0, "y": 880.5, "width": 64.2, "height": 81.0},
        "landmarks": [[1220.1, 912.0], [1248.7, 911.2], [1234.0, 927.9], [1222.8, 941.3], [1246.0, 940.8]],
        "score": 0.93,
        "outcome": "MARKED",
        "student": _ADA,
        "similarity": 0.61,
        "threshold_cosine": 0.59,
        "candidates": [{"student": _ADA, "similarity": 0.61}],
        "model_id": "sface-2021dec-112-flip40-v2*0.5997+dlib-resnet-150-flip40-v2*0.4003/t2",
        "decision": "NONE",
        "decided_student": None,
        "outsider": "",
    },
)
STRANGERS: Final = example(
    "Somebody in two photos",
    {
        "faces": [
            {
                "id": face_id,
                "photo_id": _PHOTO_ID,
                "session_id": session_id,
                "box": {"x": 300.0, "y": 92.0, "width": 60.0, "height": 74.0},
            }
            for face_id, session_id in ((912, 6), (870, 5))
        ],
        "photos": 2,
        "sessions": 2,
        "candidates": [{"student": _ADA, "similarity": 0.21}],
    },
)
RECORD: Final = example(
    "A mark by hand",
    {
        "student": _ADA,
        "enrolled": True,
        "status": "LATE",
        "source": "MANUAL",
        "version": 2,
        "seen_at": "2026-03-02T08:12:40Z",
        "face_id": 912,
        "by": "Tess Teacher",
    },
)
SELFIE: Final = example(
    "A selfie to retake",
    {
        "id": 40,
        "student_id": 17,
        "state": "FAILED",
        "verdict": "PENDING",
        "failure": {"code": "several-faces", "reason": "Two faces in this selfie: retake it alone."},
        "created_at": "2026-03-01T10:00:00Z",
    },
)
REPORT: Final = example(
    "One student",
    {
        "course_id": 3,
        "first_day": "2026-02-01",
        "last_day": "2026-06-30",
        "formula": "Percentage = points / sessions counted: present 1, late 0.80, absent 0; excused sessions are left "
        "out; a session without a mark is left out; sessions before or after the enrolment never count.",
        "open_sessions": 0,
        "rows": [
            {
                "student": _ADA,
                "present": 9,
                "absent": 0,
                "late": 1,
                "excused": 1,
                "unmarked": 0,
                "counted": 10,
                "points": "9.80",
                "percent": "98.0",
            }
        ],
    },
)
