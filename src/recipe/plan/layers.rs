//! What lies on what: mounts in the order in which they are made.

/// The mounts that were made so far.
#[derive(Debug, Default)]
pub struct Layers {
    made: Vec<Layer>,
}

#[derive(Debug)]
struct Layer {
    target: String,
    is_new: bool,
}

impl Layers {
    /// One more mount. `is_new`: an empty file system of the container's own, in which a mount point may be made. In
    /// what is bound it would be made on the host, for good.
    pub fn add(&mut self, target: &str, is_new: bool) {
        self.made.push(Layer { target: target.to_owned(), is_new });
    }

    /// Whether a path, which no link is part of, lies in a new file system. `None` where nothing is mounted above it.
    pub fn is_in_new(&self, path: &str) -> Option<bool> {
        // Of all that are mounted above a path, the last one hides the others.
        self.made.iter().rev().find(|layer| is_above(&layer.target, path)).map(|layer| layer.is_new)
    }
}

/// Component by component.
fn is_above(target: &str, path: &str) -> bool {
    let target = target.trim_end_matches('/');
    path.strip_prefix(target).is_some_and(|rest| rest.starts_with('/') && rest.len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_mount_above_a_path_is_what_it_lies_in() {
        let mut layers = Layers::default();
        assert_eq!(layers.is_in_new("/x/new"), None);
        layers.add("/x", false);
        assert_eq!(layers.is_in_new("/x/new"), Some(false));
        // What only looks alike, and the mount point itself.
        assert_eq!((layers.is_in_new("/xy/new"), layers.is_in_new("/x")), (None, None));
        layers.add("/x/y", true);
        assert_eq!((layers.is_in_new("/x/y/z/new"), layers.is_in_new("/x/new")), (Some(true), Some(false)));
        layers.add("/x/y/z", false);
        assert_eq!((layers.is_in_new("/x/y/z/new"), layers.is_in_new("/x/y/new")), (Some(false), Some(true)));
        // One that hides all of them.
        layers.add("/x", true);
        assert_eq!(layers.is_in_new("/x/y/z/new"), Some(true));
        layers.add("/", false);
        assert_eq!(layers.is_in_new("/x/new"), Some(false));
    }
}
