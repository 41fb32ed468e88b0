//! A small board, strict and forgetful on purpose: real HTTP on a real socket, everything kept in memory, and each event that
//! comes twice, late or forged counted. The true board is tested in `tests/board/`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rlab::workshop::chain::{Broken, End};
use rlab::workshop::wire::{Batch, Event, Join, Order, OrderWhat};
use serde_json::{Value, json};

/// The code of the room.
pub(crate) const CODE: &str = "K7QF2M";

/// What has come.
#[derive(Default)]
pub(crate) struct Room {
    pub(crate) learners: BTreeMap<String, Learner>,
    pub(crate) orders: Vec<Value>,
    /// Events that were there already.
    pub(crate) twice: usize,
    /// Events that did not fit.
    pub(crate) broken: usize,
    /// Every byte of every question.
    pub(crate) heard: Vec<u8>,
    /// So many of the next posts are kept, but not answered.
    pub(crate) mute: usize,
    /// Nobody is answered at all.
    pub(crate) deaf: bool,
    course: Vec<String>,
}

/// One who has joined, by token.
#[derive(Default)]
pub(crate) struct Learner {
    pub(crate) name: String,
    pub(crate) events: Vec<Event>,
    end: Option<End>,
}

/// The board.
pub(crate) struct Board {
    pub(crate) address: SocketAddr,
    room: Arc<Mutex<Room>>,
}

impl Board {
    pub(crate) fn open(course: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let course = course.iter().map(|lab| (*lab).to_owned()).collect();
        let room = Arc::new(Mutex::new(Room { course, ..Room::default() }));
        let shared = Arc::clone(&room);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let room = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &room));
            }
        });
        Self { address, room }
    }

    pub(crate) fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap()
    }

    /// How many events came twice, and how many did not fit.
    pub(crate) fn odd(&self) -> (usize, usize) {
        let room = self.room();
        (room.twice, room.broken)
    }

    pub(crate) fn order(&self, what: Value) {
        let mut room = self.room();
        let id = room.orders.len() + 1;
        room.orders.push(json!({ "id": id, "at": 1, "what": what }));
    }

    /// The kinds of what this learner's rlab has told, in order.
    pub(crate) fn kinds(&self, name: &str) -> Vec<String> {
        let kind =
            |event: &Event| serde_json::to_value(event).unwrap()["what"]["kind"].as_str().unwrap().to_owned();
        self.events(name).iter().map(kind).collect()
    }

    pub(crate) fn events(&self, name: &str) -> Vec<Event> {
        let room = self.room();
        room.learners
            .values()
            .find(|learner| learner.name == name)
            .map(|l| l.events.clone())
            .unwrap_or_default()
    }
}

fn serve(stream: TcpStream, room: &Mutex<Room>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    loop {
        let (mut first, mut length, mut token) = (String::new(), 0, String::new());
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        let mut heard = first.clone().into_bytes();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            heard.extend_from_slice(line.as_bytes());
            let line = line.trim_end().to_owned();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(": ").unwrap();
            match name {
                "content-length" => length = value.parse().unwrap(),
                "authorization" => token = value.strip_prefix("Bearer ").unwrap().to_owned(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        heard.extend_from_slice(&body);
        room.lock().unwrap().heard.append(&mut heard);
        if room.lock().unwrap().deaf {
            return;
        }
        let Some((status, answer)) = answered(first.trim_end(), &token, &body, room) else { return };
        let text = answer.to_string();
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            text.len()
        );
        if writer.write_all((head + &text).as_bytes()).is_err() {
            return;
        }
    }
}

fn answered(first: &str, token: &str, body: &[u8], room: &Mutex<Room>) -> Option<(u16, Value)> {
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    match (method, path.split('?').next().unwrap()) {
        ("POST", "/api/join") => {
            Some(joined(serde_json::from_slice(body).unwrap(), &mut room.lock().unwrap()))
        }
        ("POST", "/api/events") => {
            let batch: Batch = serde_json::from_slice(body).unwrap();
            let mut room = room.lock().unwrap();
            let answer = taken(batch, token, &mut room);
            if room.mute > 0 {
                room.mute -= 1;
                return None;
            }
            Some(answer)
        }
        ("GET", "/api/orders") => {
            let after: usize = path.rsplit_once('=').unwrap().1.parse().unwrap();
            let until = Instant::now() + Duration::from_secs(20);
            loop {
                let room = room.lock().unwrap();
                if room.orders.len() > after || Instant::now() > until || room.deaf {
                    let new: Vec<Value> = room.orders.iter().skip(after).cloned().collect();
                    return Some((200, json!({ "orders": new })));
                }
                drop(room);
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        _ => Some((404, json!({}))),
    }
}

fn joined(asked: Join, room: &mut Room) -> (u16, Value) {
    let token = asked.token.unwrap();
    if asked.code != CODE {
        return (403, json!({ "error": "this is not the code", "hint": "look at the screen" }));
    }
    if room.learners.iter().any(|(other, learner)| learner.name == asked.name && *other != token) {
        return (409, json!({ "error": "the name is taken", "hint": "take another" }));
    }
    let course: Vec<Value> =
        room.course.iter().map(|id| json!({ "id": id, "title": id, "minutes": 1, "steps": [] })).collect();
    let learner = room.learners.entry(token.clone()).or_default();
    learner.name = asked.name;
    let acknowledged = learner.events.len();
    (200, json!({ "learner": &token[..16], "token": token, "acknowledged": acknowledged, "course": course }))
}

fn taken(batch: Batch, token: &str, room: &mut Room) -> (u16, Value) {
    let Room { learners, twice, broken, .. } = room;
    let Some(learner) = learners.get_mut(token) else {
        return (401, json!({ "error": "who?", "hint": "join" }));
    };
    for event in batch.events {
        let end = learner.end.unwrap_or(End::START);
        match end.then(&event) {
            Ok(next) => {
                learner.end = Some(next);
                learner.events.push(event);
            }
            Err(Broken::Used) if learner.events.contains(&event) => *twice += 1,
            Err(_) => {
                *broken += 1;
                return (409, json!({ "error": "gap", "hint": "", "acknowledged": end.seq }));
            }
        }
    }
    (200, json!({ "acknowledged": learner.events.len() }))
}

/// An order as the board sends it.
pub(crate) fn goto(lab: &str, step: &str) -> Value {
    let order = Order { id: 1, at: 1, what: OrderWhat::Goto { lab: lab.to_owned(), step: step.to_owned() } };
    serde_json::to_value(order).unwrap()["what"].clone()
}
