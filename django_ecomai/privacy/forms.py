"""What staff types in for a person who wrote or phoned."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.conf import ecomai
from django_ecomai.core.persons import Subject
from django_ecomai.mirror.models import Customer

from .models import SubjectRequest
from .subjects import email_hashes


class RequestForm(forms.ModelForm):
    """A customer, a visitor or an e-mail address; the address itself is not stored."""

    visitor = forms.CharField(
        label=gettext_lazy("Visitor"),
        required=False,
        max_length=32,
        help_text=gettext_lazy("Id of a visitor, 32 characters, for a person without an account."),
    )
    email = forms.EmailField(
        label=gettext_lazy("E-mail address"),
        required=False,
        help_text=gettext_lazy("Finds the orders of guests. Only a keyed hash of it is stored, until the end."),
    )

    may_object = True  # set by the admin: whether this member of staff may carry requests out

    class Meta:
        model = SubjectRequest
        fields = ("kind", "customer_id", "channel", "due_at")
        widgets = {"kind": forms.RadioSelect}
        help_texts = {
            "customer_id": gettext_lazy("As the shop names the customer. Found on the customer's page."),
            "channel": gettext_lazy("Empty for the only shop."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order_fields(("kind", "customer_id", "email", "visitor", "channel", "due_at"))
        if "kind" in self.fields:
            self.fields["kind"].choices = [  # type: ignore[attr-defined]
                choice
                for choice in SubjectRequest.Kind.choices
                if self.may_object or choice[0] != SubjectRequest.Kind.OBJECT
            ]
        if "channel" in self.fields:  # none where a request is only looked at
            self.fields["channel"].initial = ecomai.CHANNEL

    def clean(self) -> dict[str, Any] | None:
        """Somebody must be named, and a customer must be known or have been."""
        data = super().clean() or {}
        if not any(data.get(name) for name in ("customer_id", "visitor", "email")):
            raise ValidationError(_("Name a customer, a visitor or an e-mail address."))
        customer = data.get("customer_id")
        known = Customer.objects.filter(channel=data.get("channel", ""), external_id=customer)
        if customer and not known.exists():
            self.add_error("customer_id", _("The copy of your shop knows no such customer."))
        return data

    def subject(self) -> Subject:
        """Whom the form names."""
        data = self.cleaned_data
        return Subject(
            channel=data["channel"],
            customer_ids=frozenset({data["customer_id"]} - {""}),
            visitor_ids=frozenset({data["visitor"]} - {""}),
            email_hashes=email_hashes(data["email"]) if data["email"] else frozenset(),
        )
