"""The shape of an upload; what may be stored is the service's to say."""

from django import forms

from patients.forms import DateInput
from scans.choices import Laterality, View
from scans.services import Statement

FROM_THE_FILE = ("", "From the file")


class UploadForm(forms.Form):
    """One file with what the person says about it. Empty fields leave the word to the file."""

    identity_confirmed = forms.BooleanField(
        label="This is the right patient",
        error_messages={"required": "Compare name and birth date, then confirm the patient."},
    )
    exam_date = forms.DateField(
        required=False,
        widget=DateInput(),
        help_text="The day the pictures were taken. Empty: as the file says.",
    )
    accession_number = forms.CharField(
        required=False, max_length=16, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    pixel_spacing_mm = forms.FloatField(
        label="Pixel spacing (mm)",
        required=False,
        min_value=0.01,
        max_value=1.0,
        help_text="For pictures whose file does not tell, as PNG and JPEG.",
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
    )
    laterality = forms.ChoiceField(
        label="Breast", required=False, choices=[FROM_THE_FILE, *Laterality.choices]
    )
    view = forms.ChoiceField(required=False, choices=[FROM_THE_FILE, *View.choices])
    identity_reason = forms.CharField(
        required=False, max_length=500, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    file = forms.FileField(
        label="Mammogram",
        allow_empty_file=True,  # the service refuses it, with its own code
        widget=forms.ClearableFileInput(attrs={"accept": ".dcm,.dicom,.png,.jpg,.jpeg,image/*"}),
    )

    def statement(self) -> Statement:
        said = self.cleaned_data
        return Statement(
            laterality=said["laterality"] or None,
            view=said["view"] or None,
            exam_date=said["exam_date"],
            accession_number=said["accession_number"] or None,
            pixel_spacing_mm=said["pixel_spacing_mm"],
            identity_reason=said["identity_reason"],
        )
