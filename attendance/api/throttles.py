"""How often a client may ask."""

from rest_framework.throttling import AnonRateThrottle, UserRateThrottle


class LoginThrottle(AnonRateThrottle):
    """Log-ins from one address; wrong passwords of one name are counted by django-axes beside it."""

    scope = "login"


class PartThrottle(UserRateThrottle):
    """Parts of photos from one person: many small ones a minute are what a bad network makes of twenty photos."""

    scope = "parts"
    rate = "1200/min"
