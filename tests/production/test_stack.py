"""The production stack end to end: what a school gets from docker-compose.yml, as plain processes."""

import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from redis import AuthenticationError, Redis

from tests import stores
from tests.fakes import class_photo
from tests.production.running import Production
from tests.production.school import PASSWORD
from tests.production.stack import PATIENCE_SECONDS, SITE, WEBS, ProductionStack
from tests.stack import wait_until
from tests.story.client import Visitor

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]
PHOTOS = 12
TRICKLING = 40
"""More than the site's 32 threads."""
MOST_SECONDS_A_REQUEST = 60


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    more = {
        "FACE_PIPELINE_BUILDER": "tests.fakes.build_pipeline",
        "FAKE_ENGINE_SECONDS": "0.4",
        "LEASE_SECONDS": "8",
        "SWEEP_SECONDS": "1",
    }
    with ProductionStack(tmp_path_factory.mktemp("production"), more=more) as stack:
        yield Production(stack)


def test_everything_that_a_photo_needs_is_ready(production: Production) -> None:
    http = production.visitor().http

    def is_ready() -> bool:
        return http.get(f"{production.stack.url}/health/ready", timeout=MOST_SECONDS_A_REQUEST).status_code == 200

    wait_until(is_ready, seconds=PATIENCE_SECONDS, what="ready, the workers' and sweepers' signs of life included")
    workers = production.ask_database("sorted(Heartbeat.objects.filter(kind='worker').values_list('name', flat=True))")
    assert workers == ["celery@worker", "celery@worker-2"]


def test_selfies_were_sealed_into_the_store_and_embedded_by_the_workers(production: Production) -> None:
    def embedded() -> bool:
        return bool(production.ask_database("FaceTemplate.objects.count()") == 3)

    wait_until(embedded, seconds=PATIENCE_SECONDS, what="three templates", every=1)
    names = production.objects("selfies")
    assert len(names) == 3
    first = (
        stores.client(production.stack.store).get_object(Bucket=production.stack.bucket, Key=min(names))["Body"].read()
    )
    assert not first.startswith(b"\xff\xd8"), "a JPEG can be read by whoever reads the store"


def test_http_leads_to_https_and_cookies_and_headers_are_safe(production: Production) -> None:
    stack = production.stack
    plain = requests.get(f"http://{SITE}:{stack.http_port}/login/", allow_redirects=False, timeout=30)
    assert plain.status_code == 308
    assert plain.headers["Location"].startswith(f"https://{SITE}")
    teacher = production.teacher()
    flags = {cookie.name: cookie for cookie in teacher.http.cookies}
    assert all(cookie.secure for cookie in flags.values())
    assert "HttpOnly" in flags["sessionid"]._rest  # type: ignore[attr-defined]  # where the library keeps it
    answer = teacher.http.get(f"{stack.url}/", timeout=MOST_SECONDS_A_REQUEST)
    assert answer.status_code == 200
    assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    wrong = requests.get(f"http://127.0.0.1:{stack.http_port}/login/", timeout=30)
    assert (wrong.status_code, wrong.text) == (400, "")
    for page in (answer, plain, wrong):
        assert not {"Server", "Via", "X-Powered-By", "Alt-Svc"} & set(page.headers), page.headers


def test_files_of_the_pages_are_kept_by_browsers_for_long(production: Production) -> None:
    page = production.visitor().look("/login/")
    address = next(part.split('"')[0] for part in page.split('href="')[1:] if part.startswith("/static/"))
    answer = production.visitor().http.get(production.stack.url + address, timeout=MOST_SECONDS_A_REQUEST)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1"])
def test_a_wrong_host_gets_none_of_the_site(production: Production, host: str) -> None:
    http = production.visitor().http
    answer = http.get(f"{production.stack.url}/login/", headers={"Host": host}, timeout=MOST_SECONDS_A_REQUEST)
    assert (answer.status_code, answer.text) == (400, "")
    past = requests.get(
        f"http://127.0.0.1:{production.stack.web_ports['web-1']}/login/", headers={"Host": "evil.example"}, timeout=60
    )
    assert past.status_code == 400


def test_numbers_for_prometheus_need_its_token_and_are_not_given_by_the_proxy(production: Production) -> None:
    headers = {"Authorization": f"Bearer {(production.stack.secrets / 'metrics_token').read_text()}"}
    for url, host, is_told in (
        (production.stack.url, f"{SITE}:{production.stack.https_port}", False),
        # as Prometheus asks: no proxy, no TLS
        (f"http://127.0.0.1:{production.stack.web_ports['web-1']}", "web-1:8000", True),
    ):
        http = production.visitor().http
        http.headers["Host"] = host
        assert http.get(f"{url}/metrics", timeout=MOST_SECONDS_A_REQUEST).status_code == 404
        numbers = http.get(f"{url}/metrics", headers=headers, timeout=MOST_SECONDS_A_REQUEST)
        assert numbers.status_code == (200 if is_told else 404)
        assert ("rollcall_" in numbers.text) == is_told


def test_a_huge_body_is_refused_by_the_proxy_long_before_it_has_arrived(production: Production) -> None:
    context = ssl.create_default_context(cafile=str(production.stack.authority))
    secure = HTTPSConnection(SITE, production.stack.https_port, context=context, timeout=MOST_SECONDS_A_REQUEST)
    with closing(secure):
        secure.putrequest("POST", "/login/")
        secure.putheader("Content-Length", "700000000")
        secure.endheaders(bytes(1_000_000))
        answer = secure.getresponse()
    assert answer.status == 413
    assert "Server" not in answer.headers


def test_strangers_whose_bodies_trickle_hold_no_thread_of_the_site(production: Production) -> None:
    context = ssl.create_default_context(cafile=str(production.stack.authority))
    with ExitStack() as strangers:
        for _stranger in range(TRICKLING):
            secure = HTTPSConnection(SITE, production.stack.https_port, context=context, timeout=MOST_SECONDS_A_REQUEST)
            strangers.enter_context(closing(secure))
            secure.putrequest("POST", "/login/")
            secure.putheader("Content-Length", "5000000")
            secure.endheaders(bytes(100_000))
        answer = production.visitor().http.get(f"{production.stack.url}/login/", timeout=10)
    assert answer.status_code == 200


def test_the_address_that_a_client_claims_is_not_believed(production: Production) -> None:
    visitor = production.visitor()
    visitor.http.headers.update({"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9", "Forwarded": "for=x"})
    visitor.log_in("teacher", PASSWORD)
    visitor.send(f"{production.session}upload/", photos=("a.jpg", class_photo("ada", seed=90), "image/jpeg"))
    seen = production.ask_database(
        "list(AuditEvent.objects.filter(action='photo.added').values_list('address', flat=True))"
    )
    assert len(seen) == 1
    assert seen[0] in {"127.0.0.1", "::1"}


def test_the_id_that_a_client_gives_its_request_is_not_believed(production: Production) -> None:
    claimed = "8c0c4d5e52a04b1f9d0e0a1b2c3d4e5f"  # of the form that the site takes from a proxy
    visitor = production.visitor()
    visitor.http.headers["X-Request-ID"] = claimed
    visitor.log_in("teacher", PASSWORD)
    answer = visitor.http.get(f"{production.stack.url}/", timeout=MOST_SECONDS_A_REQUEST)
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])
    assert answer.headers["X-Request-ID"] != claimed
    assert production.ask_database(f"AuditEvent.objects.filter(request_id='{claimed}').count()") == 0
    past = {"Host": "web-1:8000", "X-Forwarded-Proto": "https", "X-Request-ID": claimed}
    web = f"http://127.0.0.1:{production.stack.web_ports['web-1']}/login/"
    assert requests.get(web, headers=past, timeout=30).headers["X-Request-ID"] == claimed


def wait_for(production: Production, name: str) -> None:
    """Wait until a web process that was started takes connections."""

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", production.stack.web_ports[name])) == 0

    wait_until(answers, seconds=PATIENCE_SECONDS, what=f"{name} is back")


def upload(visitor: Visitor, address: str, photo: bytes) -> list[int]:
    """Send a photo as the page's own script does, again if that failed; give the status of each try."""
    tries: list[int] = []
    for _ in range(2):
        try:
            answer = visitor.http.post(
                visitor.url + address,
                data={"csrfmiddlewaretoken": visitor.http.cookies["csrftoken"]},
                files={"photos": ("class.jpg", photo, "image/jpeg")},
                headers={"Referer": visitor.url, "Accept": "application/json"},
                timeout=MOST_SECONDS_A_REQUEST,
            )
            tries.append(answer.status_code)
        except requests.RequestException:
            tries.append(0)
        if tries[-1] in {200, 201}:
            break
        time.sleep(1)
    return tries


def test_a_killed_web_process_and_a_killed_worker_lose_no_photo(production: Production) -> None:
    stack, before = production.stack, production.ask_database("Snapshot.objects.count()")
    tries: list[list[int]] = []

    def teach(visitor: Visitor, seeds: range) -> None:
        for seed in seeds:
            tries.append(upload(visitor, f"{production.session}upload/", class_photo("ada", "ben", seed=seed)))

    # All have signed in before anything is killed: who has not yet is no upload.
    teachers = [
        threading.Thread(target=teach, args=(production.teacher(), range(first, first + PHOTOS // 3)))
        for first in (0, 20, 40)
    ]
    for one in teachers:
        one.start()
    wait_until(lambda: len(tries) >= 3, seconds=PATIENCE_SECONDS, what="three photos are in", every=0.05)
    stack.kill("web-1")
    stack.kill("worker")
    for one in teachers:
        one.join()
    assert len(tries) == PHOTOS
    assert all(one[-1] in {200, 201} for one in tries), tries
    stack.start_service("worker")  # as `restart: unless-stopped` does
    stack.start_service("web-1")

    def all_done() -> bool:
        counts = production.ask_database("[Snapshot.objects.filter(state=s).count() for s in ('DONE', 'FAILED')]")
        return bool(counts == [before + PHOTOS, 0])

    wait_until(all_done, seconds=PATIENCE_SECONDS, what="every photo is done", every=1)
    names = set(production.ask_database("list(Snapshot.objects.values_list('image', flat=True))"))
    assert len(names) == before + PHOTOS
    assert names <= production.objects("snapshots")


def test_photo_in_parts_goes_on_at_another_web_process_with_a_disk_of_its_own(production: Production) -> None:
    wait_for(production, "web-1")  # which the test before has killed
    stack, before = production.stack, production.ask_database("Snapshot.objects.count()")
    photo = class_photo("ada", "ben", seed=70)
    inside = {"Host": "web-1:8000", "X-Forwarded-Proto": "https"}  # as the proxy asks
    first, second = (f"http://127.0.0.1:{stack.web_ports[name]}" for name in WEBS)
    signed = requests.post(
        f"{first}/api/v1/token/", json={"username": "teacher", "password": PASSWORD}, headers=inside, timeout=30
    )
    ours = {**inside, "Authorization": f"Token {signed.json()['token']}", "Tus-Resumable": "1.0.0"}
    begun = requests.post(
        f"{first}/api/v1{production.session}uploads/", headers={**ours, "Upload-Length": str(len(photo))}, timeout=30
    )
    address = urlsplit(begun.headers["Location"]).path
    part = {**ours, "Content-Type": "application/offset+octet-stream"}

    def send(web: str, start: int, data: bytes) -> requests.Response:
        return requests.patch(web + address, data=data, headers={**part, "Upload-Offset": str(start)}, timeout=30)

    assert send(first, 0, photo[:300]).headers["Upload-Offset"] == "300"
    with closing(HTTPConnection("127.0.0.1", stack.web_ports["web-1"], timeout=30)) as cut:  # after 100 of 200 bytes
        cut.putrequest("PATCH", address, skip_host=True)
        for name, value in {**part, "Upload-Offset": "300", "Content-Length": "200"}.items():
            cut.putheader(name, value)
        cut.endheaders(photo[300:400])

    def stands_at() -> int:
        return int(requests.head(second + address, headers=ours, timeout=30).headers["Upload-Offset"])

    wait_until(lambda: stands_at() == 400, seconds=30, what="what came before the cut is kept")
    assert len(production.objects("parts")) == 2
    stack.end("web-1")
    assert send(second, 400, photo[400:600]).headers["Upload-Offset"] == "600"
    last = send(second, 600, photo[600:])
    assert (last.status_code, last.headers["Rollcall-Photo-New"]) == (204, "true")
    assert production.objects("parts") == set()
    assert production.ask_database("Snapshot.objects.count()") == before + 1
    assert [path for name in WEBS for path in stack.disk_of(name).rglob("*") if path.is_file()] == []
    stack.start_service("web-1")
    wait_for(production, "web-1")


def test_the_register_is_right(production: Production) -> None:
    marks = "sorted(AttendanceRecord.objects.values_list('student__name', 'status', 'source'))"
    assert production.ask_database(marks) == [["Ada", "PRESENT", "RECOGNISED"], ["Ben", "PRESENT", "RECOGNISED"]]
    page = production.teacher().look(production.session)
    assert all(name in page for name in ("Ada", "Ben", "Cem"))


def test_photos_are_seen_by_their_teacher_and_by_nobody_else(production: Production) -> None:
    photo = production.ask_database("[str(Snapshot.objects.first().public_id), Snapshot.objects.first().image.name]")
    address = f"{production.stack.url}/photos/{photo[0]}/image/"
    seen = production.teacher().http.get(address, timeout=MOST_SECONDS_A_REQUEST)
    assert (seen.status_code, seen.content[:2]) == (200, b"\xff\xd8")
    assert "no-store" in seen.headers["Cache-Control"]
    stranger = production.visitor().http.get(address, allow_redirects=False, timeout=MOST_SECONDS_A_REQUEST)
    assert stranger.status_code == 302
    assert "/login/" in stranger.headers["Location"]
    store = requests.get(f"{production.stack.store}/{production.stack.bucket}/{photo[1]}", timeout=30)
    assert store.status_code == 403


@pytest.mark.parametrize("name", WEBS)
def test_each_web_process_answers_while_the_other_is_replaced(production: Production, name: str) -> None:
    teacher = production.teacher()
    production.stack.end(name)
    assert [teacher.http.get(f"{production.stack.url}/", timeout=60).status_code for _ in range(10)] == [200] * 10
    production.stack.start_service(name)
    wait_for(production, name)


def test_the_broker_answers_nobody_without_its_password(production: Production) -> None:
    with Redis(port=production.stack.valkey_port) as broker, pytest.raises(AuthenticationError):
        broker.llen("celery")
    with Redis.from_url((production.stack.secrets / "redis_url").read_text()) as broker:
        assert broker.ping()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc here: environments cannot be read")
def test_no_secret_stands_in_a_log_or_an_environment(production: Production) -> None:
    files = {file.name: file.read_text() for file in production.stack.secrets.iterdir()}
    values = [text for name, text in files.items() if not name.endswith("_url")]
    values.append(str(urlsplit(files["redis_url"]).password))
    for name, process in production.stack.processes.items():
        environment = Path(f"/proc/{process.pid}/environ").read_bytes()
        said = production.stack.log(name)
        assert not any(value in said or value.encode() in environment for value in values), name
