"""Oscar's own default shop, nothing forked, with every capability of EcomAI."""

from oscar import INSTALLED_APPS as OSCAR_APPS
from oscar.defaults import *  # noqa: F403

from django_ecomai import ecomai_apps
from tests.docs.blocks import DOCS, page_blocks
from tests.projects.base import *  # noqa: F403
from tests.projects.base import ECOMAI, MIDDLEWARE, SCRATCH, TEMPLATES

INSTALLED_APPS = [*OSCAR_APPS, "sorl.thumbnail", "rest_framework", *ecomai_apps()]
# Oscar's pages with our carousels, as the guide writes them.
for block in page_blocks(DOCS / "tutorial" / "oscar.md"):
    if block.mark == "file" and block.value.startswith("templates/"):
        template = SCRATCH / block.value
        template.parent.mkdir(parents=True, exist_ok=True)
        template.write_text(block.text)

SITE_ID = 1
ROOT_URLCONF = "tests.projects.oscar.urls"
MIDDLEWARE = [
    *MIDDLEWARE[:-1],
    "django.contrib.flatpages.middleware.FlatpageFallbackMiddleware",
    "oscar.apps.basket.middleware.BasketMiddleware",
    MIDDLEWARE[-1],
]
AUTHENTICATION_BACKENDS = [
    "oscar.apps.customer.auth_backends.EmailBackend",
    "django.contrib.auth.backends.ModelBackend",
]
TEMPLATES = [
    {
        **TEMPLATES[0],
        "DIRS": [SCRATCH / "templates"],
        "OPTIONS": {
            "context_processors": [
                *TEMPLATES[0]["OPTIONS"]["context_processors"],
                "oscar.apps.search.context_processors.search_form",
                "oscar.apps.checkout.context_processors.checkout",
                "oscar.apps.communication.notifications.context_processors.notifications",
                "oscar.core.context_processors.metadata",
            ]
        },
    }
]
HAYSTACK_CONNECTIONS = {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}}
MEDIA_ROOT = SCRATCH / "media"
MEDIA_URL = "/media/"
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
ECOMAI = {**ECOMAI, "ADAPTER": "django_ecomai.adapters.oscar.OscarAdapter", "CURRENCY": "GBP"}

# The pipeline of Oscar's sandbox.
OSCAR_INITIAL_ORDER_STATUS = OSCAR_INITIAL_LINE_STATUS = "Pending"
OSCAR_ORDER_STATUS_PIPELINE = {
    "Pending": ("Being processed", "Cancelled"),
    "Being processed": ("Complete", "Cancelled"),
    "Cancelled": (),
    "Complete": (),
}
OSCAR_LINE_STATUS_PIPELINE = OSCAR_ORDER_STATUS_PIPELINE
OSCAR_ORDER_STATUS_CASCADE = {"Being processed": "Being processed", "Cancelled": "Cancelled", "Complete": "Complete"}
OSCAR_ALLOW_ANON_CHECKOUT = True

# Oscar's tables are made at once: its hundred migrations prove nothing about EcomAI.
OSCAR_LABELS = (
    "analytics address shipping catalogue reviews communication partner basket payment offer order customer voucher "
    "wishlists thumbnail"
)
MIGRATION_MODULES = dict.fromkeys(OSCAR_LABELS.split())
