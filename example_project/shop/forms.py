"""Forms of the storefront; each says in plain words what is wrong."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password

from example_project.shop.selectors import SORTS, Filters
from example_project.shop.services import Delivery


class FilterForm(forms.Form):
    """Filters of a product list, sent with GET."""

    min = forms.DecimalField(label="From £", required=False, min_value=Decimal("0"), max_digits=8, decimal_places=2)
    max = forms.DecimalField(label="to £", required=False, min_value=Decimal("0"), max_digits=8, decimal_places=2)
    stock = forms.BooleanField(label="In stock only", required=False)
    sort = forms.ChoiceField(
        label="Sort by", required=False, choices=[(key, label) for key, (label, _) in SORTS.items()]
    )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        low, high = values.get("min"), values.get("max")
        if low is not None and high is not None and low > high:
            self.add_error("max", "The upper price is below the lower one.")
        return values

    def filters(self) -> Filters:
        """The valid part of what was asked; a wrong field counts as not given."""
        self.is_valid()
        values = self.cleaned_data
        return Filters(
            minimum=values.get("min"),
            maximum=values.get("max"),
            in_stock=bool(values.get("stock")),
            sort=values.get("sort") or "popular",
        )


class LoginForm(AuthenticationForm):
    """Login with the e-mail address."""

    username = forms.CharField(
        label="E-mail", max_length=150, widget=forms.TextInput(attrs={"autocomplete": "username"})
    )

    def clean_username(self) -> str:
        return str(self.cleaned_data["username"]).lower()


class RegisterForm(forms.Form):
    """A new account."""

    name = forms.CharField(label="Name", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = forms.EmailField(label="E-mail", max_length=150, widget=forms.EmailInput(attrs={"autocomplete": "email"}))
    password = forms.CharField(
        label="Password", strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"])
        if User.objects.filter(username=email.lower()).exists():
            raise forms.ValidationError("There is an account with this e-mail address already. Please log in.")
        return email

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        validate_password(password, User(username=str(self.cleaned_data.get("email", ""))))
        return password


class CheckoutForm(forms.Form):
    """Where the goods go."""

    name = forms.CharField(label="Name", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = forms.EmailField(label="E-mail", widget=forms.EmailInput(attrs={"autocomplete": "email"}))
    address = forms.CharField(
        label="Street and number", max_length=200, widget=forms.TextInput(attrs={"autocomplete": "street-address"})
    )
    city = forms.CharField(
        label="Town", max_length=80, widget=forms.TextInput(attrs={"autocomplete": "address-level2"})
    )
    postcode = forms.CharField(
        label="Postcode", max_length=16, widget=forms.TextInput(attrs={"autocomplete": "postal-code"})
    )
    country = forms.CharField(
        label="Country",
        max_length=60,
        initial="United Kingdom",
        widget=forms.TextInput(attrs={"autocomplete": "country-name"}),
    )

    def delivery(self) -> Delivery:
        """The validated address."""
        return Delivery(**self.cleaned_data)
