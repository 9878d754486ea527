"""Configurations of the gateway, and the provider keys that nginx sends where the gateway has them in its models.

A key of the fake provider says how it answers: `bench` renders the answer once, `chunks` is the length of a stream,
`chunk_delay` the milliseconds between two chunks. Plain answers have about 680 bytes.
"""

MASTER_KEY = "sk-bench-master-key"
VIRTUAL_KEY = "sk-bench-virtual-key"

# model: (provider's model, provider key)
MODELS = {
    "plain": ("openai/gpt-4o", "sk-fake.bench.id=plain"),
    "burst": ("openai/gpt-4o", "sk-fake.bench.chunks=50"),
    "paced": ("openai/gpt-4o", "sk-fake.bench.chunks=100.chunk_delay=20"),
    "slow": ("openai/gpt-4o", "sk-fake.bench.chunks=50.chunk_delay=5"),
    "idle": ("openai/gpt-4o", "sk-fake.bench.chunks=2.chunk_delay=3600000"),
    "claude": ("anthropic/claude-sonnet-4-5", "sk-fake.bench.id=claude"),
    "claude-burst": ("anthropic/claude-sonnet-4-5", "sk-fake.bench.id=claude.chunks=50"),
}


def provider_key(model):
    return MODELS[model][1]


def passing(upstream, **sections):
    """Nothing but a master key and the models."""
    base = f"http://127.0.0.1:{upstream}"
    models = [
        {"model_name": name, "litellm_params": {
            "model": model, "api_key": key, "api_base": base if model.startswith("anthropic/") else f"{base}/v1"}}
        for name, (model, key) in MODELS.items()
    ]
    general = {"master_key": MASTER_KEY, **sections.pop("general_settings", {})}
    return {"model_list": models, "general_settings": general, **sections}


def governed(upstream, folder, **sections):
    """With a ledger in SQLite; callers bring virtual keys."""
    general = {"database_url": f"sqlite:///{folder}/ledger.db", **sections.pop("general_settings", {})}
    return passing(upstream, general_settings=general, **sections)


def cached(upstream, redis=None):
    """With exact answers kept in memory, or in this Redis."""
    if redis:
        place = {"type": "redis", "host": "127.0.0.1", "port": redis.port, "password": redis.password}
    else:
        place = {"type": "local"}
    return passing(upstream, litellm_settings={"cache": True, "cache_params": {**place, "ttl": 36000}})


def replica(upstream, folder, redis, postgres):
    """One of several that share a Redis and a PostgreSQL."""
    general = {"database_url": postgres.url(), "spool_dir": f"{folder}/spool"}
    shared = {"redis_url": f"redis://:{redis.password}@127.0.0.1:{redis.port}"}
    return passing(upstream, general_settings=general, router_settings=shared)
