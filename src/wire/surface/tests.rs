//! Reading and rewriting the top level of a body.

use proptest::prelude::*;

use super::*;

fn surface(text: &str) -> Surface {
    Surface::parse(Bytes::copy_from_slice(text.as_bytes()), 64).unwrap()
}

fn error(text: impl AsRef<[u8]>) -> SurfaceError {
    Surface::parse(Bytes::copy_from_slice(text.as_ref()), 3).unwrap_err()
}

fn rewritten(text: &str, edit: impl FnOnce(&mut Edits<'_>)) -> String {
    let mut edits = Edits::new();
    edit(&mut edits);
    String::from_utf8(surface(text).rewrite(&edits).to_vec()).unwrap()
}

#[test]
fn members_are_read_by_kind() {
    let body = surface(
        r#" {"model":"gpt-4o","n":2,"t":-0.5,"stream":true,"x":null,"e":"a\"b\u00e9","o":{"a":[1]}} "#,
    );
    assert_eq!(body.str("model").as_deref(), Some("gpt-4o"));
    assert_eq!(body.str("e").as_deref(), Some("a\"bé"));
    assert_eq!((body.u64("n"), body.f64("t"), body.bool("stream")), (Some(2), Some(-0.5), Some(true)));
    assert_eq!(body.get("o"), Some(r#"{"a":[1]}"#));
    assert!(body.has("x") && !body.is_set("x") && !body.has("y"));
    assert_eq!((body.str("n"), body.u64("t"), body.f64("model"), body.bool("n")), (None, None, None, None));
    assert_eq!(body.to_map()["o"]["a"][0], 1);
}

#[test]
fn what_is_no_object_is_named() {
    assert_eq!(error(""), SurfaceError::Empty);
    assert_eq!(error(" \n"), SurfaceError::Empty);
    assert_eq!(error(b"{\"a\":\"\xff\"}"), SurfaceError::NotUtf8 { at: 6 });
    assert_eq!(error("[1]"), SurfaceError::NotAnObject);
    assert_eq!(error("\"text\""), SurfaceError::NotAnObject);
    assert_eq!(error("{\"a\":[[[1]]]}"), SurfaceError::TooDeep { max: 3 });
    assert!(Surface::parse(Bytes::from_static(b"{\"a\":[[1]]}"), 3).is_ok());
    let shown = error("{\n  \"a\": 1,\n  b: 2}").to_string();
    assert_eq!(shown, "line 3 column 3: expected a property name in double quotes");
    for broken in
        ["{", "{\"a\"", "{\"a\":}", "{\"a\":1,}", "{\"a\":1}x", "hello", "{\"a\":nul}", "{\"a\":\"\t\"}"]
    {
        assert!(matches!(error(broken), SurfaceError::NotJson { .. }), "{broken}");
    }
}

#[test]
fn the_last_duplicate_wins_and_the_others_never_travel_on() {
    let text = r#"{"model":"a","x":1,"mod\u0065l":"b"}"#;
    assert_eq!(surface(text).str("model").as_deref(), Some("b"));
    assert_eq!(rewritten(text, |_| ()), r#"{"x":1,"mod\u0065l":"b"}"#);
    assert_eq!(rewritten(text, |edits| edits.set("model", "\"c\"")), r#"{"x":1,"mod\u0065l":"c"}"#);
    assert_eq!(rewritten(text, |edits| edits.remove("model")), r#"{"x":1}"#);
}

#[test]
fn nothing_to_change_means_no_copy() {
    let body = surface(r#"{"model": "a", "x": 1}"#);
    let mut edits = Edits::new();
    edits.remove("absent");
    edits.replace("also_absent", "1");
    edits.set("model", "\"a\"");
    edits.add("x", "2");
    assert_eq!(body.rewrite(&edits).as_ptr(), body.raw().as_ptr());
}

#[test]
fn edits_leave_the_rest_byte_for_byte() {
    let text = "{ \"a\" : 1.0e2 ,\n \"b\":2, \"c\" : [ 3 ] }\n";
    assert_eq!(rewritten(text, |e| e.set("b", "9")), "{ \"a\" : 1.0e2 ,\n \"b\":9, \"c\" : [ 3 ] }\n");
    assert_eq!(rewritten(text, |e| e.remove("a")), "{ \"b\":2, \"c\" : [ 3 ] }\n");
    assert_eq!(rewritten(text, |e| e.remove("b")), "{ \"a\" : 1.0e2,\"c\" : [ 3 ] }\n");
    assert_eq!(rewritten(text, |e| e.remove("c")), "{ \"a\" : 1.0e2 ,\n \"b\":2 }\n");
    assert_eq!(
        rewritten(text, |e| e.add("d", "{}")),
        "{ \"a\" : 1.0e2 ,\n \"b\":2, \"c\" : [ 3 ],\"d\":{} }\n"
    );
    assert_eq!(rewritten("{}", |e| e.set_str("a", "q\"")), r#"{"a":"q\""}"#);
    assert_eq!(rewritten(" { } ", |e| e.set("a", "1")), r#" {"a":1 } "#);
    assert_eq!(rewritten(r#"{"a":1}"#, |e| e.remove("a")), "{}");
}

proptest! {
    /// The edited text means what the same edits do to a tree.
    #[test]
    fn edits_agree_with_a_tree(
        pairs in proptest::collection::vec(("[a-e]", "(1|\"x\"|\\[ 1,2\\]|null|\\{\"a\":1\\})"), 0..8),
        edits in proptest::collection::vec((0u8..4, "[a-g]", "(7|\"y\"|\\[\\])"), 0..5),
        space in "[ \n]{0,2}",
    ) {
        let members: Vec<_> =
            pairs.iter().map(|(key, raw)| format!("{space}\"{key}\"{space}:{space}{raw}{space}")).collect();
        let text = format!("{space}{{{space}{}{space}}}{space}", members.join(","));
        let mut tree: Map<String, Value> = serde_json::from_str(&text).unwrap();
        let mut asked = Edits::new();
        let mut seen = HashSet::new();
        for (kind, name, raw) in &edits {
            if !seen.insert(name.clone()) {
                continue;
            }
            let value: Value = serde_json::from_str(raw).unwrap();
            let there = tree.contains_key(name);
            match kind {
                0 => { asked.remove(name.as_str()); tree.shift_remove(name); }
                1 => { asked.set(name.as_str(), raw.as_str()); tree.insert(name.clone(), value); }
                2 => { asked.replace(name.as_str(), raw.as_str()); if there { tree.insert(name.clone(), value); } }
                _ => { asked.add(name.as_str(), raw.as_str()); if !there { tree.insert(name.clone(), value); } }
            }
        }
        let out = surface(&text).rewrite(&asked);
        prop_assert_eq!(serde_json::from_slice::<Map<String, Value>>(&out).unwrap(), tree);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = Surface::parse(Bytes::from(bytes), 8);
    }
}
