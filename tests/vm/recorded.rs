//! Every lab recorded on cgroup v2 for the book, as `rlab mdbook record` does it, and compared with what is in the book.

use crate::guest::Told;
use crate::support::recorded::{difference, lasting};
use crate::support::{LABS, repository};

/// The scenario in which it is done.
const ON: &str = "v2";

/// Where the guest has the tools of a usual machine.
pub(crate) const TOOLS: &str = "tools";

/// BusyBox where it usually is, and the tools of the host beside it: its shell too, since that of BusyBox takes its own.
const USUAL: &str = "mkdir -p /recorded /usr/bin
cp /bin/busybox /tools/* /usr/bin
ln -sf /usr/bin/sh /bin/sh
PATH=/usr/bin:$PATH
";

/// The guest as it was.
const AGAIN: &str = "PATH=/bin\nln -sf busybox /bin/sh\n";

/// What the guest does, where it does.
pub(crate) fn script(scenario: &str) -> Option<String> {
    let lines = |lab: &&str| {
        format!("ask record-{lab} rlab mdbook record /recorded {lab}\ncp /recorded/{lab}@* /out || true\n")
    };
    (scenario == ON).then(|| format!("{USUAL}{}{AGAIN}", LABS.iter().map(lines).collect::<String>()))
}

/// Holds that the book shows what happens there, and no lab that cannot be run there.
pub(crate) fn hold(scenario: &str, guest: &Told) {
    if scenario != ON {
        return;
    }
    for lab in LABS {
        let name = format!("{lab}@v2.json");
        let kept = std::fs::read_to_string(repository().join("book/recorded").join(&name)).ok();
        let (kept, now) = (kept.as_deref().map(lasting), guest.files.get(&name).map(|now| lasting(now)));
        if kept == now {
            continue;
        }
        let said = guest.file(&format!("record-{lab}.stderr"));
        let differ = kept
            .zip(now)
            .map_or("one of the two is not there".to_owned(), |(kept, now)| difference(&kept, &now));
        panic!(
            "`{name}` of the book is not what happens in the guest:\n{differ}\n{said}\
             hint: read the difference after `cp target/vm/told/{ON}/{name} book/recorded/`"
        );
    }
}
