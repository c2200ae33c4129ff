"""Views of the storefront: thin, one query per part of a page."""
