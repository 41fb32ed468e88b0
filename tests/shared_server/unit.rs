//! The unit of the room, as systemd reads it. That it does as it says, nobody tries here: the other tests run its two lines.

use std::process::Command;

use crate::support::{has, repository, stderr};

#[test]
fn systemd_finds_nothing_to_complain_of_in_the_unit() {
    if !has("systemd-analyze") {
        return;
    }
    let share = repository().join("share/shared-server");
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("rlab-room.service");
    let unit = std::fs::read_to_string(share.join("rlab-room.service")).unwrap();
    let verify = |unit: &str| {
        // It looks for what the lines start, too: here they lie where they are shipped.
        std::fs::write(&file, unit.replace("/usr/local/lib/rlab-room", share.to_str().unwrap())).unwrap();
        let output = Command::new("systemd-analyze").arg("verify").arg(&file).output().unwrap();
        (output.status.success(), stderr(&output))
    };
    assert_eq!(verify(&unit), (true, String::new()));
    let (_, said) = verify(&unit.replace("Delegate=", "Delegat="));
    assert!(said.contains("Unknown key"), "it would not notice: {said:?}");
}
