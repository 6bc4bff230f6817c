"""How often a client may ask."""

from rest_framework.throttling import AnonRateThrottle


class LoginThrottle(AnonRateThrottle):
    """Log-ins from one address; wrong passwords of one name are counted by django-axes beside it."""

    scope = "login"
