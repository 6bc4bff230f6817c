"""What the OpenAPI description says of itself, as drf-spectacular's settings."""

from typing import Any, Final

SETTINGS: Final[dict[str, Any]] = {
    "TITLE": "Rollcall API",
    "DESCRIPTION": "Everything a page does. No embedding leaves it; no path or address goes in.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "WorkState": "attendance.models.WorkState",
        "SessionState": "attendance.models.ClassSession.State",
        "Status": "attendance.models.Status",
        "Source": "attendance.models.Source",
        "Role": "attendance.models.Role",
        "SelfieVerdict": "attendance.models.Selfie.Verdict",
        "FaceOutcome": "attendance.models.DetectedFace.Outcome",
        "FaceDecision": "attendance.models.DetectedFace.Decision",
        "ExcusedCounts": "attendance.models.Course.Excused",
        "UnmarkedCounts": "attendance.models.Course.Unmarked",
    },
}
