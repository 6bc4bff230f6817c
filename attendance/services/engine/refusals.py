"""The engine's errors as refusals of ours, with a sentence and a status."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from django.conf import settings
from django.utils.translation import gettext as _

from attendance.services.errors import BadPhoto, UnsupportedPhoto, UnusableFace
from faces.errors import FaceError, ImageTooLarge, NoFace, PoorQuality, SeveralFaces, UnsupportedImage

_GATE: Final[Mapping[type[FaceError], str]] = {NoFace: "no-face", SeveralFaces: "several-faces"}


@contextmanager
def as_refusals() -> Iterator[None]:
    """Turn the errors of ``faces`` into ours.

    Raises:
        UnusableFace: no face, several, or one of poor quality.
        UnsupportedPhoto: a kind of file that is not accepted.
        BadPhoto: it cannot be read, or declares more pixels than the limit.
    """
    try:
        yield
    except PoorQuality as error:
        raise UnusableFace(str(error), reason_code=error.code) from error
    except (NoFace, SeveralFaces) as error:
        raise UnusableFace(str(error), reason_code=_GATE[type(error)]) from error
    except UnsupportedImage as error:
        raise UnsupportedPhoto(str(error)) from error
    except ImageTooLarge as error:
        raise BadPhoto(
            _("This photo has more than %(n)d megapixels.") % {"n": settings.MAX_PHOTO_MEGAPIXELS}
        ) from error
    except FaceError as error:
        raise BadPhoto(str(error)) from error
