//! The beta flags that features of the Messages API ask for.

/// Files referred to by id.
pub(super) const FILES: &str = "files-api-2025-04-14";
/// `output_format`.
pub(super) const STRUCTURED_OUTPUTS: &str = "structured-outputs-2025-11-13";
/// Bearer tokens of an OAuth login instead of an API key.
pub(super) const OAUTH: &str = "oauth-2025-04-20";
/// `context_management` and the memory tool.
pub(super) const CONTEXT_MANAGEMENT: &str = "context-management-2025-06-27";
/// `mcp_servers` with the tools' configuration inside.
pub(super) const MCP: &str = "mcp-client-2025-04-04";
/// `mcp_servers` with `mcp_toolset` tools beside.
pub(super) const MCP_TOOLSET: &str = "mcp-client-2025-11-20";
/// Tool search, deferred loading, programmatic callers, input examples.
pub(super) const ADVANCED_TOOL_USE: &str = "advanced-tool-use-2025-11-20";

/// Tool types whose version is still behind a flag; types that are not listed need none.
const TOOLS: &[(&str, &str)] = &[
    ("computer_20241022", "computer-use-2024-10-22"),
    ("bash_20241022", "computer-use-2024-10-22"),
    ("text_editor_20241022", "computer-use-2024-10-22"),
    ("computer_20250124", "computer-use-2025-01-24"),
    ("computer_20251124", "computer-use-2025-11-24"),
    ("code_execution_20250522", "code-execution-2025-05-22"),
    ("code_execution_20250825", "code-execution-2025-08-25"),
    ("web_fetch_20250910", "web-fetch-2025-09-10"),
    ("memory_20250818", CONTEXT_MANAGEMENT),
    ("mcp_toolset", MCP_TOOLSET),
];

/// A set of flags in the order in which they were asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Betas(Vec<&'static str>);

impl Betas {
    /// Asks for a flag.
    pub(super) fn add(&mut self, beta: &'static str) {
        if !self.0.contains(&beta) {
            self.0.push(beta);
        }
    }

    /// Asks for what a tool of Anthropic's own needs.
    pub(super) fn add_for_tool(&mut self, type_: &str) {
        if let Some((_, beta)) = TOOLS.iter().find(|(name, _)| *name == type_) {
            self.add(beta);
        }
        if type_.starts_with("tool_search_tool_") {
            self.add(ADVANCED_TOOL_USE);
        }
    }

    /// The flags.
    pub(super) fn into_vec(self) -> Vec<&'static str> {
        self.0
    }
}
