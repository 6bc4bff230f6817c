"""The school, for admins: privacy, report, audit log, health of the queue."""

from collections.abc import Iterator

from django.contrib import messages
from django.db.models import Count
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from attendance.models import Course, PolicyText, Student, User
from attendance.services import exports, gallery
from attendance.services.school import school_settings, update_school
from attendance.web.answers import UserRequest
from attendance.web.auditlog import EventPages, action_choices, filtered_events, named_events
from attendance.web.decorators import admin_page
from attendance.web.downloads import TYPES
from attendance.web.forms.courses import PeriodForm
from attendance.web.forms.school import AuditForm, PolicyForm, SchoolForm
from attendance.web.health import queue_health
from attendance.web.views.reports import AT_RISK_IN_A_ROW, AT_RISK_PERCENT


def _back_office() -> str:
    try:
        return reverse("admin:index")
    except NoReverseMatch:
        return ""


@admin_page
def page(request: UserRequest) -> HttpResponse:
    """Where an admin begins."""
    form = SchoolForm(request.POST or None, instance=school_settings() if request.method == "POST" else None)
    if form.submit(update_school, by=request.user) is not None:
        messages.success(request, _("Saved."))
        return redirect("school")
    context = {
        "form": form,
        "people": User.objects.filter(is_active=True).count(),
        "students": Student.objects.filter(erased_at=None).count(),
        "courses": Course.objects.count(),
        "back_office": _back_office(),
    }
    return render(request, "school/school.html", context, status=form.status)


@admin_page
def privacy(request: UserRequest) -> HttpResponse:
    """What students are told; face features are off until it is published."""
    latest, school = PolicyText.objects.first(), school_settings()
    initial: dict[str, object] = {
        "photo_retention_days": school.photo_retention_days,
        "template_retention_days": school.template_retention_days,
        "text": _suggestion(),
    }
    if latest is not None:
        initial |= {"text": latest.text, "lawful_basis": latest.lawful_basis, "keeps_confirmed": latest.keeps_confirmed}
    form = PolicyForm(request.POST or None, initial=initial)
    policy = form.submit(gallery.publish_policy, by=request.user)
    if policy is not None:
        messages.success(request, _("Version %(n)d is published. Face features are on.") % {"n": policy.version})
        return redirect("school-privacy")
    context = {"form": form, "latest": latest, "versions": PolicyText.objects.annotate(agreed=Count("consents"))}
    return render(request, "school/privacy.html", context, status=form.status)


def _suggestion() -> str:
    return _(
        "We take attendance from photos of the class.\n\n"
        "If you agree, we keep one selfie of you and a list of numbers made from it, and compare the faces in class "
        "photos with it. Only your teachers see your selfie and the class photos. Nothing leaves our server, nothing "
        "is sold, and we never guess age, gender, origin or mood.\n\n"
        "You need not agree: your teacher then calls your name, and it counts just the same. You can change your mind "
        "at any time; selfie and numbers are then deleted at once, and your attendance stays."
    )


@admin_page
@require_GET
def report(request: UserRequest) -> HttpResponse:
    """All marks of the school in some days, as a file; and where each course's own report is."""
    courses = Course.objects.select_related("term").order_by("-term__starts_on", "name")
    day = timezone.localdate()
    form = PeriodForm(initial={"first_day": day.replace(day=1), "last_day": day})
    return render(request, "school/report.html", {"courses": courses, "form": form})


@admin_page
@require_GET
def report_download(request: UserRequest) -> StreamingHttpResponse:
    """Every mark of the school, a mark a line, however many."""
    first_day, last_day = PeriodForm(request.GET).days()
    lines = exports.school_csv(first_day=first_day, last_day=last_day, by=request.user)
    return _streamed(lines, name=f"school-{first_day:%Y%m%d}-{last_day:%Y%m%d}.csv")


@admin_page
@require_GET
def at_risk_download(request: UserRequest) -> StreamingHttpResponse:
    """Whom to talk to in each course of the school, by the same limits as on a course's report."""
    first_day, last_day = PeriodForm(request.GET).days()
    lines = exports.at_risk_csv(
        first_day=first_day, last_day=last_day, below=AT_RISK_PERCENT, in_a_row=AT_RISK_IN_A_ROW, by=request.user
    )
    return _streamed(lines, name=f"at-risk-{first_day:%Y%m%d}-{last_day:%Y%m%d}.csv")


def _streamed(lines: Iterator[str], *, name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines, content_type=TYPES["csv"])
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@admin_page
@require_GET
def audit(request: UserRequest) -> HttpResponse:
    """Who saw or changed what."""
    form = AuditForm(request.GET or None)
    page = EventPages(filtered_events(form)).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "form": form,
        "page": page,
        "events": named_events(page.object_list),
        "query": f"{query.urlencode()}&" if query else "",
        "actions": action_choices(),
    }
    return render(request, "school/audit.html", context)


@admin_page
@require_GET
def queue(request: UserRequest) -> HttpResponse:
    """Whether photos are being looked at, and what waits or failed."""
    return render(request, "school/queue.html", queue_health())
