//! Why an answer ended: Anthropic's `stop_reason` as OpenAI's `finish_reason`.

use super::context::ReplyContext;

/// The finish reason; `calls` says whether the client got tool calls (the emulated JSON tool is none).
pub(super) fn reason(stop_reason: &str, calls: bool, ctx: &ReplyContext) -> &'static str {
    match stop_reason {
        // A full context window cuts the answer off just as a token limit does.
        "max_tokens" | "model_context_window_exceeded" | "compaction" => "length",
        "refusal" => "content_filter",
        "tool_use" if calls && ctx.legacy => "function_call",
        "tool_use" if calls => "tool_calls",
        // end_turn, stop_sequence, pause_turn, and what is not known yet.
        _ => "stop",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_answer_is_never_called_complete() {
        let ctx = ReplyContext::default();
        for (stop, finish) in [
            ("end_turn", "stop"),
            ("stop_sequence", "stop"),
            ("pause_turn", "stop"),
            ("something_new", "stop"),
            ("max_tokens", "length"),
            ("model_context_window_exceeded", "length"),
            ("compaction", "length"),
            ("refusal", "content_filter"),
            ("tool_use", "tool_calls"),
        ] {
            assert_eq!(reason(stop, true, &ctx), finish, "{stop}");
        }
        assert_eq!(reason("tool_use", false, &ctx), "stop");
        let legacy = ReplyContext { legacy: true, ..ReplyContext::default() };
        assert_eq!(reason("tool_use", true, &legacy), "function_call");
    }
}
