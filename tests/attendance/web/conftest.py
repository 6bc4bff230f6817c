"""Browsers of the cast."""

from collections.abc import Callable

import pytest
from django.core.cache import cache
from django.test import Client

from attendance.models import User

Browser = Callable[[User], Client]


@pytest.fixture(autouse=True)
def fresh_counters() -> None:
    """Limits count in the cache: each test starts from zero."""
    cache.clear()


@pytest.fixture
def browser(db: None) -> Browser:
    """A browser in which this person has signed in."""

    def make(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def desk(browser: Browser, teacher: User) -> Client:
    """Tess's browser."""
    return browser(teacher)


@pytest.fixture
def office(browser: Browser, admin: User) -> Client:
    """Ann's browser."""
    return browser(admin)
