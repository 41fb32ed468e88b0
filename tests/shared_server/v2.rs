//! The same room on a kernel that has cgroup v2 and nothing else: this very test program runs in one.

use crate::support::{guest, has, repository};

#[test]
fn on_a_kernel_with_cgroup_v2_alone_it_is_the_same() {
    if !crate::can_open_a_room() || !has("linux.uml") {
        return;
    }
    let told = guest::on_v2_alone(&format!(
        "cd {}\nRLAB_MUST_RUN=1 RLAB_LEARNERS=3 {} --exact at_once::twenty_learners_walk_the_labs_at_once_and_none_sees_another \
         --nocapture",
        repository().display(),
        std::env::current_exe().unwrap().display()
    ));
    assert!(told.contains("test result: ok. 1 passed"), "{told}");
}
