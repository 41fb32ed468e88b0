//! A challenge: its goals, each as it is reached, and all of them at the end.

use super::document::{Line, Look, Role, Sign, Text};
use crate::lab::file::Lab;
use crate::session::goals::{Goal, Goals};

/// Before the shell opens.
pub fn begins(lab: &Lab, look: &Look) -> Text {
    let mut text = Text::new();
    let title = format!("challenge {} {}", look.sign(Sign::Dot), lab.title);
    text.push(Line::indented(1, 1).with(Role::Title, title));
    text.push(Line::new());
    for goal in &lab.goals {
        text.push(Line::indented(1, 5).with(Role::Dim, "[ ] ").with(Role::Plain, goal.claim.clone()));
    }
    text.push(Line::new());
    let place = "This is a root shell, and no word of rlab's works in it: type the commands of the real tools. Its mounts \
                 and its `/tmp` are its own. What is made there or below `/sys/fs/cgroup` is taken away when you leave. \
                 BusyBox lies in `~/Downloads`, and `exit` leaves.";
    text.push(Line::indented(1, 1).with(Role::Dim, place));
    text.push(Line::new());
    text
}

/// Goals that were reached just now.
pub fn ticked(goals: &Goals, reached: &[usize], look: &Look) -> Text {
    let mut text = Text::new();
    for goal in reached.iter().filter_map(|at| goals.all().get(*at)) {
        text.push(line(goal, look));
    }
    let open = goals.all().iter().filter(|goal| goal.reached.is_none()).count();
    let rest = match open {
        0 => "that was the last goal: `exit` leaves".to_owned(),
        1 => "one goal is open".to_owned(),
        open => format!("{open} goals are open"),
    };
    text.push(Line::indented(3, 5).with(Role::Dim, rest));
    text
}

/// When the shell has ended.
pub fn summed_up(goals: &Goals, look: &Look) -> Text {
    let mut text = Text::new();
    text.push(Line::new());
    for goal in goals.all() {
        text.push(line(goal, look));
        if let Some(observed) = goal.reached.as_ref().filter(|observed| !observed.is_empty()) {
            text.push(Line::indented(5, 5).with(Role::Dim, observed.clone()));
        }
    }
    let all = goals.all().len();
    let reached = goals.all().iter().filter(|goal| goal.reached.is_some()).count();
    text.push(Line::new());
    text.push(Line::indented(1, 1).with(Role::Strong, format!("{reached} of {all} goals reached")));
    text
}

fn line(goal: &Goal, look: &Look) -> Line {
    let (sign, role) =
        if goal.reached.is_some() { (Sign::Pass, Role::Good) } else { (Sign::Fail, Role::Bad) };
    Line::indented(1, 5).with(role, format!("{} ", look.sign(sign))).with(Role::Plain, goal.claim.clone())
}
