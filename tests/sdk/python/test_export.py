"""What is exported is read by the receivers' own code: OpenTelemetry's messages, LangSmith's models, AWS' signatures."""

import json
import urllib.parse

import langsmith.schemas
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector import Collector
from harness import config, deployment, http

SECRET = "a-secret/with+signs"


@pytest.fixture
def collector():
    collector = Collector()
    yield collector
    collector.stop()


@pytest.fixture
def exporting(fake, key, start, collector):
    """A gateway that tells the collector everything, after one answered request of a key in a team; that key."""
    s3 = {
        "s3_bucket_name": "logs", "s3_endpoint_url": collector.base, "s3_region_name": "eu-west-1",
        "s3_aws_access_key_id": "AK", "s3_aws_secret_access_key": SECRET, "s3_path": "all logs",
        "s3_use_team_prefix": True, "s3_flush_interval": 1,
    }
    settings = {"callbacks": ["otel", "langsmith", "s3"], "s3_callback_params": s3, "turn_off_message_logging": False}
    environment = {
        "OTEL_EXPORTER": "otlp_http", "OTEL_ENDPOINT": collector.base, "OTEL_SERVICE_NAME": "the-gateway",
        "LITELLM_OTEL_INTEGRATION_ENABLE_METRICS": "true", "LANGSMITH_API_KEY": "ls", "LANGSMITH_BASE_URL": collector.base,
        "DEFAULT_FLUSH_INTERVAL_SECONDS": "1",
    }
    model = deployment(fake, "chat", f"{key}", input_cost_per_token=0.001, output_cost_per_token=0.002)
    gateway = start(config(model, litellm=settings, general={"database_url": "sqlite:///a.db"}), env=environment)
    gateway.request("POST", "/team/new", {"team_id": "t", "team_alias": "Röte & Co"})
    made = gateway.request("POST", "/key/generate", {"team_id": "t", "key_alias": "ci"})[2]
    body = {"model": "chat", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0.5}
    status, _, answer = http(
        "POST", f"{gateway.base}/v1/chat/completions", body, {"authorization": f"Bearer {made['key']}"}
    )
    assert status == 200, answer
    return gateway, answer


def attributes(span):
    value = lambda any_value: getattr(any_value, any_value.WhichOneof("value"))
    return {one.key: value(one.value) for one in span.attributes}


def test_spans_are_read_by_opentelemetry(exporting, collector):
    _, answer = exporting
    _, path, headers, body = collector.first("/v1/traces")
    assert (path, headers["content-type"]) == ("/v1/traces", "application/x-protobuf")
    request = ExportTraceServiceRequest.FromString(body)
    assert request.SerializeToString() and len(request.resource_spans) == 1
    resource = {one.key: one.value.string_value for one in request.resource_spans[0].resource.attributes}
    assert resource["service.name"] == "the-gateway"
    server, model = request.resource_spans[0].scope_spans[0].spans
    assert (server.name, server.kind) == ("Received Proxy Server Request", server.SPAN_KIND_SERVER)
    assert (model.name, model.kind) == ("chat gpt-4o", model.SPAN_KIND_CLIENT)
    assert model.parent_span_id == server.span_id and model.trace_id == server.trace_id
    assert len(server.trace_id) == 16 and len(server.span_id) == 8
    assert 0 < model.start_time_unix_nano <= model.end_time_unix_nano
    assert server.status.code == server.status.STATUS_CODE_OK
    told = attributes(model)
    assert told["gen_ai.operation.name"] == "chat" and told["gen_ai.provider.name"] == "openai"
    assert told["gen_ai.usage.input_tokens"] == answer["usage"]["prompt_tokens"]
    assert told["gen_ai.usage.output_tokens"] == answer["usage"]["completion_tokens"]
    assert told["gen_ai.request.temperature"] == 0.5 and told["gen_ai.request.stream"] is False
    assert list(told["gen_ai.response.finish_reasons"].values)[0].string_value == "stop"
    said = json.loads(told["gen_ai.output.messages"])
    assert said[0]["parts"][0]["content"] == answer["choices"][0]["message"]["content"]
    assert attributes(server)["metadata.user_api_key_team_alias"] == "Röte & Co"


def test_metrics_are_read_by_opentelemetry(exporting, collector):
    _, answer = exporting
    request = ExportMetricsServiceRequest.FromString(collector.first("/v1/metrics")[3])
    duration, tokens = request.resource_metrics[0].scope_metrics[0].metrics
    assert (duration.name, duration.unit) == ("gen_ai.client.operation.duration", "s")
    point = duration.histogram.data_points[0]
    assert point.count == 1 == sum(point.bucket_counts) and len(point.bucket_counts) == len(point.explicit_bounds) + 1
    assert 0 < point.sum < 60 and point.start_time_unix_nano <= point.time_unix_nano
    sums = {attributes(one)["gen_ai.token.type"]: one.sum for one in tokens.histogram.data_points}
    assert sums == {"input": answer["usage"]["prompt_tokens"], "output": answer["usage"]["completion_tokens"]}


def test_runs_are_read_by_langsmith(exporting, collector):
    _, answer = exporting
    _, _, headers, body = collector.first("/api/v1/runs/batch")
    assert headers["x-api-key"] == "ls"
    run = langsmith.schemas.RunBase(**json.loads(body)["post"][0])
    assert run.run_type == "llm" and run.start_time < run.end_time and run.error is None
    assert run.inputs["messages"][0]["content"] == "Hi"
    assert run.outputs["choices"][0]["message"] == answer["choices"][0]["message"]
    assert run.outputs["usage_metadata"]["total_tokens"] == answer["usage"]["total_tokens"]


def test_signatures_are_those_of_aws(exporting, collector):
    method, path, headers, body = collector.first("/logs/")
    name = urllib.parse.unquote(path)
    assert method == "PUT" and name.startswith("/logs/all logs/Röte & Co/20") and name.endswith(".json")
    assert json.loads(body)["metadata"]["user_api_key_alias"] == "ci"
    credential, signed, signature = (
        part.split("=", 1)[1] for part in headers["authorization"].removeprefix("AWS4-HMAC-SHA256 ").split(", ")
    )
    assert credential.endswith("/eu-west-1/s3/aws4_request")
    auth = S3SigV4Auth(Credentials("AK", SECRET), "s3", "eu-west-1")
    names = {name: headers[name] for name in signed.split(";")}
    request = AWSRequest(method=method, url=collector.base + path, data=body, headers=names)
    request.context["timestamp"] = headers["x-amz-date"]
    expected = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    assert signature == expected
