"""The ``ECOMAI`` settings dict: typed defaults, read lazily so that ``override_settings`` works.

Use ``from django_ecomai.conf import ecomai`` and read ``ecomai.CURRENCY``. Every attribute of ``Defaults`` is a
setting.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from django.conf import settings as django_settings
from django.utils.module_loading import import_string


class Defaults:
    """Every setting with its type and default. The text below a setting is what the reference prints."""

    ADAPTER: str | dict[str, str] | None = None
    """Dotted path of the shop's ``ShopAdapter`` subclass. Needed by everything that reads the shop's tables. Where one
    installation serves several shops: a dict from channel to dotted path, in which the key ``""`` serves the rest.
    """

    CHANNEL: str = ""
    """Which shop this process serves, when one installation serves several. Empty for the only shop."""

    CURRENCY: str = "EUR"
    """ISO 4217 code used where a row of the shop names none."""

    CONSENT: str | Callable[..., Any] = "django_ecomai.events.consent.cookie"
    """A callable ``(request) -> set of purposes``, or its dotted path. Ready-made: ``cookie``, ``cookie_consent``,
    ``always``.
    """

    CONSENT_COOKIE: str = "ecomai_consent"
    """Name of the cookie that the ready-made ``cookie`` consent reads: purposes joined by ``.``, e.g.
    ``analytics.personalization``.
    """

    VISITOR_COOKIE: str = "ecomai_visitor"
    """Name of the signed first-party cookie that carries the visitor's pseudonymous id."""

    VISITOR_COOKIE_AGE: int = 60 * 60 * 24 * 180
    """Seconds a visitor cookie lives, renewed on visits."""

    SESSION_IDLE_SECONDS: int = 60 * 30
    """A visit ends after this many seconds without a request; the next event opens a new session."""

    HASH_KEY: str | None = None
    """Secret for the keyed hashes (visitor ids, IP, device, e-mail, address). ``None`` derives one from ``SECRET_KEY``.
    """

    HASH_KEY_FALLBACKS: list[str] | tuple[str, ...] = ()
    """Keys that were ``HASH_KEY`` before, newest first: persons who were erased or objected are still recognised by
    what was stored under them. Visitors get new ids under a new key.
    """

    CONSENT_VERSION: str = ""
    """Which text of the banner visitors agree to, e.g. ``"2026-03"``: written into the ledger of consents."""

    CONSENT_RETENTION_DAYS: int = 1095
    """Entries of the ledger of consents older than this are deleted, except the last one of a person."""

    REQUEST_RETENTION_DAYS: int = 1095
    """Finished requests of persons (export, erasure, objection) older than this are deleted."""

    REQUEST_DUE_DAYS: int = 30
    """A request of a person is due this many days after it was made; the doctor warns before."""

    ERASURE_MODEL_HOURS: int = 72
    """Hours after an erasure by which every model that was trained before it is retrained, or else taken out of
    service.
    """

    ERASURE_LOG_DIR: str | None = None
    """Folder of the log of erasures, which is replayed after a backup was restored. ``None``: ``privacy/erasures``
    beside the models. Best on a disk that is not restored together with the database.
    """

    SECURITY_RETENTION_DAYS: int = 365
    """The keyed hashes of orders (IP address, device, e-mail, postal address) are emptied after so many days."""

    GONE_CUSTOMER_DAYS: int = 30
    """A customer whom the shop deleted is deleted from the copy after so many days; his orders stay as a guest's."""

    RELEASE_EPSILON: float = 2.0
    """How much lists that leave the shop (``ecomai_release_list``) may tell of a person within 365 days: the sum of
    their epsilons. Smaller is more private; 2 multiplies the odds of a guess about one customer by at most 7.4.
    """

    COLLECT_DEMOGRAPHICS: bool = False
    """Copy age, gender and location of customers into the mirror. Off: they are dropped at the door."""

    CUSTOMER_PREFERENCES: bool = False
    """Work out for every customer from which categories he is likely to buy next, and keep it. Off: nothing is worked
    out, and the next run of the job deletes what was kept.
    """

    COUNTRY_HEADER: str = ""
    """Request header in which a proxy or CDN tells the visitor's country, e.g. ``CF-IPCountry``: two letters are kept
    with views of visitors who agreed, and choose what a newcomer sees. Name one only that your proxy overwrites. Empty:
    the country of visitors is unknown.
    """

    CAPTURE_MAX_EVENTS: int = 50
    """Most events accepted in one batch from a browser."""

    CAPTURE_MAX_BYTES: int = 64 * 1024
    """Largest body accepted from a browser, in bytes."""

    CAPTURE_TOKEN_AGE: int = 60 * 60 * 6
    """Seconds for which the page token that a beacon must carry is valid."""

    CAPTURE_RATE: int = 240
    """Most events accepted per visitor and minute; 0 switches the limit off. Ten times as many are taken from one
    address for all its visitors who come without a cookie, and a hundred times as many for all others.
    """

    CAPTURE_QUEUE: str = "direct"
    """What keeps an event between the request and the table: ``direct`` (nothing: it is inserted within the request),
    ``redis`` (a stream; ``pip install 'django-ecomai[redis]'``) or ``celery`` (a task of the project's broker).
    """

    CAPTURE_REDIS_URL: str = "redis://127.0.0.1:6379/0"
    """Where the stream is, with ``CAPTURE_QUEUE`` ``redis``. That Redis must keep an append-only file and evict
    nothing.
    """

    CAPTURE_STREAM: str = "ecomai:events"
    """Key of the stream in Redis; what cannot be stored is put aside under the same key with ``:dead`` behind it."""

    CAPTURE_QUEUE_MAX: int = 1_000_000
    """Most events that wait in the stream, about 500 bytes of memory each. A full one refuses; nothing is trimmed."""

    CAPTURE_SPILL_DIR: str | None = None
    """Folder on this machine for events that neither the queue nor the database takes at the moment. ``None``: the
    folder ``capture`` beside the models. It must survive a restart.
    """

    CAPTURE_SPILL_MB: float = 64
    """Most megabytes of events in that folder (about 2,500 events each); 0 switches it off: a browser is then asked to
    come again, and what the server tracks is lost.
    """

    TRUSTED_PROXIES: int = 0
    """How many proxies of your own stand before the shop. Each appends to ``X-Forwarded-For``, and the visitor's
    address is the entry that the first of them wrote. With 0 the header, which anybody can send, is not read: behind a
    proxy everybody then has the proxy's address.
    """

    EVENT_RETENTION_DAYS: int = 400
    """Events older than this are deleted by ``ecomai_prune``."""

    RECENT_ITEMS: int = 20
    """How many of the products that a visitor looked at or put into the cart last the recommender reacts to. Purchases
    always count.
    """

    RECENT_CACHE: str = "default"
    """Alias in ``CACHES`` that holds recent items. Use a shared cache (Redis, database, file) when several processes
    serve the shop.
    """

    ARTIFACT_DIR: str = "ecomai_artifacts"
    """Folder of trained models; a relative path is taken from ``BASE_DIR``. On several machines: also set
    ``ARTIFACT_STORAGE``.
    """

    ARTIFACT_STORAGE: str | None = None
    """Alias in ``STORAGES`` where artifacts are kept for all machines; ``ARTIFACT_DIR`` is then the local copy."""

    ARTIFACTS_KEPT: int = 5
    """How many artifacts of one kind and channel are kept for a roll back."""

    DISPATCH: str = "auto"
    """How heavy work is started: ``celery``, ``process`` (a child process), ``queue`` (waits for an ``ecomai_work
    --loop``), ``inline``, or ``auto`` (Celery when a broker is configured, else a child process).
    """

    CELERY_QUEUE: str | None = None
    """Celery queue for EcomAI tasks; ``None`` uses the project's default queue."""

    RUN_STALE_MINUTES: int = 15
    """A run that has not reported for this long is taken for dead and marked failed."""

    RUN_RETENTION_DAYS: int = 90
    """Ended runs older than this are deleted by ``ecomai_prune``."""

    LIVE_CHECK_SECONDS: float = 5.0
    """How often a web process looks whether another model went live or a placement was edited."""

    MODEL_STALE_DAYS: int = 7
    """The doctor and the start page warn when the live model is older than this."""

    ATTRIBUTION_DAYS: int = 7
    """A purchase counts for a recommendation when the same visitor clicked it at most this many days before."""

    RESOLVE_OBJECTS: bool = True
    """Fetch the shop's own objects for ``item.object`` in cards (one query per page). Switch off when the templates use
    ``item.card`` only.
    """

    FILTER_ATTRIBUTES: list[str] | tuple[str, ...] = ()
    """Names of product attributes (``ProductRow.attributes``) that a page or the REST endpoint may filter and boost by,
    e.g. ``["color", "size"]``. Others cannot be asked for.
    """

    RECOMMEND_TRAINING: dict[str, Any] | None = None
    """Parameters of every training of recommendations unless the run is given its own, e.g. ``{"budget": 40,
    "memory_mb": 1024}``: how many recipes are tried, and what the largest of them may take. See the reference of jobs.
    """

    STOCK_INCLUDES_RESERVED: bool = False
    """Whether the shop's stock still counts pieces that customers have ordered and that are not shipped yet. On: they
    are taken off before anything is suggested.
    """

    INVENTORY_ALERTS: list[str] | tuple[str, ...] = ()
    """E-mail addresses that are told each morning what has sold out, piled up, suddenly sells or does not sell although
    it is in stock. Empty: nobody; the start page says it anyway.
    """

    INVENTORY_STEERS: bool = False
    """Let stock steer recommendations: what is sold out is shown later, what is surplus earlier, in every carousel."""

    PRICING_HORIZON_DAYS: int = 28
    """How many days ahead a proposed price is judged by, unless its rule names an end date."""

    PRICING_HISTORY_WEEKS: int = 104
    """How many weeks of sales and prices elasticities are learned from."""

    PRICING_LEARN_DAYS: int = 7
    """After how many days elasticities are learned anew: they change slowly, and most of the work is to learn them. On
    the days between prices are worked out with those that are stored. 0: in every run.
    """

    PRICING_RETENTION_DAYS: int = 1095
    """How many days decided price proposals, prices drawn to learn and past prices of competitors are kept, at least as
    long as ``PRICING_HISTORY_WEEKS``. What was done to prices in the shop is kept.
    """

    PRICING_LIMITS: dict[str, float | None] | None = None
    """Limits that hold for every price, whatever rules say; stricter ones of rules win. Defaults: ``{"max_change_day":
    0.1, "max_change_week": 0.2, "corridor_low": 0.5, "corridor_high": 1.5, "min_margin": 0}`` (shares of the price
    before, of the list price or where there is none of the price a year ago, of the price); ``None`` switches one off.
    A price below cost is never proposed. Two more say what is worth a proposal: ``"min_gain": 1`` (until its horizon
    ends, in the product's currency) and ``"min_gain_share": 0`` (of the profit at today's price). What the merchant
    sets on the page *Price limits* wins.
    """

    PRICING_LIMITS_LOCKED: bool | list[str] | tuple[str, ...] = ()
    """Limits of ``PRICING_LIMITS`` that the page *Price limits* shows and cannot change, such as ``["min_margin"]``;
    ``True``: all.
    """

    PRICING_STEPS: dict[str, str] | None = None
    """Smallest step of prices per currency, such as ``{"SEK": "1"}``, beside those that are known (0.05 in Swiss
    francs, 1 in yen, 0.001 in Kuwaiti dinars, ...: the digits of ISO 4217, and what is paid); else 0.01.
    """

    PRICING_MAP_ATTRIBUTE: str = ""
    """Attribute of products that holds the least advertised price, below which none is proposed. Empty: none."""

    PRICING_TAX_RATE: float | None = None
    """Tax that prices hold, as a share of the net price: ``0.19`` where shoppers pay 19 % VAT. Costs are net, so with
    it margins, floors and profits are worked out from net prices. ``None`` or 0: prices and costs are compared as they
    stand.
    """

    PRICING_TAX_ATTRIBUTE: str = ""
    """Attribute of products that holds a tax rate of their own in per cent, such as ``7`` for books. Products without
    it have ``PRICING_TAX_RATE``. Empty: none.
    """

    PRICING_PRICES_INCLUDE_PROMOTIONS: bool | None = None
    """Whether the shop lowers prices itself while a promotion (of the kind price reduction) runs (``True``), or takes
    it off in the cart (``False``). The price reductions, and the lowest price of 30 days, follow it.
    ``None``: not said; it is told from how each price moved, and where both are possible the lower price counts.
    """

    PRICING_TIER_ATTRIBUTE: str = ""
    """Attribute of customers that holds their tier, such as ``"group"`` with retail and wholesale: how price-sensitive
    the tiers are is compared. Its name must be of the trade (group, tier, price list, volume ...), else name it in
    ``PRICING_TIER_CHECKED`` too. Never an attribute of a person. Empty: tiers are not compared.
    """

    PRICING_TIER_CHECKED: str = ""
    """The same name again, where its words are not of the trade: you have looked, and it tells nothing of a person
    and stands in for nothing that does. A name with a word of a person is refused all the same.
    """

    PRICING_CAUTION: float = 0.0
    """How many standard deviations are taken off what a price is expected to gain: above 0 prices move less where
    little is known.
    """

    PRICING_FOUR_EYES: bool = False
    """Whether two people must approve a price before it goes into the shop, and confirm that one comes back against a
    limit.
    """

    PRICING_CANARY_DAYS: int = 14
    """After how many days the other products of an approval follow those that went first, if these have earned what
    was expected. Where that cannot be told, they wait for a person.
    """

    PRICING_ROLLBACK: bool = True
    """Whether a price that earns less than expected is taken back without asking; else it is only reported."""

    PRICING_STEERS: bool = False
    """Let the margin at proposed prices steer recommendations: what leaves more is shown a little earlier."""

    FORECAST_FREQUENCY: str = "W"
    """Length of the periods that are forecast: ``D`` days, ``W`` weeks (from Monday), ``M`` months."""

    FORECAST_HORIZON: int | None = None
    """How many periods are forecast. ``None``: 91 days, 53 weeks or 12 months."""

    FORECAST_HISTORY_DAYS: int = 1096
    """How many days of orders a forecast learns from."""

    FORECAST_HOLIDAYS: str | list[str] | tuple[str, ...] | None = None
    """Countries whose public holidays move sales, as ISO 3166 codes, with the part of the country after a dash:
    ``"GB"`` or ``["DE-BY", "AT"]``. Needs ``pip install 'django-ecomai[forecast]'``. ``None``: no holidays.
    """

    FORECAST_FULL_DAYS: int = 7
    """A nightly run forecasts only the series that have changed, and everything anew when the last time was so many
    days ago.
    """

    FORECAST_TRAINING: dict[str, Any] | None = None
    """Parameters of every forecast run unless it is given its own, e.g. ``{"windows": 4, "learned": False}``. See the
    reference of jobs.
    """

    PRICING_COMPETITOR_MAX_AGE_DAYS: int = 14
    """How many days after it was seen a competitor's offer is still used. Older ones are shown and used for nothing."""

    PRICING_MATCH_ACCEPT: float = 0.95
    """From which probability on the search takes an offer for a product without asking, 0 to 1. Below it the pair waits
    in the review list. What a person has accepted always counts.
    """

    PRICING_MATCH_REVIEW: float = 0.3
    """From which probability on a pair of offer and product is shown in the review list; likelier ones first."""

    PRICING_UNDERCUT_PERCENT: float = 5.0
    """By how many per cent a competitor must be cheaper before it is told."""

    PRICING_MARKET_ALERTS: list[str] | tuple[str, ...] = ()
    """E-mail addresses that are told each morning who undercuts the shop, who has sold out and who has become the
    cheapest. Empty: nobody; the start page says it anyway.
    """

    METRICS_TOKEN: str | None = None
    """What a Prometheus server sends as ``Authorization: Bearer …`` to read ``ecomai/metrics/``. ``None``: only staff
    who may see runs read it. Take it from the environment, never from the repository.
    """

    INGEST_MAX_BYTES: int = 32 * 1024 * 1024
    """Largest body of a delivery through the API, in bytes; JSON (not NDJSON) at most 4 MiB of it."""

    INGEST_MAX_ROWS: int = 50_000
    """Most lines of one NDJSON delivery; a JSON body holds at most 1,000 rows."""

    INGEST_MAX_LINE_BYTES: int = 256 * 1024
    """Longest line of an NDJSON delivery, in bytes; a longer one is rejected and the others are taken."""

    INGEST_ANSWER_HOURS: float = 24
    """Hours for which a delivery with an ``Idempotency-Key`` gets the same answer when it is sent again."""

    INGEST_THROTTLE: str = "600/min"
    """Rate of deliveries per API key, in DRF's notation. Empty: no limit."""

    INGEST_READ_THROTTLE: str = "6000/min"
    """Rate at which an API key may ask for recommendations, in DRF's notation. Empty: no limit."""

    SALEOR: dict[str, dict[str, str]] | None = None
    """Saleor shops whose webhooks are taken: ``{channel: {"domain": "shop.saleor.cloud", "secret": "…"}}``. Without
    ``secret`` the signature is checked with the public key of the domain (extra ``saleor``). Optional:
    ``saleor_channel``, the slug of the Saleor channel whose prices count.
    """

    SALEOR_MAX_AGE: int = 60 * 60 * 24
    """Seconds after which a webhook of Saleor is too old to be taken: longer than Saleor goes on trying."""

    API_THROTTLE: str = "240/min"
    """Rate of the REST endpoints per client, in DRF's notation; and of fragments that filter or carry words."""

    PRICE_HOLD_MINUTES: int = 60
    """Minutes for which a price that ``{% price_hold %}`` was given stays valid for the cart. 0 holds none."""

    PRICE_DISCLOSURE: bool | str = False
    """What ``{% price_disclosure %}`` tells shoppers: your own text, ``True`` for the built-in one, ``False`` for none.
    Only for shops that personalise prices themselves.
    """


class EcomaiSettings(Defaults):
    """Reads ``settings.ECOMAI`` at every access; a missing key gives the default."""

    def __getattribute__(self, name: str) -> Any:
        if name.isupper():
            user: dict[str, Any] = getattr(django_settings, "ECOMAI", None) or {}
            if name in user:
                return user[name]
        return object.__getattribute__(self, name)

    def load(self, name: str) -> Any:
        """Import the object whose dotted path the setting ``name`` holds; a callable is returned as it is."""
        value = getattr(self, name)
        return import_string(value) if isinstance(value, str) else value


def setting_names() -> list[str]:
    """Names of all settings, in the order of ``Defaults``."""
    return [name for name in vars(Defaults) if name.isupper()]


def unknown_settings() -> list[tuple[str, str | None]]:
    """Keys of ``settings.ECOMAI`` that are no setting, each with the nearest name that is one."""
    user: dict[str, Any] = getattr(django_settings, "ECOMAI", None) or {}
    names = setting_names()
    unknown = []
    for key in user:
        if key not in names:
            near = difflib.get_close_matches(str(key).upper(), names, n=1, cutoff=0.5)
            unknown.append((str(key), near[0] if near else None))
    return unknown


ecomai = EcomaiSettings()
