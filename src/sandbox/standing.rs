//! What stands on the host between two lines: the root directory and the control group. Both are made to agree with
//! the recipe, and what the recipe no longer has is taken away.

use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::error::{Result, Trouble};
use crate::kernel::call::quoted;
use crate::kernel::tree;
use crate::recipe::compose::{Recipe, RootChange};
use crate::recipe::ingredient::{Mount, MountKind, Tools};
use crate::recipe::machine::Machine;
use crate::recipe::outcome::{Call, CallResult, Composed, Work};
use crate::recipe::plan::Prepare;
use crate::sandbox::engine::Engine;
use crate::sandbox::group::Group;
use crate::sandbox::image::Draft;
use crate::sandbox::image::apply::Unpacked;
use crate::sandbox::owner::{self, WorkDirectory};
use crate::sandbox::rootfs::{Manifest, Names, call};
use crate::sandbox::teach;

/// The root file system on disk.
#[derive(Debug)]
pub struct Root {
    /// Its directory.
    pub path: PathBuf,
    tools: Tools,
}

/// Everything of one session on the host.
#[derive(Debug, Default)]
pub struct Standing {
    // Its containers end before the directory goes in which it keeps them.
    engine: Option<Engine>,
    work: Option<WorkDirectory>,
    root: Option<Root>,
    image: Option<Draft>,
    /// The control group; empty without one.
    pub group: Group,
}

impl Standing {
    /// The root directory, if there is one.
    pub fn root(&self) -> Option<&Path> {
        self.root.as_ref().map(|root| root.path.as_path())
    }

    /// The work directory, if there is one.
    pub fn work(&self) -> Option<&Path> {
        self.work.as_ref().map(WorkDirectory::path)
    }

    /// The image, if there is one.
    pub fn image(&self) -> Option<&Draft> {
        self.image.as_ref()
    }

    /// The image, made with no layer where there is none.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn image_to_make(&mut self) -> Result<&mut Draft> {
        let draft = match self.image.take() {
            Some(draft) => draft,
            None => {
                let work = self.work_directory(&mut Vec::new())?;
                Draft::make(&work.join("image"))?
            }
        };
        Ok(self.image.insert(draft))
    }

    /// The engine, if there is one.
    pub fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()
    }

    /// The engine, prepared where there is none.
    ///
    /// # Errors
    /// As [`Engine::make`].
    pub fn engine_to_use(&mut self, machine: &Machine) -> Result<&mut Engine> {
        let engine = match self.engine.take() {
            Some(engine) => engine,
            None => {
                let work = self.work_directory(&mut Vec::new())?;
                Engine::make(&work.join("engine"), machine).inspect_err(|_| self.tidy())?
            }
        };
        Ok(self.engine.insert(engine))
    }

    /// The engine, to be asked.
    pub fn engine_to_ask(&mut self) -> Option<&mut Engine> {
        self.engine.as_mut()
    }

    /// Ends the containers of the engine, and removes everything that it keeps.
    pub fn forget_engine(&mut self) {
        self.engine = None;
        self.tidy();
    }

    /// The work directory goes when nothing is in it any more.
    fn tidy(&mut self) {
        if self.root.is_none() && self.image.is_none() && self.engine.is_none() {
            self.work = None;
        }
    }

    /// The image, to be changed.
    pub fn image_to_change(&mut self) -> Option<&mut Draft> {
        self.image.as_mut()
    }

    /// Removes the image.
    ///
    /// # Errors
    /// Something in it cannot be removed.
    pub fn forget_image(&mut self) -> Result<()> {
        if let Some(draft) = self.image.take() {
            owner::remove_tree(draft.directory())?;
        }
        self.tidy();
        Ok(())
    }

    /// Unpacks the image, and puts what it gave in the place of the root that stood so far.
    ///
    /// # Errors
    /// As [`Draft::unpack`]. The old root is still there then.
    pub fn unpack(&mut self) -> Result<Vec<Unpacked>> {
        let no_image = || {
            Trouble::usage("there is no image to unpack")
                .hint("`image pack`, `image config`, `image manifest`, `image index` make one of a `rootfs`")
        };
        let draft = self.image.as_ref().ok_or_else(no_image)?;
        let work = self.work.as_ref().ok_or_else(no_image)?.path().to_owned();
        let new = work.join("unpacked");
        let unpacked = draft.unpack(&new)?;
        let path = work.join("rootfs");
        if let Some(root) = self.root.take() {
            owner::remove_tree(&root.path)?;
        }
        std::fs::rename(&new, &path).map_err(|error| {
            Trouble::sandbox(format!("cannot put the root at `{}`", path.display())).because(error)
        })?;
        self.root = Some(Root { path, tools: Tools::Image });
        Ok(unpacked)
    }

    fn work_directory(&mut self, calls: &mut Vec<Call>) -> Result<PathBuf> {
        if let Some(work) = &self.work {
            return Ok(work.path().to_owned());
        }
        let work = WorkDirectory::make()?;
        let path = work.path().to_owned();
        calls.push(call("mkdir", format!("{}, 0700", quoted(&path.to_string_lossy())), &Ok(())));
        self.work = Some(work);
        Ok(path)
    }

    /// Makes everything agree with the recipe.
    ///
    /// # Errors
    /// What could not be built, made or removed. What stood before still stands as far as the kernel allowed.
    pub fn agree(
        &mut self,
        recipe: &Recipe,
        prepare: &[Prepare],
        machine: &Machine,
        work: &mut dyn FnMut(Work),
    ) -> Result<Composed> {
        let mut composed = Composed::default();
        self.agree_on_root(recipe.rootfs(), &mut composed, work)?;
        if recipe.root_change() != RootChange::None {
            self.make_mount_points(&recipe.mounts(), &mut composed.calls)?;
            if recipe.mount_proc() && recipe.rootfs() == Some(Tools::Image) {
                // Our own tools come with it; an image may have none.
                let proc = Mount {
                    source: "proc".to_owned(),
                    target: "/proc".to_owned(),
                    kind: MountKind::Fs("proc".to_owned()),
                    options: Vec::new(),
                };
                self.make_mount_points(&[&proc], &mut composed.calls)?;
            }
        }
        composed.calls.extend(self.agree_on_group(prepare, machine)?);
        composed.limits = self.group.limits(&recipe.group().unwrap_or_default(), machine);
        Ok(composed)
    }

    /// Makes only the control group agree (a one-shot container has its root in memory), and tells the calls.
    ///
    /// # Errors
    /// The call that was refused.
    pub fn agree_on_group(&mut self, prepare: &[Prepare], machine: &Machine) -> Result<Vec<Call>> {
        let mut calls = Vec::new();
        if prepare.iter().any(|step| matches!(step, Prepare::MakeGroup { .. })) {
            let new = self.group.is_empty();
            let agreed = self.group.agree(prepare, machine, &mut calls);
            if agreed.is_err() && new {
                let _ = self.group.remove_all(&mut Vec::new());
            }
            agreed?;
        } else if !self.group.is_empty() {
            self.group.remove_all(&mut calls)?;
        }
        Ok(calls)
    }

    fn agree_on_root(
        &mut self,
        wanted: Option<Tools>,
        composed: &mut Composed,
        work: &mut dyn FnMut(Work),
    ) -> Result<()> {
        if self.root.as_ref().map(|root| root.tools) == wanted {
            return Ok(());
        }
        if wanted == Some(Tools::Image) {
            self.unpack()?;
            composed.notes.push("unpacked the image".to_owned());
            return Ok(());
        }
        if let Some(root) = self.root.take() {
            owner::remove_tree(&root.path)?;
            composed.notes.push(format!("removed {}", root.path.display()));
        }
        let Some(tools) = wanted else {
            self.tidy();
            return Ok(());
        };
        let manifest = Manifest::new(tools, Names::All)?;
        let path = self.work_directory(&mut composed.calls)?.join("rootfs");
        match manifest.build(&path, work) {
            Ok(built) => {
                composed.calls.extend(built.calls);
                composed.notes.extend(built.notes);
                self.root = Some(Root { path, tools });
                Ok(())
            }
            Err(trouble) => {
                // What was built so far goes; the work directory too, unless it has an image.
                let _ = owner::remove_tree(&path);
                self.tidy();
                Err(trouble)
            }
        }
    }

    /// A mount needs something to be mounted on; the article makes it with `touch dev/urandom`.
    fn make_mount_points(&self, mounts: &[&Mount], calls: &mut Vec<Call>) -> Result<()> {
        let Some(root) = self.root() else { return Ok(()) };
        for (index, mount) in mounts.iter().enumerate() {
            let earlier = mounts.get(..index).unwrap_or_default();
            // Below a new file system the new process makes it itself: here it would be hidden.
            let hidden = earlier.iter().any(|above| {
                matches!(above.kind, MountKind::Fs(_)) && Path::new(&mount.target).starts_with(&above.target)
            });
            if hidden {
                continue;
            }
            let refused = |errno: Errno| {
                let trouble = Trouble::sandbox(format!("cannot make the mount point `{}`", mount.target));
                // What is refused for what a name leads to was refused by the call that follows names.
                let call = if matches!(errno, Errno::ENOENT | Errno::EROFS | Errno::ENOSPC) {
                    "mkdirat"
                } else {
                    "openat2"
                };
                let call = Call::new(call, quoted(&mount.target), CallResult::Errno(errno as i32));
                teach::told(trouble, &[call])
            };
            if tree::look_below(root, &mount.target).map_err(refused)?.is_none() {
                let directory = source_is_directory(mount);
                let made = tree::make_below(root, &mount.target, directory).map_err(refused)?;
                calls.extend(made.iter().map(told));
            }
        }
        Ok(())
    }
}

fn told(made: &tree::Made) -> Call {
    let (name, mode) = if made.directory { ("mkdirat", "0755") } else { ("mknodat", "S_IFREG|0644") };
    let args = format!("{}, {}, {mode}", made.at, quoted(&made.name));
    Call::new(name, args, CallResult::Value(0))
}

/// Whether a mount wants a directory to be mounted on.
pub(super) fn source_is_directory(mount: &Mount) -> bool {
    match mount.kind {
        MountKind::Fs(_) => true,
        MountKind::Bind | MountKind::Rbind => {
            std::fs::metadata(&mount.source).is_ok_and(|meta| meta.is_dir())
        }
    }
}
