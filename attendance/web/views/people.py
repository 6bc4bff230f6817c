"""Accounts and terms, for admins."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from attendance.models import Student, Term, User
from attendance.services import people as accounts
from attendance.services import school
from attendance.web.answers import UserRequest
from attendance.web.decorators import admin_page
from attendance.web.forms.courses import TermForm
from attendance.web.forms.people import PersonForm

PEOPLE_A_PAGE = 50


@admin_page
def people(request: UserRequest) -> HttpResponse:
    """Everybody who signs in; and a form for one more."""
    form = PersonForm(request.POST or None)
    made = form.submit(accounts.create_person, by=request.user)
    if made is not None:
        messages.success(request, _("%(name)s can sign in now.") % {"name": made})
        return redirect("people")
    everybody = User.objects.select_related("student").order_by("role", "name", "username")
    context = {"form": form, "page": Paginator(everybody, PEOPLE_A_PAGE).get_page(request.GET.get("page"))}
    return render(request, "people/people.html", context, status=form.status)


@admin_page
def person(request: UserRequest, pk: int) -> HttpResponse:
    """Change an account."""
    who = get_object_or_404(User, pk=pk)
    student = Student.objects.filter(user=who).first()
    form = PersonForm(request.POST or None, instance=who, initial={"student": student})
    if form.submit(accounts.update_person, person=who, by=request.user) is not None:
        messages.success(request, _("Saved."))
        return redirect("people")
    context = {"form": form, "title": _("Change an account"), "action": _("Save")}
    return render(request, "courses/form.html", context, status=form.status)


@admin_page
def terms(request: UserRequest) -> HttpResponse:
    """All terms; and a form for one more."""
    form = TermForm(request.POST or None)
    if form.submit(school.create_term, by=request.user) is not None:
        return redirect("terms")
    return render(request, "people/terms.html", {"form": form, "terms": Term.objects.all()}, status=form.status)


@admin_page
def term(request: UserRequest, pk: int) -> HttpResponse:
    """Change a term."""
    form = TermForm(request.POST or None, instance=get_object_or_404(Term, pk=pk))
    if form.submit(school.update_term, term=get_object_or_404(Term, pk=pk), by=request.user) is not None:
        return redirect("terms")
    context = {"form": form, "title": _("Change a term"), "action": _("Save")}
    return render(request, "courses/form.html", context, status=form.status)
