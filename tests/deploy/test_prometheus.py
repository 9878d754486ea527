"""Scrape configuration, alert rules and board, by Prometheus itself."""

import re

import yaml

from tools import board, board_queries, compose, metric_names, program, read, run

ENDINGS = ("_bucket", "_sum", "_count")


def metrics_of(query):
    return {word for word in re.findall(r"\b(?:litellm|stagedoor|process)_\w+", query) if word != "litellm_model_name"}


def unknown(queries):
    known = metric_names()
    known |= {name + ending for name in known for ending in ENDINGS}
    return {name for query in queries for name in metrics_of(query)} - known


def test_configuration_and_rules_are_valid():
    said = run(program("promtool"), "check", "config", "cluster/prometheus/prometheus.yml")
    assert "1 rule files found" in said, said
    run(program("promtool"), "check", "rules", "--lint-fatal", "cluster/prometheus/alerts.yml")


def test_rules_fire_when_they_should():
    run(program("promtool"), "test", "rules", "cluster/prometheus/alerts_test.yml")


def test_every_rule_has_a_test():
    rules = yaml.safe_load(read("cluster/prometheus/alerts.yml"))["groups"][0]["rules"]
    tests = yaml.safe_load(read("cluster/prometheus/alerts_test.yml"))["tests"]
    fired = {one["alertname"] for test in tests for one in test["alert_rule_test"] if one["exp_alerts"]}
    assert {rule["alert"] for rule in rules} == fired
    assert not unknown(rule["expr"] for rule in rules)


def test_it_scrapes_what_compose_starts():
    services = compose()["services"]
    jobs = {job["job_name"]: job for job in yaml.safe_load(read("cluster/prometheus/prometheus.yml"))["scrape_configs"]}
    replicas = jobs["stagedoor"]["dns_sd_configs"][0]
    assert replicas["names"] == ["stagedoor"] and str(replicas["port"]) == services["stagedoor"]["command"][-1]
    assert jobs["balancer"]["static_configs"][0]["targets"] == ["balancer:8404"]
    assert services["balancer"]["environment"]["METRICS_ADDRESS"] == "*:8404"


def test_the_board_asks_for_metrics_that_exist():
    queries = [query for _, query in board_queries()]
    variables = [one["query"]["query"] for one in board()["templating"]["list"] if one["type"] == "query"]
    assert len(queries) > 30
    assert not unknown(queries + variables)


def test_the_board_shows_what_the_gateway_says_of_itself():
    shown = {name for _, query in board_queries() for name in metrics_of(query)}
    shown |= {name.removesuffix(ending) for name in shown for ending in ENDINGS}
    own = {name for name in metric_names() if name.startswith("stagedoor_")}
    assert {"stagedoor_cache_lookups_total", "stagedoor_semantic_cache_questions_total", "stagedoor_export_events_total"} <= own
    assert not own - shown
    assert {"litellm_cache_hits_metric_total", "litellm_cache_misses_metric_total", "litellm_spend_metric_total"} <= shown


def test_the_board_is_laid_out():
    panels = board()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = {}
    for panel in panels:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert x < 24 and (x, y) not in taken, f"{panel['title']} lies on {taken.get((x, y))}"
                taken[x, y] = panel["title"]
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == "${datasource}" and "unit" in panel["fieldConfig"]["defaults"] or panel["type"] == "state-timeline"


def test_grafana_finds_board_and_prometheus():
    services = compose()["services"]
    mounts = dict(volume.split(":")[:2] for volume in services["grafana"]["volumes"])
    provider = yaml.safe_load(read("cluster/grafana/provisioning/dashboards/boards.yml"))["providers"][0]
    assert mounts["./cluster/grafana/boards"] == provider["options"]["path"]
    assert services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == provider["options"]["path"] + "/stagedoor.json"
    source = yaml.safe_load(read("cluster/grafana/provisioning/datasources/prometheus.yml"))["datasources"][0]
    assert source["url"] == "http://prometheus:9090" and "prometheus" in services


def test_the_tutorials_scrape_configuration_reaches_an_open_endpoint(tmp_path):
    block = read("tests/seeds/litellm-proxy-tutorial.md").split("# Prometheus metrics\n")[1].split("```")[0]
    text = yaml.safe_load(block)["data"]["prometheus.yml"]
    (tmp_path / "prometheus.yml").write_text(text)
    run(program("promtool"), "check", "config", "--syntax-only", tmp_path / "prometheus.yml")
    (job,) = yaml.safe_load(text)["scrape_configs"]
    # It sends no key: tests/e2e/health.rs scrapes that path without one.
    assert job["metrics_path"] == "/metrics" and "authorization" not in job


def test_the_guides_metrics_are_alerted_on():
    guide = read("tests/seeds/litellm-proxy-guide.txt")
    named = guide.split("Useful metrics to alert on: ")[1].split(".\n")[0].split(", ")
    asked = {name for rule in yaml.safe_load(read("cluster/prometheus/alerts.yml"))["groups"][0]["rules"] for name in metrics_of(rule["expr"])}
    asked |= {name.removesuffix(ending) for name in asked for ending in ENDINGS}
    assert len(named) == 3 and set(named) <= asked
