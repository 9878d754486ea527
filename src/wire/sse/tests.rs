//! Events however the bytes are cut.

use proptest::prelude::*;

use super::*;

fn split(chunks: &[&[u8]]) -> (Vec<Event>, Option<Event>) {
    let mut splitter = Splitter::new(1 << 20);
    let mut events = Vec::new();
    for chunk in chunks {
        splitter.push(Bytes::copy_from_slice(chunk));
        while let Some(event) = splitter.next().unwrap() {
            events.push(event);
        }
    }
    let rest = splitter.finish();
    (events, rest)
}

fn shown(events: &[Event]) -> Vec<(Option<&str>, String)> {
    events.iter().map(|e| (e.name(), String::from_utf8_lossy(e.data()).into_owned())).collect()
}

#[test]
fn events_names_data_and_comments() {
    let (events, rest) = split(&[
        b"\xEF\xBB\xBFdata: {\"a\":1}\n\nevent: ping\ndata:x\n\n: keep-alive\n\n",
        b"data: one\r\ndata:  two\r\nid: 7\r\n\r\ndata\rretry: 5\r\r",
    ]);
    assert_eq!(
        shown(&events),
        [
            (None, "{\"a\":1}".into()),
            (Some("ping"), "x".into()),
            (None, String::new()),
            (None, "one\n two".into()),
            (None, String::new()),
        ]
    );
    let has_data: Vec<_> = events.iter().map(Event::has_data).collect();
    assert_eq!(has_data, [true, true, false, true, true]);
    assert_eq!(rest, None);
}

#[test]
fn an_event_inside_one_chunk_is_a_slice_of_it() {
    let chunk = Bytes::from_static(b"data: a\n\ndata: b\n\n");
    let mut splitter = Splitter::new(100);
    splitter.push(chunk.clone());
    let first = splitter.next().unwrap().unwrap();
    let second = splitter.next().unwrap().unwrap();
    assert_eq!(first.raw().as_ptr(), chunk.as_ptr());
    assert_eq!(second.raw().as_ptr(), chunk[9..].as_ptr());
    assert_eq!(second.data_bytes().as_ptr(), chunk[15..].as_ptr());
}

#[test]
fn an_event_is_there_as_soon_as_its_empty_line_is() {
    for text in [&b"data: x\n\n"[..], b"data: x\r\r", b"data: x\r\n\r", b"data: x\n\r"] {
        assert_eq!(split(&[text]).0.len(), 1, "{text:?}");
    }
    assert_eq!(split(&[b"data: x\r\n\r", b"\ndata: y\r\n\r\n"]).0.len(), 2);
}

#[test]
fn a_missing_last_empty_line_leaves_the_rest_to_the_caller() {
    let (events, rest) = split(&[b"data: a\n\ndata: [DONE]\n"]);
    assert_eq!(events.len(), 1);
    assert_eq!(rest.unwrap().data(), b"[DONE]");
    assert_eq!(split(&[b"data: a\n\n\n\n: bye"]).1, None);
}

#[test]
fn too_large_events_are_refused_for_good() {
    let mut splitter = Splitter::new(16);
    splitter.push(Bytes::from_static(b"data: short\n\ndata: 0123456789"));
    assert!(splitter.next().unwrap().is_some());
    assert_eq!(splitter.next().unwrap(), None);
    splitter.push(Bytes::from_static(b"0123456789\n\n"));
    assert_eq!(splitter.next(), Err(EventTooLarge { limit: 16 }));
    assert_eq!(splitter.next(), Err(EventTooLarge { limit: 16 }));
}

fn streams() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("\n".to_owned()),
        Just("\r".to_owned()),
        Just("\r\n".to_owned()),
        Just("data:".to_owned()),
        Just("data: ".to_owned()),
        Just("event: e".to_owned()),
        Just(": c".to_owned()),
        "[a-z:\u{FEFF}é]{0,3}",
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    /// However the bytes arrive, the events are the same and no byte is lost.
    #[test]
    fn any_split_gives_the_same_events(
        input in streams(),
        mut cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..8),
    ) {
        let mut at: Vec<usize> = cuts.drain(..).map(|cut| cut.index(input.len() + 1)).collect();
        at.extend([0, input.len()]);
        at.sort_unstable();
        let chunks: Vec<&[u8]> = at.windows(2).map(|pair| &input[pair[0]..pair[1]]).collect();
        let (whole, whole_rest) = split(&[&input]);
        let (parts, parts_rest) = split(&chunks);
        prop_assert_eq!(shown(&whole), shown(&parts));
        prop_assert_eq!(whole_rest.as_ref().map(Event::data), parts_rest.as_ref().map(Event::data));
        let raw: Vec<u8> = parts.iter().flat_map(|event| event.raw().to_vec()).collect();
        prop_assert!(input.starts_with(&raw));
    }

    #[test]
    fn arbitrary_bytes_never_panic(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..6)) {
        let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
        let _ = split(&chunks);
    }
}
