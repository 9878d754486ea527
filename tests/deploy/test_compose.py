"""docker-compose.yml: sound, complete, and with no secret in it."""

import re
import shutil
import subprocess

import yaml

from tools import ROOT, compose, program, read, run, seed

SECRETS = ["LITELLM_MASTER_KEY", "LITELLM_SALT_KEY", "DB_PASSWORD", "REDIS_PASSWORD", "GRAFANA_PASSWORD"]


def has_compose():
    docker = shutil.which("docker")
    return docker and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0


def check(file):
    """By Docker itself where it is, else by the specification's schema."""
    if has_compose():
        values = {name: "of-a-test" for name in SECRETS}
        run("docker", "compose", "--file", file, "config", "--quiet", env=values)
    run(program("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", file)


def test_the_file_is_valid():
    check("docker-compose.yml")


def test_the_seeds_file_is_valid(tmp_path):
    file = tmp_path / "docker-compose.yml"
    file.write_text(seed("# docker-compose.yml"))
    check(file)


def test_every_service_is_watched_and_restarted():
    services = compose()["services"]
    assert set(services) == {"stagedoor", "balancer", "redis", "postgres", "prometheus", "grafana"}
    for name, service in services.items():
        assert "healthcheck" in service and service["restart"] == "unless-stopped", name
        assert "no-new-privileges:true" in service["security_opt"], name
        for other in service.get("depends_on", {}).values():
            assert other["condition"] == "service_healthy", name
    assert services["stagedoor"]["read_only"] and services["stagedoor"]["cap_drop"] == ["ALL"]
    assert services["stagedoor"]["deploy"]["replicas"] == "${REPLICAS:-3}"
    # Only the load balancer is there for everybody.
    published = {name: port for name, service in services.items() for port in service.get("ports", [])}
    assert published == {
        "balancer": "${PORT:-8000}:8000", "prometheus": "127.0.0.1:9090:9090", "grafana": "127.0.0.1:3000:3000",
    }


def test_files_and_networks_that_it_names_exist():
    file = compose()
    for name, service in file["services"].items():
        for volume in service.get("volumes", []):
            source = re.sub(r"\$\{\w+:-(.*?)\}", r"\1", volume).split(":")[0]
            there = (ROOT / source).exists() if source.startswith(".") else source in file["volumes"]
            assert there, f"{name}: {volume}"
        assert set(service["networks"]) <= set(file["networks"]), name


def test_open_streams_have_time_to_end():
    services = compose()["services"]
    environment = services["stagedoor"]["environment"]
    needed = int(environment["SHUTDOWN_DRAIN_DELAY"]) + int(environment["GRACEFUL_SHUTDOWN_TIMEOUT"])
    for name in ("stagedoor", "balancer"):
        minutes = int(services[name]["stop_grace_period"].removesuffix("m"))
        assert minutes * 60 > needed, name


def test_no_secret_is_in_it():
    text = read("docker-compose.yml")
    required = set(re.findall(r"\$\{(\w+):\?", text))
    assert required == set(SECRETS)
    template = dict(line.split("=", 1) for line in read(".env.example").splitlines() if re.match(r"\w+=", line))
    assert all(template[name] == "" for name in SECRETS)
    optional = set(re.findall(r"\$\{(\w+):-", text))
    assert all(re.search(rf"^#?{name}=", read(".env.example"), re.MULTILINE) for name in optional)
    for name, service in yaml.safe_load(text)["services"].items():
        for variable, value in service.get("environment", {}).items():
            secret = re.search("PASSWORD|KEY", variable)
            assert not secret or re.fullmatch(r"\$\{\w+:[?-][^}]*\}", value), f"{name}: {variable}"


def test_the_command_that_fills_the_environment_file_works(tmp_path):
    """As README.md, .env.example and docker-compose.yml itself tell it."""
    command = re.search(r"^for name in .*?\n.*?> \.env$", read("README.md"), re.DOTALL | re.MULTILINE).group()
    for other in (".env.example", "docker-compose.yml"):
        assert re.sub(r"\s+", " ", command) in re.sub(r"[\s#]+", " ", read(other)), other
    run("sh", "-c", command, cwd=tmp_path)
    made = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines())
    assert list(made) == SECRETS and len(set(made.values())) == len(SECRETS)
    assert all(re.fullmatch(r"sk-[0-9a-f]{48}", value) for value in made.values())
