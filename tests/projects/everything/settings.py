"""A shop with every capability: the example shop's app plus all of EcomAI."""

from django_ecomai import ecomai_apps
from tests.projects.base import *  # noqa: F403
from tests.projects.base import DJANGO_APPS, ECOMAI, TEMPLATES

INSTALLED_APPS = [*DJANGO_APPS, "rest_framework", "drf_spectacular", "example_project.shop", *ecomai_apps()]
ROOT_URLCONF = "tests.projects.everything.urls"
REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
ECOMAI = {**ECOMAI, "ADAPTER": "example_project.shop.ecomai.ShopAdapter", "CURRENCY": "GBP"}
LOGIN_URL = "/account/login/"
DEMO = True
TEMPLATES = [
    {
        **TEMPLATES[0],
        "OPTIONS": {
            "context_processors": [
                *TEMPLATES[0]["OPTIONS"]["context_processors"],
                "example_project.shop.context.shop",
            ]
        },
    }
]
