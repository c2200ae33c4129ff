"""A selection of the suite for databases and versions that do not get all of it.

One test or file per way through the package: copy the shop, take events, learn and serve, forecast, order, show it to
staff, answer the API, erase a person. A name that is not there any more fails the run.
"""

from __future__ import annotations

SMOKE = (
    "tests/mirror/test_sync.py::test_first_sync_copies_everything_with_links_and_history",
    "tests/mirror/test_sync.py::test_full_sync_marks_what_is_gone_and_revives_what_returns",
    "tests/mirror/test_live.py::test_upserts_of_single_rows",
    "tests/mirror/test_live.py::test_changes_of_every_table_are_applied",
    "tests/events/test_insert.py",
    "tests/recommend/test_training.py::test_it_learns_and_goes_live",
    "tests/recommend/test_serving.py::test_popularity_within_a_category_counts_the_categories_below_it",
    "tests/recommend/test_serving.py::test_buy_again_names_what_was_bought_last_first",
    "tests/recommend/test_tags.py::test_a_click_changes_the_very_next_page",
    "tests/recommend/test_api.py::test_it_answers_as_the_tag_does",
    "tests/recommend/test_admin.py::test_rules_are_saved_and_lead_back_to_the_placement",
    "tests/forecast/test_training.py::test_products_categories_and_the_shop_in_pieces_and_money",
    "tests/forecast/test_admin.py::test_the_page_of_a_product",
    "tests/inventory/test_orders.py::test_approving_makes_one_draft_per_supplier",
    "tests/inventory/test_orders.py::test_receipts_fill_an_order_and_know_their_lead_time",
    "tests/inventory/test_admin.py::test_the_page_of_a_product_and_undo",
    "tests/dashboard/test_start.py::test_it_says_what_is_known",
    "tests/example/test_integration.py::test_an_order_of_the_storefront_is_mirrored_with_its_lines",
    "tests/privacy/test_requests.py::test_an_erasure_leaves_nothing_and_the_scan_proves_it",
    "tests/privacy/test_requests.py::test_others_are_not_touched",
)

# What depends on the versions of libraries rather than on the database: trees, files of models, holidays, the schema.
LIBRARIES = (
    "tests/ml/ranking/test_trees.py",
    "tests/ml/test_persist.py",
    "tests/ml/test_frames.py",
    "tests/forecast/test_services.py::test_holidays_come_from_the_package_or_say_what_to_install",
    "tests/events/test_consent.py::test_cookie_consent_is_asked_by_purpose",
    "tests/runs/test_schedule_apply.py",
    "tests/example/test_openapi.py",
)
