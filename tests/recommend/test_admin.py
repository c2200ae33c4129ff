"""The merchant's side: carousels, rules, preview."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from django_ecomai.events.models import Event
from django_ecomai.mirror.models import Customer
from django_ecomai.recommend.models import Placement, Slot, SlotRule
from django_ecomai.recommend.serving import recommendations
from django_ecomai.runs.models import Run
from tests.recommend.factories import START, category, order, placement, product, products, rule
from tests.recommend.helpers import ids, queries

pytestmark = pytest.mark.django_db


@pytest.fixture
def merchant(client: Any) -> Any:
    user = get_user_model().objects.create_superuser("merchant", "m@example.com", "x")
    client.force_login(user)
    return client


def staff(client: Any, *codenames: str) -> Any:
    user = get_user_model().objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    return client


def slot_form(home: Placement, **changes: Any) -> dict[str, Any]:
    """What the browser posts for a placement with one carousel."""
    slot = home.slots.get()
    return {
        "label": home.label,
        "is_active": "on",
        "slots-TOTAL_FORMS": "1",
        "slots-INITIAL_FORMS": "1",
        "slots-MIN_NUM_FORMS": "0",
        "slots-MAX_NUM_FORMS": "1000",
        "slots-0-id": slot.pk,
        "slots-0-placement": home.pk,
        "slots-0-title": slot.title,
        "slots-0-strategy": slot.strategy,
        "slots-0-size": slot.size,
        "slots-0-order": slot.order,
        "slots-0-is_active": "on",
        "slots-0-only_in_stock": "on",
        **changes,
    }


def rule_forms(slot: Slot, *rules: dict[str, Any]) -> dict[str, Any]:
    posted: dict[str, Any] = {
        "title": slot.title,
        "strategy": slot.strategy,
        "size": slot.size,
        "order": slot.order,
        "is_active": "on",
        "rules-TOTAL_FORMS": len(rules),
        "rules-INITIAL_FORMS": "0",
        "rules-MIN_NUM_FORMS": "0",
        "rules-MAX_NUM_FORMS": "1000",
    }
    for number, one in enumerate(rules):
        posted |= {f"rules-{number}-{key}": value for key, value in {"factor": "2", **one}.items()}
    return posted


@pytest.fixture(params=[True, False], ids=["with the copies", "without the copies"])
def pick(request: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """How the preview names a row: by search where the admin shows the shop's copies, by the shop's id where not."""
    monkeypatch.setattr(admin.site, "is_registered", lambda model: request.param)
    return lambda row: row.pk if request.param else row.external_id


def test_the_list_names_the_tag_and_counts_what_is_shown(merchant: Any) -> None:
    page = merchant.get(reverse("admin:ecomai_recommend_placement_changelist")).content.decode()

    assert "{% recommend_carousel &quot;home&quot; %}" in page
    assert '<td class="field-carousels">4</td>' in page
    assert "Train now" in page


def test_the_list_asks_the_same_whatever_its_length(merchant: Any) -> None:
    url = reverse("admin:ecomai_recommend_placement_changelist")
    merchant.get(url)
    few = len(queries(lambda: merchant.get(url)))
    for number in range(20):
        placement(f"extra{number}", "trending", "similar")

    assert len(queries(lambda: merchant.get(url))) == few


def test_a_change_shows_at_once_and_leaves_a_trace(merchant: Any) -> None:
    products(4)
    home = placement("home", "new_arrivals")
    assert len(recommendations("home")) == 4

    posted = slot_form(home, **{"slots-0-size": "2", "slots-0-title": "Fresh"})
    answer = merchant.post(reverse("admin:ecomai_recommend_placement_change", args=[home.pk]), posted)

    assert answer.status_code == 302
    assert ids(recommendations("home")) == ["p3", "p2"]
    history = merchant.get(reverse("admin:ecomai_recommend_placement_history", args=[home.pk])).content.decode()
    assert "Changed" in history
    assert "Fresh" in history


def test_the_key_of_a_placement_stays(merchant: Any) -> None:
    home = placement("home", "trending")

    merchant.post(
        reverse("admin:ecomai_recommend_placement_change", args=[home.pk]), slot_form(home, key="start", label="Start")
    )

    home.refresh_from_db()
    assert (home.key, home.label) == ("home", "Start")


def test_the_rules_of_a_carousel_are_one_click_away(merchant: Any) -> None:
    slot = placement("home", "trending").slots.get()
    url = reverse("admin:ecomai_recommend_placement_change", args=[slot.placement_id])
    assert "No rules yet" in merchant.get(url).content.decode()
    rule(slot, "hide", product("p0"))

    page = merchant.get(url).content.decode()

    assert f'<a href="{reverse("admin:ecomai_recommend_slot_change", args=[slot.pk])}">1 rule: edit</a>' in page
    assert "Save first;" in page


def test_strategies_are_offered_by_what_they_do(merchant: Any) -> None:
    home = placement("home", "by_the_moon")

    page = merchant.get(reverse("admin:ecomai_recommend_placement_change", args=[home.pk])).content.decode()

    assert '<option value="bought_together">Often bought together</option>' in page
    assert '<option value="by_the_moon" selected>by_the_moon (not installed)</option>' in page
    assert "What the strategies show" in page


@pytest.mark.parametrize(("size", "ok"), [("0", False), ("1", True), ("48", True), ("49", False)])
def test_the_size_has_bounds(merchant: Any, size: str, ok: bool) -> None:
    home = placement("home", "trending")

    posted = slot_form(home, **{"slots-0-size": size})
    answer = merchant.post(reverse("admin:ecomai_recommend_placement_change", args=[home.pk]), posted)

    assert answer.status_code == (302 if ok else 200)


def test_rules_are_saved_and_lead_back_to_the_placement(merchant: Any) -> None:
    made = products(3)
    slot = placement("home", "new_arrivals").slots.get()

    answer = merchant.post(
        reverse("admin:ecomai_recommend_slot_change", args=[slot.pk]),
        rule_forms(slot, {"action": "pin", "product": made[0].pk}, {"action": "hide", "product": made[2].pk}),
    )

    assert answer.status_code == 302
    assert answer["Location"] == reverse("admin:ecomai_recommend_placement_change", args=[slot.placement_id])
    assert ids(recommendations("home")) == ["p0", "p1"]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([{"action": "hide"}], "Choose the product or the category"),
        ([{"action": "hide", "product": 1, "category": 1}], "Choose a product or a category, not both"),
        (
            [{"action": "hide", "product": 1, "starts_at_0": "2026-02-01", "starts_at_1": "00:00",
              "ends_at_0": "2026-01-01", "ends_at_1": "00:00"}],
            "The rule would end before it begins",
        ),
        ([{"action": "pin", "product": 1}, {"action": "hide", "product": 1}], "cannot be"),
        ([{"action": "boost", "category": 1}, {"action": "bury", "category": 1}], "cannot be"),
        ([{"action": "pin", "product": 1}, {"action": "pin", "product": 1}], "has two rules"),
        ([{"action": "boost", "product": 1, "factor": "0.5"}], "greater than or equal to 1"),
        ([{"action": "hide", "product": 2}], "belongs to another shop"),
    ],
)  # fmt: skip
def test_rules_that_make_no_sense_are_named(merchant: Any, rules: list[dict[str, Any]], message: str) -> None:
    mine, other = product("p0"), product("x0", channel="b")
    lamps = category()
    real = {"product": {1: mine.pk, 2: other.pk}, "category": {1: lamps.pk}}
    slot = placement("home", "trending").slots.get()
    posted = [{key: real.get(key, {}).get(value, value) for key, value in one.items()} for one in rules]

    answer = merchant.post(reverse("admin:ecomai_recommend_slot_change", args=[slot.pk]), rule_forms(slot, *posted))

    assert answer.status_code == 200
    assert message in answer.content.decode()
    assert SlotRule.objects.count() == 0


def test_opposite_rules_may_follow_one_another(merchant: Any) -> None:
    mine = product("p0")
    slot = placement("home", "trending").slots.get()
    until = {"ends_at_0": "2026-03-01", "ends_at_1": "00:00"}
    since = {"starts_at_0": "2026-03-01", "starts_at_1": "00:00"}

    answer = merchant.post(
        reverse("admin:ecomai_recommend_slot_change", args=[slot.pk]),
        rule_forms(
            slot, {"action": "hide", "product": mine.pk, **until}, {"action": "pin", "product": mine.pk, **since}
        ),
    )

    assert answer.status_code == 302
    assert SlotRule.objects.count() == 2


def test_a_rule_without_its_carousel_is_checked_as_far_as_possible() -> None:
    with pytest.raises(ValidationError, match="end before it begins"):
        SlotRule(action="hide", category=category(), starts_at=START, ends_at=START - timedelta(seconds=1)).clean()


@pytest.mark.parametrize(
    ("values", "warning"),
    [
        ({"stock": 0}, "is sold out"),
        ({"is_active": False}, "is not on sale"),
        ({"stock": 3}, ""),
        ({"stock": None}, ""),
    ],
)
def test_a_pinned_product_that_cannot_be_shown_is_warned_of(
    merchant: Any, values: dict[str, Any], warning: str
) -> None:
    made = products(1)[0]
    type(made).objects.filter(pk=made.pk).update(**values)
    slot = placement("home", "trending").slots.get()
    type(slot).objects.filter(pk=slot.pk).update(only_in_stock=True)
    url = reverse("admin:ecomai_recommend_slot_change", args=[slot.pk])

    posted = {**rule_forms(slot, {"action": "pin", "product": made.pk}), "only_in_stock": "on"}
    answer = merchant.post(url, posted, follow=True)

    assert slot.rules.count() == 1
    said = [str(message) for message in answer.context["messages"] if message.level_tag == "warning"]
    assert [warning in text for text in said] == ([True] if warning else [])


def test_the_preview_shows_what_this_customer_gets_and_what_was_left_out(merchant: Any, pick: Any) -> None:
    made = products(4)
    order("c7", ["p1"])
    made[2].stock = 0
    made[2].save()
    home = placement("account", "buy_again", "trending")
    rule(home.slots.get(strategy="trending"), "hide", made[3])
    customer = Customer.objects.get(external_id="c7")

    url = reverse("admin:ecomai_recommend_placement_preview", args=[home.pk])
    page = merchant.get(url, {"customer": pick(customer)}).content.decode()

    assert "You bought this before" in page
    assert "Product p2 — out of stock" in page
    assert "Product p3 — hidden by a rule" in page
    assert Event.objects.count() == 0


def test_the_preview_of_a_product_page(merchant: Any, pick: Any) -> None:
    viewed, _ = products(2)
    page_of = placement("product", "new_arrivals")

    url = reverse("admin:ecomai_recommend_placement_preview", args=[page_of.pk])
    page = merchant.get(url, {"product": pick(viewed)}).content.decode()

    assert "<strong>Product p1</strong>" in page
    assert "<strong>Product p0</strong>" not in page


def test_the_preview_of_pages_about_a_product_begins_with_one_that_sells(merchant: Any) -> None:
    lamps = category("lamps")
    products(3, categories=[lamps])
    for number in range(2):
        order(f"c{number}", ["p1"], at=timezone.now())

    def opened(key: str, strategy: str) -> Any:
        page_of = placement(key, strategy)
        return merchant.get(reverse("admin:ecomai_recommend_placement_preview", args=[page_of.pk]))

    answer = opened("product", "similar")
    assert answer.context["form"].cleaned_data["product"].external_id == "p1"
    assert "Shown for an example that sells well" in answer.content.decode()
    shown = [item.product_id for item in answer.context["carousels"][0].carousel.items]
    assert sorted(shown) == ["p0", "p2"]
    assert opened("category", "trending_in_category").context["form"].cleaned_data["category"] == lamps
    assert opened("home", "trending").context["form"].cleaned_data["product"] is None


def test_the_preview_says_what_an_empty_carousel_waits_for(merchant: Any) -> None:
    products(1)
    page_of = placement("account", "buy_again", "cross_sell", "on_sale")

    url = reverse("admin:ecomai_recommend_placement_preview", args=[page_of.pk])
    answer = merchant.get(url, {"customer": ""})

    assert [one.empty for one in answer.context["carousels"]] == [
        "Empty for somebody unknown. Choose a customer to see what his past brings.",
        "Choose the product on the page: this carousel is about it.",
        "Empty: shoppers do not see this carousel.",
    ]


def test_the_preview_of_an_empty_search_takes_its_words(merchant: Any) -> None:
    product("p0", title="White lantern")
    product("p1", title="Red mug")
    page_of = placement("empty_search", "empty_search")

    url = reverse("admin:ecomai_recommend_placement_preview", args=[page_of.pk])
    answer = merchant.get(url, {"words": "lanterns"})

    first = answer.context["carousels"][0].carousel.items[0]
    assert (first.product_id, first.reason_code) == ("p0", "words")
    assert (
        'name="words"'
        not in merchant.get(
            reverse("admin:ecomai_recommend_placement_preview", args=[placement("home", "trending").pk])
        ).content.decode()
    )


def test_the_preview_knows_only_the_placements_shop(merchant: Any, pick: Any) -> None:
    stranger = Customer.objects.create(channel="b", external_id="c1")
    home = placement("home", "trending")

    url = reverse("admin:ecomai_recommend_placement_preview", args=[home.pk])
    page = merchant.get(url, {"customer": pick(stranger)}).content.decode()

    assert "This is not known in the placement" in page


@pytest.mark.parametrize("field", ["customer", "product", "category"])
@pytest.mark.parametrize("typed", ["abc", "9" * 40, "-1", "1;2", "%00", "\x00"])
def test_an_address_with_a_mistyped_id_says_so(merchant: Any, pick: Any, field: str, typed: str) -> None:
    products(1)
    home = placement("home", "trending")

    answer = merchant.get(reverse("admin:ecomai_recommend_placement_preview", args=[home.pk]), {field: typed})

    assert answer.status_code == 200
    assert field in answer.context["form"].errors


def test_the_preview_of_a_placement_that_is_off_says_so(merchant: Any) -> None:
    products(1)
    home = placement("home", "trending")
    Placement.objects.filter(pk=home.pk).update(is_active=False)

    page = merchant.get(reverse("admin:ecomai_recommend_placement_preview", args=[home.pk])).content.decode()

    assert "switched off: shoppers see nothing of it" in page
    assert "Product p0" in page


def test_the_preview_needs_its_own_permission(client: Any) -> None:
    home = placement("home", "trending")
    url = reverse("admin:ecomai_recommend_placement_preview", args=[home.pk])

    assert staff(client, "view_placement").get(url).status_code == 403


def test_staff_with_the_permission_may_preview_but_not_train(client: Any) -> None:
    home = placement("home", "trending")
    url = reverse("admin:ecomai_recommend_placement_preview", args=[home.pk])

    answer = staff(client, "view_placement", "preview_placement").get(url)

    assert answer.status_code == 200
    assert "Train now" not in answer.content.decode()


def test_a_preview_of_nothing_is_not_found(merchant: Any) -> None:
    assert merchant.get(reverse("admin:ecomai_recommend_placement_preview", args=[999_999])).status_code == 404


def test_train_now_starts_the_job(merchant: Any, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        merchant.post(reverse("admin:ecomai_runs_run_start"), {"kind": "recommend.train"})

    assert Run.objects.get().state == "done"


def test_carousels_are_not_on_the_index_and_not_added_alone(merchant: Any) -> None:
    assert (
        reverse("admin:ecomai_recommend_slot_changelist") not in merchant.get(reverse("admin:index")).content.decode()
    )
    assert merchant.get(reverse("admin:ecomai_recommend_slot_add")).status_code == 403
