"""What a school is made of: people, courses, gallery, sessions, records, audit."""

from attendance.models.audit import AuditEvent
from attendance.models.courses import Course, Enrolment, SchoolSettings, Term
from attendance.models.face_models import FaceCalibration, MarkDifference, ShadowPhoto
from attendance.models.gallery import (
    Consent,
    EnrolmentLink,
    FaceModelChange,
    FaceTemplate,
    PolicyText,
    Selfie,
)
from attendance.models.people import Role, Student, User
from attendance.models.queue import UNFINISHED, Heartbeat, Priority, QueuedWork, WorkState
from attendance.models.records import AttendanceRecord, Source, Status
from attendance.models.sessions import ClassSession, DetectedFace, Snapshot, UploadKey
from attendance.models.uploads import PartialUpload, UploadPart

__all__ = [
    "UNFINISHED",
    "AttendanceRecord",
    "AuditEvent",
    "ClassSession",
    "Consent",
    "Course",
    "DetectedFace",
    "Enrolment",
    "EnrolmentLink",
    "FaceCalibration",
    "FaceModelChange",
    "FaceTemplate",
    "Heartbeat",
    "MarkDifference",
    "PartialUpload",
    "PolicyText",
    "Priority",
    "QueuedWork",
    "Role",
    "SchoolSettings",
    "Selfie",
    "ShadowPhoto",
    "Snapshot",
    "Source",
    "Status",
    "Student",
    "Term",
    "UploadKey",
    "UploadPart",
    "User",
    "WorkState",
]
