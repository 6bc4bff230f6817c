"""For probes: is the process alive, and can it do its work?"""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from attendance.services import health
from attendance.web.decorators import open_page


@open_page
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@open_page
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Everything that a photo needs is there; 503 names what is not."""
    checks = health.readiness()
    ok = all(checks.values())
    answer = {"status": "ok" if ok else "not-ready", "checks": checks}
    return JsonResponse(answer, status=200 if ok else 503)
