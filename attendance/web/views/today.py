"""What a teacher opens every morning: today's classes, each with one button."""

import datetime as dt

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from attendance.permissions import may_teach, visible_courses, visible_selfies, visible_sessions
from attendance.services import sessions
from attendance.web.answers import UserRequest
from attendance.web.decorators import person_page

LOOK_BACK = dt.timedelta(days=14)


@person_page
@require_GET
def page(request: UserRequest) -> HttpResponse:
    """Today for a teacher; a student is sent to their own page."""
    if not may_teach(request.user):
        return redirect("own")
    day = timezone.localdate()
    context = {
        "day": day,
        "rows": sessions.today(request.user, day=day),
        "has_courses": visible_courses(request.user).exists(),
        "unfinished": visible_sessions(request.user)
        .filter(state="OPEN", held_on__lt=day, held_on__gte=day - LOOK_BACK)
        .select_related("course")[:10],
        "held": visible_selfies(request.user).filter(verdict="HELD").count(),
    }
    return render(request, "today/today.html", context)
