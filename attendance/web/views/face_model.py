"""The face model, for admins: which one works, from what similarity on, and what a coming one would change."""

from typing import Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from attendance import tasks
from attendance.models import MarkDifference
from attendance.services import model_change
from attendance.services.errors import not_found
from attendance.services.school import school_settings
from attendance.web.answers import UserRequest
from attendance.web.decorators import admin_page
from attendance.web.modelviews import model_facts

DIFFERENCES_SHOWN: Final = 200


@admin_page
@require_GET
def page(request: UserRequest) -> HttpResponse:
    """Show the model at work, its calibration, and the last change with its differences and receipt."""
    school, change = school_settings(), model_change.latest_change()
    differences = MarkDifference.objects.filter(change=change).select_related("session__course", "student")
    context = {
        "school_row": school,
        **model_facts(school),
        "change": change,
        "waits": change is not None and change.is_unfinished and change.ready_at is not None and not change.when_done,
        "count": differences.count(),
        "differences": differences[:DIFFERENCES_SHOWN],
    }
    return render(request, "school/model.html", context)


@admin_page
@require_POST
def switch(request: UserRequest) -> HttpResponse:
    """Switch to the model that the page showed: another change may have come since, and a switch deletes vectors."""
    change, shown = model_change.latest_change(), request.POST.get("change", "")
    if change is None or shown != str(change.pk):
        raise not_found(_("change of the face model"))
    tasks.wake(model_change.switch(change=change, by=request.user))
    messages.success(request, _("The workers switch to %(name)s now.") % {"name": change.face_model})
    return redirect("school-model")
