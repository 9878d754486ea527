//! Edge cases of streams; the common ones are golden files.

use proptest::prelude::*;

use super::*;
use crate::domain::providers::testing::{OPENAI, deployment};
use crate::wire::sse::Splitter;

struct Run {
    out: String,
    stream: ChatStream,
    error: Option<Error>,
}

fn run(input: &str, usage_asked: bool, choices: usize) -> Run {
    let options = StreamOptions { shown_model: "group".into(), usage_asked, choices };
    let mut stream = ChatStream::new(Arc::new(deployment(OPENAI, "gpt-4o")), options);
    let mut splitter = Splitter::new(1 << 16);
    let mut out = BytesMut::new();
    let mut error = None;
    splitter.push(Bytes::copy_from_slice(input.as_bytes()));
    while let Some(event) = splitter.next().unwrap() {
        if let Err(found) = stream.feed(&event, &mut out) {
            error = Some(found);
            break;
        }
    }
    Run { out: String::from_utf8(out.to_vec()).unwrap(), stream, error }
}

fn chunk(index: u32, delta: &str, finish: &str, usage: &str) -> String {
    format!(
        "data: {{\"id\":\"c1\",\"model\":\"gpt-4o-1\",\"choices\":[{{\"index\":{index},\"delta\":{{{delta}}},\"finish_reason\":{finish}}}]{usage}}}\n\n"
    )
}

const TEXT: &str = "\"content\":\"Hi\"";
const USAGE: &str = "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}";

fn usage_chunk() -> String {
    format!("data: {{\"id\":\"c1\",\"model\":\"gpt-4o-1\",\"choices\":[],{USAGE}}}\n\n")
}

fn shown(text: &str) -> String {
    text.replace("gpt-4o-1", "group")
}

#[test]
fn a_stream_passes_with_only_the_model_replaced() {
    let input = [&chunk(0, TEXT, "null", ""), &chunk(0, "", "\"stop\"", ""), "data: [DONE]\n\n"].concat();
    let mut run = run(&input, false, 1);
    assert_eq!(run.out, shown(&input));
    assert!(matches!(run.stream.finish(&mut BytesMut::new()), End::Complete));
    assert!(run.stream.content_delivered());
    assert_eq!((run.stream.output_bytes(), run.stream.id()), (2, Some("c1")));
}

#[test]
fn usage_comes_once_and_last_for_who_asked() {
    let null = ",\"usage\":null";
    let body = [chunk(0, TEXT, "null", null), chunk(0, "", "\"stop\"", null)].concat();
    let input = [&body, &usage_chunk(), "data: [DONE]\n\n"].concat();
    let asked = run(&input, true, 1);
    assert_eq!(asked.out, shown(&input));
    let silent = run(&input, false, 1);
    assert_eq!(silent.out, shown(&body.replace(null, "")) + "data: [DONE]\n\n");
    assert_eq!(silent.stream.usage().unwrap().total(), 4);
}

#[test]
fn usage_in_other_places_is_brought_to_the_rule() {
    let cumulative = format!(",{USAGE}");
    let input =
        [&chunk(0, TEXT, "null", &cumulative), &chunk(0, "", "\"stop\"", &cumulative), "data: [DONE]\n\n"]
            .concat();
    let asked = run(&input, true, 1);
    let null = ",\"usage\":null";
    let expected =
        [&chunk(0, TEXT, "null", null), &chunk(0, "", "\"stop\"", null), &usage_chunk(), "data: [DONE]\n\n"]
            .concat();
    assert_eq!(asked.out, shown(&expected));
    let silent = run(&input, false, 1);
    assert!(!silent.out.contains("usage") && silent.stream.usage().is_some());
}

#[test]
fn the_end_is_told_honestly() {
    let done_early = run(&[&chunk(0, TEXT, "null", ""), "data: [DONE]\n\n"].concat(), false, 1);
    assert_eq!(done_early.error.unwrap().kind(), Kind::Cut);
    assert!(!done_early.out.contains("DONE"));
    let mut cut = run(&chunk(0, TEXT, "null", ""), false, 1);
    assert!(matches!(cut.stream.finish(&mut BytesMut::new()), End::Cut(_)));
    // One of two choices is not finished, or has not even begun.
    let one = chunk(0, TEXT, "\"stop\"", "");
    assert!(matches!(run(&one, false, 2).stream.finish(&mut BytesMut::new()), End::Cut(_)));
    let both = [one, chunk(1, TEXT, "null", "")].concat();
    assert!(matches!(run(&both, false, 2).stream.finish(&mut BytesMut::new()), End::Cut(_)));
    assert!(matches!(run("data: [DONE]\n\n", false, 1).error, Some(error) if error.kind() == Kind::Cut));
}

#[test]
fn a_forgotten_done_is_added() {
    let mut run = run(&[chunk(0, TEXT, "\"stop\"", ""), usage_chunk()].concat(), true, 1);
    let mut out = BytesMut::new();
    assert!(matches!(run.stream.finish(&mut out), End::Complete));
    assert_eq!(out, shown(&usage_chunk()) + "data: [DONE]\n\n");
}

#[test]
fn azures_filter_chunks_and_comments_pass() {
    let filter = "data: {\"choices\":[],\"prompt_filter_results\":[{}],\"model\":\"\"}\n\n";
    let after = "data: {\"choices\":[{\"index\":0,\"content_filter_results\":{},\"finish_reason\":null}],\"model\":\"\"}\n\n";
    let input = [": ping\n\n", filter, &chunk(0, TEXT, "\"stop\"", ""), after, "data: [DONE]\n\n"].concat();
    let run = run(&input, false, 1);
    assert_eq!(run.out, shown(&input).replace("\"model\":\"\"", "\"model\":\"group\""));
}

#[test]
fn the_last_word_on_the_tier_and_a_search_are_billed() {
    let input = "data: {\"service_tier\":\"auto\",\"choices\":[{\"index\":0,\"delta\":{\"annotations\":[{\"type\":\"url_citation\"}]}}]}\n\n\
        data: {\"service_tier\":\"priority\",\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n";
    let usage = run(input, false, 1).stream.usage().unwrap();
    assert_eq!((usage.service_tier, usage.web_searches), (ServiceTier::Priority, 1));
}

#[test]
fn errors_inside_keep_what_they_say() {
    let failed = run(
        "data: {\"error\":{\"message\":\"m\",\"type\":\"t\",\"param\":\"p\",\"code\":\"rate_limit_exceeded\"}}\n\n",
        false,
        1,
    );
    let error = failed.error.unwrap();
    assert_eq!(
        (error.status(), error.code(), error.type_(), error.param()),
        (429, Some("rate_limit_exceeded"), "t", Some("p"))
    );
    assert_eq!(failed.out, "");
    assert_eq!(
        run("event: error\ndata: {\"message\":\"m\",\"code\":503}\n\n", false, 1).error.unwrap().status(),
        503
    );
    assert_eq!(run("data: {\"choi\n\n", false, 1).error.unwrap().kind(), Kind::InvalidReply);
}

#[test]
fn data_over_several_lines_becomes_one() {
    let input = "data: {\"model\":\"x\",\ndata: \"choices\":[{\"index\":0,\"finish_reason\":\"stop\"}]}\n\n";
    assert_eq!(
        run(input, false, 1).out,
        "data: {\"model\":\"group\", \"choices\":[{\"index\":0,\"finish_reason\":\"stop\"}]}\n\n"
    );
}

proptest! {
    #[test]
    fn any_event_is_survived(data in "(data: |\\{|\\}|\"choices\":|\\[|\\]|\"usage\":|null|,|1|\"x\"|\n|error){0,24}", asked in any::<bool>()) {
        let mut run = run(&(data + "\n\n"), asked, 1);
        run.stream.finish(&mut BytesMut::new());
    }
}
