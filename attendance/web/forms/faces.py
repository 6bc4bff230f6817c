"""The teacher's word on one face."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from attendance.models import DetectedFace, Student
from attendance.services.errors import InvalidValue


class FaceForm(forms.Form):
    """The teacher's word on a face."""

    decision = forms.ChoiceField(choices=DetectedFace.Decision.choices, required=False)
    student = forms.ModelChoiceField(Student.objects.none(), required=False)
    other = forms.ModelChoiceField(Student.objects.none(), required=False)
    outsider = forms.ChoiceField(choices=DetectedFace.Outsider.choices, required=False)

    def __init__(self, data: Any, *, roster: QuerySet[Student]) -> None:
        super().__init__(data)
        for name in ("student", "other"):
            field = self.fields[name]
            if isinstance(field, forms.ModelChoiceField):
                field.queryset = roster

    def word(self) -> dict[str, Any]:
        """Give decision, student and outsider as ``decide_face`` takes them.

        Raises:
            InvalidValue: nobody chosen, or somebody who is not on the roster.
        """
        if not self.is_valid():
            raise InvalidValue(_("Choose somebody who is on this roster."))
        decision, student = self._decision_and_student()
        return {"decision": decision, "student": student, "outsider": self.cleaned_data["outsider"]}

    def _decision_and_student(self) -> tuple[DetectedFace.Decision, Student | None]:
        if self.cleaned_data["outsider"]:
            return DetectedFace.Decision.NOT_IN_CLASS, None
        decision = self.cleaned_data["decision"] or DetectedFace.Decision.STUDENT
        if decision != DetectedFace.Decision.STUDENT:
            return DetectedFace.Decision(decision), None
        student = self.cleaned_data["student"] or self.cleaned_data["other"]
        if student is None:
            raise InvalidValue(_("Choose who this is."))
        return DetectedFace.Decision.STUDENT, student
