"""The shape of an upload; what may be stored is the service's to say."""

from django import forms
from django.utils.translation import gettext_lazy as _

from patients.forms import DateInput
from scans.choices import DiscardReason, Identifier, Laterality, View
from scans.services import Statement
from scans.services.identity import FEWEST_IDENTIFIERS

COMPARE_TWO = _("Compare at least two with the request or the person, then tick them.")
FROM_THE_FILE = ("", _("From the file"))


class TwoIdentifiers(forms.Form):
    confirmed_identifiers = forms.MultipleChoiceField(
        label=_("Compared and found to agree"),
        choices=Identifier,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": COMPARE_TWO},
    )

    def clean_confirmed_identifiers(self) -> list[str]:
        confirmed: list[str] = self.cleaned_data["confirmed_identifiers"]
        if len(confirmed) < FEWEST_IDENTIFIERS:
            raise forms.ValidationError(COMPARE_TWO)
        return confirmed


class UploadForm(TwoIdentifiers):
    """One file with what the person says about it. Empty fields leave the word to the file."""

    exam_date = forms.DateField(
        label=_("Exam date"),
        required=False,
        widget=DateInput(),
        help_text=_("The day the pictures were taken. Empty: as the file says."),
    )
    accession_number = forms.CharField(
        label=_("Accession number"),
        required=False,
        max_length=16,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    pixel_spacing_mm = forms.FloatField(
        label=_("Pixel spacing (mm)"),
        required=False,
        min_value=0.01,
        max_value=1.0,
        help_text=_("For pictures whose file does not tell, as PNG and JPEG."),
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
    )
    laterality = forms.ChoiceField(
        label=_("Breast"), required=False, choices=[FROM_THE_FILE, *Laterality.choices]
    )
    view = forms.ChoiceField(
        label=_("View"), required=False, choices=[FROM_THE_FILE, *View.choices]
    )
    identity_reason = forms.CharField(
        label=_("Identity reason"),
        required=False,
        max_length=500,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    file = forms.FileField(
        label=_("Mammogram"),
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
            confirmed_identifiers=tuple(said["confirmed_identifiers"]),
            identity_reason=said["identity_reason"],
        )


class ChoosePatientForm(forms.Form):
    """Whose file it may be, by record number: names would find people who share one."""

    record_number = forms.CharField(
        label=_("Record number"),
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class AttachForm(TwoIdentifiers):
    """A person compared the file with the patient's record and says that they are one."""

    patient = forms.UUIDField(widget=forms.HiddenInput)
    identity_reason = forms.CharField(
        label=_("Why it is this patient's all the same"),
        required=False,
        max_length=500,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("Needed where record number, birth date or sex differ. Kept with the record."),
    )

    def statement(self) -> Statement:
        return Statement(
            confirmed_identifiers=tuple(self.cleaned_data["confirmed_identifiers"]),
            identity_reason=self.cleaned_data["identity_reason"],
        )


class DiscardForm(forms.Form):
    reason = forms.ChoiceField(label=_("Reason"), choices=DiscardReason, widget=forms.RadioSelect)
