"""The page "Train with other settings": what a training may spend, before it is started."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, path, reverse
from django.urls.resolvers import URLPattern
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.mirror.admin.shop import shop_field
from django_ecomai.runs.models import Run
from django_ecomai.runs.services.dispatch import run_start

from .train_options import LEAST_MEMORY_MB, BadParameter, TrainOptions, options_read

KIND = "recommend.train"
START = "ecomai_runs.start_run"
# More would only be waited for.
MOST_BUDGET, MOST_MEMORY_MB = 1000, 1_000_000


class TrainForm(forms.Form):
    """Parameters of the job, in a merchant's words, beginning with what the shop's settings say."""

    budget = forms.IntegerField(
        label=gettext_lazy("Models compared at most"), required=False, min_value=1, max_value=MOST_BUDGET,
        help_text=gettext_lazy("Fewer are faster, more may find a better one. Empty: as many as suit the shop's size."),
    )  # fmt: skip
    memory_mb = forms.IntegerField(
        label=gettext_lazy("Memory in MB"), required=False, min_value=LEAST_MEMORY_MB, max_value=MOST_MEMORY_MB,
        help_text=gettext_lazy("Models that would take more than this are not tried."),
    )  # fmt: skip
    ranker = forms.ChoiceField(
        label=gettext_lazy("Learn the order of the best candidates"),
        choices=[
            ("auto", gettext_lazy("where there is enough to learn from")),
            ("on", gettext_lazy("also with very much data")),
            ("off", gettext_lazy("never")),
        ],
        help_text=gettext_lazy("Takes longer, and goes live only where it does better in a test."),
    )
    evaluate_from = forms.DateField(
        label=gettext_lazy("Test on orders from"), required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("Orders from this day on (UTC) test the models. Empty: the last 30 days."),
    )  # fmt: skip
    seed = forms.IntegerField(
        label=gettext_lazy("Seed"), required=False, min_value=0, max_value=2**31 - 1,
        help_text=gettext_lazy("The same data, settings and seed give the same model."),
    )  # fmt: skip

    def __init__(self, data: Any = None) -> None:
        try:
            usual = options_read({})
        except BadParameter:  # a system check says so
            usual = TrainOptions()
        super().__init__(
            data,
            initial={
                "budget": usual.budget, "memory_mb": usual.memory_mb, "ranker": usual.ranker, "seed": usual.seed,
                "evaluate_from": usual.evaluate_from,
            },
        )  # fmt: skip
        self.fields["channel"] = shop_field()

    def parameters(self) -> dict[str, Any]:
        """Of the run: what was given, and that something was emptied which the settings fill."""
        given = {name: self.cleaned_data[name] for name in self.initial}
        if given["evaluate_from"]:
            given["evaluate_from"] = given["evaluate_from"].isoformat()
        emptied = {name for name in ("budget", "evaluate_from") if self.initial[name] is not None}
        return {name: value for name, value in given.items() if value is not None or name in emptied}


class TrainPageMixin(admin.ModelAdmin):
    """Adds the page to an admin, and its address to ``train_context``."""

    def train_context(self, request: HttpRequest) -> dict[str, Any]:
        """Where "Train now" is posted to and where its settings are, for those who may start jobs."""
        if not request.user.has_perm(START):
            return {}
        try:
            return {
                "train_url": reverse("admin:ecomai_runs_run_start", current_app=self.admin_site.name),
                "train_options_url": reverse("admin:ecomai_recommend_train", current_app=self.admin_site.name),
            }
        except NoReverseMatch:  # an admin site of the shop's own that leaves runs out
            return {}

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.train_view)
        return [path("train/", view, name="ecomai_recommend_train"), *super().get_urls()]

    def train_view(self, request: HttpRequest) -> HttpResponse:
        """GET explains the settings, POST starts the training and shows its run."""
        found = self.train_context(request)
        if not found:
            raise PermissionDenied
        form = TrainForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            newest = Run.objects.order_by("-id").values_list("pk", flat=True).first() or 0
            channel, parameters = form.cleaned_data["channel"], form.parameters()
            run = run_start(kind=KIND, channel=channel, parameters=parameters, user=request.user)
            if run.pk <= newest:
                messages.info(request, _("A training is in progress already; nothing was started twice."))
            else:
                admin.ModelAdmin.log_addition(self, request, run, _("Started."))
            address = reverse("admin:ecomai_runs_run_change", args=[run.pk], current_app=self.admin_site.name)
            return HttpResponseRedirect(address)
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": _("Train with other settings"),
            "opts": self.opts,
            "form": form,
            "media": self.media + form.media,
            "back_url": reverse("admin:ecomai_recommend_placement_changelist", current_app=self.admin_site.name),
        }
        return TemplateResponse(request, "ecomai/recommend/admin/train.html", context)
