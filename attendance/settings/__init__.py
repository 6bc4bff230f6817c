"""Everything from the environment, each with unit and default; ``.env.example`` lists the same names.

A value that makes no sense stops the start with a sentence instead of a surprise later. Each noun has a module of its
own; whoever reads settings reads them here, as one.
"""

from attendance.settings.environment import *  # noqa: F403  Django's settings are one module's names
from attendance.settings.recognition import *  # noqa: F403
from attendance.settings.site import *  # noqa: F403
from attendance.settings.stores import *  # noqa: F403
from attendance.settings.watching import *  # noqa: F403
from attendance.settings.work import *  # noqa: F403
