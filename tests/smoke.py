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
    "tests/runs/test_clock.py",
    "tests/recommend/test_training.py::test_it_learns_and_goes_live",
    "tests/recommend/test_serving.py::test_popularity_within_a_category_counts_the_categories_below_it",
    "tests/recommend/test_serving.py::test_without_a_model_the_page_of_a_product_shows_what_lies_beside_it",
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
    "tests/ingest/test_rows.py::test_an_order_with_its_lines",
    "tests/ingest/test_rows.py::test_an_older_version_that_comes_late_does_not_overwrite",
    "tests/ingest/test_rows.py::test_a_key_of_one_shop_writes_into_that_shop_only",
    "tests/ingest/test_events.py::test_events_with_their_verdicts",
    "tests/ingest/test_idempotency.py::test_the_same_key_and_body_get_the_same_answer",
    "tests/ingest/test_keys.py::test_use_is_noted_to_the_hour_and_without_a_write_per_request",
    "tests/ingest/test_saleor.py::test_an_order_from_placing_to_refund",
    "tests/ingest/test_saleor.py::test_the_same_webhook_is_taken_once",
)

# What depends on the versions of libraries rather than on the database: trees, files of models, holidays, the schema,
# the tables of django-celery-beat, signatures, probes, figures.
LIBRARIES = (
    "tests/ml/ranking/test_trees.py",
    "tests/ml/test_persist.py",
    "tests/ml/test_frames.py",
    "tests/forecast/test_services.py::test_holidays_come_from_the_package_or_say_what_to_install",
    "tests/events/test_consent.py::test_cookie_consent_is_asked_by_purpose",
    "tests/runs/test_schedule_apply.py::test_entries_are_made_once_and_others_are_left_alone",
    "tests/ingest/test_saleor.py::test_a_detached_signature_of_the_shop_is_taken",
    "tests/core/test_metrics.py::TestWhatIsCounted::test_runs_models_and_the_scheduler",
    "tests/runs/test_health.py::TestPlugin::test_on_the_status_page_of_the_shop",
    "tests/example/test_openapi.py",
)
