//! Chromium without a window, driven through the DevTools protocol over a pair of pipes: messages of JSON, each ended by a
//! zero byte. No port is opened, and no crate is needed.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::MutexGuard;

use serde_json::{Value, json};

use super::page::{Page, alone, base64};

/// A browser with one page.
pub(crate) struct Browser {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: String,
    last: u64,
    /// What the console said that is an error, and what was thrown, since it was last asked.
    complaints: Vec<String>,
    /// Its profile; goes with it.
    _home: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Browser {
    pub(crate) fn start() -> Self {
        let alone = alone();
        let home = tempfile::tempdir().unwrap();
        // The pipe of the protocol is descriptors 3 and 4; a shell can give it these without `unsafe`.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", "sh", "chromium"])
            .args(["--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu"])
            .args(["--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run", "--disable-extensions"])
            // Nothing is asked of the network, and what a page asks for is refused; but a board that a test started is there.
            .args([
                "--disable-background-networking",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ])
            .arg(format!("--user-data-dir={}", home.path().display()))
            .arg("about:blank")
            .env("HOME", home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut browser = Self {
            child,
            to,
            from,
            session: String::new(),
            last: 0,
            complaints: Vec::new(),
            _home: home,
            _alone: alone,
        };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attached =
            browser.call("Target.attachToTarget", json!({"targetId": target["targetId"], "flatten": true}));
        browser.session = attached["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        let permissions = json!({"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]});
        let session = std::mem::take(&mut browser.session);
        browser.call("Browser.grantPermissions", permissions);
        browser.session = session;
        browser
    }

    /// As a printer sees it, or as a screen does.
    pub(crate) fn print_media(&mut self, print: bool) {
        let media = if print { "print" } else { "screen" };
        self.call("Emulation.setEmulatedMedia", json!({"media": media}));
    }

    fn wait_for(&mut self, address: &str) {
        super::support::wait_for(address, || {
            let there =
                format!("document.readyState === 'complete' && location.href.startsWith({})", json!(address));
            self.eval(&there) == json!(true)
        });
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let id = self.last;
        let mut message = json!({"id": id, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let message = self.next();
            if message["id"] == json!(id) {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
            self.note(&message);
        }
    }

    fn next(&mut self) -> Value {
        let mut bytes = Vec::new();
        self.from.read_until(0, &mut bytes).unwrap();
        assert_eq!(bytes.pop(), Some(0), "the browser has ended");
        serde_json::from_slice(&bytes).unwrap()
    }

    fn note(&mut self, message: &Value) {
        let params = &message["params"];
        let bad = match message["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Runtime.consoleAPICalled") => matches!(params["type"].as_str(), Some("error" | "assert")),
            Some("Log.entryAdded") => params["entry"]["level"] == "error",
            _ => false,
        };
        if bad {
            self.complaints.push(params.to_string());
        }
    }
}

impl Page for Browser {
    fn look(&mut self, width: u32, theme: &str) {
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size);
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": theme}]});
        self.call("Emulation.setEmulatedMedia", media);
    }

    fn open(&mut self, address: &str) {
        self.call("Page.navigate", json!({"url": "about:blank"}));
        self.wait_for("about:blank");
        self.call("Page.navigate", json!({"url": address}));
        self.wait_for(address.split('#').next().unwrap());
    }

    fn eval(&mut self, expression: &str) -> Value {
        let asked = json!({
            "expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true,
        });
        let answer = self.call("Runtime.evaluate", asked);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    fn run(&mut self, script: &str) {
        self.eval(&format!("{script}\n;0"));
    }

    fn click_at(&mut self, x: f64, y: f64) {
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", event);
        }
    }

    fn press(&mut self, key: &str) {
        let (key, shift) = key.strip_prefix("Shift+").map_or((key, 0), |key| (key, 8));
        let (code, number, text) = match key {
            "Enter" => ("Enter", 13, "\r"),
            " " => ("Space", 32, " "),
            "ArrowDown" => ("ArrowDown", 40, ""),
            // A character types itself.
            one if one.chars().count() == 1 => ("", 0, one),
            other => (other, 9, ""),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({
                "type": kind, "key": key, "code": code, "windowsVirtualKeyCode": number, "modifiers": shift,
            });
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = json!(text);
            }
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    fn complaints(&mut self) -> Vec<String> {
        // Whatever was said before this answer has come before it.
        self.eval("0");
        std::mem::take(&mut self.complaints)
    }

    fn picture(&mut self) -> Vec<u8> {
        let taken = self.call("Page.captureScreenshot", json!({}));
        base64(taken["data"].as_str().unwrap())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its other processes end with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
