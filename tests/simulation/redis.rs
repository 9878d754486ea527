//! The real script against a Redis of our own making: its commands over maps, its clock in our hand.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use mlua::{Function, Lua, MultiValue, Table, Value};
use stagedoor::domain::commons::{Batch, Reply};
use stagedoor::redis_link::reserve::{Call, SCRIPT};

type Hash = BTreeMap<Vec<u8>, Vec<u8>>;

/// What is stored.
#[derive(Default)]
struct Data {
    now: i64,
    hashes: BTreeMap<Vec<u8>, (Hash, i64)>,
}

impl Data {
    fn hash(&mut self, key: &[u8]) -> &mut Hash {
        let now = self.now;
        if self.hashes.get(key).is_some_and(|(_, end)| *end <= now) {
            self.hashes.remove(key);
        }
        &mut self.hashes.entry(key.to_vec()).or_insert_with(|| (Hash::new(), i64::MAX)).0
    }
}

/// A Redis that runs the script.
pub struct Redis {
    lua: Lua,
    script: Function,
    data: Rc<RefCell<Data>>,
}

impl Redis {
    /// An empty one.
    pub fn new() -> Self {
        let lua = Lua::new();
        let data = Rc::<RefCell<Data>>::default();
        let table = lua.create_table().unwrap();
        let own = Rc::clone(&data);
        let call =
            lua.create_function(move |lua, words: MultiValue| command(lua, &mut own.borrow_mut(), words));
        table.set("call", call.unwrap()).unwrap();
        lua.globals().set("redis", table).unwrap();
        let script = lua.load(SCRIPT).into_function().unwrap();
        Redis { lua, script, data }
    }

    /// Runs the script for a batch; nothing comes of one that comes after a later one.
    pub fn ask(&self, now: i64, replica: &str, batch: &Batch) -> Option<Reply> {
        self.data.borrow_mut().now = now;
        let call = Call::of(batch, replica, "sim");
        let list = |words: &[Vec<u8>]| {
            let words = words.iter().map(|word| self.lua.create_string(word).unwrap());
            self.lua.create_sequence_from(words).unwrap()
        };
        self.lua.globals().set("KEYS", list(&call.keys)).unwrap();
        self.lua.globals().set("ARGV", list(&call.arguments)).unwrap();
        let reply: Table = self.script.call(()).unwrap();
        let numbers: Vec<i64> = reply.sequence_values::<f64>().map(|number| number.unwrap() as i64).collect();
        (numbers != [3]).then(|| call.read(&numbers).unwrap())
    }

    /// FLUSHALL
    pub fn flush(&self) {
        self.data.borrow_mut().hashes.clear();
    }
}

fn command(lua: &Lua, data: &mut Data, words: MultiValue) -> mlua::Result<Value> {
    let words: Vec<Vec<u8>> = words
        .into_iter()
        .map(|word| match word {
            Value::String(text) => text.as_bytes().to_vec(),
            Value::Integer(number) => number.to_string().into_bytes(),
            Value::Number(number) => format!("{number:.0}").into_bytes(),
            other => panic!("an argument of type {}", other.type_name()),
        })
        .collect();
    let text = |bytes: &[u8]| Ok(Value::String(lua.create_string(bytes)?));
    let integer = |number: usize| Ok(Value::Integer(number as mlua::Integer));
    let list = |values: Vec<Value>| Ok(Value::Table(lua.create_sequence_from(values)?));
    let number = |bytes: &[u8]| String::from_utf8_lossy(bytes).parse::<i64>().unwrap();
    let (name, rest) = words.split_first().unwrap();
    match (&**name, rest) {
        (b"TIME", []) => {
            let (seconds, micros) = (data.now / 1_000, data.now % 1_000 * 1_000);
            list(vec![text(seconds.to_string().as_bytes())?, text(micros.to_string().as_bytes())?])
        }
        (b"HGETALL", [key]) => {
            let mut all = Vec::new();
            for (field, value) in data.hash(key).iter() {
                all.extend([text(field)?, text(value)?]);
            }
            list(all)
        }
        (b"HGET", [key, field]) => match data.hash(key).get(field) {
            Some(value) => text(value),
            None => Ok(Value::Boolean(false)),
        },
        (b"HMGET", [key, fields @ ..]) => {
            let hash = data.hash(key);
            let values = fields.iter().map(|field| match hash.get(field) {
                Some(value) => text(value),
                None => Ok(Value::Boolean(false)),
            });
            list(values.collect::<mlua::Result<_>>()?)
        }
        (b"HSET", [key, pairs @ ..]) => {
            let hash = data.hash(key);
            for pair in pairs.chunks(2) {
                hash.insert(pair[0].clone(), pair[1].clone());
            }
            integer(pairs.len() / 2)
        }
        (b"HDEL", [key, fields @ ..]) => {
            let hash = data.hash(key);
            fields.iter().for_each(|field| {
                hash.remove(field);
            });
            integer(fields.len())
        }
        (b"HINCRBY", [key, field, by]) => {
            let hash = data.hash(key);
            let sum = hash.get(field).map_or(0, |value| number(value)) + number(by);
            hash.insert(field.clone(), sum.to_string().into_bytes());
            integer(usize::try_from(sum).unwrap_or(0))
        }
        (b"DEL", [key]) => {
            data.hashes.remove(key);
            integer(1)
        }
        (b"PEXPIRE", [key, span]) => {
            let end = data.now + number(span);
            if let Some((_, known)) = data.hashes.get_mut(key) {
                *known = end;
            }
            integer(1)
        }
        _ => panic!("the script calls {}", String::from_utf8_lossy(name)),
    }
}
