//! What completion and colours know beyond the grammar, looked up when it is asked for: nothing here costs a line that
//! nobody completes.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use crate::sandbox::look::View;
use crate::session::shelf::Shelf;

/// Where a line runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Under the recipe.
    Inside,
    /// On the host, after `!`.
    Host,
}

/// What is known before one prompt.
#[derive(Default)]
pub struct Known {
    /// Ids of the labs.
    pub labs: Vec<String>,
    /// Numbers and ids of the steps of this lab.
    pub steps: Vec<String>,
    /// What `drop` would take.
    pub droppable: Vec<String>,
    /// Numbers of the containers that stay.
    pub jobs: Vec<u32>,
    /// How many answers the open question has.
    pub answers: usize,
    /// Words of whoever sits beside the session.
    pub words: &'static [&'static str],
    shelf: Option<Rc<dyn Shelf>>,
    inside: Looked,
    host: Looked,
}

/// One file system, and the programs that were found in it.
#[derive(Default)]
struct Looked {
    view: View,
    programs: OnceCell<BTreeSet<String>>,
}

impl Known {
    /// With the labs to look steps up in.
    pub fn new(shelf: Rc<dyn Shelf>) -> Self {
        Self { labs: shelf.ids(), shelf: Some(shelf), ..Self::default() }
    }

    /// What a program sees from now on. The names of programs are looked up again, unless all is as before: a line that
    /// was run may have installed something.
    pub fn see(&mut self, inside: View, as_before: bool) {
        if !as_before || self.inside.view != inside {
            self.inside = Looked { view: inside, programs: OnceCell::new() };
        }
    }

    /// The files of one side.
    pub fn view(&self, side: Side) -> &View {
        &self.looked(side).view
    }

    /// Gives the names of one side's programs.
    pub fn with_programs<T>(&self, side: Side, use_them: impl FnOnce(&BTreeSet<String>) -> T) -> T {
        let looked = self.looked(side);
        use_them(looked.programs.get_or_init(|| looked.view.programs()))
    }

    fn looked(&self, side: Side) -> &Looked {
        match side {
            Side::Inside => &self.inside,
            Side::Host => &self.host,
        }
    }

    /// Ids of the steps of a lab; none where it cannot be read.
    pub fn steps_of(&self, lab: &str) -> Vec<String> {
        let read = self.shelf.as_ref().and_then(|shelf| shelf.lab(lab).ok());
        read.into_iter().flat_map(|lab| lab.steps).map(|step| step.id).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::error::{Result, Trouble};
    use crate::lab::file::Lab;
    use crate::recipe::compose::Recipe;

    /// A shelf with one lab of two steps.
    struct One;

    impl Shelf for One {
        fn ids(&self) -> Vec<String> {
            vec!["chroot".to_owned(), "container".to_owned()]
        }

        fn lab(&self, id: &str) -> Result<Lab> {
            let text = crate::lab::scaffold::scaffold("chroot");
            let lab = Lab::read("chroot.toml", &text).map_err(|_| Trouble::usage("the scaffold is no lab"));
            let mut lab =
                lab.and_then(|lab| if id == "chroot" { Ok(lab) } else { Err(Trouble::usage("none")) })?;
            let step = lab.steps[0].clone();
            lab.steps = ["build", "look"]
                .map(|id| {
                    let mut step = step.clone();
                    step.id = id.to_owned();
                    step
                })
                .into();
            Ok(lab)
        }
    }

    /// A root file system in a directory, and what is known in it.
    pub(crate) struct Ground {
        pub(crate) known: Known,
        pub(crate) host: tempfile::TempDir,
    }

    /// Files inside and outside, a recipe, a lab, two jobs.
    pub(crate) fn ground() -> Ground {
        let host = tempfile::tempdir().unwrap();
        let root = host.path().join("root");
        for directory in ["bin", "etc", "data"] {
            std::fs::create_dir_all(root.join(directory)).unwrap();
        }
        for file in ["bin/stat", "bin/cat", "etc/inner", "etc/my file", "etc/.hidden"] {
            std::fs::write(root.join(file), "").unwrap();
        }
        std::os::unix::fs::symlink("/etc", root.join("absolute")).unwrap();
        std::fs::write(host.path().join("outside"), "").unwrap();
        let lines = ["rootfs", "chroot", "unshare --pid --mount-proc", "mount --bind /nowhere /data"];
        let recipe = Recipe::read(lines).unwrap();
        let mut known = Known::new(Rc::new(One));
        known.see(View::inside(&recipe, Some(&root)), false);
        known.steps = ["1", "2", "isolate"].map(str::to_owned).into();
        known.droppable = recipe.droppable();
        known.jobs = vec![1, 3];
        Ground { known, host }
    }
}
