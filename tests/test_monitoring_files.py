"""The alert rules and the dashboard speak of metrics that there are, and each alarm says what to do."""

import json
import re
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import promql_parser
import pytest
import yaml
from django.test import Client
from django.utils import timezone

from attendance.models import ClassSession, Heartbeat, Snapshot, User, WorkState
from attendance.services import health, recognition, snapshots
from attendance.services.metrics import database
from attendance.services.metrics.exposition import exposition
from tests.fakes import class_photo

Part = TypeVar("Part", bound=promql_parser.Expr)
ROOT = Path(__file__).resolve().parent.parent
RULES: list[dict[str, Any]] = yaml.safe_load((ROOT / "deploy/prometheus/rollcall-rules.yml").read_text())["groups"][0][
    "rules"
]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy/grafana/rollcall.json").read_text())
GUIDE = (ROOT / "docs/operations.md").read_text()
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [rule["expr"] for rule in RULES] + [query["expr"] for panel in PANELS for query in panel["targets"]]
PROMETHEUS_OWN = {"up": {"job": {"rollcall"}}}
"""Metrics that Prometheus makes of the scrape itself, with their labels."""
CLOSED = {"check", "kind", "quantile", "priority", "job"}
"""Labels whose every value the site of the test below has; others depend on what happens."""


@pytest.fixture
def exported(class_session: ClassSession, teacher: User, client: Client) -> dict[str, dict[str, set[str]]]:
    """Every sample name with the values of each of its labels, from a site that has done a bit of everything."""
    for seed, state in enumerate((WorkState.DONE, WorkState.FAILED)):
        photo = snapshots.add_snapshot(
            session=class_session, data=class_photo("ada", seed=seed + 1), by=teacher
        ).snapshot
        if state == WorkState.DONE:
            recognition.recognise(photo.pk)
        else:
            Snapshot.objects.filter(pk=photo.pk).update(
                state=state, failure_code="bad-photo", failure_reason="No.", finished_at=timezone.now()
            )
    for kind in ("worker", "sweeper", "retention", "backup"):
        Heartbeat.objects.create(name=kind, kind=kind, at=timezone.now())
    client.get("/login/")
    found: dict[str, dict[str, set[str]]] = {}
    for line in exposition().decode().splitlines():
        sample = re.match(r"([a-z_]+)(?:\{(.*)\})? ", line)
        if sample is None or line.startswith("#"):
            continue
        labels = found.setdefault(sample[1], {})
        for name, value in re.findall(r'([a-z]+)="([^"]*)"', sample[2] or ""):
            labels.setdefault(name, set()).add(value)
    return found


def parts(expression: str, kind: type[Part]) -> list[Part]:
    """Parse an expression, and give all that is of one kind in it, such as the selectors of metrics.

    Raises:
        ValueError: Prometheus would refuse it.
    """
    found: list[Part] = []

    def visit(part: promql_parser.Expr) -> None:
        if isinstance(part, kind):
            found.append(part)

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found


def unknown_in(expression: str, exported: dict[str, dict[str, set[str]]]) -> list[str]:
    """Name what an expression asks for that is not exported: metrics, labels, values, and labels to group by."""
    wrong, labels = [], set()
    for selector in parts(expression, promql_parser.VectorSelector):
        known = {**exported, **PROMETHEUS_OWN}.get(str(selector.name))
        if known is None:
            wrong.append(str(selector.name))
            continue
        labels |= set(known)
        for matcher in selector.matchers.matchers:
            wanted = set(matcher.value.split("|")) if matcher.name in CLOSED else set()
            if matcher.name not in known or not wanted <= known[matcher.name]:
                wrong.append(f"{selector.name}: {matcher}")
    for group in parts(expression, promql_parser.AggregateExpr):
        wrong += sorted(set(group.modifier.labels if group.modifier else ()) - labels)
    return wrong


@pytest.mark.django_db(transaction=True)
def test_every_metric_and_label_is_exported(exported: dict[str, dict[str, set[str]]]) -> None:
    for expression in EXPRESSIONS:
        assert parts(expression, promql_parser.VectorSelector), expression
        assert unknown_in(expression, exported) == [], expression


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ('max by (kind) (depth{kind="photo"}) > 1 or up{job="rollcall"} == 0', []),
        ("rate(depht[5m])", ["depht"]),
        ('depth{sort="photo"}', ['depth: sort="photo"']),
        ('depth{kind=~"photo|portrait"}', ['depth: kind=~"photo|portrait"']),
        ("sum by (kind, course) (rate(depth[5m]))", ["course"]),
    ],
)
def test_what_is_not_exported_is_noticed(expression: str, wrong: list[str]) -> None:
    assert unknown_in(expression, {"depth": {"kind": {"photo", "selfie"}}}) == wrong


@pytest.mark.parametrize(
    "expression", ["rate(depth)", "sum by (kind depth", 'depth{kind="photo"', "depth > > 1", "hist_quantile(1, depth)"]
)
def test_what_prometheus_would_refuse_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        parts(expression, promql_parser.VectorSelector)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("seconds", "is_told"), [(0, True), (2, False)])
def test_disk_that_hangs_is_not_told_as_a_full_one(
    monkeypatch: pytest.MonkeyPatch, seconds: float, is_told: bool
) -> None:
    def fullest_free_mb() -> int:
        time.sleep(seconds)
        return 7

    monkeypatch.setattr(database, "health", SimpleNamespace(readiness=dict))
    monkeypatch.setattr(database, "disk", SimpleNamespace(fullest_free_mb=fullest_free_mb))
    monkeypatch.setattr(database, "SECONDS", 1)
    told = re.findall(r"^rollcall_disk_free_bytes (.*)$", exposition().decode(), re.MULTILINE)
    assert [float(value) for value in told] == ([7e6] if is_told else [])


def test_every_check_of_readiness_has_its_alarm() -> None:
    rules = " ".join(rule["expr"] for rule in RULES)
    watched = {name for value in re.findall(r'check=~?"([a-z_|]+)"', rules) for name in value.split("|")}
    watched |= set(re.findall(r'rollcall_heartbeats\{kind="([a-z]+)"\}', rules))
    assert set(health.CHECKS) <= watched


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_alarm_says_what_is_wrong_and_where_to_read_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert re.fullmatch(r"\d+[mh]", rule["for"])
    file, anchor = rule["annotations"]["runbook"].split("#")
    assert file == "docs/operations.md"
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.*)$", GUIDE, re.M)
    }
    assert anchor in anchors


def test_alarms_have_names_of_their_own() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)


def test_dashboard_has_panels_that_say_what_they_show_and_lie_beside_each_other() -> None:
    assert len(PANELS) >= 12
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    places = [tuple(panel["gridPos"].values()) for panel in DASHBOARD["panels"]]
    assert len(set(places)) == len(places)
    for panel in PANELS:
        assert panel["description"].endswith(".")
        assert panel["targets"]
        assert panel["datasource"]["uid"] == "${source}"


def test_scrape_names_the_rules_and_brings_the_token() -> None:
    scrape = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    assert scrape["rule_files"] == ["rollcall-rules.yml"]
    (job,) = scrape["scrape_configs"]
    assert (job["job_name"], job["metrics_path"]) == ("rollcall", "/metrics")
    assert "credentials_file" in job["authorization"]
