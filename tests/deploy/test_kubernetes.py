"""The manifests, as they are applied: sound for old and new Kubernetes, and what they promise."""

import json
import re

import kubernetes_validate
import pytest
import yaml

from tools import ROOT, documents, of_kind, program, read, rendered, run, seed, stagedoor

OVERLAYS = ["dev", "production"]
# The oldest that knows `preStop.sleep` and `unhealthyPodEvictionPolicy` without a switch, and the newest there is.
VERSIONS = ["1.30", "1.37"]
OPERATOR = "monitoring.coreos.com/v1"
KEYS = {"LITELLM_MASTER_KEY": "sk-of-a-test", "OPENAI_API_KEY": "sk-of-a-test", "REDIS_HOST": "redis", "REDIS_PORT": "6379",
        "REDIS_PASSWORD": "of-a-test", "DATABASE_URL": "postgresql://u:p@localhost/d"}


@pytest.fixture(scope="module", params=OVERLAYS)
def overlay(request):
    return rendered(request.param)


@pytest.fixture(scope="module")
def production():
    return rendered("production")


def validate(resources, version):
    for resource in resources:
        kubernetes_validate.validate(resource, version, strict=True)
    assert resources


@pytest.mark.parametrize("version", VERSIONS)
def test_manifests_are_valid(overlay, version):
    validate([one for one in overlay if one["apiVersion"] != OPERATOR], version)


def test_the_validator_finds_slips(production):
    typo = {**of_kind(production, "PodDisruptionBudget"), "spec": {"maxUnavailabel": 1}}
    with pytest.raises(kubernetes_validate.ValidationError):
        validate([typo], VERSIONS[0])


def test_resources_of_the_operator_are_valid(production):
    ours = [one for one in production if one["apiVersion"] == OPERATOR]
    # The command that cluster/README.md gives for the alert rules makes one of them, too.
    command = re.search(r"^    (\{ printf .*?) \| kubectl -n stagedoor apply -f -$", read("cluster/README.md"), re.DOTALL | re.MULTILINE)
    ours += documents(run("sh", "-c", command.group(1)))
    assert ours[1]["spec"] == yaml.safe_load(read("cluster/prometheus/alerts.yml"))
    assert [one["kind"] for one in ours] == ["ServiceMonitor", "PrometheusRule"]
    run(program("node"), "tests/deploy/node/operator.mjs", text=json.dumps(ours))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_template_of_the_secret_and_the_seeds_manifests_are_valid(version):
    validate(documents(read("k8s/secret.template.yaml")), version)
    validate(documents(seed("# k8s/deployment.yaml")), version)
    validate(documents(seed("# Prometheus metrics\napiVersion")), version)


def test_names_are_those_of_the_seeds(production):
    ours = {(one["kind"], one["metadata"]["name"]) for one in rendered("dev")}
    theirs = documents(seed("# k8s/deployment.yaml"))
    assert {(one["kind"], one["metadata"]["name"]) for one in theirs} <= ours
    service = of_kind([one for one in production if one["metadata"]["name"] == "litellm-service"], "Service")
    assert {80, 8000} == {port["port"] for port in service["spec"]["ports"]}


def pod(resources):
    return next(one for one in resources if one["kind"] in ("Deployment", "StatefulSet"))["spec"]["template"]


def test_pods_are_restricted(overlay):
    """What the Pod Security Standard `restricted`, which the namespace enforces, wants, and a read-only root."""
    spec = pod(overlay)["spec"]
    assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    assert not spec["automountServiceAccountToken"]
    for container in spec["containers"]:
        own = container["securityContext"]
        assert not own["allowPrivilegeEscalation"] and own["readOnlyRootFilesystem"]
        assert own["capabilities"] == {"drop": ["ALL"]}
    kinds = {kind for volume in spec["volumes"] for kind in volume if kind != "name"}
    assert kinds <= {"configMap", "emptyDir", "persistentVolumeClaim"}
    assert of_kind(overlay, "Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_rows_outlive_the_pod(overlay):
    """Where rows of the ledger wait is a claim, mounted where the spool is."""
    workload = next(one for one in overlay if one["kind"] in ("Deployment", "StatefulSet"))
    spec = workload["spec"]["template"]["spec"]
    container = spec["containers"][0]
    environment = {one["name"]: one["value"] for one in container["env"]}
    claims = {one["name"] for one in spec["volumes"] if "persistentVolumeClaim" in one}
    claims |= {one["metadata"]["name"] for one in workload["spec"].get("volumeClaimTemplates", [])}
    paths = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] in claims]
    assert len(paths) == 1 and environment["SPOOL_DIR"].startswith(paths[0] + "/")
    # Every mount has a volume of its own, and no volume two.
    names = [one["name"] for one in spec["volumes"] if one["name"] not in claims] + sorted(claims)
    assert sorted(names) == sorted(mount["name"] for mount in container["volumeMounts"])


def test_there_is_time_to_finish(overlay):
    spec = pod(overlay)["spec"]
    environment = {one["name"]: one["value"] for one in spec["containers"][0]["env"]}
    pause = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    needed = pause + int(environment["SHUTDOWN_DRAIN_DELAY"]) + int(environment["GRACEFUL_SHUTDOWN_TIMEOUT"])
    assert spec["terminationGracePeriodSeconds"] > needed
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert spec["containers"][0][probe]["httpGet"]["port"] == "http"


def test_production_scales_and_survives_maintenance(production):
    workload = of_kind(production, "StatefulSet")
    scaler = of_kind(production, "HorizontalPodAutoscaler")["spec"]
    assert scaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": workload["metadata"]["name"]}
    # A number of replicas would undo the autoscaler's with each apply.
    assert "replicas" not in workload["spec"] and scaler["minReplicas"] == 3
    assert [metric["type"] for metric in scaler["metrics"]] == ["Resource", "Pods"]
    labels = workload["spec"]["template"]["metadata"]["labels"]
    selectors = [of_kind(production, kind)["spec"] for kind in ("PodDisruptionBudget", "NetworkPolicy")]
    for selector in [selectors[0]["selector"], selectors[1]["podSelector"]]:
        assert selector["matchLabels"].items() <= labels.items()
    for service in [one for one in production if one["kind"] == "Service"]:
        assert service["spec"]["selector"].items() <= labels.items()
    assert workload["spec"]["serviceName"] in {one["metadata"]["name"] for one in production if one["kind"] == "Service"}
    spread = workload["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert {one["topologyKey"] for one in spread} == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}


def test_the_monitor_finds_exactly_one_service(production):
    monitor = of_kind(production, "ServiceMonitor")["spec"]
    wanted = monitor["selector"]["matchLabels"].items()
    found = [one for one in production if one["kind"] == "Service" and wanted <= one["metadata"].get("labels", {}).items()]
    assert len(found) == 1
    # The alert rules ask for the job of this name.
    assert found[0]["metadata"]["labels"][monitor["jobLabel"]] == "stagedoor"
    assert monitor["endpoints"][0]["port"] in {port["name"] for port in found[0]["spec"]["ports"]}


def test_configurations_are_sound(overlay, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(of_kind(overlay, "ConfigMap")["data"]["config.yaml"])
    arguments = pod(overlay)["spec"]["containers"][0]["args"]
    arguments = [str(config) if one == "/app/config/config.yaml" else one for one in arguments]
    said = run(stagedoor(), *arguments, "--check", env=KEYS)
    assert "0 of them cannot work" in said, said


def test_no_secret_is_in_a_manifest(overlay):
    assert not [one for one in overlay if one["kind"] == "Secret"]
    assert not any(documents(read("k8s/secret.template.yaml"))[0]["stringData"][name] for name in ("LITELLM_MASTER_KEY", "OPENAI_API_KEY"))
    named = {reference["secretRef"]["name"] for reference in pod(overlay)["spec"]["containers"][0]["envFrom"]}
    assert named == {documents(read("k8s/secret.template.yaml"))[0]["metadata"]["name"]}
    assert (ROOT / ".gitignore").read_text().splitlines().count("/.env") == 1
