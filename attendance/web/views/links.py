"""The one-time link: a student's own way in, without log-in. Looking never uses it up; only sending does."""

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from attendance import tasks
from attendance.models import EnrolmentLink, PolicyText, Selfie
from attendance.services import gallery
from attendance.services.errors import ServiceError
from attendance.web.answers import refusal
from attendance.web.decorators import open_page
from attendance.web.forms.photos import SelfieForm

SENT_SELFIE: Final = "sent_selfie"
LINK_IS_GONE: Final = {404, 410}


def _without_referrer(response: HttpResponse) -> HttpResponse:
    """The address holds the token: no other site may learn it."""
    response["Referrer-Policy"] = "no-referrer"
    return response


def _show(request: HttpRequest, link: EnrolmentLink, token: str, error: ServiceError | None = None) -> HttpResponse:
    context = {
        "token": token,
        "student": link.student,
        "policy": PolicyText.objects.first(),
        "error": error,
        "consent_given": "consent" in request.POST,
    }
    return render(request, "links/link.html", context, status=200 if error is None else error.status)


def _use(request: HttpRequest, token: str) -> HttpResponse:
    form = SelfieForm(request.POST, request.FILES)
    data = form.photo_bytes()
    selfie = gallery.use_enrolment_link(token=token, data=data, consent=form.cleaned_data["consent"])
    tasks.wake(selfie)
    request.session[SENT_SELFIE] = selfie.pk
    return redirect("link-result")


@csrf_exempt  # the secret is in the address, not in a cookie; and under no-referrer browsers send "Origin: null"
@open_page
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, token: str) -> HttpResponse:
    """Say what is kept and why; take the yes and the selfie."""
    try:
        link = gallery.find_enrolment_link(token)
        answer = _use(request, token) if request.method == "POST" else _show(request, link, token)
    except ServiceError as error:
        gone = error.status in LINK_IS_GONE
        answer = refusal(request, error) if gone else _show(request, link, token, error)
    return _without_referrer(answer)


@csrf_exempt  # as above
@open_page
@require_POST
def by_hand(request: HttpRequest, token: str) -> HttpResponse:
    """The student would rather be called by name; nobody asks why."""
    try:
        gallery.choose_by_hand(token=token)
    except ServiceError as error:
        return _without_referrer(refusal(request, error))
    return _without_referrer(render(request, "links/by_hand.html"))


def _sent_selfie(request: HttpRequest) -> Selfie:
    return get_object_or_404(Selfie, pk=request.session.get(SENT_SELFIE, 0))


@open_page
@require_GET
def result(request: HttpRequest) -> HttpResponse:
    """What became of the selfie, at once."""
    return render(request, "links/result.html", {"selfie": _sent_selfie(request)})


@open_page
@require_GET
def state(request: HttpRequest) -> HttpResponse:
    """The same, asked for every second while a worker is busy."""
    return render(request, "links/_result.html", {"selfie": _sent_selfie(request)})
