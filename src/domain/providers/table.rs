//! The providers, as data: one row each, nothing else in the program knows their names.
//!
//! Bases and variables are those of the providers' own documentation, prefixes those of LiteLLM configs.

use super::provider::{Dialect, Provider, Quirks};

/// What an OpenAI-compatible API usually is: chat and embeddings under OpenAI's paths, older role and
/// parameter names, usage in streams on request.
const COMPATIBLE: Quirks = Quirks {
    native_responses: false,
    native_completions: false,
    developer_role: false,
    max_completion_tokens: false,
    stream_usage: true,
    flat_content: false,
    required_is_any: false,
    random_seed: false,
    unsupported: &[],
};

/// OpenAI's own API, and gateways that pass everything on to it.
const OPENAI: Quirks =
    Quirks { native_responses: true, developer_role: true, max_completion_tokens: true, ..COMPATIBLE };

/// Local servers, which serve text completions for every model too.
const LOCAL: Quirks = Quirks { native_completions: true, ..COMPATIBLE };

const OPENAI_BASE: &str = "https://api.openai.com/v1";
const OPENAI_BASE_ENV: &[&str] = &["OPENAI_BASE_URL", "OPENAI_API_BASE"];
const ANTHROPIC_BASE_ENV: &[&str] = &["ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"];
const AZURE_KEY_ENV: &[&str] = &["AZURE_API_KEY", "AZURE_OPENAI_API_KEY"];
const TOGETHER_KEY_ENV: &[&str] =
    &["TOGETHER_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHERAI_API_KEY", "TOGETHER_AI_TOKEN"];
const FIREWORKS_KEY_ENV: &[&str] =
    &["FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY", "FIREWORKSAI_API_KEY", "FIREWORKS_AI_TOKEN"];

type Names = &'static [&'static str];

/// An OpenAI-compatible row without deviations.
const fn compatible(
    name: &'static str,
    title: &'static str,
    base: &'static str,
    base_env: Names,
    key_env: Names,
) -> Provider {
    let dialect = Dialect::OpenAi;
    Provider { name, title, dialect, base, base_env, key_env, keyless: false, quirks: COMPATIBLE }
}

impl Provider {
    /// The row with other deviations.
    const fn quirks(self, quirks: Quirks) -> Provider {
        Provider { quirks, ..self }
    }

    /// The row for a server that works without a key.
    const fn keyless(self) -> Provider {
        Provider { keyless: true, ..self }
    }

    /// The row with another API.
    const fn speaks(self, dialect: Dialect) -> Provider {
        Provider { dialect, ..self }
    }
}

/// Every provider that a deployment can be on.
#[rustfmt::skip]
pub static TABLE: &[Provider] = &[
    compatible("openai", "OpenAI", OPENAI_BASE, OPENAI_BASE_ENV, &["OPENAI_API_KEY"]).quirks(OPENAI),
    compatible("text-completion-openai", "OpenAI", OPENAI_BASE, OPENAI_BASE_ENV, &["OPENAI_API_KEY"])
        .quirks(Quirks { native_completions: true, ..OPENAI }),
    compatible("azure", "Azure", "", &["AZURE_API_BASE"], AZURE_KEY_ENV)
        .speaks(Dialect::Azure).quirks(OPENAI),
    compatible("azure_ai", "Azure_ai", "", &["AZURE_AI_API_BASE"], &["AZURE_AI_API_KEY"]),
    compatible("anthropic", "Anthropic", "https://api.anthropic.com", ANTHROPIC_BASE_ENV, &["ANTHROPIC_API_KEY"])
        .speaks(Dialect::Anthropic),
    // Cohere's own API serves rerank; chat and embeddings go over its documented compatibility API.
    compatible("cohere", "Cohere", "https://api.cohere.com", &["COHERE_API_BASE"], &["COHERE_API_KEY", "CO_API_KEY"])
        .speaks(Dialect::Cohere),
    compatible("cohere_chat", "Cohere", "https://api.cohere.ai/compatibility/v1", &[], &["COHERE_API_KEY", "CO_API_KEY"]),
    // Google AI Studio over its documented OpenAI-compatible API.
    compatible("gemini", "Gemini", "https://generativelanguage.googleapis.com/v1beta/openai", &["GEMINI_API_BASE"], &["GEMINI_API_KEY", "GOOGLE_API_KEY"]),
    compatible("hosted_vllm", "Hosted_vllm", "", &["HOSTED_VLLM_API_BASE"], &["HOSTED_VLLM_API_KEY"])
        .keyless().quirks(LOCAL),
    // Ollama's OpenAI-compatible API lives under `/v1`; the loader adds it to bases that lack it.
    compatible("ollama", "Ollama", "http://localhost:11434/v1", &["OLLAMA_API_BASE"], &["OLLAMA_API_KEY"])
        .keyless().quirks(LOCAL),
    compatible("ollama_chat", "Ollama_chat", "http://localhost:11434/v1", &["OLLAMA_API_BASE"], &["OLLAMA_API_KEY"])
        .keyless().quirks(LOCAL),
    compatible("llamafile", "Llamafile", "http://127.0.0.1:8080/v1", &["LLAMAFILE_API_BASE"], &["LLAMAFILE_API_KEY"])
        .keyless().quirks(LOCAL),
    compatible("lm_studio", "Lm_studio", "", &["LM_STUDIO_API_BASE"], &["LM_STUDIO_API_KEY"])
        .keyless().quirks(LOCAL),
    compatible("openai_like", "Openai_like", "", &["OPENAI_LIKE_API_BASE"], &["OPENAI_LIKE_API_KEY"]).keyless(),
    compatible("custom_openai", "Custom_openai", "", &[], &[]).keyless(),
    compatible("litellm_proxy", "Litellm_proxy", "", &["LITELLM_PROXY_API_BASE"], &["LITELLM_PROXY_API_KEY"])
        .keyless().quirks(Quirks { native_completions: true, ..OPENAI }),
    compatible("groq", "Groq", "https://api.groq.com/openai/v1", &["GROQ_API_BASE"], &["GROQ_API_KEY"]),
    compatible("mistral", "Mistral", "https://api.mistral.ai/v1", &["MISTRAL_API_BASE"], &["MISTRAL_API_KEY"])
        .quirks(Quirks { required_is_any: true, random_seed: true, ..COMPATIBLE }),
    compatible("codestral", "Codestral", "https://codestral.mistral.ai/v1", &[], &["CODESTRAL_API_KEY"])
        .quirks(Quirks { required_is_any: true, random_seed: true, ..COMPATIBLE }),
    compatible("deepseek", "Deepseek", "https://api.deepseek.com/beta", &["DEEPSEEK_API_BASE"], &["DEEPSEEK_API_KEY"])
        .quirks(Quirks { flat_content: true, ..COMPATIBLE }),
    compatible("together_ai", "Together_ai", "https://api.together.ai/v1", &["TOGETHER_AI_API_BASE"], TOGETHER_KEY_ENV),
    compatible("openrouter", "Openrouter", "https://openrouter.ai/api/v1", &["OPENROUTER_API_BASE"], &["OPENROUTER_API_KEY", "OR_API_KEY"]),
    compatible("xai", "Xai", "https://api.x.ai/v1", &["XAI_API_BASE"], &["XAI_API_KEY"]),
    compatible("fireworks_ai", "Fireworks_ai", "https://api.fireworks.ai/inference/v1", &["FIREWORKS_API_BASE"], FIREWORKS_KEY_ENV),
    compatible("perplexity", "Perplexity", "https://api.perplexity.ai", &["PERPLEXITY_API_BASE"], &["PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"])
        .quirks(Quirks { unsupported: &["stop"], ..COMPATIBLE }),
    compatible("cerebras", "Cerebras", "https://api.cerebras.ai/v1", &["CEREBRAS_API_BASE"], &["CEREBRAS_API_KEY"]),
    compatible("nvidia_nim", "Nvidia_nim", "https://integrate.api.nvidia.com/v1", &["NVIDIA_NIM_API_BASE"], &["NVIDIA_NIM_API_KEY"]),
    compatible("sambanova", "Sambanova", "https://api.sambanova.ai/v1", &["SAMBANOVA_API_BASE"], &["SAMBANOVA_API_KEY"]),
    compatible("deepinfra", "Deepinfra", "https://api.deepinfra.com/v1/openai", &["DEEPINFRA_API_BASE"], &["DEEPINFRA_API_KEY"]),
    compatible("moonshot", "Moonshot", "https://api.moonshot.ai/v1", &["MOONSHOT_API_BASE"], &["MOONSHOT_API_KEY"]),
    compatible("dashscope", "Dashscope", "https://dashscope.aliyuncs.com/compatible-mode/v1", &["DASHSCOPE_API_BASE"], &["DASHSCOPE_API_KEY"]),
    compatible("zai", "Zai", "https://api.z.ai/api/paas/v4", &["ZAI_API_BASE"], &["ZAI_API_KEY"]),
    compatible("github", "Github", "https://models.inference.ai.azure.com", &["GITHUB_API_BASE"], &["GITHUB_API_KEY"]),
    compatible("jina_ai", "Jina_ai", "https://api.jina.ai/v1", &["JINA_AI_API_BASE"], &["JINA_AI_API_KEY", "JINA_API_KEY"]),
    compatible("nebius", "Nebius", "https://api.studio.nebius.ai/v1", &["NEBIUS_API_BASE"], &["NEBIUS_API_KEY"]),
    compatible("hyperbolic", "Hyperbolic", "https://api.hyperbolic.xyz/v1", &["HYPERBOLIC_API_BASE"], &["HYPERBOLIC_API_KEY"]),
    compatible("lambda_ai", "Lambda_ai", "https://api.lambda.ai/v1", &["LAMBDA_API_BASE"], &["LAMBDA_API_KEY"]),
    compatible("featherless_ai", "Featherless_ai", "https://api.featherless.ai/v1", &["FEATHERLESS_API_BASE"], &["FEATHERLESS_AI_API_KEY"]),
    compatible("novita", "Novita", "https://api.novita.ai/v3/openai", &["NOVITA_API_BASE"], &["NOVITA_API_KEY"]),
    compatible("meta_llama", "Meta_llama", "https://api.llama.com/compat/v1", &["LLAMA_API_BASE"], &["LLAMA_API_KEY"]),
    compatible("vercel_ai_gateway", "Vercel_ai_gateway", "https://ai-gateway.vercel.sh/v1", &["VERCEL_AI_GATEWAY_API_BASE"], &["VERCEL_AI_GATEWAY_API_KEY"]),
    compatible("volcengine", "Volcengine", "https://ark.cn-beijing.volces.com/api/v3", &["VOLCENGINE_API_BASE"], &["VOLCENGINE_API_KEY", "ARK_API_KEY"]),
    compatible("ai21_chat", "Ai21_chat", "https://api.ai21.com/studio/v1", &["AI21_API_BASE"], &["AI21_API_KEY"]),
    compatible("baseten", "Baseten", "https://inference.baseten.co/v1", &["BASETEN_API_BASE"], &["BASETEN_API_KEY"]),
    compatible("friendliai", "Friendliai", "https://api.friendli.ai/serverless/v1", &["FRIENDLI_API_BASE"], &["FRIENDLIAI_API_KEY", "FRIENDLI_TOKEN"]),
    compatible("wandb", "Wandb", "https://api.inference.wandb.ai/v1", &["WANDB_API_BASE"], &["WANDB_API_KEY"]),
    compatible("voyage", "Voyage", "https://api.voyageai.com/v1", &["VOYAGE_API_BASE"], &["VOYAGE_API_KEY", "VOYAGE_AI_API_KEY"]),
    compatible("ovhcloud", "Ovhcloud", "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1", &["OVHCLOUD_API_BASE"], &["OVHCLOUD_API_KEY"]),
    compatible("publicai", "Publicai", "https://api.publicai.co/v1", &["PUBLICAI_API_BASE"], &["PUBLICAI_API_KEY"])
        .quirks(Quirks { flat_content: true, ..COMPATIBLE }),
    compatible("helicone", "Helicone", "https://ai-gateway.helicone.ai", &["HELICONE_API_BASE"], &["HELICONE_API_KEY"]),
    compatible("veniceai", "Veniceai", "https://api.venice.ai/api/v1", &["VENICE_AI_API_BASE"], &["VENICE_AI_API_KEY", "VENICEAI_API_KEY"]),
    compatible("xiaomi_mimo", "Xiaomi_mimo", "https://api.xiaomimimo.com/v1", &["XIAOMI_MIMO_API_BASE"], &["XIAOMI_MIMO_API_KEY"]),
    compatible("scaleway", "Scaleway", "https://api.scaleway.ai/v1", &["SCALEWAY_API_BASE"], &["SCW_SECRET_KEY"]),
    compatible("synthetic", "Synthetic", "https://api.synthetic.new/openai/v1", &["SYNTHETIC_API_BASE"], &["SYNTHETIC_API_KEY"]),
    compatible("nano-gpt", "Nano-gpt", "https://nano-gpt.com/api/v1", &["NANOGPT_API_BASE"], &["NANOGPT_API_KEY", "NANO_GPT_API_KEY"]),
    compatible("poe", "Poe", "https://api.poe.com/v1", &["POE_API_BASE"], &["POE_API_KEY"]),
    compatible("chutes", "Chutes", "https://llm.chutes.ai/v1", &["CHUTES_API_BASE"], &["CHUTES_API_KEY"]),
    compatible("meta", "Meta", "https://api.llama.com/compat/v1", &["META_API_BASE"], &["META_API_KEY", "LLAMA_API_KEY"]),
    compatible("aihubmix", "Aihubmix", "https://aihubmix.com/v1", &["AIHUBMIX_API_BASE"], &["AIHUBMIX_API_KEY"]),
    compatible("crusoe", "Crusoe", "https://managed-inference-api-proxy.crusoecloud.com/v1", &["CRUSOE_API_BASE"], &["CRUSOE_API_KEY"]),
    compatible("parasail", "Parasail", "https://api.parasail.io/v1", &["PARASAIL_API_BASE"], &["PARASAIL_API_KEY"]),
    compatible("gmi", "Gmi", "https://api.gmi-serving.com/v1", &["GMI_API_BASE"], &["GMI_API_KEY"]),
    compatible("llamagate", "Llamagate", "https://api.llamagate.dev/v1", &["LLAMAGATE_API_BASE"], &["LLAMAGATE_API_KEY"]),
];

/// Prefixes that LiteLLM configs use for APIs that are not spoken here yet.
static NOT_YET: &[&str] = &[
    "vertex_ai",
    "vertex_ai_beta",
    "bedrock",
    "bedrock_converse",
    "sagemaker",
    "sagemaker_chat",
    "watsonx",
    "watsonx_text",
    "databricks",
    "snowflake",
    "replicate",
    "huggingface",
    "cloudflare",
    "petals",
    "oobabooga",
    "aleph_alpha",
    "nlp_cloud",
    "triton",
    "predibase",
    "vllm",
    "azure_text",
    "text-completion-codestral",
    "anthropic_text",
    "palm",
    "oci",
    "gigachat",
    "github_copilot",
    "chatgpt",
    "clarifai",
    "maritalk",
    "xinference",
    "infinity",
    "deepgram",
    "elevenlabs",
    "assemblyai",
    "aiml",
    "bytez",
    "heroku",
    "dotprompt",
    "langgraph",
    "datarobot",
    "docker_model_runner",
    "morph",
    "cometapi",
    "v0",
    "gradient_ai",
    "nscale",
    "galadriel",
    "topaz",
    "recraft",
    "runwayml",
    "fal_ai",
    "stability",
    "black_forest_labs",
    "a2a_agent",
    "ragflow",
    "milvus",
];

/// The stand-in for deployments whose provider is unknown or not spoken yet; they carry a problem.
pub static NONE: Provider = compatible("unknown", "Unknown", "", &[], &[]);

/// The row with this prefix.
pub fn by_name(name: &str) -> Option<Provider> {
    TABLE.iter().find(|row| row.name == name).copied()
}

/// The prefixes, in table order.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|row| row.name)
}

/// The prefix, when LiteLLM knows a provider of this name that is not spoken here yet.
pub fn not_yet(name: &str) -> Option<&'static str> {
    NOT_YET.iter().find(|known| **known == name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn rows_are_unique_and_complete() {
        let mut seen = HashSet::new();
        for row in TABLE {
            assert!(seen.insert(row.name), "{} twice", row.name);
            assert!(!row.title.is_empty() && !row.name.contains('/'), "{}", row.name);
            assert!(row.base.is_empty() || row.base.starts_with("http"), "{}", row.name);
            assert!(!row.base.ends_with('/'), "{}", row.name);
            assert!(row.keyless || !row.key_env.is_empty(), "{}", row.name);
            assert!(not_yet(row.name).is_none(), "{} is both", row.name);
        }
        assert_eq!(by_name("groq").unwrap().base, "https://api.groq.com/openai/v1");
        assert_eq!(by_name("GROQ"), None);
        assert_eq!(not_yet("bedrock"), Some("bedrock"));
        assert_eq!(names().count(), TABLE.len());
    }
}
