"""Which user agents are robots. Tokens of well-known crawlers, monitors, previewers and HTTP libraries."""

from __future__ import annotations

import re
from functools import lru_cache

# Generic words first (they alone catch most); then names that carry none of them. After the public
# ``crawler-user-agents`` list, reduced to tokens that do not occur in the user agents of people's browsers.
_TOKENS = (
    r"bot\b|bot[/_;, -]|bot$|crawl|spider|slurp|scrap(?:e|y)|archiver|headless|phantomjs|puppeteer|playwright|selenium|"
    r"lighthouse|pagespeed|gtmetrix|pingdom|uptime|monitor(?:ing)?[/ ]|checker|validator|preview|fetch(?:er)?[/ ]|"
    r"feed(?:ly|burner|fetcher|parser|validator)|facebookexternalhit|facebookcatalog|meta-external|whatsapp|"
    r"skypeuripreview|embedly|quora link|bingpreview|mediapartners|adsbot|apis-google|google-(?:extended|inspection|"
    r"read-aloud|safety|structured|site-verification)|googleother|storebot|yandex(?!search|browser)|baidu(?!browser|boxapp)|"
    r"sogou (?:web|pic)|exabot|qwantify|semrush|ahrefs|mj12|dotbot|rogerbot|screaming frog|sitebulb|dataforseo|"
    r"seokicks|blexbot|serpstat|petal|bytespider|gptbot|chatgpt|oai-search|claude|anthropic|perplexity|cohere-ai|"
    r"ccbot|diffbot|omgili|amazonbot|applebot|ia_archiver|heritrix|nutch|wget|curl[/ ]|libwww|lwp-|python|aiohttp|"
    r"httpx|requests[/ ]|urllib|java/|jakarta|apache-httpclient|go-http|node-fetch|axios|got[/ ]|undici|"
    r"ruby|faraday|guzzle|php/|postman|insomnia|httpie|winhttp|nessus|nikto|nmap|masscan|zgrab|censys|"
    r"sqlmap|netcraft|statuscake|site24x7|newrelic|datadog|zabbix|nagios|kube-probe|elb-health|haproxy|varnish"
)
_BOT = re.compile(_TOKENS, re.IGNORECASE)
# "Cubot" is a maker of phones.
_PEOPLE = re.compile(r"\bcubot\b", re.IGNORECASE)


@lru_cache(maxsize=4096)
def is_bot(user_agent: str) -> bool:
    """Whether this ``User-Agent`` header belongs to a program; a missing header does."""
    text = _PEOPLE.sub("", user_agent[:512])
    return not text.strip() or _BOT.search(text) is not None
