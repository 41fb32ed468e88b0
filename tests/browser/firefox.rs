//! Firefox without a window, driven through Marionette, as geckodriver does: messages of JSON, each behind its length in
//! bytes and a colon, over TCP on loopback. No crate is needed.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::MutexGuard;

use serde_json::{Value, json};

use super::page::{Page, alone, base64};
use super::support::wait_for;

/// Nothing is asked of the network: what is not on loopback is sent to a port that nobody listens at.
const PREFERENCES: &str = r#"
user_pref("marionette.port", 0);
user_pref("network.proxy.type", 1);
user_pref("network.proxy.http", "127.0.0.1");
user_pref("network.proxy.http_port", 9);
user_pref("network.proxy.ssl", "127.0.0.1");
user_pref("network.proxy.ssl_port", 9);
user_pref("network.proxy.allow_hijacking_localhost", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
"#;

/// A browser with one page.
pub(crate) struct Firefox {
    child: Child,
    line: BufReader<TcpStream>,
    last: u64,
    /// Its profile; goes with it.
    _home: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Firefox {
    pub(crate) fn start() -> Self {
        let alone = alone();
        let home = tempfile::tempdir().unwrap();
        let profile = home.path().join("profile");
        std::fs::create_dir(&profile).unwrap();
        std::fs::write(profile.join("user.js"), PREFERENCES).unwrap();
        let mut child = Command::new("firefox-esr")
            // The last one allows to read the console, and to say whether the reader's machine is dark.
            .args(["--headless", "--marionette", "--no-remote", "--remote-allow-system-access", "--profile"])
            .arg(&profile)
            .env("HOME", home.path())
            // The screen that is not there; a window is no larger.
            .env("MOZ_HEADLESS_WIDTH", "3000")
            .env("MOZ_HEADLESS_HEIGHT", "2000")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut port = String::new();
        wait_for("Firefox", || {
            assert_eq!(child.try_wait().unwrap(), None, "Firefox has ended");
            port = std::fs::read_to_string(profile.join("MarionetteActivePort")).unwrap_or_default();
            !port.is_empty()
        });
        let stream = TcpStream::connect(("127.0.0.1", port.trim().parse().unwrap())).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut browser = Self { child, line: BufReader::new(stream), last: 0, _home: home, _alone: alone };
        let greeting = browser.next();
        assert_eq!(greeting["marionetteProtocol"], json!(3), "{greeting}");
        browser.call("WebDriver:NewSession", json!({}));
        browser.complaints();
        browser
    }

    fn call(&mut self, command: &str, parameters: Value) -> Value {
        self.last += 1;
        let message = json!([0, self.last, command, parameters]).to_string();
        let stream = self.line.get_mut();
        stream.write_all(format!("{}:{message}", message.len()).as_bytes()).unwrap();
        let answer = self.next();
        assert_eq!((&answer[0], &answer[1]), (&json!(1), &json!(self.last)), "{command}: {answer}");
        assert!(answer[2].is_null(), "{command}: {}", answer[2]);
        answer[3].clone()
    }

    fn next(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut byte = [0];
            self.line.read_exact(&mut byte).unwrap();
            match byte[0] {
                b':' => break,
                digit => length = length * 10 + usize::from(digit - b'0'),
            }
        }
        let mut bytes = vec![0; length];
        self.line.read_exact(&mut bytes).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    /// Runs a script on the page; what it returns.
    fn script(&mut self, script: &str) -> Value {
        self.call("WebDriver:ExecuteScript", json!({"script": script, "args": []}))["value"].clone()
    }

    /// Runs a script in the browser itself.
    fn inside(&mut self, script: &str) -> Value {
        self.call("Marionette:SetContext", json!({"value": "chrome"}));
        let value = self.script(script);
        self.call("Marionette:SetContext", json!({"value": "content"}));
        value
    }

    fn act(&mut self, device: Value) {
        self.call("WebDriver:PerformActions", json!({"actions": [device]}));
    }
}

impl Page for Firefox {
    fn look(&mut self, width: u32, theme: &str) {
        let dark = u32::from(theme != "dark");
        self.inside(&format!(
            "Services.prefs.setIntPref('layout.css.prefers-color-scheme.content-override', {dark})"
        ));
        // What is around the page comes on top of it.
        let around = self.eval("[outerWidth - innerWidth, outerHeight - innerHeight]");
        let around = |at: usize| around[at].as_u64().unwrap();
        let size = json!({"width": u64::from(width) + around(0), "height": 900 + around(1)});
        self.call("WebDriver:SetWindowRect", size);
        wait_for("the window", || {
            self.eval("[innerWidth, innerHeight, matchMedia('(prefers-color-scheme: dark)').matches]")
                == json!([width, 900, dark == 0])
        });
    }

    fn open(&mut self, address: &str) {
        self.call("WebDriver:Navigate", json!({"url": "about:blank"}));
        self.call("WebDriver:Navigate", json!({"url": address}));
    }

    fn eval(&mut self, expression: &str) -> Value {
        self.script(&format!("return ({expression});"))
    }

    fn run(&mut self, script: &str) {
        self.script(script);
    }

    fn click_at(&mut self, x: f64, y: f64) {
        self.act(json!({
            "type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"},
            "actions": [
                {"type": "pointerMove", "duration": 0, "x": x.round(), "y": y.round(), "origin": "viewport"},
                {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0},
            ],
        }));
    }

    fn press(&mut self, key: &str) {
        let (key, shift) = key.strip_prefix("Shift+").map_or((key, false), |key| (key, true));
        // Keys that are no characters have a place of their own (WebDriver, "Keyboard actions").
        let value = match key {
            "Enter" => "\u{e007}",
            "Tab" => "\u{e004}",
            "ArrowDown" => "\u{e015}",
            one => one,
        };
        let change = |kind: &str, value: &str| json!({"type": kind, "value": value});
        let mut pressed = vec![change("keyDown", value), change("keyUp", value)];
        if shift {
            pressed.insert(0, change("keyDown", "\u{e008}"));
            pressed.push(change("keyUp", "\u{e008}"));
        }
        self.act(json!({"type": "key", "id": "keyboard", "actions": pressed}));
    }

    fn complaints(&mut self) -> Vec<String> {
        // Warnings are of the kind "this is the default now"; what is not of a page is the browser's own.
        let found = self.inside(
            "const told = Services.console.getMessageArray().filter(one => one instanceof Ci.nsIScriptError
                 && !(one.flags & Ci.nsIScriptError.warningFlag) && /^(http|file):/.test(one.sourceName));
             Services.console.reset();
             return told.map(one => `${one.sourceName}:${one.lineNumber}: ${one.errorMessage}`)",
        );
        found.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    }

    fn picture(&mut self) -> Vec<u8> {
        let taken = self.call("WebDriver:TakeScreenshot", json!({"full": false}));
        base64(taken["value"].as_str().unwrap())
    }
}

impl Drop for Firefox {
    fn drop(&mut self) {
        // Its other processes end with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
