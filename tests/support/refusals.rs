//! Refusals as rlab tells them in JSON, and those that another machine than this one has to be asked for.

use nix::errno::Errno;
use serde_json::Value;

/// Entries of the table of errnos, the call that is refused, and the scenario of `tests/vm` in which a kernel is brought
/// to it: this machine's would not answer so. `tests/vm` holds that it does all of this and nothing else.
pub(crate) const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("birth-in-busy-group", "clone3", "v2"),
    ("birth-in-foreign-group", "clone3", "v2"),
    ("birth-in-threaded-group", "clone3", "v2"),
    ("controller-in-busy-group", "write", "v2"),
    ("controller-not-handed", "openat", "v2"),
    ("controller-not-there", "write", "v2"),
    ("group-not-yours", "mkdir", "v2"),
    ("group-not-yours-systemd", "mkdir", "v2"),
    ("group-too-many", "mkdir", "v2"),
    ("user-namespace-forbidden", "clone3", "v2"),
    ("join-busy-group", "write", "v2_filtered"),
    ("join-foreign-group", "write", "v2_filtered"),
    ("join-threaded-group", "write", "v2_filtered"),
    ("user-namespace-forbidden", "clone", "v2_filtered"),
    ("map-by-apparmor", "openat", "apparmor"),
    ("mount-by-apparmor", "mount", "apparmor"),
    ("namespace-by-apparmor", "clone3", "apparmor"),
    ("namespace-by-apparmor", "unshare", "apparmor"),
    ("pivot-from-initramfs", "pivot_root", "ramfs"),
];

/// One refusal: the call, the errno by name, the entry.
pub(crate) type Told = (String, String, Option<String>);

/// Every refusal of a report.
pub(crate) fn told(report: &Value) -> Vec<Told> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut found = Vec::new();
    let mut open = vec![report];
    while let Some(value) = open.pop() {
        if let Some(number) = value["result"]["errno"].as_i64() {
            let errno = format!("{:?}", Errno::from_raw(number as i32));
            found.push((text(&value["name"]).unwrap_or_default(), errno, text(&value["meaning"]["entry"])));
        }
        if let Some(refusal) = value.get("refusal") {
            let call = text(&refusal["call"]).unwrap_or_default();
            found.push((call, text(&refusal["errno"]).unwrap_or_default(), text(&refusal["entry"])));
        }
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => open.extend(fields.values()),
            _ => {}
        }
    }
    found
}
