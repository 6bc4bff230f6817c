"""For Prometheus: counts and times, no person and no id."""

import hmac
import ipaddress

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from attendance.middleware import client_address
from attendance.services.metrics.exposition import exposition
from attendance.web.decorators import open_page


@open_page
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Everything in Prometheus' text format, for who brings the token or asks from a network that may."""
    if not _may_see(request):
        raise Http404  # whoever may not see it learns nothing, not even that it is there
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)


def _may_see(request: HttpRequest) -> bool:
    wanted, offered = settings.METRICS_TOKEN, request.headers.get("Authorization", "")
    if wanted and hmac.compare_digest(offered.encode(), f"Bearer {wanted}".encode()):
        return True
    try:
        address = ipaddress.ip_address(client_address(request))
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(network) for network in settings.METRICS_ALLOWED)
