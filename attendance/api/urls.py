"""Addresses of the API."""

from django.urls import URLPattern, URLResolver, path, re_path

from attendance.api.views import courses, docs, faces, photos, records, reports, sessions, strangers, students, tokens

app_name = "api"
urlpatterns: list[URLPattern | URLResolver] = [
    path("token/", tokens.TokenView.as_view(), name="token"),
    path("me/", tokens.MeView.as_view(), name="me"),
    path("me/records/", tokens.OwnRecordsView.as_view(), name="my_records"),
    path("courses/", courses.CoursesView.as_view(), name="courses"),
    path("courses/<int:pk>/", courses.CourseView.as_view(), name="course"),
    path("courses/<int:pk>/roster/", courses.RosterView.as_view(), name="roster"),
    path("courses/<int:pk>/readiness/", courses.ReadinessView.as_view(), name="readiness"),
    path("courses/<int:pk>/report/", reports.ReportView.as_view(), name="report"),
    path("courses/<int:pk>/report.csv", reports.ReportCsvView.as_view(), name="report_csv"),
    path("courses/<int:pk>/unknown-faces/", strangers.UnknownFacesView.as_view(), name="unknown_faces"),
    path(
        "courses/<int:pk>/unknown-faces/decision/",
        strangers.UnknownFacesDecisionView.as_view(),
        name="unknown_faces_decision",
    ),
    path("courses/<int:pk>/sessions/", sessions.SessionsView.as_view(), name="sessions"),
    path("sessions/<int:pk>/", sessions.SessionView.as_view(), name="session"),
    path("sessions/<int:pk>/finalise/", sessions.FinaliseView.as_view(), name="finalise"),
    path("sessions/<int:pk>/reopen/", sessions.ReopenView.as_view(), name="reopen"),
    path("sessions/<int:pk>/rest-present/", sessions.RestPresentView.as_view(), name="rest_present"),
    path("sessions/<int:pk>/photos/", photos.PhotosView.as_view(), name="photos"),
    path("sessions/<int:pk>/records/", records.RecordsView.as_view(), name="records"),
    path("sessions/<int:pk>/records/<int:student_pk>/", records.RecordView.as_view(), name="record"),
    path("sessions/<int:pk>/records/<int:student_pk>/history/", records.HistoryView.as_view(), name="history"),
    path("photos/<uuid:public_id>/", photos.PhotoView.as_view(), name="photo"),
    path("photos/<uuid:public_id>/faces/", faces.FacesView.as_view(), name="faces"),
    path("photos/<uuid:public_id>/image/", photos.ImageView.as_view(), name="image"),
    path("photos/<uuid:public_id>/retry/", photos.RetryView.as_view(), name="retry"),
    path("faces/<int:pk>/decision/", faces.DecisionView.as_view(), name="decision"),
    path("students/<int:pk>/", students.StudentView.as_view(), name="student"),
    path("students/<int:pk>/consent/", students.ConsentView.as_view(), name="consent"),
    path("students/<int:pk>/selfies/", students.SelfiesView.as_view(), name="selfies"),
    path("students/<int:pk>/enrolment-link/", students.EnrolmentLinkView.as_view(), name="enrolment_link"),
    path("selfies/<int:pk>/", students.SelfieView.as_view(), name="selfie"),
    path("schema/", docs.SchemaView.as_view(), name="schema"),
    path("docs/", docs.DocsView.as_view(), name="docs"),
    re_path(r"^.*$", docs.NothingHereView.as_view(), name="nothing_here"),
]
