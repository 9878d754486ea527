"""The Dockerfile, and the commands that people give to the image."""

import json
import re

from tools import ROOT, compose, program, read, run, seed, stagedoor


def instruction(name):
    return json.loads(re.search(rf"^{name} (\[.*\])$", read("Dockerfile"), re.MULTILINE).group(1))


def check(arguments, config):
    """Whether the program takes these arguments, with the file in the place of the image's."""
    words = [str(config) if word in ("/app/config.yaml", "config.yaml") else word for word in arguments]
    return run(stagedoor(), *words, "--check")


def test_the_linter_has_nothing_to_say():
    assert run(program("hadolint"), "Dockerfile") == ""


def test_what_is_copied_is_in_the_context():
    """.dockerignore begins with everything and lets in what the Dockerfile copies, and what is compiled in."""
    ignore = read(".dockerignore").splitlines()
    let_in = {line[1:] for line in ignore if line.startswith("!")}
    assert "*" in ignore
    for line in re.findall(r"^COPY (?!--from)(.*)$", read("Dockerfile"), re.MULTILINE):
        for source in line.split()[:-1]:
            assert source in let_in and (ROOT / source).exists(), source
    program_files = [file for file in (ROOT / "src").rglob("*.rs") if "test" not in str(file.relative_to(ROOT))]
    for source in program_files:
        for path in re.findall(r'include_(?:str|bytes)!\(\s*"(\.\./.*?)"', source.read_text()):
            name = (source.parent / path).resolve().relative_to(ROOT)
            assert {str(name.parents[0]), name.parts[0]} & let_in, f"{source}: {name}"
            # A folder of cluster/ comes in by its own name.
            assert name.parts[0] != "cluster" or str(name.parents[0]) in let_in, f"{source}: {name}"


def test_the_image_serves_the_seeds_port_and_runs_as_nobody():
    """The tutorial's compose file and Kubernetes manifest name no command, and expect port 8000 and ./config.yaml."""
    assert instruction("ENTRYPOINT") == ["stagedoor"]
    assert instruction("CMD") == ["--config", "/app/config.yaml", "--port", "8000"]
    text = read("Dockerfile")
    assert "\nUSER 65532:65532\n" in text and "\nWORKDIR /app\n" in text and "HOST=0.0.0.0" in text
    config = ROOT / "config" / "quickstart.yaml"
    assert "OK: 1 deployments" in check(instruction("CMD"), config)


def test_commands_written_for_the_other_image_work():
    config = ROOT / "config" / "quickstart.yaml"
    guide = read("tests/seeds/litellm-proxy-guide.txt")
    assert "--config /app/config.yaml --port 4000" in guide
    check(["--config", "/app/config.yaml", "--port", "4000"], config)
    dockerfile = seed("# Dockerfile")
    command = json.loads(re.search(r"^CMD (\[.*\])$", dockerfile, re.MULTILINE).group(1))
    assert command[0] == "litellm"
    check(command, config)


def test_the_containers_check_is_a_command_of_the_program():
    words = compose()["services"]["stagedoor"]["healthcheck"]["test"]
    assert words == ["CMD", "stagedoor", "--port", "8000", "health"]
    assert "whether it is ready" in run(stagedoor(), "health", "--help")
